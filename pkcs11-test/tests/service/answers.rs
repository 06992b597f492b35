//! Refusals, faults, the request log, TLS.

use pkcs11_test::{Effect, Fault, Log, Service};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::client::{self, Client, Hash, rows, service, signature, start, state, with_policies};

#[test]
fn refusals_carry_the_messages_of_the_real_service() {
    let service = with_policies(
        "refusals",
        r#"{ "users": [ { "name": "ci" }, { "name": "guest", "submitterOf": [ "demo/approved" ] } ], "policies": [
        { "project": "demo", "policy": "rsa-2048", "key": "rsa-2048", "keyName": "shared" },
        { "project": "demo", "policy": "approved", "key": "rsa-2048", "keyName": "shared", "approval": true } ] }"#,
    );
    let client = Client::new(&service);
    let refuses = |slug: &str, payload: &Value, field: &str, message: &str| {
        let problem = client.sign(slug, payload).problem(StatusCode::BAD_REQUEST);
        assert_eq!(problem["errors"], json!({ field: [message] }), "{payload}");
    };
    let unknown = "There is no signing policy with slug 'other' in the project with slug 'demo'.";
    let approval = "The selected signing policy has an approval process. Hash signing does not support approvals.";
    let invalid = "The file has an invalid format.";
    let payload = client::payload();
    refuses("other", &payload, "SigningPolicySlug", unknown);
    refuses("approved", &payload, "SigningPolicyId", approval);
    refuses("rsa-2048", &json!([]), "", invalid);
    for (name, value, message) in rows! {
        "Base64EncodedHash", json!(Hash::ALL[4].base64()), "The hash algorithm does not match the given hash.";
        "SignatureAlgorithm", json!("Dsa"), invalid;
        "SignatureAlgorithm", json!("Ecdsa"), invalid;
        "RsaHashAlgorithm", Value::Null, invalid;
        "Base64EncodedHash", json!("?"), invalid;
    } {
        let mut payload = payload.clone();
        payload[name] = value;
        refuses("rsa-2048", &payload, "", message);
    }

    let guest = Client::with_token(&service, service.token_of("guest").unwrap());
    let forbidden = guest.sign("rsa-2048", &payload);
    forbidden.problem(StatusCode::FORBIDDEN);
    let [listed] = &guest.list("")[..] else {
        panic!("not one signing policy");
    };
    assert_eq!(listed["signingPolicySlug"], "approved");

    for stranger in ["wrong", ""] {
        let list = Client::with_token(&service, stranger).get("/Cryptoki/MySigningPolicies");
        list.problem(StatusCode::UNAUTHORIZED);
    }
    let other = "v1/00000000-0000-0000-0000-000000000000/Cryptoki/MySigningPolicies";
    let other = client.get_url(&format!("{}/{other}", service.api_url()));
    other.problem(StatusCode::NOT_FOUND);
    let signing = client.get("/SigningRequests");
    signing.problem(StatusCode::METHOD_NOT_ALLOWED);
}

#[test]
fn faults_apply_to_the_requests_that_they_are_for() {
    let mut service = service();
    let client = Client::new(&service);
    let inject = |service: &Service, fault: Fault| service.inject(fault).unwrap();
    let try_sign = || client.try_sign("rsa-2048", &client::payload());
    let sign = || signature(&try_sign().unwrap().json());
    let good = sign();

    let busy = Effect::answer(503, &[("Retry-After", "1")], b"<html>".to_vec());
    inject(&service, Fault::on("POST /SigningRequests", busy));
    let list = client.get("/Cryptoki/MySigningPolicies");
    assert_eq!(list.status, StatusCode::OK);
    let answer = try_sign().unwrap();
    assert_eq!((answer.status.as_u16(), &*answer.body), (503, &b"<html>"[..]));
    assert_eq!(answer.headers["retry-after"], "1");

    inject(&service, Effect::WrongSignature.into());
    let wrong = sign();
    // RSASSA-PKCS1-v1_5 is deterministic.
    assert!(wrong.len() == good.len() && wrong != good);
    inject(&service, Effect::SignatureLength(255).into());
    assert_eq!(sign().len(), 255);
    inject(&service, Effect::Close.into());
    assert!(try_sign().is_err());
    assert_eq!(service.requests().last().unwrap().status, None);
    assert_eq!(sign(), good);
    assert!(service.inject(Effect::status(42)).is_err());

    inject(&service, Effect::Hang.into());
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| try_sign().is_err());
        let is_answered = |service: &Service| {
            service.requests().last().is_some_and(|request| request.status.is_some())
        };
        while is_answered(&service) {
            std::thread::yield_now();
        }
        service.stop();
        assert!(waiting.join().unwrap());
    });
    // Another service may have its port by now, and answer.
    let before = service.requests().len();
    drop(try_sign());
    assert_eq!(service.requests().len(), before);
}

#[test]
fn requests_are_recorded_without_the_token() {
    let log = state("requests.log");
    let _ = std::fs::remove_file(&log);
    let service = start("default", |options| options.log = Log::File(log.clone()));
    let client = Client::new(&service);
    client.list("");
    let mut payload = client::payload();
    payload["Metadata"] = json!({ "CreatingProcess": { "CommandLine": "sign it", "User": "me" } });
    client.sign("rsa-2048", &payload);
    Client::with_token(&service, "wrong").sign("rsa-2048", &payload);

    let [list, signed, refused] = &service.requests()[..] else {
        panic!("{:?}", service.requests())
    };
    assert_eq!(list.route, "GET /Cryptoki/MySigningPolicies");
    assert_eq!(signed.route, "POST /SigningRequests");
    let statuses = [list, signed, refused].map(|request| request.status);
    assert_eq!(statuses, [Some(200), Some(200), Some(401)]);
    let users = [list, refused].map(|request| request.user.as_deref());
    assert_eq!(users, [Some("ci"), None]);
    let fields = [&signed.project, &signed.policy, &signed.algorithm];
    let fields = fields.map(|field| field.as_deref().unwrap());
    assert_eq!(fields, ["demo", "rsa-2048", "RsaPkcs1"]);
    assert_eq!(signed.metadata.as_ref(), Some(&payload["Metadata"]));
    // One client keeps its connection, another opens its own.
    let connections = [list, signed, refused].map(|request| request.connection);
    assert_eq!(connections, [1, 1, 2]);

    let text = std::fs::read_to_string(&log).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 3);
    assert_eq!(lines[1]["metadata"], payload["Metadata"]);
    assert!(!text.contains(service.token()) && !text.contains("wrong"));
}

#[test]
fn health_needs_no_token() {
    let service = service();
    let health = format!("{}/healthz", service.api_url());
    let answer = Client::with_token(&service, "").get_url(&health);
    assert_eq!(answer.status, StatusCode::OK);
}

#[test]
fn tls_needs_the_ca_certificate() {
    let service = start("default", |options| options.tls = true);
    let (name, ca) = service.environment().pop().unwrap();
    assert_eq!(name, "SIGNPATH_TLS_CA_FILE");
    assert!(service.api_url().starts_with("https://127.0.0.1:"));
    let health = format!("{}/healthz", service.api_url());
    let trusting = Client::trusting(&service, &std::fs::read(&ca).unwrap());
    for host in ["127.0.0.1", "localhost"] {
        let health = health.replace("127.0.0.1", host);
        assert_eq!(trusting.get_url(&health).status, StatusCode::OK);
    }
    let other = std::fs::read(state("default").join("code-signing-ca.pem")).unwrap();
    let distrusting = Client::trusting(&service, &other);
    assert!(distrusting.try_get_url(&health).is_err());
}
