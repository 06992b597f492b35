//! Failures that pass: when a request is sent again, how often, and what is said.

mod common;

use std::time::{Duration, Instant, SystemTime};

use common::programs::free_address;
use common::{
    LIST, SIGN, environment, in_child, initialized, logged_in, module_path, options, private_key,
    service, slot, traffic,
};
use cryptoki::error::Error;
use cryptoki::mechanism::Mechanism;
use cryptoki::session::{Session, UserType};
use cryptoki::types::AuthPin;
use cryptoki_sys::*;
use pkcs11_test::harness::{Module, Rv, Stage};
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

/// A fault of each attempt, the return value in the end, and the lines on stderr, each with whether the
/// request may have been carried out. An attempt more follows if the signature is made.
type Row = (Vec<Effect>, CK_RV, Vec<(&'static str, bool)>);

macro_rules! rows {
    ($([$($effect:expr),*] => $rv:ident: $($line:literal $has_doubt:literal),*;)*) => {
        &[$((vec![$($effect),*], $rv, vec![$(($line, $has_doubt)),*])),*]
    };
}

/// Signs once for each row, with a session that is logged in after the list has failed once.
fn signs(test: &str, signing_api: &str, rows: &[Row]) {
    let child = || {
        let stage = Stage::new(options(), &[("SIGNPATH_SIGNING_API", signing_api)]).unwrap();
        let inject = |route, effect: &Effect| {
            stage
                .service
                .inject(Fault::on(route, effect.clone()))
                .unwrap()
        };
        let check = |lines: &[String], expected: &[(&str, bool)]| {
            assert_eq!(lines.len(), expected.len(), "{lines:#?}");
            for (line, (parts, has_doubt)) in lines.iter().zip(expected) {
                let missing = parts.split(" … ").find(|part| !line.contains(part));
                assert_eq!(missing, None, "is not in {line}");
                assert_eq!(line.contains(DOUBT), *has_doubt, "{line}");
            }
        };
        let module = Module::load(module_path());
        inject(LIST, &soon(503));
        let login = stage.see(|| module.logged_in().unwrap());
        check(
            &login.lines,
            &[("warning: … (503 … attempt 1 of GET … retrying in 0.", false)],
        );
        assert_eq!(login.requests, [LIST, LIST]);
        let key = login.value.key("demo/p-256");
        for (effects, rv, lines) in rows {
            effects.iter().for_each(|effect| inject(SIGN, effect));
            let signed = stage.see(|| {
                key.sign(CKM_ECDSA, &[7; 32])
                    .map_or_else(|rv| rv, |_| Rv(CKR_OK))
            });
            assert_eq!(signed.value, *rv, "{effects:?}");
            check(&signed.lines, lines);
            let attempts = effects.len() + usize::from(*rv == CKR_OK);
            assert_eq!(signed.requests, vec![SIGN; attempts], "{effects:?}");
        }
    };
    in_child(test, || ((), Vec::new()), child);
}

#[test]
fn what_passes_is_tried_again_and_each_attempt_is_said() {
    let past = SystemTime::now() - Duration::from_secs(60);
    let far = [("Retry-After", "Fri, 31 Dec 9999 23:59:59 GMT")];
    let rows: &[Row] = rows! {
        [soon(429), soon(500)] => CKR_OK:
            "warning: … (429 … attempt 1 of POST … retrying in 0." false,
            "warning: … (500 … attempt 2 of POST … retrying in 0." true;
        [soon(502)] => CKR_OK: "warning: … (502 … attempt 1 of POST … retrying in 0." true;
        [soon(503)] => CKR_OK: "warning: … (503 … attempt 1 of POST … retrying in 0." false;
        [soon(504)] => CKR_OK: "warning: … (504 … attempt 1 of POST … retrying in 0." true;
        // A Retry-After is seconds or a date. Without it, the wait would be 2 s at least.
        [Effect::retry_at(503, past)] => CKR_OK: "warning: … attempt 1 of POST … retrying in 0." false;
        [Effect::answer(429, &far, "")] => CKR_FUNCTION_FAILED: "gave up after attempt 1 … CKR_FUNCTION_FAILED" false;
    };
    signs(test_name!(), "Auto", rows);
}

#[test]
fn what_the_service_refuses_is_not_tried_again() {
    let rows: &[Row] = rows! {
        [soon(400)] => CKR_ARGUMENTS_BAD: "error: … 400" false;
        [soon(401)] => CKR_ARGUMENTS_BAD: "error: … 401" false;
        [soon(403)] => CKR_ARGUMENTS_BAD: "error: … 403" false;
        [soon(404)] => CKR_ARGUMENTS_BAD: "error: … 404" false;
        [soon(408)] => CKR_FUNCTION_FAILED: "error: … 408" false;
        [soon(413)] => CKR_ARGUMENTS_BAD: "error: … 413" false;
        [soon(422)] => CKR_ARGUMENTS_BAD: "error: … 422" false;
        // A failure leaves nothing behind.
        [] => CKR_OK: ;
    };
    signs(test_name!(), "FastSigningRequest", rows);
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
