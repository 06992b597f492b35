//! What a user on a terminal sees, which `script` stands in for.

use std::io::Read;
use std::process::{Child, Command, Stdio};

use pkcs11_test::{Fault, Gate, Service};

use crate::common::{LIST, environment, service};
use crate::program::{program, text};

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
    let expected = format!("Asking {} for the signing policies ... ", service.api_url());
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
    assert!(shown.contains("name a file with --output"), "{shown}");
    assert_eq!(service.requests(), []);
    let shown = seen(on_terminal(
        &service,
        &[&sign[..], &["--base64"]].concat(),
        &[],
    ));
    let is_base64 = |line: &str| line.trim().len() > 80 && !line.contains(' ');
    assert!(shown.lines().any(is_base64), "{shown}");
}
