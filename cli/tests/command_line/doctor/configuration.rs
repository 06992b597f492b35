//! The configuration, and which of it can be used.

use serde_json::json;

use super::{assert_failed, doctor, finding, finds};
use crate::common::options;
use crate::program::{Bench, rows, text};

#[test]
fn each_value_is_shown_with_its_origin_and_without_secrets() {
    let bench = Bench::new();
    bench.write("signpath.json", "{\n  \"Description\": \"of the file\"\n}\n");
    let run = doctor(
        &bench,
        &[
            ("SIGNPATH_CONFIG_FILE", "signpath.json"),
            ("http_proxy", "http://ci:pr0xy@127.0.0.1:1"),
            ("no_proxy", "127.0.0.1,http://ci:pr0xy@other/"),
        ],
    );
    let finding = finding(&run.assert_ok(), "configuration");
    for (setting, value, origin) in rows! {
        "ApiToken", "***", "environment variable SIGNPATH_API_TOKEN";
        "ApiUrl", bench.service.api_url(), "environment variable SIGNPATH_API_URL";
        "Description", "of the file", "configuration file signpath.json, line 2";
        "HttpRequestTimeoutInSeconds", "30", "default";
        "no_proxy", "127.0.0.1,***@other/", "environment variable no_proxy";
    } {
        let expected = json!({"setting": setting, "value": value, "origin": origin});
        let details = finding["details"].as_array().unwrap();
        assert!(details.contains(&expected), "{expected} is not in {finding:#}");
    }
    assert!(!finding.to_string().contains("pr0xy"), "{finding:#}");
}

#[test]
fn an_invalid_configuration_or_missing_credentials_end_the_checks() {
    for (variable, value, check, message, remedy, skipped) in rows! {
        "SIGNPATH_LOG_FILE_LEVEL", "loud", "configuration", "SIGNPATH_LOG_FILE_LEVEL", "", "other checks";
        "SIGNPATH_API_TOKEN", "", "credentials", "no API token is configured", "set SIGNPATH_API_TOKEN", "API token";
    } {
        let run = doctor(&Bench::new(), &[(variable, value)]);
        assert_failed(&run, check, message, remedy);
        assert_eq!(finding(&run, skipped)["status"], "skipped");
    }
}

#[test]
fn an_unknown_setting_is_a_warning() {
    let bench = Bench::new();
    bench.write("signpath.json", r#"{"TlsCAFile": "ca.pem"}"#);
    for (variable, value, meant) in [
        ("SIGNPATH_API_TOKN", "x", "SIGNPATH_API_TOKEN"),
        ("SIGNPATH_CONFIG_FILE", "signpath.json", "TlsCaFile"),
    ] {
        let run = doctor(&bench, &[(variable, value)]);
        let message = format!("ignored; did you mean {meant}?");
        finds! { run, "configuration" warning: &message, "correct or remove them"; }
    }
}

#[test]
fn a_log_directory_or_file_that_cannot_be_used_is_a_warning() {
    let bench = Bench::new();
    bench.sh("mkdir -m 777 shared; mkdir -p logs/SignPath.CryptoProviders.Cryptoki.txt");
    for (name, reason) in [
        ("shared", "the directory is writable by other users"),
        ("logs", "the log file is not a regular file"),
    ] {
        let [logs, state] = [name, "."].map(|name| bench.text(name));
        let run = doctor(
            &bench,
            &[
                ("SIGNPATH_LOG_FILE_DIRECTORY", &logs),
                ("XDG_STATE_HOME", &state),
                ("SIGNPATH_LOG_CONSOLE_LEVEL", "none"),
            ],
        );
        let message = format!("not in {logs}, but in another directory: {reason}");
        finds! { run, "log file" warning: &message, "SIGNPATH_LOG_FILE_DIRECTORY"; }
    }
}

#[test]
fn a_journal_that_cannot_be_written_is_a_failure() {
    let bench = Bench::new();
    bench.sh("mkdir -m 777 shared");
    let with = |path| doctor(&bench, &[("SIGNPATH_LOG_JOURNAL", path)]);
    finds! { with("journal"), "journal" ok: "journal", ""; }
    finds! { with("shared/journal"), "journal" failed: "the directory is writable by other users", "SIGNPATH_LOG_JOURNAL"; }
}

#[test]
fn the_file_with_chain_certificates_is_read() {
    let bench = Bench::new();
    let ca = options().state.join("code-signing-ca.pem");
    let with = |path| doctor(&bench, &[("SIGNPATH_CHAIN_CERTIFICATES_FILE", path)]);
    finds! { with(text(&ca)), "chain certificates" ok: "1 certificate in ", ""; }
    finds! { with("/none/ca.pem"), "chain certificates" failed: "/none/ca.pem", ""; }
}
