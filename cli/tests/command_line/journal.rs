//! `journal`, with what `sign` records.

use std::fs;
use std::path::PathBuf;

use pkcs11_test::Service;

use crate::common::{environment, service};
use crate::program::{Run, program, run_with, text};

const JOURNAL: &str = "SIGNPATH_LOG_JOURNAL";

/// A folder with a file and a journal.
struct Records {
    folder: tempfile::TempDir,
    service: Service,
}

impl Records {
    /// A journal of one signature by each policy.
    fn of(policies: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let records = Self {
            folder,
            service: service(),
        };
        fs::write(records.path("message"), "what is signed").unwrap();
        for policy in policies {
            let (message, signature) = (records.path("message"), records.path("signature"));
            let files = ["--file", text(&message), "--output", text(&signature)];
            records
                .run(&[&["sign", policy][..], &files].concat())
                .assert_ok();
        }
        records
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn run(&self, arguments: &[&str]) -> Run {
        let journal = self.path("journal");
        run_with(&self.service, arguments, &[(JOURNAL, text(&journal))])
    }

    /// Changes the journal.
    fn change(&self, change: impl FnOnce(String) -> String) {
        let path = self.path("journal");
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, change(text)).unwrap();
    }
}

#[test]
fn shows_signatures_as_a_table_and_as_json() {
    let records = Records::of(&["demo/rsa-2048", "demo/p-256"]);
    let asked = records.service.requests().len();
    let table = records.run(&["journal"]).assert_ok().stdout;
    let rows: Vec<_> = table.lines().collect();
    assert_eq!(rows.len(), 3, "{table}");
    for (row, parts) in rows.iter().zip([
        ["TIME", "SIGNING POLICY", "VERIFIED"],
        ["Z  demo/rsa-2048", "RsaPkcs1 SHA-256", "signpath-pkcs11 ("],
        ["Z  demo/p-256", "Ecdsa SHA-256", "signpath-pkcs11 ("],
    ]) {
        let missing = parts.iter().find(|part| !row.contains(*part));
        assert_eq!(missing, None, "{row}");
    }
    let json = records
        .run(&["journal", "--json", "--verify"])
        .assert_ok()
        .json();
    let signatures = json["signatures"].as_array().unwrap();
    let policies: Vec<_> = signatures
        .iter()
        .map(|entry| &entry["signingPolicySlug"])
        .collect();
    assert_eq!(policies, ["rsa-2048", "p-256"]);
    assert!(signatures.iter().all(|entry| entry["verified"] == true));
    assert_eq!(records.service.requests().len(), asked, "no request");
}

#[test]
fn shows_signatures_since_a_time_or_day() {
    let records = Records::of(&["demo/p-256"; 3]);
    let times = [
        "2026-02-28T23:59:59.999Z",
        "2026-03-01T00:00:00.000Z",
        "2026-03-01T12:00:00.500Z",
    ];
    records.change(|text| {
        let with_time = |(line, time): (&str, &str)| {
            let mut entry: serde_json::Value = serde_json::from_str(line).unwrap();
            entry["time"] = time.into();
            format!("{entry}\n")
        };
        text.lines().zip(times).map(with_time).collect()
    });
    for (since, count) in [
        ("2026-02-28", 3),
        ("2026-03-01", 2),
        ("2026-03-01T12:00:00Z", 1),
        ("2026-03-01T14:00:00+02:00", 1),
        ("2026-03-02", 0),
    ] {
        let shown = records
            .run(&["journal", "--since", since, "--json"])
            .assert_ok();
        assert_eq!(
            shown.json()["signatures"].as_array().unwrap().len(),
            count,
            "{since}"
        );
    }
    let refused = records.run(&["journal", "--since", "yesterday"]);
    assert_eq!(refused.status, Some(2));
    assert!(
        refused.stderr.contains("expected a time such as"),
        "{}",
        refused.stderr
    );
}

#[test]
fn verification_fails_for_a_changed_line() {
    // What is changed, and what the line says.
    type Change = fn(&str) -> String;
    let rows: [(Change, &str); 4] = [
        (
            |line| line.replace("\"digest\":\"", "\"digest\":\"00"),
            "line 1: the signature is not one of this digest by this key",
        ),
        (
            |line| line.replace("\"certificate\"", "\"forgotten\""),
            "line 1: cannot be verified, since certificate is missing or invalid",
        ),
        (
            |line| line.replace("\"Ecdsa\"", "\"Mldsa\""),
            "line 1: cannot be verified, since signatureAlgorithm is missing or invalid",
        ),
        (
            |_| "{\"time\":\n".to_owned(),
            "line 1: not an entry of a journal",
        ),
    ];
    for (change, said) in rows {
        let records = Records::of(&["demo/p-256", "demo/p-384"]);
        records.change(|text| {
            let (first, rest) = text.split_once('\n').unwrap();
            format!("{}\n{rest}", change(first).trim_end())
        });
        let run = records.run(&["journal", "--verify"]);
        assert_eq!(run.status, Some(1), "{run:?}");
        assert!(run.stderr.contains(said), "{said} is not in {run:?}");
        assert_eq!(run.stderr.lines().count(), 1, "{run:?}");
        assert!(run.stdout.contains("demo/p-384"), "the other line is shown");
    }
}

#[test]
fn finds_the_signatures_of_a_file() {
    let records = Records::of(&["demo/rsa-2048", "demo/p-256"]);
    let message = records.path("message");
    let found = records
        .run(&["journal", "--verify", text(&message), "--json"])
        .assert_ok();
    assert_eq!(found.json()["signatures"].as_array().unwrap().len(), 2);
    let other = records.path("other");
    fs::write(&other, "what is not signed").unwrap();
    let unknown = records.run(&["journal", "--verify", text(&other)]);
    assert_eq!((unknown.status, unknown.stdout.as_str()), (Some(1), ""));
    assert!(
        unknown.stderr.contains("cannot tell whether"),
        "{unknown:?}"
    );
}

#[test]
fn says_where_the_journal_comes_from_if_there_is_none() {
    let records = Records::of(&[]);
    for (arguments, more, said) in [
        (
            &["journal"][..],
            &[][..],
            "set Log.Journal (SIGNPATH_LOG_JOURNAL)",
        ),
        (
            &["journal"],
            &[(JOURNAL, "/nowhere/journal")],
            "cannot read the journal /nowhere/journal: no such file",
        ),
        (
            &["journal", "--journal", "/nowhere/else"],
            &[],
            "cannot read the journal /nowhere/else: no such file",
        ),
    ] {
        let run = run_with(&records.service, arguments, more);
        assert_eq!(run.status, Some(1), "{run:?}");
        assert!(run.stderr.contains(said), "{run:?}");
    }
}

#[test]
fn lines_of_many_processes_are_whole() {
    let records = Records::of(&[]);
    let (journal, message) = (records.path("journal"), records.path("message"));
    let environment = environment(&records.service, &[(JOURNAL, text(&journal))]);
    let start = |_| {
        let mut command = program(&["sign", "demo/p-256", "--file", text(&message), "--base64"]);
        let output = std::process::Stdio::piped();
        command
            .envs(environment.clone())
            .stdout(output)
            .spawn()
            .unwrap()
    };
    let children: Vec<_> = (0..16).map(start).collect();
    for child in children {
        assert!(child.wait_with_output().unwrap().status.success());
    }
    let json = records
        .run(&["journal", "--json", "--verify"])
        .assert_ok()
        .json();
    assert_eq!(json["signatures"].as_array().unwrap().len(), 16);
}
