//! What the service says: its health, the time, the token, the signing policies.

use std::fs;
use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use pkcs11_test::{Effect, Fault};
use serde_json::json;

use super::{HEALTH, assert_failed, assert_says, doctor, finding};
use crate::common::{LIST, service};
use crate::program::{openssl, service_with, text};

#[test]
fn a_wrong_token_is_a_failure() {
    let run = doctor(&service(), &[("SIGNPATH_API_TOKEN", "wr0ng-t0ken")]);
    assert_failed(
        &run,
        "API token",
        "401",
        "check that the API token is complete",
    );
    assert!(!run.stdout.contains("wr0ng"), "{}", run.stdout);
}

#[test]
fn the_log_has_a_line_for_each_exchange() {
    let folder = tempfile::tempdir().unwrap();
    let log = [
        ("SIGNPATH_LOG_FILE_DIRECTORY", text(folder.path())),
        ("SIGNPATH_LOG_FILE_LEVEL", "info"),
    ];
    doctor(&service(), &log);
    let log = folder.path().join("SignPath.CryptoProviders.Cryptoki.txt");
    let log = fs::read_to_string(log).unwrap();
    for exchange in [
        "GET healthz, attempt 1: 200 OK in ",
        "GET Cryptoki/MySigningPolicies, attempt 1: 200 OK in ",
    ] {
        assert_eq!(log.matches(exchange).count(), 1, "{log}");
    }
}

#[test]
fn the_version_and_the_quota_are_shown_where_the_service_tells_them() {
    let service = service();
    let run = doctor(&service, &[]);
    assert_says(&run, "version", "ok", "SignPath 1.212.1", "");
    let quota = "10000 signatures a year; the current year ends on 2030-01-01";
    assert_says(&run, "quota", "ok", quota, "");

    // An older service has neither route.
    for route in ["GET /v1/Meta/SystemInfo", "GET /"] {
        let nothing = Effect::answer(404, &[], String::new());
        service.inject(Fault::on(route, nothing)).unwrap();
    }
    let run = doctor(&service, &[]).assert_ok();
    for check in ["version", "quota"] {
        let findings = run.json()["findings"].as_array().unwrap().clone();
        assert!(!findings.iter().any(|finding| finding["check"] == check));
    }
}

#[test]
fn a_user_without_signing_policies_is_told_what_to_ask_for() {
    let run = doctor(&service_with(&[]), &[]);
    assert_failed(
        &run,
        "signing policies",
        "no signing policies",
        "a Submitter of a signing policy",
    );
}

/// A list of one signing policy with a certificate that is valid for so many days from now.
fn list_with_certificate(days: &str) -> Effect {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let (key, request, certificate) = (path("key"), path("request"), path("certificate"));
    let new = [
        "req",
        "-new",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
    ];
    let to = [
        "-subj",
        "/CN=Old",
        "-keyout",
        text(&key),
        "-out",
        text(&request),
    ];
    openssl(&[&new[..], &to].concat(), b"");
    let sign = [
        "x509",
        "-req",
        "-in",
        text(&request),
        "-signkey",
        text(&key),
    ];
    let to = ["-days", days, "-outform", "DER", "-out", text(&certificate)];
    openssl(&[&sign[..], &to].concat(), b"");
    let certificate = STANDARD.encode(fs::read(&certificate).unwrap());
    let policy = json!({
        "signingPolicyId": "eacd4b78-6038-4450-9eec-4acd1c7ba6f1",
        "projectSlug": "app", "signingPolicySlug": "release",
        "keyType": "Ecdsa", "keySizeInBits": 256,
        "certificateBytes": certificate, "certificateType": "X509",
    });
    let body = json!({ "signingPolicies": [policy] }).to_string();
    Effect::answer(200, &[("content-type", "application/json")], body)
}

#[test]
fn a_certificate_that_has_expired_is_a_failure_and_one_that_will_soon_a_warning() {
    let service = service();
    service
        .inject(Fault::on(LIST, list_with_certificate("-1")))
        .unwrap();
    let run = doctor(&service, &[]);
    assert_failed(
        &run,
        "certificates",
        "the certificate of app/release has expired on 20",
        "renew it",
    );

    service
        .inject(Fault::on(LIST, list_with_certificate("29")))
        .unwrap();
    let run = doctor(&service, &[]).assert_ok();
    assert_says(
        &run,
        "certificates",
        "warning",
        "the certificate of app/release expires on 20",
        "renew it",
    );

    service
        .inject(Fault::on(LIST, list_with_certificate("31")))
        .unwrap();
    let run = doctor(&service, &[]).assert_ok();
    assert_eq!(finding(&run, "certificates")["status"], "ok");
}

#[test]
fn a_name_that_is_too_long_for_an_id_is_a_warning() {
    let fits = format!("app/{}", "p".repeat(96));
    let run = doctor(&service_with(&[&fits]), &[]).assert_ok();
    assert!(!run.stdout.contains("long names"), "{}", run.stdout);
    let long = format!("app/{}", "p".repeat(97));
    let run = doctor(&service_with(&[&long]), &[]).assert_ok();
    assert_says(&run, "long names", "warning", &long, "object=");
}

#[test]
fn a_clock_that_differs_is_a_failure() {
    let service = service();
    let now = SystemTime::now();
    let hour = Duration::from_secs(3600);
    for (date, expected) in [
        (now - hour, "ahead of SignPath's"),
        (now + hour, "behind SignPath's"),
    ] {
        let date = httpdate::fmt_http_date(date);
        let answer = Effect::answer(200, &[("date", &date)], "Healthy");
        service.inject(Fault::on(HEALTH, answer)).unwrap();
        assert_failed(&doctor(&service, &[]), "clock", expected, "NTP");
    }
}

#[test]
fn a_service_that_is_not_well_is_a_failure() {
    let service = service();
    service
        .inject(Fault::on(HEALTH, Effect::status(503)))
        .unwrap();
    assert_failed(
        &doctor(&service, &[]),
        "service",
        "/healthz responds with 503",
        "status page",
    );
}

#[test]
fn a_url_without_the_api_is_a_failure() {
    let service = service();
    let url = service.api_url().replace("/Api", "/Other");
    let run = doctor(&service, &[("SIGNPATH_API_URL", &url)]);
    assert_eq!(run.status, Some(1));
    assert_says(
        &run,
        "service",
        "failed",
        "responds with 404 instead of 200",
        "check ApiUrl",
    );
    assert_says(&run, "API token", "failed", "404", "");
}

#[test]
fn a_clock_that_differs_a_little_is_a_warning() {
    let service = service();
    let date = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(150));
    let answer = Effect::answer(200, &[("date", &date)], "Healthy");
    service.inject(Fault::on(HEALTH, answer)).unwrap();
    let run = doctor(&service, &[]).assert_ok();
    assert_says(&run, "clock", "warning", "behind SignPath's", "NTP");
}

#[test]
fn a_signing_policy_that_cannot_be_used_is_a_warning_with_the_reason() {
    let service = service();
    let policy = |slug: &str, key_type: &str, certificate: Option<&str>| {
        json!({
            "projectSlug": "app", "signingPolicySlug": slug, "keyType": key_type,
            "publicKeyBytes": STANDARD.encode("key"),
            "certificateBytes": certificate.map(|text| STANDARD.encode(text)),
        })
    };
    let policies = [
        policy("garbage", "Rsa", Some("no certificate")),
        policy("new", "Mldsa", None),
    ];
    let body = json!({ "signingPolicies": policies }).to_string();
    let list = Effect::answer(200, &[("content-type", "application/json")], body);
    service.inject(Fault::on(LIST, list)).unwrap();
    let run = doctor(&service, &[]);
    assert_eq!(run.status, Some(0));
    for reason in [
        "signing policy app/garbage: its certificate is not a valid X.509 certificate",
        "the key of app/new is not supported",
    ] {
        assert_says(&run, "signing policies", "warning", reason, "administrator");
    }
    let details = &finding(&run, "signing policies")["details"];
    let expected = json!([{"name": "app/new", "key": "unsupported", "notAfter": "no certificate"}]);
    assert_eq!(*details, expected);
}

#[test]
fn of_many_signing_policies_that_cannot_be_used_a_few_are_named() {
    let service = service();
    let policy = |index| {
        let slug = format!("garbage-{index}");
        json!({"projectSlug": "app", "signingPolicySlug": slug, "certificateBytes": "AAAA"})
    };
    let policies: Vec<_> = (0..1000).map(policy).collect();
    let body = json!({ "signingPolicies": policies }).to_string();
    let list = Fault::on(LIST, Effect::answer(200, &[], body));
    service.inject(list).unwrap();
    let run = doctor(&service, &[]);
    assert_says(&run, "signing policies", "warning", "; 990 more", "");
    let message = &finding(&run, "signing policies")["message"];
    assert_eq!(
        message.as_str().unwrap().matches("app/garbage-").count(),
        10
    );
}
