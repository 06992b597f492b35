//! Failures that pass: when a request is sent again, how often, and what is said.

mod common;

use std::time::{Duration, Instant, SystemTime};

use common::programs::free_address;
use common::{
    LIST, SIGN, environment, in_child, initialized, logged_in, options, private_key, service, slot,
    traffic,
};
use cryptoki::error::Error;
use cryptoki::mechanism::Mechanism;
use cryptoki::session::{Session, UserType};
use cryptoki::types::AuthPin;
use pkcs11_test::{Effect, Fault, Options, Service};

/// What is said of a retry that may make another signature.
const DOUBT: &str = "may create a second signing request";

/// An answer after which the next attempt may come soon.
fn soon(status: u16) -> Effect {
    Effect::retry_after(status, 0)
}

fn sign(session: &Session) -> Result<Vec<u8>, Error> {
    let key = private_key(session, "demo/p-256");
    session.sign(&Mechanism::Ecdsa, key, &[7; 32])
}

/// A service with these faults, and the environment for it.
fn with_faults(faults: Vec<Fault>, more: &[(&str, &str)]) -> (Service, Vec<(String, String)>) {
    let service = service();
    for fault in faults {
        service.inject(fault).unwrap();
    }
    let environment = environment(&service, more);
    (service, environment)
}

#[test]
fn what_passes_is_tried_again_and_each_attempt_is_said() {
    // Status, attempt, and whether the request may have been carried out.
    let refused = [
        (429, 1, false),
        (500, 2, true),
        (502, 1, true),
        (503, 1, false),
        (504, 1, true),
    ];
    let prepare = || {
        let statuses = refused.map(|(status, ..)| Fault::on(SIGN, soon(status)));
        let mut faults = vec![Fault::on(LIST, soon(503))];
        // Between two signatures there has to be one request that is well.
        for (index, fault) in statuses.into_iter().enumerate() {
            if index > 1 {
                faults.push(Fault::on(SIGN, Effect::Usual));
            }
            faults.push(fault);
        }
        with_faults(faults, &[])
    };
    let child = || {
        let session = logged_in(&initialized());
        for _ in 0..4 {
            sign(&session).unwrap();
        }
    };
    let Some((service, run)) = in_child(test_name!(), prepare, child) else {
        return;
    };
    let traffic = traffic(&service.requests());
    assert_eq!((traffic.lists, traffic.signatures), (2, 4 + refused.len()));
    let lines = run.lines();
    let expected: Vec<_> = std::iter::once(("GET", (503, 1, false)))
        .chain(refused.map(|refused| ("POST", refused)))
        .collect();
    assert_eq!(lines.len(), expected.len(), "{lines:#?}");
    for (line, (method, (status, attempt, has_doubt))) in lines.into_iter().zip(expected) {
        assert!(line.starts_with("signpath-pkcs11: warning: "), "{line}");
        for part in [
            format!("({status} "),
            format!("attempt {attempt} of {method} "),
            "retrying in 0.".to_owned(),
        ] {
            assert!(line.contains(&part), "{part:?} is not in {line:?}");
        }
        assert_eq!(line.contains(DOUBT), has_doubt, "{line}");
    }
}

#[test]
fn a_request_that_may_have_reached_the_service_can_become_a_second_signing_request() {
    let effects = [
        Effect::Close,
        Effect::ProcessAndClose,
        Effect::Truncate,
        Effect::Hang,
    ];
    let prepare = || {
        let faults = effects.clone().map(|effect| Fault::on(SIGN, effect));
        let time_out = ("SIGNPATH_HTTP_REQUEST_TIMEOUT_IN_SECONDS", "4");
        with_faults(faults.into(), &[time_out])
    };
    let child = || {
        let module = initialized();
        let session = logged_in(&module);
        std::thread::scope(|scope| {
            for _ in &effects {
                scope.spawn(|| sign(&module.open_ro_session(slot(&module)).unwrap()).unwrap());
            }
        });
        drop(session);
    };
    let Some((service, run)) = in_child(test_name!(), prepare, child) else {
        return;
    };
    let requests = service.requests();
    assert_eq!(traffic(&requests).signatures, 2 * effects.len());
    let signed = requests.iter().filter(|request| request.is_signed).count();
    assert_eq!(signed, 2 * effects.len() - 1, "all but the one of Close");
    let lines = run.lines();
    assert_eq!(lines.len(), effects.len(), "{lines:#?}");
    assert!(lines.iter().all(|line| line.contains(DOUBT)), "{lines:#?}");
}

#[test]
fn a_request_that_did_not_reach_the_service_is_no_second_signing_request() {
    let prepare = || {
        let total = ("SIGNPATH_SERVICE_UNAVAILABLE_TIMEOUT_IN_SECONDS", "5");
        ((), vec![(total.0.to_owned(), total.1.to_owned())])
    };
    let child = || {
        // Nobody else comes to that port when the service is gone.
        let listen = free_address().parse().unwrap();
        let mut service = Service::start(Options {
            listen,
            ..options()
        })
        .unwrap();
        for (name, value) in service.environment() {
            // SAFETY: only threads of the service run beside this one, which do not read it.
            unsafe { std::env::set_var(name, value) };
        }
        let session = logged_in(&initialized());
        service.stop();
        sign(&session).unwrap_err();
    };
    let Some(((), run)) = in_child(test_name!(), prepare, child) else {
        return;
    };
    // The second wait is longer than what is left of the time.
    let [warning, error] = run.lines()[..] else {
        panic!("{}", run.stderr);
    };
    for part in ["cannot connect to", "attempt 1 of POST", "retrying in "] {
        assert!(warning.contains(part), "{part:?} is not in {warning:?}");
    }
    assert!(!run.stderr.contains(DOUBT), "{}", run.stderr);
    assert!(error.contains("gave up after attempt 2"), "{error}");
}

#[test]
fn all_attempts_together_stay_within_the_total_time() {
    const TOTAL: Duration = Duration::from_secs(3);
    let prepare = || {
        // First many attempts, then one that does not end, although it alone might take 30 s.
        let faults = vec![
            Fault::on(LIST, Effect::Usual),
            Fault::on(LIST, Effect::Hang).always(),
            Fault::on(SIGN, soon(503)).always(),
        ];
        let total = TOTAL.as_secs().to_string();
        let total = (
            "SIGNPATH_SERVICE_UNAVAILABLE_TIMEOUT_IN_SECONDS",
            total.as_str(),
        );
        with_faults(faults, &[total])
    };
    let child = || {
        let module = initialized();
        let session = logged_in(&module);
        let key = private_key(&session, "demo/p-256");
        let begun = Instant::now();
        session.sign(&Mechanism::Ecdsa, key, &[7; 32]).unwrap_err();
        assert!(begun.elapsed() < 2 * TOTAL, "{:?}", begun.elapsed());
        drop(session);
        module.finalize().unwrap();
        let module = initialized();
        let session = module.open_ro_session(slot(&module)).unwrap();
        let begun = Instant::now();
        let pin = AuthPin::new("CONFIG".into());
        session.login(UserType::User, Some(&pin)).unwrap_err();
        assert!(begun.elapsed() < 2 * TOTAL, "{:?}", begun.elapsed());
    };
    let Some((service, run)) = in_child(test_name!(), prepare, child) else {
        return;
    };
    let traffic = traffic(&service.requests());
    assert!(traffic.signatures > 2, "{traffic:?}");
    assert_eq!(traffic.lists, 2);
    let [.., last_attempt, hanging] = run.lines()[..] else {
        panic!("{}", run.stderr);
    };
    let gave_up = format!("gave up after attempt {}", traffic.signatures);
    assert!(last_attempt.contains(&gave_up), "{last_attempt}");
    assert!(hanging.contains("within 3 s"), "{hanging}");
    // The other setting would not have given it more time.
    assert!(
        !hanging.contains("HttpRequestTimeoutInSeconds"),
        "{hanging}"
    );
}

#[test]
fn a_retry_after_is_seconds_or_a_date() {
    let far = "Fri, 31 Dec 9999 23:59:59 GMT";
    let past = SystemTime::now() - Duration::from_secs(60);
    let prepare = || {
        let never = Effect::answer(429, &[("Retry-After", far)], "");
        let faults = [Effect::retry_at(503, past), Effect::Usual, never];
        with_faults(faults.map(|effect| Fault::on(SIGN, effect)).into(), &[])
    };
    let child = || {
        let session = logged_in(&initialized());
        sign(&session).unwrap();
        sign(&session).unwrap_err();
    };
    let Some((service, run)) = in_child(test_name!(), prepare, child) else {
        return;
    };
    assert_eq!(traffic(&service.requests()).signatures, 3);
    let [warning, error] = run.lines()[..] else {
        panic!("{}", run.stderr);
    };
    // Without the header it would be 2 s at least.
    assert!(warning.contains("retrying in 0."), "{warning}");
    assert!(error.contains("gave up after attempt 1"), "{error}");
    assert!(error.contains("CKR_FUNCTION_FAILED"), "{error}");
}

#[test]
fn what_the_service_refuses_is_not_tried_again() {
    let statuses = [400, 401, 403, 404, 408, 413, 422];
    let prepare = || {
        let faults = statuses.map(|status| Fault::on(SIGN, soon(status)));
        with_faults(
            faults.into(),
            &[("SIGNPATH_SIGNING_API", "FastSigningRequest")],
        )
    };
    let child = || {
        let session = logged_in(&initialized());
        for _ in statuses {
            sign(&session).unwrap_err();
        }
        // A failure leaves nothing behind.
        sign(&session).unwrap();
    };
    let Some((service, run)) = in_child(test_name!(), prepare, child) else {
        return;
    };
    assert_eq!(traffic(&service.requests()).signatures, statuses.len() + 1);
    assert_eq!(run.lines().len(), statuses.len(), "{}", run.stderr);
}
