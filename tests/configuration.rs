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
