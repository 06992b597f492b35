//! What the service says: its health, the time, the token, the signing policies.

use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use pkcs11_test::{Effect, Fault};
use serde_json::{Value, json};

use super::{HEALTH, assert_finds, doctor, finding, findings, finds};
use crate::common::LIST;
use crate::program::Bench;

/// A bench whose service responds once like this.
fn once(route: &str, effect: Effect) -> Bench {
    let bench = Bench::new();
    bench.service.inject(Fault::on(route, effect)).unwrap();
    bench
}

fn listing(policies: &[Value]) -> Bench {
    let body = json!({ "signingPolicies": policies }).to_string();
    once(LIST, Effect::answer(200, &[], body))
}

#[test]
fn what_the_service_refuses_or_has_not_is_a_failure() {
    let bench = Bench::new();
    let url = bench.service.api_url().replace("/Api", "/Other");
    finds! {
        once(LIST, Effect::status(401)), [] => "API token" failed: "401", "check that the API token is complete";
        bench, [SIGNPATH_API_TOKEN = "wr0ng-t0ken"] => "API token" failed: "401", "check that the API token is complete";
        once(HEALTH, Effect::status(503)), [] => "service" failed: "/healthz responds with 503", "status page";
        Bench::with_policies(""), [] => "signing policies" failed: "no signing policies", "a Submitter of a signing policy";
        bench, [SIGNPATH_API_URL = &url]
            => "service" failed: "responds with 404 instead of 200", "check ApiUrl", "API token" failed: "404", "";
    }
    let wrong = doctor(&bench, &[("SIGNPATH_API_TOKEN", "wr0ng-t0ken")]);
    assert!(!wrong.stdout.contains("wr0ng"), "{wrong:?}");
}

#[test]
fn the_log_has_a_line_for_each_exchange() {
    let bench = Bench::new();
    let logs = bench.text("logs");
    let log = [("SIGNPATH_LOG_FILE_DIRECTORY", &*logs), ("SIGNPATH_LOG_FILE_LEVEL", "info")];
    doctor(&bench, &log);
    let log = bench.read("logs/SignPath.CryptoProviders.Cryptoki.txt");
    for route in ["healthz", "Cryptoki/MySigningPolicies"] {
        let exchange = format!("GET {route}, attempt 1: 200 OK in ");
        assert_eq!(log.matches(&exchange).count(), 1, "{log}");
    }
}

#[test]
fn version_and_quota_are_shown_if_the_service_tells_them() {
    let bench = Bench::new();
    let quota = "10000 signatures a year; the current year ends on 2030-01-01";
    finds! { bench, [] => "version" ok: "SignPath 1.212.1", "", "quota" ok: quota, ""; }

    // An older service has neither route.
    for route in ["GET /v1/Meta/SystemInfo", "GET /"] {
        let nothing = Effect::answer(404, &[], String::new());
        bench.service.inject(Fault::on(route, nothing)).unwrap();
    }
    let findings = findings(&doctor(&bench, &[]).assert_ok());
    let is_told = |finding: &Value| finding["check"] == "version" || finding["check"] == "quota";
    assert!(!findings.iter().any(is_told), "{findings:#?}");
}

/// A bench whose list has one signing policy with a certificate that is valid for so many days from now, or was.
fn certificate_for(days: &str) -> Bench {
    let bench = Bench::new();
    bench.sh(&format!(
        "openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=Old -keyout key -out request 2>&1
        printf '[ca]\ndefault_ca = a\n[a]\ndatabase = index\nserial = serial\nnew_certs_dir = .\ndefault_md = sha256\npolicy = p\n[p]\n\
        commonName = supplied\n' >ca.cnf
        touch index
        echo 01 >serial
        openssl ca -batch -config ca.cnf -selfsign -keyfile key -in request -notext -startdate 20200101000000Z \
            -enddate $(date --utc --date '{days} days' +%Y%m%d%H%M%SZ) -out certificate.pem 2>&1
        openssl x509 -in certificate.pem -outform DER -out certificate"
    ));
    let certificate = STANDARD.encode(std::fs::read(bench.path("certificate")).unwrap());
    listing(&[json!({
        "projectSlug": "app", "signingPolicySlug": "release", "keyType": "Ecdsa", "certificateBytes": certificate,
    })])
}

#[test]
fn certificates_names_and_clocks_that_will_fail_are_found() {
    let named = |length| {
        let slug = "p".repeat(length);
        let policy = format!(r#"{{"project": "app", "policy": "{slug}", "key": "p-256"}}"#);
        Bench::with_policies(&policy)
    };
    let (now, hour) = (SystemTime::now(), Duration::from_secs(3600));
    let at = |date| {
        let date = httpdate::fmt_http_date(date);
        once(HEALTH, Effect::answer(200, &[("date", &date)], "Healthy"))
    };
    finds! {
        certificate_for("-1"), [] => "certificates" failed: "the certificate of app/release has expired on 20", "renew it";
        certificate_for("29"), [] => "certificates" warning: "the certificate of app/release expires on 20", "renew it";
        certificate_for("31"), [] => "certificates" ok: "", "";
        named(97), [] => "long names" warning: &"p".repeat(97), "object=";
        at(now - hour), [] => "clock" failed: "ahead of SignPath's", "NTP";
        at(now + hour), [] => "clock" failed: "behind SignPath's", "NTP";
        at(now + Duration::from_secs(150)), [] => "clock" warning: "behind SignPath's", "NTP";
    }
    assert!(!doctor(&named(96), &[]).assert_ok().stdout.contains("long names"));
}

#[test]
fn an_unusable_signing_policy_is_a_warning_with_the_reason() {
    let policy = |slug: &str, key_type: &str, certificate: Option<&str>| {
        json!({
            "projectSlug": "app", "signingPolicySlug": slug, "keyType": key_type,
            "publicKeyBytes": STANDARD.encode("key"), "certificateBytes": certificate,
        })
    };
    let bench = listing(&[policy("garbage", "Rsa", Some("AAAA")), policy("new", "Quantum", None)]);
    let run = doctor(&bench, &[]);
    let is_finding = |reason| ("signing policies", "warning", reason, "administrator");
    let reasons = [
        "signing policy app/garbage: its certificate is not a valid X.509 certificate",
        "app/new: its key is not supported (Quantum)",
    ];
    assert_finds(&run, &reasons.map(is_finding));
    let expected = json!([{"name": "app/new", "key": "unsupported", "notAfter": "no certificate"}]);
    assert_eq!(finding(&run, "signing policies")["details"], expected);

    let garbage: Vec<_> =
        (0..1000).map(|index| policy(&format!("garbage-{index}"), "Rsa", Some("AAAA"))).collect();
    let run = doctor(&listing(&garbage), &[]);
    assert_finds(&run, &[("signing policies", "warning", "; 990 more", "")]);
    assert_eq!(run.stdout.matches("app/garbage-").count(), 10);
}
