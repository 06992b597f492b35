//! `doctor`: what it says of each thing that can be wrong, and that it never signs.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use pkcs11_test::{Effect, Fault, ServerCertificate, Service, TlsOptions};
use serde_json::{Value, json};

use crate::common::programs::tinyproxy;
use crate::common::{LIST, environment, module_path, service, tls_service};
use crate::program::{Run, openssl, program, run_with, service_with, text};

const HEALTH: &str = "GET /healthz";

/// Runs the doctor without tools against a service, with `more` in its environment.
fn doctor(service: &Service, more: &[(&str, &str)]) -> Run {
    let module = module_path();
    let arguments = ["doctor", "--json", "--no-tools", "--module", text(&module)];
    let run = run_with(service, &arguments, more);
    let signed = service.requests().iter().any(|request| request.is_signed);
    assert!(!signed);
    run
}

/// The finding of a check.
fn finding(run: &Run, check: &str) -> Value {
    let json = run.json();
    let findings = json["findings"].as_array().unwrap();
    let found = findings.iter().find(|finding| finding["check"] == check);
    found
        .unwrap_or_else(|| panic!("no {check} in {json:#}"))
        .clone()
}

/// Asserts that this check alone failed, with these parts in its message and its remedy.
fn assert_failed(run: &Run, check: &str, message: &str, remedy: &str) {
    assert_eq!((run.status, run.stderr.as_str()), (Some(1), ""));
    let json = run.json();
    assert_eq!(json["ok"], false);
    let findings = json["findings"].as_array().unwrap();
    let failed = findings
        .iter()
        .filter(|finding| finding["status"] == "failed");
    let failed: Vec<_> = failed
        .map(|finding| finding["check"].as_str().unwrap())
        .collect();
    assert_eq!(failed, [check], "{json:#}");
    assert_says(run, check, "failed", message, remedy);
}

fn assert_says(run: &Run, check: &str, status: &str, message: &str, remedy: &str) {
    let finding = finding(run, check);
    assert_eq!(finding["status"], status, "{finding:#}");
    for (name, part) in [("message", message), ("remedy", remedy)] {
        let said = finding[name].as_str().unwrap_or_default();
        assert!(said.contains(part), "{part:?} is not in {finding:#}");
    }
}

#[test]
fn where_all_is_well_each_check_says_so_and_each_tool_loads_the_module() {
    let service = tls_service(TlsOptions::default());
    let module = module_path();
    let arguments = ["doctor", "--json", "--module", text(&module)];
    let run = run_with(&service, &arguments, &[]).assert_ok();
    let json = run.json();
    assert_eq!(json["ok"], true, "{json:#}");
    let findings = json["findings"].as_array().unwrap();
    let checks = |status: &str| -> BTreeSet<&str> {
        let findings = findings
            .iter()
            .filter(|finding| finding["status"] == status);
        findings
            .map(|finding| finding["check"].as_str().unwrap())
            .collect()
    };
    let expected = [
        "API token",
        "NSS",
        "TLS",
        "certificates",
        "clock",
        "configuration",
        "connection",
        "credentials",
        "gnupg-pkcs11-scd",
        "keytool, jarsigner",
        "log file",
        "module",
        "name",
        "openssl",
        "openssl engine",
        "osslsigncode",
        "p11tool",
        "pkcs11-tool",
        "service",
        "signing policies",
        "ssh",
    ];
    let mut fine = checks("ok");
    // Debian 12 has none, later ones have.
    if !fine.remove("openssl provider") {
        assert_eq!(checks("skipped"), ["openssl provider"].into());
    }
    assert_eq!(fine, expected.into(), "{json:#}");
    let loading = findings.iter().filter(|finding| {
        finding["message"]
            .as_str()
            .unwrap()
            .ends_with("; loads the module")
    });
    assert!(loading.count() >= 7, "{json:#}");
    let requests = service.requests();
    assert!(
        requests
            .iter()
            .all(|request| [LIST, HEALTH].contains(&request.route.as_str()))
    );
}

#[test]
fn each_value_is_shown_with_where_it_comes_from_and_no_secret() {
    let service = service();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("signpath.json");
    fs::write(&file, "{\n  \"Description\": \"of the file\"\n}\n").unwrap();
    let more = [
        ("SIGNPATH_CONFIG_FILE", text(&file)),
        ("http_proxy", "http://ci:pr0xy@127.0.0.1:1"),
        ("no_proxy", "127.0.0.1"),
    ];
    let run = doctor(&service, &more).assert_ok();
    let finding = finding(&run, "configuration");
    let details = finding["details"].as_array().unwrap();
    let origin = format!("configuration file {}, line 2", file.display());
    for (setting, value, origin) in [
        ("ApiToken", "***", "environment variable SIGNPATH_API_TOKEN"),
        (
            "ApiUrl",
            service.api_url(),
            "environment variable SIGNPATH_API_URL",
        ),
        ("Description", "of the file", &origin),
        ("HttpRequestTimeoutInSeconds", "30", "default"),
        ("no_proxy", "127.0.0.1", "environment variable no_proxy"),
    ] {
        let expected = json!({"setting": setting, "value": value, "origin": origin});
        assert!(
            details.contains(&expected),
            "{expected} is not in {finding:#}"
        );
    }
    assert!(!run.stdout.contains("pr0xy"), "{}", run.stdout);
}

#[test]
fn a_configuration_that_cannot_be_used_ends_the_search() {
    let service = service();
    let run = doctor(&service, &[("SIGNPATH_LOG_FILE_LEVEL", "loud")]);
    assert_failed(&run, "configuration", "SIGNPATH_LOG_FILE_LEVEL", "");
    assert_eq!(finding(&run, "all else")["status"], "skipped");
    assert_eq!(service.requests(), []);
}

#[test]
fn a_misspelt_variable_is_a_warning() {
    let run = doctor(&service(), &[("SIGNPATH_API_TOKN", "x")]).assert_ok();
    let remedy = "correct the names";
    assert_says(
        &run,
        "configuration",
        "warning",
        "SIGNPATH_API_TOKEN was probably meant",
        remedy,
    );
}

#[test]
fn missing_credentials_are_a_failure() {
    let service = service();
    let run = doctor(&service, &[("SIGNPATH_API_TOKEN", "")]);
    assert_failed(
        &run,
        "credentials",
        "there are no credentials",
        "set SIGNPATH_ORGANIZATION_ID",
    );
    assert_eq!(finding(&run, "API token")["status"], "skipped");
}

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
fn a_user_without_signing_policies_is_told_what_to_ask_for() {
    let run = doctor(&service_with(&[]), &[]);
    assert_failed(
        &run,
        "signing policies",
        "Submitter of no signing policy",
        "submitters",
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
        "the one of app/release has expired on 20",
        "renewed",
    );

    service
        .inject(Fault::on(LIST, list_with_certificate("29")))
        .unwrap();
    let run = doctor(&service, &[]).assert_ok();
    assert_says(
        &run,
        "certificates",
        "warning",
        "the one of app/release expires on 20",
        "renewed",
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
        (now - hour, "ahead of the service's"),
        (now + hour, "behind the service's"),
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
        "/healthz answers 503",
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
        "answers 404 instead of 200",
        "check ApiUrl",
    );
    assert_says(&run, "API token", "failed", "404", "");
}

#[test]
fn a_host_that_cannot_be_reached_is_a_failure() {
    let service = service();
    for (url, check, message, remedy) in [
        (
            "http://127.0.0.1:1/Api",
            "connection",
            "127.0.0.1:1 cannot be reached",
            "check host and port",
        ),
        (
            "https://signpath.invalid/Api",
            "name",
            "the name signpath.invalid cannot be resolved",
            "spelling",
        ),
    ] {
        let run = doctor(&service, &[("SIGNPATH_API_URL", url)]);
        assert_failed(&run, check, message, remedy);
        assert_eq!(finding(&run, "service")["status"], "skipped");
    }
}

#[test]
fn what_is_wrong_with_the_certificate_of_the_server_is_said_and_the_certificate_shown() {
    let with = |certificate| {
        tls_service(TlsOptions {
            certificate,
            ..TlsOptions::default()
        })
    };
    for (service, more, message, remedy) in [
        (
            with(ServerCertificate::Good),
            &[("SIGNPATH_TLS_CA_FILE", "")][..],
            "UnknownIssuer",
            "TlsCaFile",
        ),
        (
            with(ServerCertificate::Expired),
            &[],
            "expired",
            "check the clock",
        ),
        (
            with(ServerCertificate::OtherName),
            &[],
            "another name",
            "ApiUrl",
        ),
    ] {
        let run = doctor(&service, more);
        assert_failed(&run, "TLS", message, remedy);
        let details = &finding(&run, "TLS")["details"];
        let subject = details[0]["subject"].as_str().unwrap();
        assert!(subject.contains("Local SignPath Service"), "{details:#}");
        assert_eq!(finding(&run, "service")["status"], "skipped");
    }
}

#[test]
fn a_server_without_tls_is_a_failure() {
    let service = service();
    let url = service.api_url().replace("http:", "https:");
    let run = doctor(&service, &[("SIGNPATH_API_URL", &url)]);
    assert_failed(&run, "TLS", "does not speak TLS", "scheme");
}

#[test]
fn the_way_leads_through_the_proxy() {
    let service = tls_service(TlsOptions::default());
    let proxy = tinyproxy("BasicAuth ci pr0xy-passw0rd");
    let url = format!("http://ci:pr0xy-passw0rd@{}", proxy.address);
    let run = doctor(&service, &[("https_proxy", &url)]).assert_ok();
    assert_says(&run, "proxy", "ok", "lets requests through", "");
    assert!(!run.stdout.contains("pr0xy-passw0rd"), "{}", run.stdout);
    assert!(proxy.log().contains("CONNECT"), "{}", proxy.log());
}

#[test]
fn a_proxy_that_does_not_let_requests_through_is_a_failure() {
    let service = tls_service(TlsOptions::default());
    let web_server = crate::common::service();
    let no_proxy = web_server.api_url().trim_end_matches("/Api").to_owned();
    let closed_proxy = tinyproxy("ConnectPort 1");
    let closed = format!("http://{}", closed_proxy.address);
    for (proxy, message, remedy) in [
        ("http://127.0.0.1:1", "cannot be reached", "no_proxy"),
        (
            "http://proxy.invalid:3128",
            "cannot be resolved",
            "HttpProxy",
        ),
        (
            &no_proxy,
            "does not connect to 127.0.0.1",
            "ask whoever runs the proxy",
        ),
        (
            &closed,
            "does not connect to 127.0.0.1",
            "ask whoever runs the proxy",
        ),
    ] {
        let run = doctor(&service, &[("https_proxy", proxy)]);
        let check = match proxy.contains("invalid") {
            true => "name",
            false => "proxy",
        };
        assert_failed(&run, check, message, remedy);
    }
}

#[test]
fn a_log_folder_of_everybody_is_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let state = tempfile::tempdir().unwrap();
    let more = [
        ("SIGNPATH_LOG_FILE_DIRECTORY", text(folder.path())),
        ("XDG_STATE_HOME", text(state.path())),
        ("SIGNPATH_LOG_CONSOLE_LEVEL", "none"),
    ];
    let run = doctor(&service(), &more).assert_ok();
    assert_says(
        &run,
        "log file",
        "warning",
        "can be written by other users",
        "SIGNPATH_LOG_FILE_DIRECTORY",
    );
}

#[test]
fn a_module_that_cannot_be_loaded_is_a_failure() {
    let service = service();
    for (module, message) in [
        ("/etc/os-release", "/etc/os-release cannot be loaded"),
        (
            "/nonexistent/module.so",
            "there is no file /nonexistent/module.so",
        ),
    ] {
        let run = run_with(&service, &["doctor", "--json", "--module", module], &[]);
        assert_failed(&run, "module", message, "");
    }
}

/// A folder with programs that behave as these scripts say, and with those that the scripts of the doctor need.
fn programs(folder: &Path, scripts: &[(&str, &str)]) {
    for name in ["sh", "sed", "printf", "true"] {
        let found = Command::new("sh")
            .args(["-c", "command -v \"$0\"", name])
            .output()
            .unwrap();
        let found = String::from_utf8(found.stdout).unwrap();
        if found.starts_with('/') {
            std::os::unix::fs::symlink(found.trim(), folder.join(name)).unwrap();
        }
    }
    for (name, script) in scripts {
        let file = folder.join(name);
        fs::write(&file, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    }
}

#[test]
fn a_tool_that_does_not_load_the_module_is_a_failure_with_the_reason() {
    let (service, folder) = (service(), tempfile::tempdir().unwrap());
    let error = "signpath-pkcs11: error: C_Initialize: the reason [CKR_GENERAL_ERROR]";
    programs(
        folder.path(),
        &[
            (
                "pkcs11-tool",
                &format!("echo '{error}' >&2; echo the tool\\'s own words; exit 1"),
            ),
            (
                "p11tool",
                "[ \"$1\" = --version ] && { echo p11tool 3; exit; }; kill -SEGV $$",
            ),
            ("ssh-keygen", "echo \"no keys for $SIGNPATH_API_TOKEN\""),
            ("ssh", "echo OpenSSH_9 >&2"),
        ],
    );
    let module = module_path();
    let arguments = ["doctor", "--json", "--module", text(&module)];
    // It does not show the token, which `run_with` looks for.
    let run = run_with(&service, &arguments, &[("PATH", text(folder.path()))]);
    assert_eq!(run.status, Some(1));
    let remedy = "SIGNPATH_LOG_CONSOLE_LEVEL=debug";
    assert_says(
        &run,
        "pkcs11-tool",
        "failed",
        &format!("does not load the module ({error})"),
        remedy,
    );
    assert_says(
        &run,
        "p11tool",
        "failed",
        "p11tool 3; does not load the module (it was ended by signal 11)",
        remedy,
    );
    assert_says(
        &run,
        "ssh",
        "failed",
        "OpenSSH_9; does not load the module (no keys for ***)",
        remedy,
    );
    assert_says(&run, "NSS", "skipped", "not installed", "");
}

#[test]
fn for_people_there_is_a_line_for_each_check_and_what_to_do() {
    let module = module_path();
    let arguments = ["doctor", "--no-tools", "--module", text(&module)];
    let service = service();
    let run = run_with(&service, &arguments, &[("SIGNPATH_API_TOKEN", "wr0ng")]);
    assert_eq!(run.status, Some(1));
    for part in [
        "\nok       service ",
        "\nFAILED   API token ",
        "\n         to do: check that the API token is complete",
        "\n\n1 problem, no warning.\n",
    ] {
        assert!(
            run.stdout.contains(part),
            "{part:?} is not in {}",
            run.stdout
        );
    }
    assert!(!run.stdout.contains('\u{1b}'), "{}", run.stdout);
    let run = Run::of(program(&arguments).envs(environment(&service, &[])));
    assert!(
        run.assert_ok()
            .stdout
            .ends_with("\nno problem, no warning.\n")
    );
}
