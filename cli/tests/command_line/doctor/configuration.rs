//! The configuration, and which of it can be used.

use serde_json::json;

use super::{doctor, finding, finds};
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
fn what_cannot_be_used_is_a_failure_or_a_warning() {
    let bench = Bench::new();
    bench.write("signpath.json", r#"{"TlsCAFile": "ca.pem"}"#);
    bench.sh("mkdir -m 777 shared; mkdir -p logs/SignPath.CryptoProviders.Cryptoki.txt");
    let [shared, logs, here] = ["shared", "logs", "."].map(|name| bench.text(name));
    let elsewhere = |folder, reason| format!("not in {folder}, but in another directory: {reason}");
    let writable = elsewhere(&shared, "the directory is writable by other users");
    let folder = elsewhere(&logs, "the log file is not a regular file");
    let ca = options().state.join("code-signing-ca.pem");
    finds! {
        bench, [SIGNPATH_LOG_FILE_LEVEL = "loud"]
            => "configuration" failed: "SIGNPATH_LOG_FILE_LEVEL", "", "other checks" skipped: "", "";
        bench, [SIGNPATH_API_TOKEN = ""]
            => "credentials" failed: "no API token is configured", "set SIGNPATH_API_TOKEN", "API token" skipped: "", "";
        bench, [SIGNPATH_API_TOKN = "x"]
            => "configuration" warning: "ignored; did you mean SIGNPATH_API_TOKEN?", "correct or remove them";
        bench, [SIGNPATH_CONFIG_FILE = "signpath.json"]
            => "configuration" warning: "ignored; did you mean TlsCaFile?", "correct or remove them";
        bench, [SIGNPATH_LOG_FILE_DIRECTORY = &shared, XDG_STATE_HOME = &here, SIGNPATH_LOG_CONSOLE_LEVEL = "none"]
            => "log file" warning: &writable, "SIGNPATH_LOG_FILE_DIRECTORY";
        bench, [SIGNPATH_LOG_FILE_DIRECTORY = &logs, XDG_STATE_HOME = &here, SIGNPATH_LOG_CONSOLE_LEVEL = "none"]
            => "log file" warning: &folder, "SIGNPATH_LOG_FILE_DIRECTORY";
        bench, [SIGNPATH_LOG_JOURNAL = "journal"] => "journal" ok: "journal", "";
        bench, [SIGNPATH_LOG_JOURNAL = "shared/journal"]
            => "journal" failed: "the directory is writable by other users", "SIGNPATH_LOG_JOURNAL";
        bench, [SIGNPATH_CHAIN_CERTIFICATES_FILE = text(&ca)] => "chain certificates" ok: "1 certificate in ", "";
        bench, [SIGNPATH_CHAIN_CERTIFICATES_FILE = "/none/ca.pem"] => "chain certificates" failed: "/none/ca.pem", "";
    }
}
