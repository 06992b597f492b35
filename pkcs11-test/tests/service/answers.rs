//! Refusals, faults, the request log, TLS.

use pkcs11_test::{Effect, Fault, PolicyFile, Service};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::client::{self, Client, Hash, service, signature, start};

#[test]
fn refusals_carry_the_messages_of_the_real_service() {
    let policies = r#"{ "users": [ { "name": "ci" }, { "name": "guest", "submitterOf": [ "demo/approved" ] } ], "policies": [
        { "project": "demo", "policy": "rsa-2048", "key": "rsa-2048", "keyName": "shared" },
        { "project": "demo", "policy": "approved", "key": "rsa-2048", "keyName": "shared", "approval": true } ] }"#;
    let service = start("refusals", |options| {
        options.policies = PolicyFile::parse(policies).expect("policies")
    });
    let client = Client::new(&service);
    let with = |name: &str, value: Value| {
        let mut payload = client::payload();
        payload[name] = value;
        payload
    };
    let format = json!({ "": ["The file has an invalid format."] });
    let cases = [
        (
            "other",
            client::payload(),
            json!({ "SigningPolicySlug": ["There is no signing policy with slug 'other' in the project with slug 'demo'."] }),
        ),
        (
            "approved",
            client::payload(),
            json!({ "SigningPolicyId": ["The selected signing policy has an approval process. Hash signing does not support approvals."] }),
        ),
        (
            "rsa-2048",
            with("Base64EncodedHash", Hash::ALL[4].base64().into()),
            json!({ "": ["The hash algorithm does not match the given hash."] }),
        ),
        (
            "rsa-2048",
            with("SignatureAlgorithm", "Dsa".into()),
            format.clone(),
        ),
        (
            "rsa-2048",
            with("SignatureAlgorithm", "Ecdsa".into()),
            format.clone(),
        ),
        (
            "rsa-2048",
            with("RsaHashAlgorithm", Value::Null),
            format.clone(),
        ),
        (
            "rsa-2048",
            with("Base64EncodedHash", "?".into()),
            format.clone(),
        ),
        ("rsa-2048", json!([]), format),
    ];
    for (slug, payload, errors) in cases {
        let answer = client.sign(slug, &payload);
        assert_eq!(
            answer.problem(StatusCode::BAD_REQUEST)["errors"],
            errors,
            "{slug} {payload}"
        );
    }

    let guest = Client::with_token(&service, service.token_of("guest").expect("guest"));
    guest
        .sign("rsa-2048", &client::payload())
        .problem(StatusCode::FORBIDDEN);
    let listed = guest.get("/Cryptoki/MySigningPolicies").json();
    assert_eq!(
        listed["signingPolicies"].as_array().expect("array").len(),
        1
    );
    assert_eq!(
        listed["signingPolicies"][0]["signingPolicySlug"],
        "approved"
    );

    for stranger in ["wrong", ""] {
        Client::with_token(&service, stranger)
            .get("/Cryptoki/MySigningPolicies")
            .problem(StatusCode::UNAUTHORIZED);
    }
    let elsewhere = format!(
        "{}/v1/00000000-0000-0000-0000-000000000000/Cryptoki/MySigningPolicies",
        service.api_url()
    );
    client.get_url(&elsewhere).problem(StatusCode::NOT_FOUND);
    client
        .get("/SigningRequests")
        .problem(StatusCode::METHOD_NOT_ALLOWED);
}

#[test]
fn faults_meet_the_requests_they_wait_for() {
    let mut service = service();
    let client = Client::new(&service);
    let inject = |service: &Service, fault: Fault| service.inject(fault).expect("fault");
    let sign = || client.sign("rsa-2048", &client::payload());
    let good = signature(&sign().json());

    let busy = Effect::Answer {
        status: 503,
        headers: vec![("Retry-After".to_owned(), "1".to_owned())],
        body: b"<html>".to_vec(),
    };
    inject(&service, Fault::on("POST /SigningRequests", busy));
    assert_eq!(
        client.get("/Cryptoki/MySigningPolicies").status,
        StatusCode::OK
    );
    let answer = sign();
    assert_eq!(
        (
            answer.status.as_u16(),
            &answer.headers["retry-after"],
            &answer.body[..]
        ),
        (503, &"1".parse().expect("a header"), &b"<html>"[..])
    );

    inject(&service, Effect::WrongSignature.into());
    let wrong = signature(&sign().json());
    assert_eq!(wrong.len(), good.len());
    // RSASSA-PKCS1-v1_5 is deterministic.
    assert_ne!(wrong, good);

    inject(&service, Effect::SignatureLength(255).into());
    assert_eq!(signature(&sign().json()).len(), 255);

    inject(&service, Effect::Close.into());
    assert!(client.try_sign("rsa-2048", &client::payload()).is_err());
    assert_eq!(service.requests().last().expect("a request").status, None);
    assert_eq!(signature(&sign().json()), good);

    assert!(service.inject(Effect::status(42)).is_err());

    inject(&service, Effect::Hang.into());
    let waiting = std::thread::scope(|scope| {
        let waiting = scope.spawn(|| client.try_sign("rsa-2048", &client::payload()).is_err());
        while service
            .requests()
            .last()
            .is_some_and(|request| request.status.is_some())
        {
            std::thread::yield_now();
        }
        service.stop();
        waiting.join().expect("thread")
    });
    assert!(waiting);
    // Its port may be another service's by now, which answers in its place.
    let before = service.requests().len();
    drop(client.try_sign("rsa-2048", &client::payload()));
    assert_eq!(service.requests().len(), before);
}

#[test]
fn requests_are_recorded_without_the_token() {
    let log = client::state("requests.log");
    let _ = std::fs::remove_file(&log);
    let service = start("default", |options| {
        options.log = pkcs11_test::Log::File(log.clone())
    });
    let client = Client::new(&service);
    client.get("/Cryptoki/MySigningPolicies");
    let mut payload = client::payload();
    payload["Metadata"] = json!({ "CreatingProcess": { "CommandLine": "sign it", "User": "me" } });
    client.sign("rsa-2048", &payload);
    Client::with_token(&service, "wrong").sign("rsa-2048", &payload);

    let [list, signed, refused] = &service.requests()[..] else {
        panic!("{:?}", service.requests())
    };
    assert_eq!(
        (list.route.as_str(), list.status, list.user.as_deref()),
        ("GET /Cryptoki/MySigningPolicies", Some(200), Some("ci"))
    );
    assert_eq!(
        (signed.route.as_str(), signed.status),
        ("POST /SigningRequests", Some(200))
    );
    assert_eq!(
        (
            signed.project.as_deref(),
            signed.policy.as_deref(),
            signed.algorithm.as_deref()
        ),
        (Some("demo"), Some("rsa-2048"), Some("RsaPkcs1"))
    );
    assert_eq!(signed.metadata.as_ref(), Some(&payload["Metadata"]));
    assert_eq!((refused.status, refused.user.as_deref()), (Some(401), None));
    // One client keeps its connection, another opens its own.
    assert_eq!(
        (list.connection, signed.connection, refused.connection),
        (1, 1, 2)
    );

    let text = std::fs::read_to_string(&log).expect("the log");
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(lines.len(), 3);
    assert_eq!(lines[1]["metadata"], payload["Metadata"]);
    assert!(!text.contains(service.token()) && !text.contains("wrong"));
}

#[test]
fn health_needs_no_token() {
    let service = service();
    let answer =
        Client::with_token(&service, "").get_url(&format!("{}/healthz", service.api_url()));
    assert_eq!(answer.status, StatusCode::OK);
}

#[test]
fn tls_is_for_clients_that_trust_the_authority() {
    let service = start("default", |options| options.tls = true);
    let (name, authority) = service.environment().pop().expect("environment");
    assert_eq!(name, "SIGNPATH_TLS_CA_FILE");
    assert!(service.api_url().starts_with("https://127.0.0.1:"));
    for host in ["127.0.0.1", "localhost"] {
        let url = format!("{}/healthz", service.api_url().replace("127.0.0.1", host));
        assert_eq!(
            client::Client::trusting(&service, &std::fs::read(&authority).expect("authority"))
                .get_url(&url)
                .status,
            StatusCode::OK
        );
    }
    let other =
        std::fs::read(client::state("default").join("code-signing-ca.pem")).expect("authority");
    assert!(
        Client::trusting(&service, &other)
            .try_get_url(&format!("{}/healthz", service.api_url()))
            .is_err()
    );
}
