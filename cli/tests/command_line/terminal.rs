//! What a user on a terminal sees, which `script` stands in for.

use std::io::Read;
use std::process::{Child, Command, Stdio};

use pkcs11_test::{Effect, Fault, Gate};
use serde_json::Value;

use crate::common::{LIST, SIGN, listed};
use crate::program::{Bench, Run};

/// Erases the line of a wait.
const ERASE: &str = "\u{1b}[2K\r";

const DIGEST: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// Starts the program on a terminal of its own.
fn on_terminal(bench: &Bench, arguments: &str, more: &[(&str, &str)]) -> Child {
    let words: Vec<_> = arguments.split(' ').collect();
    let program = bench.command(&words, more);
    let line = [&[program.get_program().to_str().unwrap()], &words[..]].concat().join(" ");
    let mut script = Command::new("script");
    for (name, value) in program.get_envs() {
        match value {
            Some(value) => script.env(name, value),
            None => script.env_remove(name),
        };
    }
    if more.is_empty() {
        script.env_remove("NO_COLOR");
    }
    script.args(["--quiet", "--return", "--command", &line, "/dev/null"]);
    script.env("TERM", "xterm-256color");
    script.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap()
}

fn seen(bench: &Bench, arguments: &str, more: &[(&str, &str)]) -> String {
    let output = on_terminal(bench, arguments, more).wait_with_output();
    String::from_utf8(output.unwrap().stdout).unwrap()
}

#[test]
fn there_are_colours_unless_no_color_is_set() {
    let bench = Bench::new();
    for arguments in ["list", "doctor --no-tools", "certificate demo/none"] {
        for (more, is_coloured) in [(&[][..], true), (&[("NO_COLOR", "1")], false)] {
            let shown = seen(&bench, arguments, more).replace(ERASE, "");
            assert_eq!(shown.contains('\u{1b}'), is_coloured, "{arguments}: {shown}");
        }
    }
}

#[test]
fn a_wait_shows_its_reason_until_it_is_over() {
    let (bench, gate) = (Bench::new(), Gate::new());
    bench.service.inject(Fault::hold(LIST, &gate)).unwrap();
    let mut child = on_terminal(&bench, "list", &[]);
    let expected = format!("Requesting the signing policies from {} ... ", bench.service.api_url());
    let (mut shown, mut byte) = (String::new(), [0]);
    let mut stdout = child.stdout.take().unwrap();
    while !shown.contains(&expected) {
        stdout.read_exact(&mut byte).unwrap();
        shown.push(byte[0].into());
    }
    gate.open();
    stdout.read_to_string(&mut shown).unwrap();
    child.wait().unwrap();
    let (_, list) = shown.rsplit_once(ERASE).unwrap();
    assert!(list.contains("demo/rsa-2048"), "{shown}");
    assert!(!list.contains("Requesting"), "{shown}");
}

#[test]
fn a_binary_signature_is_not_written_to_a_terminal() {
    let bench = Bench::new();
    let sign = format!("sign demo/p-256 --digest {DIGEST}");
    let shown = seen(&bench, &sign, &[]);
    assert!(shown.contains("use --output"), "{shown}");
    assert_eq!(bench.service.requests(), []);
    let shown = seen(&bench, &format!("{sign} --base64"), &[]);
    let is_base64 = |line: &str| line.trim().len() > 80 && !line.contains(' ');
    assert!(shown.lines().any(is_base64), "{shown}");
}

/// Changes colours and the title of a window, rings, ends lines, and turns text around.
const HARMFUL: &str = "x\u{1b}[31m\u{1b}]0;t\u{7}\r\n\u{9b}1m\u{2028}\u{202e}y";
/// The same as people see it.
const ESCAPED: &str = r"x\u{1b}[31m\u{1b}]0;t\u{7}\r\n\u{9b}1m\u{2028}\u{202e}y";

fn is_harmful(c: char) -> bool {
    (c.is_control() && c != '\n') || ('\u{2028}'..='\u{202e}').contains(&c)
}

#[track_caller]
fn assert_harmless(shown: &str) {
    // `script` shows each line break of the program as two characters.
    let shown = shown.replace(ERASE, "").replace("\r\n", "\n");
    assert_eq!(shown.find(is_harmful), None, "{shown:?}");
    assert!(shown.contains(ESCAPED), "{shown}");
}

/// Writes a self-signed certificate with that name as its subject and issuer to `name.der` and `name.pem`.
fn write_certificate(bench: &Bench, file: &str, name: &str) {
    bench.write("openssl.cnf", "[req]\ndistinguished_name=name\n[name]\n");
    let subject = format!("/CN={name}");
    let commands = "openssl req -x509 -config openssl.cnf -nodes -utf8 -newkey ec -pkeyopt ec_paramgen_curve:P-256 \
        -keyout key -subj \"$SUBJECT\" -out $FILE.pem 2>&1
        openssl x509 -in $FILE.pem -outform DER -out $FILE.der";
    let mut shell = bench.shell(commands);
    crate::program::succeeded(shell.env("SUBJECT", subject).env("FILE", file));
}

#[test]
fn names_in_certificates_are_escaped_on_a_terminal_and_unchanged_in_json() {
    let bench = Bench::new();
    write_certificate(&bench, "harmful", HARMFUL);
    write_certificate(&bench, "other", "other");
    let der = std::fs::read(bench.path("harmful.der")).unwrap();
    let list = Fault::on(LIST, listed(&[("app", "release")], &der)).always();
    bench.service.inject(list).unwrap();
    assert_harmless(&seen(&bench, "list", &[("NO_COLOR", "1")]));
    assert_harmless(&bench.ok("list").stdout);

    let json = bench.ok("list --json");
    let subject = json.json()["signingPolicies"][0]["certificate"]["subject"].clone();
    assert_eq!(subject, format!("CN={HARMFUL}"));
    assert!(!json.stdout.contains(is_harmful), "{json:?}");

    let chain = [("SIGNPATH_CHAIN_CERTIFICATES_FILE", "other.pem")];
    let failed = bench.run_with("certificate --chain", &chain);
    failed.assert_fails(1, &[ESCAPED]);
    assert_harmless(&failed.stderr);
}

#[test]
fn messages_of_the_service_are_escaped_on_a_terminal_and_unchanged_in_json() {
    let bench = Bench::new();
    let refuse = |route| {
        let refusal = Fault::on(route, Effect::problem(403, &[HARMFUL]));
        bench.service.inject(refusal.always()).unwrap();
    };
    refuse(LIST);
    for arguments in ["list", "doctor --no-tools"] {
        assert_harmless(&seen(&bench, arguments, &[("NO_COLOR", "1")]));
    }
    let json = bench.run("doctor --no-tools --json").json();
    let has_message = |finding: &Value| finding["message"].as_str().unwrap().contains(HARMFUL);
    assert!(json["findings"].as_array().unwrap().iter().any(has_message), "{json:#}");
    bench.service.heal();
    refuse(SIGN);
    let failed = bench.run(&format!("sign demo/p-256 --digest {DIGEST}"));
    failed.assert_fails(1, &[ESCAPED]);
    assert_harmless(&failed.stderr);
}

#[test]
fn arguments_are_escaped_in_messages() {
    let bench = Bench::new();
    let file = format!("/nonexistent/{HARMFUL}");
    for arguments in [
        &["certificate", HARMFUL][..],
        &["sign", "demo/p-256", "--file", &file],
        &["setup", "nss", "--module", &file],
    ] {
        assert_harmless(&bench.run_words(arguments, &[]).stderr);
    }
}

#[test]
fn the_exit_status_is_the_same_if_nobody_can_read_the_message() {
    let bench = Bench::new();
    bench.write("journal", "not an entry\n");
    let program = env!("CARGO_BIN_EXE_signpath-pkcs11");
    for (arguments, printed) in [
        ("certificate demo/none", ""),
        // The result follows the messages.
        ("journal --journal journal --json", "{\n  \"signatures\": []\n}\n"),
    ] {
        let command = format!("exec '{program}' {arguments} 2>/dev/full");
        let run = Run::of(&mut bench.shell(&command));
        assert_eq!((run.status, &*run.stdout), (Some(1), printed), "{arguments}");
    }
}
