//! The levels of the console and the file, from the environment and the configuration file.

use std::collections::BTreeSet;

use serde_json::json;

use super::*;
use crate::common::SIGN;
use crate::{in_parent, test_name};

/// The levels, each of which shows itself and those before it.
const LEVELS: [&str; 7] = ["none", "fatal", "error", "warning", "info", "debug", "verbose"];

/// The levels of the lines that are shown. Only a defect of the module would be fatal.
fn shown_by(level: &str) -> BTreeSet<String> {
    let index = LEVELS.iter().position(|known| *known == level).unwrap();
    let shown = LEVELS[1..=index].iter().filter(|level| **level != "fatal");
    shown.map(|level| (*level).to_owned()).collect()
}

/// Causes a line of each level: a call, an exchange, an attempt that fails, a call that fails.
fn speak() {
    let module = load();
    let session = module.logged_in().unwrap();
    assert_eq!(sign(session), CKR_OK);
    let unknown = module.at(session.handle + 1);
    assert_eq!(unknown.close(), CKR_SESSION_HANDLE_INVALID);
    assert_eq!(module.finalize(), CKR_OK);
}

/// The levels of the lines on a standard stream.
fn levels(stream: &str) -> BTreeSet<String> {
    stream
        .lines()
        // The test harness may have started the line.
        .filter_map(|line| line.split_once("signpath-pkcs11: ")?.1.split_once(": "))
        .map(|(level, _)| level.to_owned())
        .collect()
}

#[test]
fn each_level_shows_itself_and_what_is_worse() {
    let pairs = LEVELS.into_iter().zip(LEVELS.into_iter().rev());
    let pairs = pairs.flat_map(|pair| [(pair, false), (pair, true)]);
    for (number, ((console, file), by_file)) in pairs.enumerate() {
        // Both streams with both sources.
        let is_stdout = number / 2 % 2 == 1;
        let stream = if is_stdout { "stdout" } else { "stderr" };
        let settings = |folder: &LogFolder| match by_file {
            false => {
                let stream = if is_stdout { "stdout" } else { "" };
                let stream = ("SIGNPATH_LOG_CONSOLE_OUTPUT_STREAM", stream.to_owned());
                vec![(CONSOLE_LEVEL, console.to_owned()), stream]
            }
            true => {
                let settings = json!({"Log": {
                    "Console": {"Level": console, "OutputStream": stream},
                    "File": {"Level": file.to_uppercase(), "Directory": folder.path()},
                }});
                let path = folder.file("signpath.json", settings.to_string());
                let unset = [LOG_DIRECTORY, FILE_LEVEL].map(|name| (name, String::new()));
                [&[(CONFIG_FILE, path)][..], &unset].concat()
            }
        };
        let faults = vec![Fault::on(SIGN, busy())];
        let (_, folder, run) = in_parent!(logged(test_name!(), file, settings, faults, speak));
        let [shown, other] = match is_stdout {
            true => [run.stdout, run.stderr],
            false => [run.stderr, run.stdout],
        };
        assert_eq!(levels(&shown), shown_by(console), "{console} on {stream}");
        assert_eq!(levels(&other), BTreeSet::new(), "{console} on {stream}");
        let in_file: BTreeSet<_> = folder.lines().into_iter().map(|line| line.level).collect();
        assert_eq!(in_file, shown_by(file), "{file}");
        assert_eq!(folder.path().exists(), !in_file.is_empty(), "{file}");
    }
}

#[test]
fn logs_an_invalid_configuration_as_it_asks_for() {
    let invalid = |_: &LogFolder| {
        let url = ("SIGNPATH_API_URL", "nonsense".to_owned());
        vec![url, (CONSOLE_LEVEL, "loud".to_owned())]
    };
    let child = || {
        let module = load();
        // C_GetInterface has read the environment, and C_Initialize reads it again.
        // SAFETY: no other thread of this process reads the environment now.
        unsafe { std::env::set_var(FILE_LEVEL, "error") };
        assert_eq!(module.initialize(), CKR_GENERAL_ERROR);
    };
    let (_, folder, run) = in_parent!(logged(test_name!(), "none", invalid, vec![], child));
    run.assert_one_line(&["error: C_Initialize: environment variable SIGNPATH_API_URL"]);
    let lines = folder.lines();
    assert_eq!(lines.len(), 1, "{lines:#?}");
    assert!(lines[0].message.contains("SIGNPATH_API_URL"), "{lines:?}");
}
