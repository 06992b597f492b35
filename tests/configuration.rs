//! What C_Initialize says of a configuration that it accepts; `tests/failures` has those that it
//! does not.

mod common;

use std::ptr::null_mut;

use common::in_child;
use common::raw::{Raw, ck};
use cryptoki_sys::*;

#[test]
fn older_names_and_misspelt_variables_are_a_warning_each_where_the_log_shows_warnings() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("signpath.json");
    std::fs::write(&path, "{\n\"CIUserToken\": \"s3cret\"}").unwrap();
    let path = path.to_str().unwrap();
    let warnings = [
        "signpath-pkcs11: warning: environment variable SIGNPATH_API_TOKN: unknown setting, ignored; \
         did you mean SIGNPATH_API_TOKEN?",
        &format!(
            "signpath-pkcs11: warning: configuration file {path}, line 2, setting CIUserToken: \
             this name is deprecated; use ApiToken instead"
        ),
    ];
    for (level, expected) in [("warning", &warnings[..]), ("error", &[])] {
        let environment = [
            ("SIGNPATH_CONFIG_FILE", path),
            ("SIGNPATH_API_TOKN", "s3cret"),
            ("SIGNPATH_LOG_CONSOLE_LEVEL", level),
        ];
        let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let child = || {
            let raw = Raw::load();
            assert_eq!(ck!(raw, C_Initialize(null_mut())), CKR_OK);
        };
        let run = in_child(test_name!(), || ((), environment.into()), child);
        let Some(((), run)) = run else {
            return;
        };
        assert_eq!(run.lines(), expected);
    }
}

/// The warnings of C_Initialize with this configuration file and environment. [`None`] in the child.
fn warnings(test: &str, content: &str, more: &[(&str, &str)]) -> Option<Vec<String>> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("signpath.json");
    std::fs::write(&path, content).unwrap();
    let path = [("SIGNPATH_CONFIG_FILE", path.to_str().unwrap())];
    let environment = path.iter().chain(more);
    let environment = environment.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let child = || {
        let raw = Raw::load();
        assert_eq!(ck!(raw, C_Initialize(null_mut())), CKR_OK);
    };
    let ((), run) = in_child(test, || ((), environment.collect()), child)?;
    let lines = run.lines().into_iter();
    let warnings = lines.map(|line| line.strip_prefix("signpath-pkcs11: warning: ").unwrap());
    Some(warnings.map(str::to_owned).collect())
}

/// Panics unless there are as many warnings as parts, each with its part.
fn assert_parts(warnings: &[String], expected: &[&str]) {
    assert_eq!(warnings.len(), expected.len(), "{warnings:#?}");
    for (warning, part) in warnings.iter().zip(expected) {
        assert!(warning.contains(part), "{part:?} is not in {warning}");
    }
}

#[test]
fn proxy_variables_of_another_kind_are_a_warning_unless_no_proxy_exempts_the_api() {
    let socks = ("https_proxy", "socks5h://proxy.example");
    for (more, expected) in [
        (
            &[socks][..],
            &[
                "environment variable https_proxy: SOCKS proxies are not supported, ignored; using no proxy; set HttpProxy or http_proxy",
            ][..],
        ),
        (&[socks, ("no_proxy", "*")], &[]),
        (&[socks, ("no_proxy", "localhost app.signpath.io")], &[]),
        (
            &[
                ("http_proxy", "proxy.example:3128"),
                ("no_proxy", "intern.example 10.0.0.0/99"),
            ],
            &["environment variable no_proxy: invalid entries 10.0.0.0/99, ignored"],
        ),
    ] {
        let Some(warnings) = warnings(test_name!(), "{}", more) else {
            return;
        };
        assert_parts(&warnings, expected);
    }
}

#[test]
fn an_unknown_setting_is_a_warning_with_what_was_probably_meant() {
    for (content, expected) in [
        (
            "{\n\"TlsCAFile\": \"s3cret\"}",
            &["line 2, setting TlsCAFile: unknown setting, ignored; did you mean TlsCaFile?"][..],
        ),
        (
            r#"{"Apitokn": "s3cret", "apitoken": "s3cret"}"#,
            &[
                "setting Apitokn: unknown setting, ignored; did you mean ApiToken?",
                "setting apitoken: unknown setting, ignored; did you mean ApiToken?",
            ],
        ),
        (
            r#"{"LoginRequired": false}"#,
            &["unknown setting, ignored; did you mean Cryptoki.LoginRequired?"],
        ),
        (
            r#"{"Log": {"Fil": {"s3cret": 1}}}"#,
            &["setting Log.Fil: unknown setting, ignored; did you mean Log.File?"],
        ),
        (
            r#"{"Log.File.Level": "s3cret"}"#,
            &["setting Log.File.Level: unknown setting, ignored; use nested objects"],
        ),
        (
            r#"{"OfTheFuture": {"s3cret": {}}, "OfTheFuture": ["s3cret"]}"#,
            &["setting OfTheFuture: unknown setting, ignored; docs/configuration.md"; 2],
        ),
        (
            r#"{"Timeouts": {"HttpRequest": "00:00:30", "FirstRetryDelay": 1, "RetryCount": 3, "s3": 1}}"#,
            &[
                "Timeouts.HttpRequest: removed in version 6, ignored; use HttpRequestTimeoutInSeconds",
                "Timeouts.FirstRetryDelay: removed in version 6, ignored; the delay is fixed",
                "Timeouts.RetryCount: removed in version 6, ignored; use ServiceUnavailable",
                "setting Timeouts.s3: unknown setting",
            ],
        ),
        (
            r#"{"Timeouts": "s3cret"}"#,
            &["setting Timeouts: unknown setting, ignored"],
        ),
    ] {
        let Some(warnings) = warnings(test_name!(), content, &[]) else {
            return;
        };
        assert_parts(&warnings, expected);
        assert!(!warnings.concat().contains("s3cret"), "{warnings:#?}");
    }
}

#[test]
fn variables_of_an_older_library_are_a_warning() {
    let names = ["HTTP_REQUEST", "FIRST_RETRY_DELAY", "RETRY_COUNT"];
    let names = names.map(|name| format!("SIGNPATH_TIMEOUTS_{name}"));
    let more = names.each_ref().map(|name| (name.as_str(), "3"));
    let Some(mut warnings) = warnings(test_name!(), "{}", &more) else {
        return;
    };
    warnings.sort();
    let removed = ["delay is fixed", "HttpRequestTimeout", "ServiceUnavailable"];
    assert_parts(&warnings, &removed);
}

#[test]
fn of_many_unknown_settings_the_first_are_told_and_how_many_more() {
    let long = "x".repeat(100_000);
    let names = (0..50).map(|number| format!("\"{number}{long}\": {{}}"));
    let content = format!("{{{}}}", names.collect::<Vec<_>>().join(","));
    let Some(warnings) = warnings(test_name!(), &content, &[]) else {
        return;
    };
    assert_eq!(warnings.len(), 11);
    assert!(warnings[10].ends_with(": 40 more unknown settings, ignored"));
    assert!(warnings.iter().all(|warning| warning.len() < 400));
}
