//! Failures that pass: when a request is sent again, how often, and what is said.

mod common;

use common::{
    LIST, SIGN, SIGN_HASH, environment, in_child, initialized, logged_in, service, slot, traffic,
};
use cryptoki::mechanism::Mechanism;
use cryptoki::object::{Attribute, ObjectClass};
use cryptoki::session::Session;
use pkcs11_test::{Effect, Fault, Service};

/// An answer after which the next attempt may come soon.
fn soon(status: u16) -> Effect {
    Effect::Answer {
        status,
        headers: vec![("Retry-After".to_owned(), "0".to_owned())],
        body: Vec::new(),
    }
}

fn sign(session: &Session) -> Result<Vec<u8>, cryptoki::error::Error> {
    let template = [
        Attribute::Class(ObjectClass::PRIVATE_KEY),
        Attribute::Id(b"demo/p-256".to_vec()),
    ];
    let key = session.find_objects(&template).unwrap()[0];
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
    let prepare = || {
        let faults = vec![
            Fault::on(LIST, soon(503)),
            Fault::on(SIGN, soon(429)),
            Fault::on(SIGN, soon(500)),
        ];
        with_faults(faults, &[])
    };
    let child = || {
        sign(&logged_in(&initialized())).unwrap();
    };
    let Some((service, run)) = in_child(test_name!(), prepare, child) else {
        return;
    };
    let traffic = traffic(&service.requests());
    assert_eq!((traffic.lists, traffic.signatures), (2, 3));
    let lines = run.lines();
    assert_eq!(lines.len(), 3, "{lines:#?}");
    let doubt = "can be a second signing request";
    for (line, status, attempt, has_doubt) in [
        (
            lines[0],
            "503 Service Unavailable",
            "attempt 1 of GET",
            false,
        ),
        (
            lines[1],
            "429 Too Many Requests",
            "attempt 1 of POST",
            false,
        ),
        (
            lines[2],
            "500 Internal Server Error",
            "attempt 2 of POST",
            true,
        ),
    ] {
        assert!(line.starts_with("signpath-pkcs11: warning: "), "{line}");
        for part in [status, attempt, "the next one in 0."] {
            assert!(line.contains(part), "{part:?} is not in {line:?}");
        }
        assert_eq!(line.contains(doubt), has_doubt, "{line}");
    }
}

#[test]
fn a_connection_that_breaks_after_the_request_may_mean_a_second_signing_request() {
    let prepare = || {
        // A short time-out would make the wait before the second attempt too long.
        with_faults(vec![Fault::on(SIGN, Effect::Close)], &[])
    };
    let child = || {
        sign(&logged_in(&initialized())).unwrap();
    };
    let Some((service, run)) = in_child(test_name!(), prepare, child) else {
        return;
    };
    assert_eq!(traffic(&service.requests()).signatures, 2);
    run.assert_one_line(&[
        "closed the connection without an answer",
        "can be a second signing request",
    ]);
}

#[test]
fn no_attempt_follows_when_the_service_wants_more_time_than_is_left() {
    let prepare = || {
        let later = Effect::Answer {
            status: 503,
            headers: vec![("Retry-After".to_owned(), "3600".to_owned())],
            body: Vec::new(),
        };
        with_faults(vec![Fault::on(SIGN, later)], &[])
    };
    let child = || {
        sign(&logged_in(&initialized())).unwrap_err();
    };
    let Some((service, run)) = in_child(test_name!(), prepare, child) else {
        return;
    };
    assert_eq!(traffic(&service.requests()).signatures, 1);
    run.assert_one_line(&[
        "CKR_FUNCTION_FAILED",
        "it wants 3600 s of quiet",
        "ServiceUnavailableTimeoutInSeconds",
    ]);
}

#[test]
fn a_retry_after_that_is_a_date_is_honoured() {
    let prepare = || {
        let later = Effect::Answer {
            status: 429,
            headers: vec![(
                "Retry-After".to_owned(),
                "Fri, 31 Dec 9999 23:59:59 GMT".to_owned(),
            )],
            body: Vec::new(),
        };
        with_faults(vec![Fault::on(SIGN, later)], &[])
    };
    let child = || {
        sign(&logged_in(&initialized())).unwrap_err();
    };
    let Some((service, run)) = in_child(test_name!(), prepare, child) else {
        return;
    };
    assert_eq!(traffic(&service.requests()).signatures, 1);
    run.assert_one_line(&["CKR_FUNCTION_FAILED", "429"]);
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
    };
    let Some((service, run)) = in_child(test_name!(), prepare, child) else {
        return;
    };
    assert_eq!(traffic(&service.requests()).signatures, statuses.len());
    assert_eq!(run.lines().len(), statuses.len(), "{}", run.stderr);
}

#[test]
fn where_the_fast_route_is_gone_sign_hash_signs_from_then_on() {
    for status in [404, 405, 410] {
        let prepare = || {
            let faults = vec![Fault::on(SIGN, Effect::status(status))];
            let (service, mut environment) = with_faults(faults, &[]);
            environment.push(("SIGNPATH_TEST_STATUS".to_owned(), status.to_string()));
            (service, environment)
        };
        let child = || {
            let session = logged_in(&initialized());
            for _ in 0..2 {
                sign(&session).unwrap();
            }
        };
        let Some((service, run)) = in_child(test_name!(), prepare, child) else {
            return;
        };
        run.assert_silent();
        let routes: Vec<_> = service
            .requests()
            .into_iter()
            .map(|request| request.route)
            .collect();
        assert_eq!(routes, [LIST, SIGN, SIGN_HASH, SIGN_HASH], "{status}");
    }
}

#[test]
fn what_is_not_found_behind_the_route_does_not_lead_to_sign_hash() {
    let prepare = || {
        let answer = Effect::Answer {
            status: 404,
            headers: Vec::new(),
            body: br#"{"errors": {"SigningPolicySlug": ["There is no such signing policy."]}}"#
                .to_vec(),
        };
        with_faults(vec![Fault::on(SIGN, answer)], &[])
    };
    let child = || {
        sign(&logged_in(&initialized())).unwrap_err();
    };
    let Some((service, run)) = in_child(test_name!(), prepare, child) else {
        return;
    };
    assert_eq!(traffic(&service.requests()).signatures, 1);
    run.assert_one_line(&["CKR_ARGUMENTS_BAD", "There is no such signing policy."]);
}

#[test]
fn a_configured_signing_api_is_the_only_one_that_is_asked() {
    for (signing_api, route) in [("FastSigningRequest", SIGN), ("SignHash", SIGN_HASH)] {
        let prepare = || {
            let faults = vec![Fault::on(route, Effect::status(404))];
            with_faults(faults, &[("SIGNPATH_SIGNING_API", signing_api)])
        };
        let child = || {
            sign(&logged_in(&initialized())).unwrap_err();
        };
        let Some((service, run)) = in_child(test_name!(), prepare, child) else {
            return;
        };
        assert_eq!(traffic(&service.requests()).signatures, 1);
        run.assert_one_line(&["CKR_ARGUMENTS_BAD", "set SigningApi to Auto"]);
    }
}

#[test]
fn the_metadata_of_both_generations_names_process_user_host_and_system() {
    let prepare = || with_faults(Vec::new(), &[]);
    let child = || {
        let module = initialized();
        sign(&logged_in(&module)).unwrap();
        module.finalize().unwrap();
        // SAFETY: no other thread of this process reads the environment now.
        unsafe { std::env::set_var("SIGNPATH_SIGNING_API", "SignHash") };
        let module = initialized();
        let session = module.open_ro_session(slot(&module)).unwrap();
        let pin = cryptoki::types::AuthPin::new("CONFIG".into());
        session
            .login(cryptoki::session::UserType::User, Some(&pin))
            .unwrap();
        sign(&session).unwrap();
    };
    let Some((service, _)) = in_child(test_name!(), prepare, child) else {
        return;
    };
    let metadata: Vec<_> = service
        .requests()
        .into_iter()
        .filter_map(|request| request.metadata)
        .collect();
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    let user = std::process::Command::new("id")
        .arg("-un")
        .output()
        .unwrap();
    let user = String::from_utf8(user.stdout).unwrap();
    let [first, second] = &metadata[..] else {
        panic!("{metadata:#?}");
    };
    let (first, second) = (&first["CreatingProcess"], &second["sourceProcess"]);
    let program = std::env::current_exe().unwrap();
    for (value, expected) in [
        (&first["User"], user.trim()),
        (&second["user"], user.trim()),
        (&first["Host"], host.trim()),
        (&second["host"], host.trim()),
        (&first["OperatingSystem"]["Type"], "Linux"),
        (&second["operatingSystem"]["type"], "Linux"),
        (&first["OperatingSystem"]["Version"], release.trim()),
        (&second["operatingSystem"]["version"], release.trim()),
    ] {
        assert_eq!(value, expected);
    }
    for value in [&first["CommandLine"], &second["commandLine"]] {
        let command_line = value.as_str().unwrap();
        assert!(
            command_line.starts_with(program.to_str().unwrap()),
            "{command_line}"
        );
    }
}
