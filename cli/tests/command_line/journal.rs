//! `journal`, with what `sign` records.

use std::fs::File;
use std::process::Stdio;

use serde_json::Value;

use crate::program::{Bench, Run, failures, rows};

/// A bench with a journal.
struct Records(Bench);

impl Records {
    /// One signature by each policy.
    fn of(policies: &[&str]) -> Self {
        let records = Self(Bench::new());
        records.0.write("message", "what is signed");
        for policy in policies {
            let sign = format!("sign {policy} --file message --output signature");
            records.run(&sign).assert_ok();
        }
        records
    }

    fn run(&self, arguments: &str) -> Run {
        self.0.run_with(arguments, &[("SIGNPATH_LOG_JOURNAL", "journal")])
    }

    /// The entries that a run shows as JSON.
    fn entries(&self, arguments: &str) -> Vec<Value> {
        let shown = self.run(arguments).assert_ok().json();
        shown["signatures"].as_array().unwrap().clone()
    }

    fn change(&self, change: impl FnOnce(String) -> String) {
        self.0.write("journal", change(self.0.read("journal")));
    }
}

#[test]
fn shows_signatures_as_a_table_and_as_json() {
    let records = Records::of(&["demo/rsa-2048", "demo/p-256"]);
    let asked = records.0.service.requests().len();
    let table = records.run("journal").assert_ok().stdout;
    let lines: Vec<_> = table.lines().collect();
    assert_eq!(lines.len(), 3, "{table}");
    for (line, parts) in lines.iter().zip([
        ["TIME", "SIGNING POLICY", "VERIFIED"],
        ["Z  demo/rsa-2048", "RsaPkcs1 SHA-256", "signpath-pkcs11 ("],
        ["Z  demo/p-256", "Ecdsa SHA-256", "signpath-pkcs11 ("],
    ]) {
        let missing = parts.iter().find(|part| !line.contains(*part));
        assert_eq!(missing, None, "{line}");
    }
    let entries = records.entries("journal --json --verify");
    let policies: Vec<_> = entries.iter().map(|entry| &entry["signingPolicySlug"]).collect();
    assert_eq!(policies, ["rsa-2048", "p-256"]);
    assert!(entries.iter().all(|entry| entry["verified"] == true));
    assert_eq!(records.0.service.requests().len(), asked, "no request");
}

#[test]
fn shows_signatures_since_a_time_or_day() {
    let records = Records::of(&["demo/p-256"; 3]);
    let times =
        ["2026-02-28T23:59:59.999Z", "2026-03-01T00:00:00.000Z", "2026-03-01T12:00:00.500Z"];
    records.change(|text| {
        let with_time = |(line, time): (&str, &str)| {
            let mut entry: Value = serde_json::from_str(line).unwrap();
            entry["time"] = time.into();
            format!("{entry}\n")
        };
        // An editor may put a byte order mark at the start.
        let lines: String = text.lines().zip(times).map(with_time).collect();
        format!("\u{feff}{lines}")
    });
    for (since, count) in [
        ("2026-02-28", 3),
        ("2026-03-01", 2),
        ("2026-03-01T12:00:00Z", 1),
        ("2026-03-01T14:00:00+02:00", 1),
        ("2026-03-02", 0),
    ] {
        let entries = records.entries(&format!("journal --json --since {since}"));
        assert_eq!(entries.len(), count, "{since}");
    }
    let refused = records.run("journal --since yesterday");
    refused.assert_fails(2, &["expected a time such as"]);
}

#[test]
fn verification_fails_for_a_changed_line() {
    type Change = fn(&str) -> String;
    let cases: [(Change, &str); 5] = rows! {
        |line| line.replace("\"digest\":\"", "\"digest\":\"00"), "line 1: the signature is not one of this digest by this key";
        |line| line.replace("\"certificate\"", "\"forgotten\""), "line 1: cannot be verified, since certificate is missing or invalid";
        |line| line.replace("\"Ecdsa\"", "\"Mldsa\""), "line 1: cannot be verified, since signatureAlgorithm is missing or invalid";
        |line| line.replace("\"time\":\"", "\"time\":\"x"), "line 1: not an entry of a journal (time is invalid)";
        |_| "{\"time\":\n".to_owned(), "line 1: not an entry of a journal";
    };
    for (change, said) in cases {
        let records = Records::of(&["demo/p-256", "demo/p-384"]);
        records.change(|text| {
            let (first, rest) = text.split_once('\n').unwrap();
            format!("{}\n{rest}", change(first).trim_end())
        });
        let run = records.run("journal --verify");
        assert_eq!(run.status, Some(1), "{run:?}");
        assert!(run.stderr.contains(said), "{said} is not in {run:?}");
        assert_eq!(run.stderr.lines().count(), 1, "{run:?}");
        assert!(run.stdout.contains("demo/p-384"), "the other line is shown");
    }
}

#[test]
fn finds_the_signatures_of_a_file() {
    let records = Records::of(&["demo/rsa-2048", "demo/p-256"]);
    assert_eq!(records.entries("journal --json --verify message").len(), 2);
    // Standard input can be read only once, whatever hashes were used.
    let more = "sign demo/rsa-2048 --hash sha512 --file message --output signature";
    records.run(more).assert_ok();
    let mut command = records
        .0
        .command(&["journal", "--json", "--verify", "-"], &[("SIGNPATH_LOG_JOURNAL", "journal")]);
    let input = File::open(records.0.path("message")).unwrap();
    let found = Run::of(command.stdin(input)).assert_ok().json();
    assert_eq!(found["signatures"].as_array().unwrap().len(), 3);
    records.0.write("other", "what is not signed");
    let unknown = records.run("journal --verify other");
    unknown.assert_fails(1, &["cannot tell whether"]);
}

#[test]
fn a_missing_journal_is_a_failure_that_names_its_setting_or_path() {
    let records = Records::of(&[]);
    failures! { records.0;
        "journal" [] => 1: "set Log.Journal (SIGNPATH_LOG_JOURNAL)";
        "journal" [SIGNPATH_LOG_JOURNAL = "/nowhere/journal"] => 1: "cannot read the journal /nowhere/journal: no such file";
        "journal --journal /nowhere/else" [] => 1: "cannot read the journal /nowhere/else: no such file";
    }
}

#[test]
fn lines_of_many_processes_are_whole() {
    let records = Records::of(&[]);
    let sign = ["sign", "demo/p-256", "--file", "message", "--base64"];
    let start = |_| {
        let mut command = records.0.command(&sign, &[("SIGNPATH_LOG_JOURNAL", "journal")]);
        command.stdout(Stdio::null()).spawn().unwrap()
    };
    let children: Vec<_> = (0..16).map(start).collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(records.entries("journal --json --verify").len(), 16);
}
