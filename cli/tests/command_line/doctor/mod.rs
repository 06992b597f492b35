//! `doctor`: what it says of each thing that can be wrong, and that it never signs.

mod configuration;
mod connection;
mod service;
mod tools;

use serde_json::Value;

use crate::program::{Bench, Run};

pub const HEALTH: &str = "GET /healthz";

/// Runs the doctor without tools, with `more` in its environment.
pub fn doctor(bench: &Bench, more: &[(&str, &str)]) -> Run {
    let run = bench.run_with("doctor --json --no-tools --module {module}", more);
    assert_eq!(bench.signatures(), 0);
    run
}

pub fn findings(run: &Run) -> Vec<Value> {
    run.json()["findings"].as_array().unwrap().clone()
}

/// The finding of a check.
pub fn finding(run: &Run, check: &str) -> Value {
    let mut findings = findings(run).into_iter();
    let found = findings.find(|finding| finding["check"] == check);
    found.unwrap_or_else(|| panic!("no {check}: {run:#?}"))
}

/// The names of the checks with this status.
pub fn checks(run: &Run, status: &str) -> Vec<String> {
    let findings = findings(run).into_iter();
    let findings = findings.filter(|finding| finding["status"] == status);
    findings.map(|finding| finding["check"].as_str().unwrap().to_owned()).collect()
}

/// The doctor found these failures and no others, and what else is listed: check, status, and parts of message and remedy.
#[track_caller]
pub fn assert_finds(run: &Run, expected: &[(&str, &str, &str, &str)]) {
    let failed = expected.iter().filter(|(_, status, ..)| *status == "failed");
    let failed: Vec<_> = failed.map(|(check, ..)| *check).collect();
    assert_eq!(checks(run, "failed"), failed, "{run:#?}");
    assert_eq!(run.json()["ok"], failed.is_empty());
    let status = i32::from(!failed.is_empty());
    assert_eq!((run.status, run.stderr.as_str()), (Some(status), ""), "{run:#?}");
    for (check, status, message, remedy) in expected {
        let finding = finding(run, check);
        assert_eq!(finding["status"], *status, "{finding:#}");
        for (name, part) in [("message", message), ("remedy", remedy)] {
            let said = finding[name].as_str().unwrap_or_default();
            assert!(said.contains(part), "{part:?} is not in {finding:#}");
            assert!(*status != "failed" || !said.is_empty(), "{finding:#}");
        }
    }
}

/// Runs of the doctor without tools and what they find:
/// `bench, [VARIABLE = "value"] => "check" status: "part of the message", "part of the remedy", "another check" ...;`.
macro_rules! finds {
    ($($bench:expr, [$($variable:ident = $value:expr),*] => $($check:literal $status:ident: $message:expr, $remedy:expr),+;)*) => {$(
        let run = $crate::doctor::doctor(&$bench, &[$((stringify!($variable), $value)),*]);
        $crate::doctor::assert_finds(&run, &[$(($check, stringify!($status), $message, $remedy)),+]);
    )*};
}

pub(crate) use finds;

#[test]
fn each_check_has_a_line_and_each_failure_what_to_do() {
    let bench = Bench::new();
    let command = "doctor --no-tools --module {module}";
    let run = bench.run_with(command, &[("SIGNPATH_API_TOKEN", "wr0ng")]);
    assert_eq!(run.status, Some(1));
    run.assert_prints(&[
        "\nok       service ",
        "\nFAILED   API token ",
        "\n         to do: check that the API token is complete",
        "\n\n1 problem, no warning.\n",
    ]);
    assert!(!run.stdout.contains('\u{1b}'), "{run:?}");
    let fine = bench.ok(command).stdout;
    assert!(fine.ends_with("\nno problem, no warning.\n"), "{fine}");
}
