//! What C_Initialize says of a configuration.

mod common;

use std::ptr::null_mut;

use common::in_child;
use common::raw::{Raw, ck};
use cryptoki_sys::*;

/// Stands for the path of the file of a case.
const PATH: &str = "<file>";

/// Runs C_Initialize with `environment` and a file of `content`, which must answer `expected`.
fn initialize(
    test: &str,
    environment: &[(&str, &str)],
    content: &str,
    expected: CK_RV,
) -> Option<(String, common::Run)> {
    let prepare = || {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, content).unwrap();
        let path = path.to_str().unwrap().to_owned();
        let environment = environment
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.replace(PATH, &path)))
            .chain([("SIGNPATH_TEST_EXPECTED".to_owned(), expected.to_string())])
            .collect();
        ((folder, path), environment)
    };
    let child = || {
        let raw = Raw::load();
        let expected = std::env::var("SIGNPATH_TEST_EXPECTED").unwrap();
        let answer = ck!(raw, C_Initialize(null_mut()));
        assert_eq!(answer.to_string(), expected);
    };
    let ((_folder, path), run) = in_child(test, prepare, child)?;
    Some((path, run))
}

#[test]
fn a_file_that_cannot_be_used_stops_c_initialize_with_its_place_and_what_is_expected() {
    for (content, expected) in [
        (
            "{\n  \"OrganizationId\": \"x\",\n}",
            "configuration file <file>, line 3: not valid JSON: ",
        ),
        (
            "{\n  \"ApiToken\": \"s3cret\",\n  \"TlsCAFile\": \"ca.pem\"\n}",
            "configuration file <file>, line 3, setting TlsCAFile: not a setting; expected TlsCaFile?",
        ),
        (
            "{\n  \"Log\": {\n    \"File\": {\n      \"Level\": 3}}}",
            "configuration file <file>, line 4, setting Log.File.Level: expected one of none, fatal, ",
        ),
        (
            "{\n  \"ApiToken\": \"s3cret\",\n  \"ApiToken\": \"s3cret\"}",
            "configuration file <file>, line 3, setting ApiToken: expected only once",
        ),
        (
            "{\"Cryptoki\": {\n\"LoginRequired\": \"s3cret\"}}",
            "configuration file <file>, line 2, setting Cryptoki.LoginRequired: expected true or false",
        ),
    ] {
        let environment = [("SIGNPATH_CONFIG_FILE", PATH)];
        let run = initialize(test_name!(), &environment, content, CKR_GENERAL_ERROR);
        let Some((path, run)) = run else {
            return;
        };
        let expected = format!(
            "signpath-pkcs11: error: C_Initialize: {}",
            expected.replace(PATH, &path)
        );
        run.assert_one_line(&[&expected, "[CKR_GENERAL_ERROR]"]);
        assert!(!run.stderr.contains("s3cret"), "{}", run.stderr);
    }
}

#[test]
fn a_value_that_cannot_be_used_stops_c_initialize_with_the_reason() {
    for (name, value, content, expected) in [
        (
            "SIGNPATH_CONFIG_FILE",
            "/nonexistent/signpath.json",
            "",
            "configuration file /nonexistent/signpath.json: cannot be read (No such file",
        ),
        (
            "SIGNPATH_CONFIG_FILE",
            "/",
            "",
            "configuration file /: cannot be read (Is a directory",
        ),
        (
            "SIGNPATH_API_TOKEN",
            "encrypted:AQAAANCMnd8BFdERjHoAwE",
            "",
            "environment variable SIGNPATH_API_TOKEN: encrypted: is a token that DPAPI protects, \
             which only Windows has",
        ),
        (
            "SIGNPATH_CI_USER_TOKEN",
            "registry:HKCU\\SignPath",
            "",
            "environment variable SIGNPATH_CI_USER_TOKEN: registry: is a token in the registry, \
             which only Windows has",
        ),
        (
            "SIGNPATH_API_TOKEN",
            "file:/nonexistent/token",
            "",
            "environment variable SIGNPATH_API_TOKEN: the file /nonexistent/token cannot be read \
             (No such file",
        ),
        (
            "SIGNPATH_API_TOKEN",
            "file:<file>",
            "\n",
            "the file <file> has to hold the API token in one line and nothing else",
        ),
        (
            "SIGNPATH_API_TOKEN",
            "file:<file>",
            "s3cret\ns3cret\n",
            "the file <file> has to hold the API token in one line and nothing else",
        ),
        (
            "SIGNPATH_API_URL",
            "http://signpath.example.com/Api",
            "",
            "environment variable SIGNPATH_API_URL: http://signpath.example.com/Api would send the \
             API token unencrypted over the network; expected an https URL, or AllowInsecureHttp or \
             SIGNPATH_ALLOW_INSECURE_HTTP with true",
        ),
        (
            "SIGNPATH_API_URL",
            "https://user:s3cret@signpath.example.com/Api",
            "",
            "environment variable SIGNPATH_API_URL: expected a URL such as \
             https://app.signpath.io/Api, without user, password, query and fragment",
        ),
        (
            "SIGNPATH_TLS_CLIENT_CERTIFICATE",
            "thumbprint:0123456789abcdef",
            "",
            "thumbprint: names a certificate in the store of Windows, which is not here; expected \
             file: and the path of a PEM file",
        ),
        (
            "https_proxy",
            "socks5://user:s3cret@proxy:1080",
            "",
            "environment variable https_proxy: expected host:port or \
             http://[user:password@]host:port",
        ),
        (
            "SIGNPATH_METADATA",
            "[\"s3cret\"]",
            "",
            "environment variable SIGNPATH_METADATA: expected a JSON object",
        ),
    ] {
        let run = initialize(test_name!(), &[(name, value)], content, CKR_GENERAL_ERROR);
        let Some((path, run)) = run else {
            return;
        };
        run.assert_one_line(&[
            "signpath-pkcs11: error: C_Initialize: ",
            &expected.replace(PATH, &path),
            "[CKR_GENERAL_ERROR]",
        ]);
        assert!(!run.stderr.contains("s3cret"), "{}", run.stderr);
    }
}

#[test]
fn older_names_and_misspelt_variables_are_a_warning_each_where_the_log_shows_warnings() {
    let older = [
        ("SIGNPATH_CONFIG_FILE", PATH),
        ("SIGNPATH_API_TOKN", "s3cret"),
    ];
    let quiet = [&older[..], &[("SIGNPATH_LOG_CONSOLE_LEVEL", "error")]].concat();
    let content = "{\n\"CIUserToken\": \"s3cret\"}";
    for environment in [&older[..], &quiet] {
        let run = initialize(test_name!(), environment, content, CKR_OK);
        let Some((path, run)) = run else {
            return;
        };
        if environment.len() > older.len() {
            run.assert_silent();
            continue;
        }
        assert_eq!(
            run.lines(),
            [
                "signpath-pkcs11: warning: environment variable SIGNPATH_API_TOKN: not a setting, \
                 ignored; SIGNPATH_API_TOKEN was probably meant"
                    .to_owned(),
                format!(
                    "signpath-pkcs11: warning: configuration file {path}, line 2, setting \
                     CIUserToken: this name is deprecated, use ApiToken"
                ),
            ]
        );
    }
}
