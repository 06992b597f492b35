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
        "signpath-pkcs11: warning: environment variable SIGNPATH_API_TOKN: not a setting, ignored; \
         SIGNPATH_API_TOKEN was probably meant",
        &format!(
            "signpath-pkcs11: warning: configuration file {path}, line 2, setting CIUserToken: \
             this name is deprecated, use ApiToken"
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
                "environment variable https_proxy: SOCKS proxies are not supported, ignored; no proxy is used; set HttpProxy or http_proxy",
            ][..],
        ),
        (&[socks, ("no_proxy", "*")], &[]),
        (&[socks, ("no_proxy", "localhost app.signpath.io")], &[]),
        (
            &[
                ("http_proxy", "proxy.example:3128"),
                ("no_proxy", "intern.example 10.0.0.0/99"),
            ],
            &["environment variable no_proxy: the entry 10.0.0.0/99 cannot be read, ignored"],
        ),
    ] {
        let Some(warnings) = warnings(test_name!(), "{}", more) else {
            return;
        };
        assert_parts(&warnings, expected);
    }
}
