//! What C_Initialize says of a configuration that it accepts; `tests/failures` has those that it
//! does not.

mod common;

use common::{on_stage, options};
use cryptoki_sys::CKR_OK;

/// No warning depends on credentials.
const NO_CREDENTIALS: [(&str, &str); 3] =
    [("SIGNPATH_API_URL", ""), ("SIGNPATH_ORGANIZATION_ID", ""), ("SIGNPATH_API_TOKEN", "")];

/// A configuration file, variables of the environment, and a part of each warning.
type Row<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a [&'a str]);

/// C_Initialize succeeds with exactly the warnings of each row.
fn assert_warnings(test: &str, rows: &[Row]) {
    on_stage(test, options, &NO_CREDENTIALS, |stage, module| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("signpath.json");
        stage.set("SIGNPATH_CONFIG_FILE", path.to_str().unwrap());
        for (content, variables, expected) in rows {
            std::fs::write(&path, content).unwrap();
            variables.iter().for_each(|(name, value)| stage.set(name, value));
            let said = stage.see(|| assert_eq!(module.initialize(), CKR_OK));
            assert_eq!(module.finalize(), CKR_OK);
            variables.iter().for_each(|(name, _)| stage.set(name, ""));
            let mut lines = said.lines;
            if !variables.is_empty() {
                // Variables have no order.
                lines.sort();
            }
            assert_eq!(lines.len(), expected.len(), "{content}: {lines:#?}");
            for (line, part) in lines.iter().zip(*expected) {
                assert!(line.starts_with("warning: ") && line.len() < 400, "{line}");
                assert!(line.contains(part), "{part:?} is not in {line}");
                assert!(!line.contains("s3cret"), "{line}");
            }
        }
    });
}

#[test]
fn older_names_and_misspelt_variables_are_a_warning_each() {
    let old_name = "{\n\"CIUserToken\": \"s3cret\"}";
    let misspelt = ("SIGNPATH_API_TOKN", "s3cret");
    let removed = ["HTTP_REQUEST", "FIRST_RETRY_DELAY", "RETRY_COUNT"];
    let removed = removed.map(|name| format!("SIGNPATH_TIMEOUTS_{name}"));
    let removed = removed.each_ref().map(|name| (name.as_str(), "3"));
    let warnings = [
        "signpath.json, line 2, setting CIUserToken: this name is deprecated; use ApiToken instead",
        "environment variable SIGNPATH_API_TOKN: unknown setting, ignored; did you mean SIGNPATH_API_TOKEN?",
    ];
    let no_warnings = ("SIGNPATH_LOG_CONSOLE_LEVEL", "error");
    assert_warnings(
        test_name!(),
        &table! {
            (old_name, &[misspelt], &warnings),
            (old_name, &[misspelt, no_warnings], &[]),
            ("{}", &removed, &["delay is fixed", "HttpRequestTimeout", "ServiceUnavailable"]),
        },
    );
}

#[test]
fn a_proxy_of_another_kind_is_a_warning() {
    let socks = ("https_proxy", "socks5h://proxy.example");
    let http = ("http_proxy", "proxy.example:3128");
    let no_proxy = |hosts| ("no_proxy", hosts);
    let rows = table! {
        ("{}", &[socks][..], &["environment variable https_proxy: SOCKS proxies are not supported, ignored; using no proxy; \
            set HttpProxy or http_proxy"][..]),
        ("{}", &[socks, no_proxy("*")], &[]),
        ("{}", &[socks, no_proxy("localhost app.signpath.io")], &[]),
        ("{}", &[http, no_proxy("intern.example 10.0.0.0/99")],
            &["environment variable no_proxy: invalid entries 10.0.0.0/99, ignored"]),
    };
    assert_warnings(test_name!(), &rows);
}

#[test]
fn suggests_the_setting_that_was_probably_meant() {
    let rows = table! {
        ("{\n\"TlsCAFile\": \"s3cret\"}",
            &["line 2, setting TlsCAFile: unknown setting, ignored; did you mean TlsCaFile?"][..]),
        (r#"{"Apitokn": "s3cret", "apitoken": "s3cret"}"#,
            &["setting Apitokn: unknown setting, ignored; did you mean ApiToken?",
              "setting apitoken: unknown setting, ignored; did you mean ApiToken?"]),
        (r#"{"LoginRequired": false}"#, &["unknown setting, ignored; did you mean Cryptoki.LoginRequired?"]),
        (r#"{"Log": {"Fil": {"s3cret": 1}}}"#, &["setting Log.Fil: unknown setting, ignored; did you mean Log.File?"]),
        (r#"{"Log.File.Level": "s3cret"}"#, &["setting Log.File.Level: unknown setting, ignored; use nested objects"]),
        (r#"{"OfTheFuture": {"s3cret": {}}, "OfTheFuture": ["s3cret"]}"#,
            &["setting OfTheFuture: unknown setting, ignored; docs/configuration.md"; 2]),
        (r#"{"Timeouts": {"HttpRequest": "00:00:30", "FirstRetryDelay": 1, "RetryCount": 3, "s3": 1}}"#,
            &["Timeouts.HttpRequest: removed in version 6, ignored; use HttpRequestTimeoutInSeconds",
              "Timeouts.FirstRetryDelay: removed in version 6, ignored; the delay is fixed",
              "Timeouts.RetryCount: removed in version 6, ignored; use ServiceUnavailable",
              "setting Timeouts.s3: unknown setting"]),
        (r#"{"Timeouts": "s3cret"}"#, &["setting Timeouts: unknown setting, ignored"]),
    };
    assert_warnings(test_name!(), &rows.map(|(content, expected)| (content, &[][..], expected)));
}

#[test]
fn names_ten_unknown_settings_and_counts_the_rest() {
    let long = "x".repeat(100_000);
    let names = (0..50).map(|number| format!("\"{number}{long}\": {{}}"));
    let content = format!("{{{}}}", names.collect::<Vec<_>>().join(","));
    let mut parts = [""; 11];
    parts[10] = ": 40 more unknown settings, ignored";
    assert_warnings(test_name!(), &[(&content, &[], &parts)]);
}
