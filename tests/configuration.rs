//! What C_Initialize says of settings in the file that it ignores; `tests/failures` has variables, and what is refused.

mod common;

use common::{on_stage, options};
use cryptoki_sys::CKR_OK;

/// The content of a configuration file, and a part of each warning.
type Row<'a> = (&'a str, &'a [&'a str]);

#[test]
fn each_setting_that_is_ignored_is_a_warning() {
    let long = "x".repeat(100_000);
    let names = (0..50).map(|number| format!("\"{number}{long}\": {{}}"));
    let many = format!("{{{}}}", names.collect::<Vec<_>>().join(","));
    let mut ten_and_the_rest = [""; 11];
    ten_and_the_rest[10] = ": 40 more unknown settings, ignored";
    let rows: &[Row] = &table! {
        ("{\n\"TlsCAFile\": \"s3cret\"}", &["line 2, setting TlsCAFile: unknown setting, ignored; did you mean TlsCaFile?"]),
        ("{\n\"CIUserToken\": \"s3cret\"}", &["line 2, setting CIUserToken: this name is deprecated; use ApiToken instead"]),
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
        (&many, &ten_and_the_rest),
    };
    on_stage(test_name!(), options, &[("SIGNPATH_API_TOKEN", "")], |stage, module| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("signpath.json");
        stage.set("SIGNPATH_CONFIG_FILE", path.to_str().unwrap());
        for (content, expected) in rows {
            std::fs::write(&path, content).unwrap();
            let lines = stage.see(|| assert_eq!(module.initialize(), CKR_OK)).lines;
            assert_eq!(module.finalize(), CKR_OK);
            assert_eq!(lines.len(), expected.len(), "{lines:#?}");
            for (line, part) in lines.iter().zip(*expected) {
                assert!(line.starts_with("warning: ") && line.len() < 400, "{line}");
                assert!(line.contains(part), "{part:?} is not in {line}");
                assert!(!line.contains("s3cret"), "{line}");
            }
        }
        std::fs::write(&path, "{}").unwrap();
        for name in ["FIRST_RETRY_DELAY", "RETRY_COUNT"] {
            stage.set(&format!("SIGNPATH_TIMEOUTS_{name}"), "3");
        }
        for (level, expected) in [("warning", 2), ("error", 0)] {
            stage.set("SIGNPATH_LOG_CONSOLE_LEVEL", level);
            let lines = stage.see(|| assert_eq!(module.initialize(), CKR_OK)).lines;
            assert_eq!(module.finalize(), CKR_OK);
            let removed = lines.iter().filter(|line| line.contains("removed in version 6"));
            assert_eq!((removed.count(), lines.len()), (expected, expected), "{lines:#?}");
        }
    });
}
