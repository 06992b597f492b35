//! What a user on a terminal sees, which `script` stands in for.

use std::io::Read;
use std::process::{Child, Command, Stdio};

use pkcs11_test::{Effect, Fault, Gate, Service};
use serde_json::Value;

use crate::common::{LIST, SIGN, environment, listed, service};
use crate::program::{openssl, program, run, run_with, text};

const ESCAPE: char = '\u{1b}';

/// Starts the program on a terminal of its own, whose output can be read.
fn on_terminal(service: &Service, arguments: &[&str], more: &[(&str, &str)]) -> Child {
    let program = program(arguments);
    let path = std::path::Path::new(program.get_program());
    let command = [&[text(path)], arguments].concat().join(" ");
    let mut script = Command::new("script");
    for (name, value) in program.get_envs() {
        match value {
            Some(value) => script.env(name, value),
            None => script.env_remove(name),
        };
    }
    script
        .args(["--quiet", "--return", "--command", &command, "/dev/null"])
        .env("TERM", "xterm-256color")
        .env_remove("NO_COLOR")
        .envs(environment(service, more))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

fn seen(mut child: Child) -> String {
    let mut seen = String::new();
    child
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut seen)
        .unwrap();
    child.wait().unwrap();
    seen
}

#[test]
fn there_are_colours_unless_no_color_is_set() {
    let service = service();
    for arguments in [
        &["list"][..],
        &["doctor", "--no-tools"],
        &["certificate", "demo/none"],
    ] {
        let coloured = seen(on_terminal(&service, arguments, &[]));
        assert!(coloured.contains(ESCAPE), "{arguments:?}: {coloured}");
        let plain = seen(on_terminal(&service, arguments, &[("NO_COLOR", "1")]));
        // What erases the line of a wait is no colour.
        let plain = plain.replace("\u{1b}[2K", "");
        assert!(!plain.contains(ESCAPE), "{arguments:?}: {plain}");
    }
}

#[test]
fn who_waits_sees_what_for() {
    let (service, gate) = (service(), Gate::new());
    service.inject(Fault::hold(LIST, &gate)).unwrap();
    let mut child = on_terminal(&service, &["list"], &[]);
    let expected = format!(
        "Requesting the signing policies from {} ... ",
        service.api_url()
    );
    let (mut shown, mut byte) = (String::new(), [0]);
    let mut stdout = child.stdout.take().unwrap();
    while !shown.contains(&expected) {
        stdout.read_exact(&mut byte).unwrap();
        shown.push(byte[0].into());
    }
    gate.open();
    stdout.read_to_string(&mut shown).unwrap();
    child.wait().unwrap();
    let (_, list) = shown.rsplit_once("\u{1b}[2K\r").unwrap();
    assert!(list.contains("demo/rsa-2048"), "{shown}");
    assert!(!list.contains("Asking"), "{shown}");
}

#[test]
fn a_binary_signature_is_not_for_a_terminal() {
    let service = service();
    let digest = "00".repeat(32);
    let sign = ["sign", "demo/p-256", "--digest", &digest];
    let shown = seen(on_terminal(&service, &sign, &[]));
    assert!(shown.contains("use --output"), "{shown}");
    assert_eq!(service.requests(), []);
    let shown = seen(on_terminal(
        &service,
        &[&sign[..], &["--base64"]].concat(),
        &[],
    ));
    let is_base64 = |line: &str| line.trim().len() > 80 && !line.contains(' ');
    assert!(shown.lines().any(is_base64), "{shown}");
}

/// Changes colours and the title of a window, rings, ends lines, and turns text around.
const HARMFUL: &str = "x\u{1b}[31m\u{1b}]0;t\u{7}\r\n\u{9b}1m\u{2028}\u{202e}y";
/// The same as people see it.
const ESCAPED: &str = r"x\u{1b}[31m\u{1b}]0;t\u{7}\r\n\u{9b}1m\u{2028}\u{202e}y";

/// A self-signed certificate with that name as its subject and its issuer.
fn certificate(name: &str) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let (subject, key) = (format!("/CN={name}"), folder.path().join("key"));
    let curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"];
    let made = ["-keyout", text(&key), "-subj", &subject, "-outform", "DER"];
    let arguments = [&["req", "-x509", "-nodes", "-utf8"], &curve[..], &made[..]].concat();
    let output = Command::new("openssl").args(arguments).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    output.stdout
}

fn assert_harmless(shown: &str) {
    // `script` shows each line break of the program as two characters.
    let shown = shown.replace("\r\n", "\n");
    let harmful = shown
        .find(|c: char| (c.is_control() && c != '\n') || ('\u{2028}'..='\u{202e}').contains(&c));
    assert_eq!(harmful, None, "{shown:?}");
    assert!(shown.contains(ESCAPED), "{shown}");
}

#[test]
fn names_in_certificates_are_escaped_on_a_terminal_and_unchanged_in_json() {
    let service = service();
    let der = certificate(HARMFUL);
    let list = Fault::on(LIST, listed(&[("app", "release")], &der)).always();
    service.inject(list).unwrap();
    let no_color = [("NO_COLOR", "1")];
    assert_harmless(&seen(on_terminal(&service, &["list"], &no_color)));
    assert_harmless(&run(&service, &["list"]).assert_ok().stdout);

    let json = run(&service, &["list", "--json"]).assert_ok();
    let subject = json.json()["signingPolicies"][0]["certificate"]["subject"].clone();
    assert_eq!(subject, format!("CN={HARMFUL}"));
    let is_visible =
        |c: char| c == '\n' || !c.is_control() && !('\u{2028}'..='\u{202e}').contains(&c);
    assert!(json.stdout.chars().all(is_visible), "{}", json.stdout);

    let other = tempfile::NamedTempFile::new().unwrap();
    let pem = openssl(&["x509", "-inform", "DER"], &certificate("other"));
    std::fs::write(other.path(), pem).unwrap();
    let chain = [("SIGNPATH_CHAIN_CERTIFICATES_FILE", text(other.path()))];
    let failed = run_with(&service, &["certificate", "--chain"], &chain);
    assert_harmless(&failed.stderr);
    assert_eq!(failed.stderr.lines().count(), 1, "{}", failed.stderr);
}

#[test]
fn messages_of_the_service_are_escaped_on_a_terminal_and_unchanged_in_json() {
    let service = service();
    for route in [LIST, SIGN] {
        let refusal = Effect::problem(403, &[HARMFUL]);
        service.inject(Fault::on(route, refusal).always()).unwrap();
    }
    let no_color = [("NO_COLOR", "1")];
    for arguments in [&["list"][..], &["doctor", "--no-tools"]] {
        assert_harmless(
            &seen(on_terminal(&service, arguments, &no_color)).replace("\u{1b}[2K\r", ""),
        );
    }
    let json = run(&service, &["doctor", "--no-tools", "--json"]).json();
    let findings = json["findings"].as_array().unwrap();
    let has_message = |finding: &Value| finding["message"].as_str().unwrap().contains(HARMFUL);
    assert!(findings.iter().any(has_message), "{json:#}");
    service.heal();
    let refusal = Effect::problem(403, &[HARMFUL]);
    service.inject(Fault::on(SIGN, refusal)).unwrap();
    let digest = "00".repeat(32);
    let failed = run(&service, &["sign", "demo/p-256", "--digest", &digest]);
    assert_harmless(&failed.stderr);
    assert_eq!(failed.stderr.lines().count(), 1, "{}", failed.stderr);
}

#[test]
fn arguments_are_escaped_where_they_are_shown() {
    let service = service();
    let file = format!("/nonexistent/{HARMFUL}");
    for arguments in [
        &["certificate", HARMFUL][..],
        &["sign", "demo/p-256", "--file", &file],
        &["setup", "nss", "--module", &file],
    ] {
        assert_harmless(&run(&service, arguments).stderr);
    }
}
