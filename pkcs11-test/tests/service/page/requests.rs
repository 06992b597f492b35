//! The table of requests, its export and its stream.

use std::io::{BufRead, BufReader};
use std::process::Command;

use reqwest::StatusCode;
use serde_json::json;

use super::{Stage, element};
use crate::client::{self, SHA256, digest, hash, hex, rsa_payload};

#[test]
fn lists_a_signature_with_what_was_sent_and_answered() {
    let stage = Stage::new();
    let mut payload = client::payload();
    payload["Metadata"] = json!({ "CreatingProcess": {
        "CommandLine": "/usr/bin/pkcs11-tool --sign", "User": "builder" } });
    let answer = stage.client.sign("rsa-2048", &payload).json();
    let signature = hex(&client::signature(&answer));

    let page = stage.text("/");
    assert!(page.contains("download=\"requests.jsonl\""), "{page}");
    let rows = page.split("<tbody").nth(1).expect("a table");
    for part in [
        ">pkcs11-tool<",
        "/usr/bin/pkcs11-tool --sign",
        "builder",
        "demo/rsa-2048",
        "CKM_SHA256_RSA_PKCS",
        "RsaPkcs1",
        "SHA-256",
        "Signed",
        "ci<",
    ] {
        assert!(rows.contains(part), "{part}: {rows}");
    }
    let details = stage.text("/requests/1");
    assert_eq!(element(&details, "signature-1"), signature);
    let digest = hex(&digest("sha256"));
    assert_eq!(element(&details, "digest-1"), digest);
    assert!(element(&details, "sent-1").contains("\"Base64EncodedHash\""));
    assert!(element(&details, "answered-1").contains("\"Signature\""));

    let line = &stage.exported("")[0];
    assert_eq!(line["signature"], signature);
    assert_eq!(line["digest"], digest);
    assert_eq!(line["mechanism"], "CKM_SHA256_RSA_PKCS");
    assert_eq!(line["outcome"], "signed");
    assert_eq!(line["route"], "POST /SigningRequests");
}

#[test]
fn the_openssl_command_of_a_request_verifies_its_signature() {
    let hash = hash();
    let stage = Stage::new();
    // Signing policy, payload of a fast signing request or data for SignHash, the mechanism.
    let rows = rows! {
        "rsa-2048", rsa_payload("RsaPkcs1"), "CKM_SHA256_RSA_PKCS";
        "rsa-2048", rsa_payload("RsaPss"), "CKM_SHA256_RSA_PKCS_PSS";
        "p-256", json!({ "SignatureAlgorithm": "Ecdsa", "Base64EncodedHash": hash }), "CKM_ECDSA_SHA256";
        "gpg", json!({ "SignatureAlgorithm": "Ecdsa", "EcdsaSignatureFormat": "Asn1", "Base64EncodedHash": hash }), "CKM_ECDSA_SHA256";
        "rsa-2048", json!({ "signatureAlgorithm": "Rsa", "rsaOptions": { "hashAlgorithmName": "Sha256" }, "hash": hash }),
            "CKM_SHA256_RSA_PKCS";
        "rsa-2048", json!({ "signatureAlgorithm": "Rsa", "rsaOptions": { "hashAlgorithmOid": SHA256, "paddingMode": "Pss" }, "hash": hash }),
            "CKM_SHA256_RSA_PKCS_PSS";
        "p-256", json!({ "signatureAlgorithm": "Ecdsa", "ecdsaOptions": { "signatureFormat": "Asn1" }, "hash": hash }), "CKM_ECDSA_SHA256";
    };
    for (number, (policy, payload, mechanism)) in (1..).zip(rows) {
        if payload["hash"].is_null() {
            let answer = stage.client.sign(policy, &payload).json();
            assert_eq!(answer["Base64EncodedHash"], hash);
        } else {
            let body = json!({ "projectSlug": "demo", "signingPolicySlug": policy, "hashSigningData": payload });
            let answer = stage.client.post_json("/SigningRequests/SignHash", &body).json();
            assert_eq!(answer["hashSigningData"]["hash"], hash);
            let link = ["webLink", "signingRequestId"].map(|name| answer[name].as_str().unwrap());
            assert!(link[0].ends_with(link[1]), "{link:?}");
        }
        let details = stage.text(&format!("/requests/{number}?part=true"));
        assert!(details.contains(&format!("<code>{mechanism}</code>")));
        let folder = tempfile::tempdir().expect("a folder");
        let output = Command::new("sh")
            .args(["-ec", &element(&details, &format!("verify-{number}"))])
            .current_dir(folder.path())
            .output()
            .expect("sh");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(said, "Signature Verified Successfully\n", "{mechanism}");
    }
}

#[test]
fn filters_by_policy_and_outcome() {
    let stage = Stage::new();
    stage.sign();
    stage.client.get("/Cryptoki/MySigningPolicies");
    stage.client.sign("p-256", &client::payload());
    stage.fault(&json!({ "fault": "unavailable", "times": 1 }));
    stage.sign();
    for (query, numbers) in [
        ("", vec![1, 2, 3, 4]),
        ("?outcome=signed", vec![1]),
        ("?outcome=failed", vec![3, 4]),
        ("?outcome=other", vec![2]),
        ("?policy=demo/rsa-2048", vec![1, 4]),
        ("?policy=demo%2Frsa-2048&outcome=failed", vec![4]),
        ("?policy=demo/unknown", vec![]),
    ] {
        let exported: Vec<_> = stage
            .exported(query)
            .iter()
            .map(|line| line["number"].as_u64().expect("a number"))
            .collect();
        assert_eq!(exported, numbers, "{query}");
        let page = stage.text(&format!("/{query}"));
        for number in 1..=4 {
            let is_shown = page.contains(&format!("id=\"request-{number}\""));
            assert_eq!(is_shown, numbers.contains(&number), "{query} {number}");
        }
    }
}

#[test]
fn clears_the_table_but_not_the_log() {
    let stage = Stage::new();
    stage.sign();
    let answer = stage.post("/requests/clear").send().expect("an answer");
    assert_eq!(answer.status(), StatusCode::OK);
    assert!(stage.exported("").is_empty());
    assert!(stage.text("/").contains("No requests yet"));
    assert_eq!(stage.service.requests().len(), 1);
    stage.sign();
    assert_eq!(stage.exported("").len(), 1);
}

/// Reads events until one of this name, and returns its data.
pub(super) fn event(events: &mut impl BufRead, name: &str) -> String {
    let mut current = String::new();
    let mut data = String::new();
    for line in events.lines() {
        let line = line.expect("a line");
        if let Some(name) = line.strip_prefix("event: ") {
            current = name.to_owned();
        } else if let Some(text) = line.strip_prefix("data: ") {
            data.push_str(text);
        } else if line.is_empty() {
            if current == name {
                return data;
            }
            data.clear();
        }
    }
    panic!("the stream ended")
}

#[test]
fn streams_requests_that_fit_the_filter_as_they_end() {
    let stage = Stage::new();
    stage.sign();
    let mut events = BufReader::new(stage.get("/events?outcome=signed&after=1"));
    assert!(event(&mut events, "active-faults").contains("None."));
    stage.client.get("/Cryptoki/MySigningPolicies");
    stage.sign();
    let rows = event(&mut events, "rows");
    let shows = |number| rows.contains(&format!("request-{number}"));
    assert_eq!([1, 2, 3].map(shows), [false, false, true]);
    stage.fault(&json!({ "fault": "late", "seconds": 3 }));
    assert!(event(&mut events, "active-faults").contains("Answer 3 s late"));
    stage.post("/requests/clear").send().expect("an answer");
    event(&mut events, "reset");
}

#[test]
fn a_stream_that_was_cut_goes_on_where_it_ended() {
    let stage = Stage::new();
    for _ in 0..3 {
        stage.sign();
    }
    let resumed = stage
        .http
        .get(stage.url("/events?after=0"))
        .header("last-event-id", "2")
        .send()
        .expect("an answer");
    let rows = event(&mut BufReader::new(resumed), "rows");
    assert!(rows.contains("request-3") && !rows.contains("request-2"));
}

#[test]
fn ten_thousand_requests_fit_in_pages_of_a_hundred() {
    let stage = Stage::new();
    let health = format!("{}/healthz", stage.service.api_url());
    for _ in 0..10_050 {
        stage.client.get_url(&health);
    }
    let page = stage.text("/");
    assert_eq!(page.matches("<tr role=\"row\" id=").count(), 100);
    assert!(page.contains("id=\"request-10050\"") && page.contains("before=9951"));
    assert!(page.len() < 200_000, "{} bytes", page.len());
    let older = stage.text("/?before=9951");
    assert!(older.contains("id=\"request-9950\"") && older.contains(">Newest<"));
    // The oldest ones are only in the log.
    assert_eq!(stage.exported("").len(), 10_000);
    assert_eq!(stage.service.requests().len(), 10_050);
    assert_eq!(stage.get("/requests/50").status(), StatusCode::NOT_FOUND);
    assert_eq!(stage.get("/requests/51").status(), StatusCode::OK);
}
