//! What is configured, and what of it can be used.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::json;

use super::{assert_failed, assert_says, doctor, finding};
use crate::common::{options, service};
use crate::program::text;

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
    assert_eq!(finding(&run, "other checks")["status"], "skipped");
    assert_eq!(service.requests(), []);
}

#[test]
fn a_name_that_is_not_a_settings_is_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("signpath.json");
    fs::write(&file, r#"{"TlsCAFile": "ca.pem"}"#).unwrap();
    for (variable, meant) in [
        (("SIGNPATH_API_TOKN", "x"), "SIGNPATH_API_TOKEN"),
        (("SIGNPATH_CONFIG_FILE", text(&file)), "TlsCaFile"),
    ] {
        let run = doctor(&service(), &[variable]).assert_ok();
        let message = format!("ignored; did you mean {meant}?");
        let remedy = "correct or remove them";
        assert_says(&run, "configuration", "warning", &message, remedy);
    }
}

#[test]
fn missing_credentials_are_a_failure() {
    let service = service();
    let run = doctor(&service, &[("SIGNPATH_API_TOKEN", "")]);
    assert_failed(
        &run,
        "credentials",
        "no credentials",
        "set SIGNPATH_ORGANIZATION_ID",
    );
    assert_eq!(finding(&run, "API token")["status"], "skipped");
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
        "is writable by other users",
        "SIGNPATH_LOG_FILE_DIRECTORY",
    );
}

#[test]
fn the_file_with_chain_certificates_is_read() {
    let service = service();
    let authority = options().state.join("code-signing-ca.pem");
    let more = [("SIGNPATH_CHAIN_CERTIFICATES_FILE", text(&authority))];
    let run = doctor(&service, &more).assert_ok();
    assert_says(&run, "chain certificates", "ok", "1 certificate in ", "");
    let run = doctor(
        &service,
        &[("SIGNPATH_CHAIN_CERTIFICATES_FILE", "/nonexistent/ca.pem")],
    );
    assert_failed(&run, "chain certificates", "/nonexistent/ca.pem", "");
}
