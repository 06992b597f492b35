//! Refusals, other routes, the request log, and versions of TLS. What is signed, the tests of the page and of the module verify.

use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use base64::prelude::{BASE64_STANDARD, Engine};
use pkcs11_test::{Effect, Log, TlsVersions};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::client::{self, Client, SHA256, digest, hash, service, start, state, with_policies};

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
        "Base64EncodedHash", json!(BASE64_STANDARD.encode(digest("sha512"))), "The hash algorithm does not match the given hash.";
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
fn requests_are_recorded_without_the_token() {
    let log = state("requests.log");
    let _ = std::fs::remove_file(&log);
    let service = start("default", |options| options.log = Log::File(log.clone()));
    let client = Client::new(&service);
    client.list("");
    let mut payload = client::payload();
    payload["Metadata"] = json!({ "CreatingProcess": { "CommandLine": "sign it", "User": "me" } });
    client.sign("rsa-2048", &payload);
    let metadata = json!({ "sourceProcess": { "commandLine": "sign it", "user": "me" } });
    let body = json!({ "projectSlug": "demo", "signingPolicySlug": "p-256", "hashSigningData": { "signatureAlgorithm": "Ecdsa",
        "hash": hash(), "metadata": metadata } });
    client.post_json("/SigningRequests/SignHash", &body);
    Client::with_token(&service, "wrong").sign("rsa-2048", &payload);

    let requests = service.requests();
    // One client keeps its connection, another opens its own.
    let expected = rows! {
        "GET /Cryptoki/MySigningPolicies", 200, Some("ci"), ["", "", ""], None, 1;
        "POST /SigningRequests", 200, Some("ci"), ["demo", "rsa-2048", "RsaPkcs1"], Some(&payload["Metadata"]), 1;
        "POST /SigningRequests/SignHash", 200, Some("ci"), ["demo", "p-256", "Ecdsa"], Some(&metadata), 1;
        "POST /SigningRequests", 401, None, ["", "", ""], None, 2;
    };
    let recorded = requests.iter().map(|request| {
        let fields = [&request.project, &request.policy, &request.algorithm];
        let fields = fields.map(|field| field.as_deref().unwrap_or_default());
        let (status, user) = (request.status.unwrap(), request.user.as_deref());
        (&*request.route, status, user, fields, request.metadata.as_ref(), request.connection)
    });
    assert_eq!(recorded.collect::<Vec<_>>(), expected);

    let text = std::fs::read_to_string(&log).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 4);
    assert_eq!(lines[1]["metadata"], payload["Metadata"]);
    assert!(!text.contains(service.token()) && !text.contains("wrong"));
}

/// What a fault does beyond that, the tests of the module show.
#[test]
fn a_fault_has_a_valid_status_and_a_date_as_http_has_it() {
    let service = service();
    assert!(service.inject(Effect::status(42)).is_err());
    // The example of RFC 9110, section 5.6.7
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
    service.inject(Effect::retry_at(503, time)).unwrap();
    let health = || {
        let url = format!("{}/healthz", service.api_url());
        Client::with_token(&service, "").get_url(&url)
    };
    assert_eq!(health().headers["retry-after"], "Sun, 06 Nov 1994 08:49:37 GMT");
    assert_eq!(health().body, b"Healthy");
}

#[test]
fn only_the_configured_versions_of_tls_are_accepted() {
    for (versions, accepted, refused) in
        [(TlsVersions::Only12, "-tls1_2", "-tls1_3"), (TlsVersions::Only13, "-tls1_3", "-tls1_2")]
    {
        let service = start("default", |options| {
            options.tls = true;
            options.tls_options.versions = versions;
        });
        let address = service.api_url().split('/').nth(2).unwrap();
        let connects = |version| {
            let mut openssl = Command::new("openssl");
            openssl.args(["s_client", "-connect", address, version]);
            openssl.stdin(Stdio::null()).output().unwrap().status.success()
        };
        assert_eq!([connects(accepted), connects(refused)], [true, false]);
    }
}

#[test]
fn a_request_that_is_not_fast_is_created() {
    let service = service();
    let fields = [
        ("ProjectSlug", "demo"),
        ("SigningPolicySlug", "rsa-2048"),
        ("IsFastSigningRequest", "false"),
    ];
    let route = "/SigningRequests/SubmitWithArtifact";
    let answer = Client::new(&service).post_form(route, &fields, &client::payload()).unwrap();
    assert_eq!(answer.status, StatusCode::CREATED);
    let created = answer.json();
    let id = created["signingRequestId"].as_str().unwrap();
    let (url, organization) = (service.api_url(), service.organization_id());
    let location = format!("{url}/v1/{organization}/SigningRequests/{id}");
    assert_eq!(answer.headers["location"], location);
}

#[test]
fn case_does_not_matter_in_routes_fields_and_properties() {
    let service = service();
    let client = Client::new(&service);
    let root = service.api_url().trim_end_matches("/Api");
    for (api, list) in
        [("API/V1", "CRYPTOKI/MYSIGNINGPOLICIES"), ("api/v1", "cryptoki/mysigningpolicies")]
    {
        let url = format!("{root}/{api}/{}/{list}", service.organization_id());
        assert_eq!(client.get_url(&url).status, StatusCode::OK, "{url}");
    }
    let (oid, base64) = (SHA256, hash());
    let payload = json!({ "signatureALGORITHM": "RsaPkcs1", "rsahashalgorithm": oid, "base64encodedhash": base64 });
    let fields = [
        ("projectslug", "demo"),
        ("SIGNINGPOLICYSLUG", "rsa-2048"),
        ("isFastSigningRequest", "True"),
    ];
    let answer = client.post_form("/signingrequests", &fields, &payload).unwrap();
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(service.requests().last().unwrap().route, "POST /SigningRequests");
}
