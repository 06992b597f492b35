//! `doctor`: what it says of each thing that can be wrong, and that it never signs.

mod configuration;
mod connection;
mod service;
mod tools;

use pkcs11_test::Service;
use serde_json::Value;

use crate::common::{environment, module_path, service};
use crate::program::{Run, program, run_with, text};

pub const HEALTH: &str = "GET /healthz";

/// Runs the doctor without tools against a service, with `more` in its environment.
pub fn doctor(service: &Service, more: &[(&str, &str)]) -> Run {
    let module = module_path();
    let arguments = ["doctor", "--json", "--no-tools", "--module", text(&module)];
    let run = run_with(service, &arguments, more);
    let signed = service.requests().iter().any(|request| request.is_signed);
    assert!(!signed);
    run
}

/// The finding of a check.
pub fn finding(run: &Run, check: &str) -> Value {
    let json = run.json();
    let findings = json["findings"].as_array().unwrap();
    let found = findings.iter().find(|finding| finding["check"] == check);
    found
        .unwrap_or_else(|| panic!("no {check} in {json:#}"))
        .clone()
}

/// Asserts that this check alone failed, with these parts in its message and its remedy.
pub fn assert_failed(run: &Run, check: &str, message: &str, remedy: &str) {
    assert_eq!((run.status, run.stderr.as_str()), (Some(1), ""));
    let json = run.json();
    assert_eq!(json["ok"], false);
    let findings = json["findings"].as_array().unwrap();
    let failed = findings
        .iter()
        .filter(|finding| finding["status"] == "failed");
    let failed: Vec<_> = failed
        .map(|finding| finding["check"].as_str().unwrap())
        .collect();
    assert_eq!(failed, [check], "{json:#}");
    assert_says(run, check, "failed", message, remedy);
    assert!(!finding(run, check)["remedy"].as_str().unwrap().is_empty());
}

pub fn assert_says(run: &Run, check: &str, status: &str, message: &str, remedy: &str) {
    let finding = finding(run, check);
    assert_eq!(finding["status"], status, "{finding:#}");
    for (name, part) in [("message", message), ("remedy", remedy)] {
        let said = finding[name].as_str().unwrap_or_default();
        assert!(said.contains(part), "{part:?} is not in {finding:#}");
    }
}

#[test]
fn for_people_there_is_a_line_for_each_check_and_what_to_do() {
    let module = module_path();
    let arguments = ["doctor", "--no-tools", "--module", text(&module)];
    let service = service();
    let run = run_with(&service, &arguments, &[("SIGNPATH_API_TOKEN", "wr0ng")]);
    assert_eq!(run.status, Some(1));
    for part in [
        "\nok       service ",
        "\nFAILED   API token ",
        "\n         to do: check that the API token is complete",
        "\n\n1 problem, no warning.\n",
    ] {
        assert!(
            run.stdout.contains(part),
            "{part:?} is not in {}",
            run.stdout
        );
    }
    assert!(!run.stdout.contains('\u{1b}'), "{}", run.stdout);
    let run = Run::of(program(&arguments).envs(environment(&service, &[])));
    assert!(
        run.assert_ok()
            .stdout
            .ends_with("\nno problem, no warning.\n")
    );
}
