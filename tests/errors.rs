//! Bad input and bad answers: the exact return code, and one line that says what to do.

mod common;

use std::net::TcpListener;

use common::{
    ONE_ATTEMPT, SIGN, Traffic, environment, in_child, initialized, logged_in, objects, options,
    service, slot, traffic,
};
use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::rsa::{PkcsMgfType, PkcsPssParams};
use cryptoki::mechanism::{Mechanism, MechanismType};
use cryptoki::object::{Attribute, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::types::AuthPin;
use pkcs11_test::{Effect, Fault, Options, PolicyFile, Service};

/// The name of the return code in PKCS #11.
fn code<T>(result: Result<T, Error>) -> String {
    match result {
        Ok(_) => "CKR_OK".to_owned(),
        Err(Error::Pkcs11(code, _)) => match code {
            RvError::ArgumentsBad => "CKR_ARGUMENTS_BAD",
            RvError::DataInvalid => "CKR_DATA_INVALID",
            RvError::DataLenRange => "CKR_DATA_LEN_RANGE",
            RvError::DeviceError => "CKR_DEVICE_ERROR",
            RvError::FunctionFailed => "CKR_FUNCTION_FAILED",
            RvError::GeneralError => "CKR_GENERAL_ERROR",
            RvError::MechanismInvalid => "CKR_MECHANISM_INVALID",
            RvError::MechanismParamInvalid => "CKR_MECHANISM_PARAM_INVALID",
            RvError::PinIncorrect => "CKR_PIN_INCORRECT",
            other => return format!("{other:?}"),
        }
        .to_owned(),
        Err(other) => format!("{other:?}"),
    }
}

fn login(module: &Pkcs11, pin: &str) -> Result<(), Error> {
    let session = module.open_ro_session(slot(module)).unwrap();
    session.login(UserType::User, Some(&AuthPin::new(pin.into())))
}

fn private_key(session: &Session, name: &str) -> ObjectHandle {
    let id = Attribute::Id(name.as_bytes().to_vec());
    session
        .find_objects(&[Attribute::Class(ObjectClass::PRIVATE_KEY), id])
        .unwrap()[0]
}

/// The answers that a child printed with [`say`].
fn said(stdout: &str) -> Vec<&str> {
    stdout
        .lines()
        .filter_map(|line| line.split_once("said: ").map(|(_, said)| said))
        .collect()
}

fn say(answer: &str) {
    println!("\nsaid: {answer}");
}

/// Starts a service whose policies are those of a policies file.
fn service_with(policies: &str) -> Service {
    let policies: PolicyFile = serde_json::from_str(policies).unwrap();
    Service::start(Options {
        policies,
        ..options()
    })
    .unwrap()
}

#[test]
fn a_login_that_fails_says_why() {
    struct Case {
        name: &'static str,
        pin: &'static str,
        environment: fn(&Service) -> Vec<(String, String)>,
        code: &'static str,
        line: &'static [&'static str],
    }
    let cases = [
        Case {
            name: "no configuration",
            pin: "CONFIG",
            environment: |_| Vec::new(),
            code: "CKR_PIN_INCORRECT",
            line: &["C_Login", "SIGNPATH_ORGANIZATION_ID", "SIGNPATH_API_TOKEN"],
        },
        Case {
            name: "a PIN of another kind",
            pin: "1234",
            environment: |service| environment(service, &[]),
            code: "CKR_PIN_INCORRECT",
            line: &["the PIN has to be CONFIG", "{OrganizationId}:{ApiToken}"],
        },
        Case {
            name: "unknown organization",
            pin: "CONFIG",
            environment: |service| {
                let unknown = "00000000-0000-0000-0000-000000000000";
                environment(service, &[("SIGNPATH_ORGANIZATION_ID", unknown)])
            },
            code: "CKR_ARGUMENTS_BAD",
            line: &["404", "check OrganizationId and ApiUrl"],
        },
        Case {
            name: "wrong token",
            pin: "CONFIG",
            environment: |service| environment(service, &[("SIGNPATH_API_TOKEN", "wr0ng")]),
            code: "CKR_PIN_INCORRECT",
            line: &["401", "check that the API token is complete"],
        },
        Case {
            name: "a token with a line break",
            pin: "CONFIG",
            environment: |service| environment(service, &[("SIGNPATH_API_TOKEN", "wr0ng\nx")]),
            code: "CKR_PIN_INCORRECT",
            line: &["line break"],
        },
        Case {
            name: "nobody listens",
            pin: "CONFIG",
            environment: |service| {
                let free = TcpListener::bind("127.0.0.1:0")
                    .unwrap()
                    .local_addr()
                    .unwrap();
                let url = format!("http://{free}/Api");
                environment(service, &[("SIGNPATH_API_URL", &url), ONE_ATTEMPT])
            },
            code: "CKR_FUNCTION_FAILED",
            line: &[
                "cannot be reached (Connection refused",
                "check ApiUrl and the network",
            ],
        },
        Case {
            name: "a name that does not resolve",
            pin: "CONFIG",
            environment: |service| {
                environment(
                    service,
                    &[
                        ("SIGNPATH_API_URL", "http://signpath.invalid/Api"),
                        ("SIGNPATH_ALLOW_INSECURE_HTTP", "true"),
                        ONE_ATTEMPT,
                    ],
                )
            },
            code: "CKR_FUNCTION_FAILED",
            line: &["http://signpath.invalid/Api cannot be reached"],
        },
    ];
    for (index, case) in cases.iter().enumerate() {
        let prepare = || {
            let service = service();
            let mut environment = (case.environment)(&service);
            environment.push(("SIGNPATH_TEST_CASE".to_owned(), index.to_string()));
            (service, environment)
        };
        let child = || {
            let index: usize = std::env::var("SIGNPATH_TEST_CASE")
                .unwrap()
                .parse()
                .unwrap();
            say(&code(login(&initialized(), cases[index].pin)));
        };
        let Some((_, run)) = in_child(test_name!(), prepare, child) else {
            return;
        };
        assert_eq!(said(&run.stdout), [case.code], "{}", case.name);
        run.assert_one_line(&[&[case.code], case.line].concat());
        assert!(
            !run.stderr.contains("wr0ng"),
            "{}: {}",
            case.name,
            run.stderr
        );
    }
}

#[test]
fn a_malformed_configuration_file_stops_c_initialize_and_is_named() {
    let prepare = || {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("signpath.json");
        std::fs::write(&path, "{\n  \"OrganizationId\": \"x\",\n}").unwrap();
        let path = path.to_str().unwrap().to_owned();
        (
            (folder, path.clone()),
            vec![("SIGNPATH_CONFIG_FILE".to_owned(), path)],
        )
    };
    let child = || {
        let module = Pkcs11::new(common::module_path()).unwrap();
        let flags = CInitializeFlags::OS_LOCKING_OK;
        say(&code(module.initialize(CInitializeArgs::new(flags))));
    };
    let Some(((_folder, path), run)) = in_child(test_name!(), prepare, child) else {
        return;
    };
    assert_eq!(said(&run.stdout), ["CKR_GENERAL_ERROR"]);
    run.assert_one_line(&[
        "C_Initialize",
        &path,
        "not valid JSON",
        "line 3",
        "CKR_GENERAL_ERROR",
    ]);
}

#[test]
fn a_list_that_cannot_be_had_before_login_is_empty_and_a_warning() {
    let prepare = || {
        let service = service();
        let environment = environment(&service, &[("SIGNPATH_API_TOKEN", "wr0ng")]);
        (service, environment)
    };
    let child = || {
        let module = initialized();
        let session = module.open_ro_session(slot(&module)).unwrap();
        assert_eq!(objects(&session), []);
    };
    let Some((_, run)) = in_child(test_name!(), prepare, child) else {
        return;
    };
    run.assert_one_line(&["warning", "before login", "401", "check that the API token"]);
}

#[test]
fn a_policy_that_is_not_there_is_said_at_login() {
    let prepare = || {
        let service = service();
        let slug = ("SIGNPATH_SIGNING_POLICY_SLUG", "nope");
        let environment = environment(&service, &[("SIGNPATH_PROJECT_SLUG", "demo"), slug]);
        (service, environment)
    };
    let child = || {
        let module = initialized();
        assert_eq!(objects(&logged_in(&module)), []);
    };
    let Some((_, run)) = in_child(test_name!(), prepare, child) else {
        return;
    };
    run.assert_one_line(&["warning", "no usable signing policy demo/nope", "Submitter"]);
}

#[test]
fn a_search_for_a_name_that_no_policy_has_names_those_there_are_once() {
    let prepare = || {
        let service = service();
        let environment = environment(&service, &[("SIGNPATH_PROJECT_SLUG", "demo")]);
        (service, environment)
    };
    let child = || {
        let module = initialized();
        let session = logged_in(&module);
        let unknown = Attribute::Id(b"demo/rsa2048".to_vec());
        for class in [ObjectClass::PRIVATE_KEY, ObjectClass::CERTIFICATE] {
            let template = [Attribute::Class(class), unknown.clone()];
            assert_eq!(session.find_objects(&template).unwrap(), []);
        }
    };
    let Some((_, run)) = in_child(test_name!(), prepare, child) else {
        return;
    };
    run.assert_one_line(&[
        "warning",
        "no signing policy \"demo/rsa2048\", but demo/rsa-2048, demo/rsa-3072",
        "ProjectSlug/SigningPolicySlug",
    ]);
}

#[test]
fn slugs_in_the_configuration_narrow_the_list() {
    let prepare = || {
        let service = service();
        let slug = ("SIGNPATH_SIGNING_POLICY_SLUG", "p-256");
        let environment = environment(&service, &[("SIGNPATH_PROJECT_SLUG", "demo"), slug]);
        (service, environment)
    };
    let child = || {
        let module = initialized();
        let session = logged_in(&module);
        let found = objects(&session);
        assert_eq!(found.len(), 3);
        let id = Attribute::Id(b"demo/p-256".to_vec());
        assert_eq!(session.find_objects(&[id]).unwrap(), found);
    };
    let Some((_, run)) = in_child(test_name!(), prepare, child) else {
        return;
    };
    run.assert_silent();
}

#[test]
fn a_policy_with_an_approval_process_says_so_when_it_should_sign() {
    let prepare = || {
        let service = service_with(
            r#"{"policies": [{"project": "demo", "policy": "p-256", "key": "p-256", "approval": true}]}"#,
        );
        let environment = environment(&service, &[]);
        (service, environment)
    };
    let child = || {
        let module = initialized();
        let session = logged_in(&module);
        let key = private_key(&session, "demo/p-256");
        say(&code(session.sign(&Mechanism::Ecdsa, key, &[7; 32])));
    };
    let Some((_, run)) = in_child(test_name!(), prepare, child) else {
        return;
    };
    assert_eq!(said(&run.stdout), ["CKR_ARGUMENTS_BAD"]);
    run.assert_one_line(&[
        "C_Sign: ",
        "400",
        "demo/p-256",
        "The selected signing policy has an approval process. Hash signing does not support approvals.",
        "trace id 00-",
    ]);
}

#[test]
fn a_policy_with_garbage_for_a_certificate_hides_no_other() {
    let prepare = || {
        let service = service_with(
            r#"{"policies": [
                {"project": "demo", "policy": "p-384", "key": "p-384", "certificate": "Garbage"},
                {"project": "demo", "policy": "p-256", "key": "p-256"},
                {"project": "demo", "policy": "p-521", "key": "p-521", "certificate": "None"}]}"#,
        );
        let environment = environment(&service, &[]);
        (service, environment)
    };
    let child = || {
        let module = initialized();
        let session = logged_in(&module);
        // A policy without certificate still shows its keys.
        assert_eq!(objects(&session).len(), 3 + 2);
        for name in ["demo/p-256", "demo/p-521"] {
            let key = private_key(&session, name);
            say(&code(session.sign(&Mechanism::Ecdsa, key, &[7; 32])));
        }
    };
    let Some((_, run)) = in_child(test_name!(), prepare, child) else {
        return;
    };
    assert_eq!(said(&run.stdout), ["CKR_OK", "CKR_OK"]);
    run.assert_one_line(&["warning", "signing policy demo/p-384", "left out"]);
}

#[test]
fn input_that_cannot_be_signed_is_refused_before_the_service_is_asked() {
    fn pss(mgf: PkcsMgfType, salt_length: u64) -> Mechanism<'static> {
        Mechanism::RsaPkcsPss(PkcsPssParams {
            hash_alg: MechanismType::SHA256,
            mgf,
            s_len: salt_length.into(),
        })
    }
    let cases = [
        (
            Mechanism::RsaPkcs,
            "demo/rsa-2048",
            32,
            "CKR_DATA_INVALID",
            "bare Sha256 digest",
        ),
        (
            Mechanism::RsaPkcs,
            "demo/rsa-2048",
            0,
            "CKR_DATA_INVALID",
            "not a DER DigestInfo",
        ),
        (
            Mechanism::RsaPkcs,
            "demo/rsa-2048",
            51,
            "CKR_DATA_INVALID",
            "not a DER DigestInfo",
        ),
        (
            Mechanism::RsaPkcs,
            "demo/rsa-2048",
            2000,
            "CKR_DATA_LEN_RANGE",
            "signs a digest",
        ),
        (
            pss(PkcsMgfType::MGF1_SHA256, 32),
            "demo/rsa-2048",
            31,
            "CKR_DATA_LEN_RANGE",
            "31 bytes; a digest of Sha256 has 32",
        ),
        (
            pss(PkcsMgfType::MGF1_SHA256, 350),
            "demo/rsa-3072",
            32,
            "CKR_MECHANISM_PARAM_INVALID",
            "rsa_pss_saltlen:digest",
        ),
        (
            pss(PkcsMgfType::MGF1_SHA1, 32),
            "demo/rsa-3072",
            32,
            "CKR_MECHANISM_PARAM_INVALID",
            "MGF1 of the same digest",
        ),
        (
            Mechanism::Ecdsa,
            "demo/p-256",
            31,
            "CKR_DATA_LEN_RANGE",
            "31 bytes",
        ),
        (
            Mechanism::Ecdsa,
            "demo/p-256",
            0,
            "CKR_DATA_LEN_RANGE",
            "0 bytes",
        ),
        (
            Mechanism::RsaX509,
            "demo/rsa-2048",
            256,
            "CKR_MECHANISM_INVALID",
            "C_GetMechanismList",
        ),
        (
            Mechanism::Ecdsa,
            "demo/rsa-2048",
            32,
            "KeyTypeInconsistent",
            "does not go with the key",
        ),
    ];
    let prepare = || {
        let service = service();
        let environment = environment(&service, &[]);
        (service, environment)
    };
    let child = || {
        let module = initialized();
        let session = logged_in(&module);
        for (mechanism, key, length, _, _) in &cases {
            let key = private_key(&session, key);
            say(&code(session.sign(mechanism, key, &vec![7; *length])));
        }
    };
    let Some((service, run)) = in_child(test_name!(), prepare, child) else {
        return;
    };
    let codes: Vec<_> = cases.iter().map(|(.., code, _)| *code).collect();
    assert_eq!(said(&run.stdout), codes);
    let lines = run.lines();
    assert_eq!(lines.len(), cases.len(), "{lines:#?}");
    for (line, (.., reason)) in lines.iter().zip(&cases) {
        assert!(line.contains(reason), "{reason:?} is not in {line:?}");
    }
    assert_eq!(traffic(&service.requests()).signatures, 0);
}

#[test]
fn a_service_that_fails_gives_the_return_values_of_the_official_library() {
    let answer = |status, content_type: &str, body: &str| Effect::Answer {
        status,
        headers: vec![
            ("Content-Type".to_owned(), content_type.to_owned()),
            (
                "Location".to_owned(),
                "http://127.0.0.1:1/elsewhere".to_owned(),
            ),
        ],
        body: body.as_bytes().to_vec(),
    };
    let problem = "application/problem+json";
    // The bodies of 400 are those of the live service.
    let cases = [
        (
            answer(
                400,
                problem,
                r#"{"errors": {"SigningPolicySlug": ["There is no signing policy with slug 'x' in the project with slug 'y'."]}, "status": 400}"#,
            ),
            "CKR_ARGUMENTS_BAD",
            "There is no signing policy with slug 'x' in the project with slug 'y'.",
        ),
        (answer(401, problem, ""), "CKR_ARGUMENTS_BAD", "API token"),
        (answer(403, problem, ""), "CKR_ARGUMENTS_BAD", "Submitter"),
        (
            answer(500, "text/html", "<html>"),
            "CKR_DEVICE_ERROR",
            "a web page",
        ),
        (
            answer(503, "text/plain", "busy"),
            "CKR_FUNCTION_FAILED",
            "busy; try again later",
        ),
        (
            answer(429, "text/plain", ""),
            "CKR_FUNCTION_FAILED",
            "try again later",
        ),
        (answer(302, "text/plain", ""), "CKR_GENERAL_ERROR", "302"),
        (
            answer(200, "text/html", "<html>"),
            "CKR_GENERAL_ERROR",
            "check ApiUrl",
        ),
        (
            answer(200, "application/json", r#"{"Signature": "?"}"#),
            "CKR_GENERAL_ERROR",
            "base64",
        ),
        (
            answer(200, "application/json", "{}"),
            "CKR_GENERAL_ERROR",
            "Signature",
        ),
        (
            Effect::WrongSignature,
            "CKR_DEVICE_ERROR",
            "does not verify",
        ),
        (
            Effect::SignatureLength(63),
            "CKR_DEVICE_ERROR",
            "does not verify",
        ),
        (
            Effect::SignatureLength(65),
            "CKR_DEVICE_ERROR",
            "does not verify",
        ),
        (
            Effect::SignatureLength(0),
            "CKR_DEVICE_ERROR",
            "does not verify",
        ),
        (
            Effect::Close,
            "CKR_FUNCTION_FAILED",
            "closed the connection without an answer",
        ),
        (Effect::Hang, "CKR_FUNCTION_FAILED", "within 1 s"),
    ];
    let prepare = || {
        let service = service();
        for (effect, _, _) in &cases {
            service.inject(Fault::on(SIGN, effect.clone())).unwrap();
        }
        let time_out = ("SIGNPATH_HTTP_REQUEST_TIMEOUT_IN_SECONDS", "1");
        let environment = environment(&service, &[time_out, ONE_ATTEMPT]);
        (service, environment)
    };
    let child = || {
        let module = initialized();
        let session = logged_in(&module);
        let key = private_key(&session, "demo/p-256");
        for _ in &cases {
            say(&code(session.sign(&Mechanism::Ecdsa, key, &[7; 32])));
        }
        // And then all is well again.
        say(&code(session.sign(&Mechanism::Ecdsa, key, &[7; 32])));
    };
    let Some((service, run)) = in_child(test_name!(), prepare, child) else {
        return;
    };
    let codes: Vec<_> = cases
        .iter()
        .map(|(_, code, _)| *code)
        .chain(["CKR_OK"])
        .collect();
    assert_eq!(said(&run.stdout), codes);
    let lines = run.lines();
    assert_eq!(lines.len(), cases.len(), "{lines:#?}");
    for (line, (_, _, reason)) in lines.iter().zip(&cases) {
        assert!(line.contains(reason), "{reason:?} is not in {line:?}");
    }
    // No request is sent twice.
    assert_eq!(traffic(&service.requests()).signatures, cases.len() + 1);
}

#[test]
fn a_token_that_the_service_repeats_in_its_answer_is_masked() {
    let prepare = || {
        let service = service();
        let body = format!("no such token: {}", service.token());
        let effect = Effect::Answer {
            status: 400,
            headers: Vec::new(),
            body: body.into_bytes(),
        };
        service.inject(effect).unwrap();
        let environment = environment(&service, &[]);
        (service, environment)
    };
    let child = || say(&code(login(&initialized(), "CONFIG")));
    let Some((_, run)) = in_child(test_name!(), prepare, child) else {
        return;
    };
    run.assert_one_line(&["CKR_ARGUMENTS_BAD", "no such token: ***;"]);
}

#[test]
fn a_server_that_cannot_be_trusted_gets_no_token_and_the_line_names_the_setting() {
    let prepare = || {
        let service = Service::start(Options {
            tls: true,
            ..options()
        })
        .unwrap();
        let environment = environment(&service, &[("SIGNPATH_TLS_CA_FILE", "")]);
        (service, environment)
    };
    let child = || say(&code(login(&initialized(), "CONFIG")));
    let Some((service, run)) = in_child(test_name!(), prepare, child) else {
        return;
    };
    assert_eq!(said(&run.stdout), ["CKR_GENERAL_ERROR"]);
    run.assert_one_line(&["cannot be trusted", "UnknownIssuer", "SIGNPATH_TLS_CA_FILE"]);
    let nothing = Traffic {
        lists: 0,
        signatures: 0,
        connections: 0,
    };
    assert_eq!(traffic(&service.requests()), nothing);
}

#[test]
fn a_ca_file_that_cannot_be_used_is_named() {
    let prepare = || {
        let service = Service::start(Options {
            tls: true,
            ..options()
        })
        .unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("empty.pem");
        std::fs::write(&path, "").unwrap();
        let environment = environment(
            &service,
            &[("SIGNPATH_TLS_CA_FILE", path.to_str().unwrap())],
        );
        ((service, folder), environment)
    };
    let child = || say(&code(login(&initialized(), "CONFIG")));
    let Some((_, run)) = in_child(test_name!(), prepare, child) else {
        return;
    };
    assert_eq!(said(&run.stdout), ["CKR_GENERAL_ERROR"]);
    run.assert_one_line(&["TlsCaFile", "empty.pem", "no PEM certificate"]);
}
