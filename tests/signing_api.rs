//! The two generations of the API for signatures: which one is asked, and what a request says.

mod common;

use common::{
    LIST, SIGN, SIGN_HASH, environment, in_child, initialized, logged_in, private_key, service,
};
use cryptoki::error::Error;
use cryptoki::mechanism::Mechanism;
use cryptoki::session::Session;
use pkcs11_test::{Effect, Fault, RequestRecord, Service};

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

fn routes(service: &Service) -> Vec<String> {
    let requests = service.requests().into_iter();
    requests.map(|request| request.route).collect()
}

/// In a child: signs by a fast signing request, and then by SignHash.
fn sign_with_both() {
    let module = initialized();
    sign(&logged_in(&module)).unwrap();
    module.finalize().unwrap();
    // SAFETY: no other thread of this process reads the environment now.
    unsafe { std::env::set_var("SIGNPATH_SIGNING_API", "SignHash") };
    sign(&logged_in(&initialized())).unwrap();
}

/// The two signing requests of [`sign_with_both`].
fn signing_requests(service: &Service) -> [RequestRecord; 2] {
    let mut requests = service.requests();
    requests.retain(|request| request.is_signed);
    requests.try_into().unwrap()
}

#[test]
fn where_the_fast_route_is_gone_sign_hash_signs_from_then_on() {
    for status in [404, 405, 410] {
        let prepare = || with_faults(vec![Fault::gone(SIGN, status)], &[]);
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
        assert_eq!(
            routes(&service),
            [LIST, SIGN, SIGN_HASH, SIGN_HASH],
            "{status}"
        );
    }
}

#[test]
fn where_the_service_says_what_it_refuses_the_fast_route_is_not_gone() {
    let titled = |status| {
        let json = [("Content-Type", "application/problem+json")];
        let body = r#"{"title": "The signing policy is not active.", "traceId": "00-1"}"#;
        Effect::answer(status, &json, body)
    };
    for status in [404, 405] {
        let detailed = Effect::problem(status, &["The signing policy is not active."]);
        for effect in [detailed, titled(status)] {
            let prepare = || with_faults(vec![Fault::on(SIGN, effect.clone())], &[]);
            let child = || {
                let session = logged_in(&initialized());
                sign(&session).unwrap_err();
            };
            let Some((service, run)) = in_child(test_name!(), prepare, child) else {
                return;
            };
            assert_eq!(routes(&service), [LIST, SIGN], "{status}");
            let status = status.to_string();
            run.assert_one_line(&[&status, "is not active", "correct the request"]);
            let line = run.lines()[0];
            assert_eq!(line.matches(';').count(), 1, "one remedy: {line}");
            assert!(!line.contains(".;"), "{line}");
        }
    }
}

#[test]
fn both_routes_together_take_no_longer_than_the_total_time() {
    let prepare = || {
        let faults = vec![
            Fault::on(SIGN, Effect::retry_after(503, 3)),
            Fault::gone(SIGN, 404),
            Fault::on(SIGN_HASH, Effect::retry_after(503, 3)).always(),
        ];
        let total = ("SIGNPATH_SERVICE_UNAVAILABLE_TIMEOUT_IN_SECONDS", "5");
        with_faults(faults, &[total])
    };
    let child = || {
        let session = logged_in(&initialized());
        sign(&session).unwrap_err();
    };
    let Some((service, run)) = in_child(test_name!(), prepare, child) else {
        return;
    };
    // A second attempt by SignHash could not begin within what the first route has left.
    assert_eq!(routes(&service), [LIST, SIGN, SIGN, SIGN_HASH]);
    let lines = run.lines();
    let gave_up = "gave up after attempt 1, since ServiceUnavailableTimeoutInSeconds is 5";
    assert!(lines[lines.len() - 1].contains(gave_up), "{lines:#?}");
}

#[test]
fn sign_hash_is_kept_to_once_it_is_there() {
    let prepare = || {
        let faults = vec![
            Fault::gone(SIGN, 404),
            Fault::on(SIGN_HASH, Effect::problem(400, &["No."])),
        ];
        with_faults(faults, &[])
    };
    let child = || {
        let session = logged_in(&initialized());
        sign(&session).unwrap_err();
        sign(&session).unwrap();
    };
    let Some((service, run)) = in_child(test_name!(), prepare, child) else {
        return;
    };
    run.assert_one_line(&["CKR_ARGUMENTS_BAD", "400 Bad Request", "No."]);
    // A refusal has the list asked for again.
    let expected = [LIST, SIGN, SIGN_HASH, LIST, SIGN_HASH];
    assert_eq!(routes(&service), expected);
}

#[test]
fn a_fast_route_that_fails_is_not_gone() {
    let prepare = || with_faults(vec![Fault::on(SIGN, Effect::retry_after(500, 0))], &[]);
    let child = || {
        sign(&logged_in(&initialized())).unwrap();
    };
    let Some((service, _)) = in_child(test_name!(), prepare, child) else {
        return;
    };
    assert_eq!(routes(&service), [LIST, SIGN, SIGN]);
}

#[test]
fn the_metadata_of_both_generations_names_process_user_host_and_system() {
    let prepare = || with_faults(Vec::new(), &[]);
    let Some((service, _)) = in_child(test_name!(), prepare, sign_with_both) else {
        return;
    };
    let metadata = signing_requests(&service).map(|request| request.metadata.unwrap());
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    let user = std::process::Command::new("id")
        .arg("-un")
        .output()
        .unwrap();
    let user = String::from_utf8(user.stdout).unwrap();
    let (first, second) = (
        &metadata[0]["CreatingProcess"],
        &metadata[1]["sourceProcess"],
    );
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
        assert!(command_line.contains(test_name!()), "{command_line}");
    }
}

#[test]
fn the_command_line_and_the_user_can_be_left_out_of_the_metadata() {
    let names = ["CommandLine", "User", "Name", "Host"];
    for (variable, left_out) in [
        ("SIGNPATH_METADATA_COMMAND_LINE", "CommandLine"),
        ("SIGNPATH_METADATA_USER", "User"),
    ] {
        let prepare = || with_faults(Vec::new(), &[(variable, "false")]);
        let Some((service, run)) = in_child(test_name!(), prepare, sign_with_both) else {
            return;
        };
        run.assert_silent();
        let process = ["CreatingProcess", "sourceProcess"];
        for (request, process) in signing_requests(&service).into_iter().zip(process) {
            let metadata = request.metadata.unwrap();
            let process = metadata[process].as_object().unwrap();
            let has = |name: &str| process.keys().any(|known| known.eq_ignore_ascii_case(name));
            for name in names {
                assert_eq!(has(name), name != left_out, "{name}: {metadata}");
            }
        }
    }
}

#[test]
fn what_the_configuration_adds_is_in_the_requests_of_both_generations() {
    let prepare = || {
        let more = [
            ("SIGNPATH_ARTIFACT_CONFIGURATION_SLUG", "installer"),
            ("SIGNPATH_DESCRIPTION", "Grüße, 1.0"),
            ("SIGNPATH_METADATA", r#"{"Build": {"Number": 42}}"#),
        ];
        with_faults(Vec::new(), &more)
    };
    let Some((service, run)) = in_child(test_name!(), prepare, sign_with_both) else {
        return;
    };
    run.assert_silent();
    let process = ["CreatingProcess", "sourceProcess"];
    for (request, process) in signing_requests(&service).into_iter().zip(process) {
        assert_eq!(request.artifact_configuration.as_deref(), Some("installer"));
        assert_eq!(request.description.as_deref(), Some("Grüße, 1.0"));
        let metadata = request.metadata.unwrap();
        assert_eq!(metadata["Build"]["Number"], 42);
        assert!(metadata[process].is_object(), "{metadata}");
    }
}

/// The table of the REST documentation, "Signing a hash: first generation".
#[test]
fn a_fast_signing_request_is_the_form_that_is_documented() {
    let prepare = || {
        let more = [
            ("SIGNPATH_ARTIFACT_CONFIGURATION_SLUG", "installer"),
            ("SIGNPATH_DESCRIPTION", "1.0"),
        ];
        with_faults(Vec::new(), &more)
    };
    let child = || {
        sign(&logged_in(&initialized())).unwrap();
    };
    let Some((service, _)) = in_child(test_name!(), prepare, child) else {
        return;
    };
    let form = &service.requests().pop().unwrap().form;
    let fields: Vec<_> = form
        .iter()
        .map(|field| {
            let file = (field.file_name.as_deref(), field.content_type.as_deref());
            (field.name.as_str(), file)
        })
        .collect();
    let no_file = (None, None);
    let payload = (Some("payload.json"), Some("application/json"));
    assert_eq!(
        fields,
        [
            ("ProjectSlug", no_file),
            ("SigningPolicySlug", no_file),
            ("ArtifactConfigurationSlug", no_file),
            ("Description", no_file),
            ("IsFastSigningRequest", no_file),
            ("Artifact", payload),
        ]
    );
}

#[test]
fn without_such_settings_the_requests_say_nothing_of_them() {
    let prepare = || with_faults(Vec::new(), &[]);
    let Some((service, _)) = in_child(test_name!(), prepare, sign_with_both) else {
        return;
    };
    for request in signing_requests(&service) {
        assert_eq!(request.artifact_configuration, None);
        assert_eq!(request.description, None);
        assert_eq!(request.ecdsa_format.as_deref(), Some("Ieee"));
    }
}

#[test]
fn every_request_asks_for_json() {
    let prepare = || with_faults(Vec::new(), &[]);
    let Some((service, _)) = in_child(test_name!(), prepare, sign_with_both) else {
        return;
    };
    let requests = service.requests();
    assert_eq!(routes(&service), [LIST, SIGN, LIST, SIGN_HASH]);
    for request in requests {
        let accept = request.accept.as_deref();
        assert_eq!(accept, Some("application/json"), "{}", request.route);
    }
}
