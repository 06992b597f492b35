//! Who sees which lines: seven levels, on the console and in the file, from both sources.

use std::collections::BTreeSet;
use std::ptr;

use pkcs11_test::{Fault, Service};

use super::*;
use crate::common::{Run, SIGN, environment, in_child, service};
use crate::test_name;

/// The levels, each of which shows itself and those before it.
const LEVELS: [&str; 7] = [
    "none", "fatal", "error", "warning", "info", "debug", "verbose",
];

/// The levels of which lines are expected. Only a defect of the module is fatal.
fn shown_by(level: &str) -> BTreeSet<String> {
    let index = LEVELS.iter().position(|known| *known == level).unwrap();
    LEVELS[1..=index]
        .iter()
        .filter(|level| **level != "fatal")
        .map(|level| (*level).to_owned())
        .collect()
}

/// Has something to say at each level: a call, an exchange, an attempt that fails, a call that
/// fails.
fn speak() {
    let raw = Raw::load();
    let session = raw::logged_in(&raw);
    assert_eq!(sign(&raw, session), CKR_OK);
    let refused = ck!(raw, C_CloseSession(session + 1));
    assert_eq!(refused, CKR_SESSION_HANDLE_INVALID);
    finalize(&raw);
}

fn troubled_service() -> Service {
    let service = service();
    service.inject(Fault::on(SIGN, busy())).unwrap();
    service
}

/// The levels of the lines on a standard stream.
fn levels(stream: &str) -> BTreeSet<String> {
    stream
        .lines()
        // The test harness may have begun the line.
        .filter_map(|line| line.split_once("signpath-pkcs11: ")?.1.split_once(": "))
        .map(|(level, _)| level.to_owned())
        .collect()
}

fn assert_shown(console: &str, file: &str, run: &Run, folder: &LogFolder) {
    assert_eq!(levels(&run.stderr), shown_by(console), "{console}");
    assert_eq!(levels(&run.stdout), BTreeSet::new());
    let in_file: BTreeSet<_> = folder.lines().into_iter().map(|line| line.level).collect();
    assert_eq!(in_file, shown_by(file), "{file}");
    assert_eq!(folder.path().exists(), !in_file.is_empty(), "{file}");
}

/// Each level once for the console, and for the file beside another one.
fn pairs() -> impl Iterator<Item = (&'static str, &'static str)> {
    LEVELS.into_iter().zip(LEVELS.into_iter().rev())
}

#[test]
fn each_level_of_the_environment_shows_itself_and_what_is_worse() {
    for (console, file) in pairs() {
        let prepare = || {
            let (service, folder) = (troubled_service(), LogFolder::new());
            let mut environment = environment(&service, &[(CONSOLE_LEVEL, console)]);
            environment.extend(folder.environment(file));
            ((service, folder), environment)
        };
        let Some(((_, folder), run)) = in_child(test_name!(), prepare, speak) else {
            return;
        };
        assert_shown(console, file, &run, &folder);
    }
}

#[test]
fn each_level_of_the_json_file_shows_itself_and_what_is_worse() {
    for (console, file) in pairs() {
        let prepare = || {
            let (service, folder) = (troubled_service(), LogFolder::new());
            let settings = serde_json::json!({"Log": {
                "Console": {"Level": console},
                "File": {"Level": file.to_uppercase(), "Directory": folder.path()},
            }});
            let path = folder.0.path().join("signpath.json");
            std::fs::write(&path, settings.to_string()).unwrap();
            let path = path.to_str().unwrap().to_owned();
            let no_variable = (LOG_DIRECTORY, "");
            let from_file = ("SIGNPATH_CONFIG_FILE", path.as_str());
            let environment = environment(&service, &[no_variable, from_file]);
            ((service, folder), environment)
        };
        let Some(((_, folder), run)) = in_child(test_name!(), prepare, speak) else {
            return;
        };
        assert_shown(console, file, &run, &folder);
    }
}

#[test]
fn the_console_can_be_standard_output() {
    for by_file in [false, true] {
        let prepare = || {
            let (service, folder) = (troubled_service(), LogFolder::new());
            let mut environment = environment(&service, &[]);
            environment.extend(folder.environment("none"));
            if by_file {
                let path = folder.0.path().join("signpath.json");
                std::fs::write(&path, r#"{"Log": {"Console": {"OutputStream": "stdout"}}}"#)
                    .unwrap();
                let path = path.to_str().unwrap().to_owned();
                environment.push(("SIGNPATH_CONFIG_FILE".to_owned(), path));
            } else {
                let name = "SIGNPATH_LOG_CONSOLE_OUTPUT_STREAM".to_owned();
                environment.push((name, "stdout".to_owned()));
            }
            ((service, folder), environment)
        };
        let Some((_, run)) = in_child(test_name!(), prepare, speak) else {
            return;
        };
        assert_eq!(levels(&run.stdout), shown_by("warning"));
        assert_eq!(levels(&run.stderr), BTreeSet::new());
    }
}

#[test]
fn a_configuration_that_cannot_be_used_is_in_the_log_that_it_asks_for() {
    let prepare = || {
        let folder = LogFolder::new();
        let mut environment = folder.environment("none");
        environment.push(("SIGNPATH_API_URL".to_owned(), "nonsense".to_owned()));
        environment.push((CONSOLE_LEVEL.to_owned(), "loud".to_owned()));
        (folder, environment)
    };
    let child = || {
        let raw = Raw::load();
        // The module has been called already, and C_Initialize looks again.
        // SAFETY: no other thread of this process reads the environment now.
        unsafe { std::env::set_var(FILE_LEVEL, "error") };
        let initialized = ck!(raw, C_Initialize(ptr::null_mut()));
        assert_eq!(initialized, CKR_GENERAL_ERROR);
    };
    let Some((folder, run)) = in_child(test_name!(), prepare, child) else {
        return;
    };
    run.assert_one_line(&["error: C_Initialize: environment variable SIGNPATH_API_URL"]);
    let [line] = &folder.lines()[..] else {
        panic!("{:#?}", folder.lines());
    };
    assert!(line.message.contains("SIGNPATH_API_URL"), "{line:?}");
}
