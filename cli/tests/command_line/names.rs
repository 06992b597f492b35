//! Names of signing policies that harm what they are written into.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use pkcs11_test::Fault;

use crate::common::{LIST, listed, module_path};
use crate::program::{Bench, Run, offline, program, rows, text};
use crate::setup::{Agent, TOOLS};

/// Slugs, and what the line says that leaves the signing policy out.
const REFUSED: [(&str, &str, &str); 7] = rows! {
    "demo", "x\ntouch /x", r"demo/x\ntouch /x: its signing policy slug contains the character U+000A";
    "x\nremote: |id", "y", r"x\nremote: |id/y: its project slug contains the character U+000A";
    "demo", "\u{1b}]0;title\u{7}", r"demo/\u{1b}]0;title\u{7}: its signing policy slug contains the character U+001B";
    "demo", "a\u{2028}b", r"demo/a\u{2028}b: its signing policy slug contains the character U+2028";
    "demo", "\u{202e}txt", r"demo/\u{202e}txt: its signing policy slug contains the character U+202E";
    "demo/test", "signing", "demo/test/signing: its project slug contains a slash";
    "demo", "", "demo/: its signing policy slug is empty";
};

/// Every printable character of ASCII but the slash, and some others.
const ODD: &str = r##"-a !"#$%&'()*+,.0:;<=>?@[\]^_`{|}~ @MODULE@ $(touch x) 日本 ü"##;

/// A bench whose service lists these signing policies.
fn listing(names: &[(&str, &str)]) -> Bench {
    let bench = Bench::new();
    let certificate = bench.service.certificate_der("demo", "rsa-2048").unwrap();
    let list = Fault::on(LIST, listed(names, certificate)).always();
    bench.service.inject(list).unwrap();
    bench
}

#[test]
fn a_harmful_name_is_left_out_with_one_line() {
    let long = "x".repeat(256);
    let too_long = ("demo", &*long, "its name is 261 bytes long, but at most 255 are supported");
    for (project, policy, why) in REFUSED.into_iter().chain([too_long]) {
        let list = listing(&[("demo", "good"), (project, policy)]).run("list --json");
        assert_eq!(list.status, Some(0), "{list:?}");
        let policies = list.json()["signingPolicies"].clone();
        assert_eq!(policies.as_array().unwrap().len(), 1, "{policies}");
        assert_eq!(policies[0]["name"], "demo/good");
        let line = list.stderr.strip_suffix('\n').unwrap();
        for part in [why, "signpath-pkcs11: warning: ", "correct it in SignPath; skipped"] {
            assert!(line.contains(part), "{part:?} is not in {line}");
        }
        assert!(!line.chars().any(char::is_control), "{line:?}");
    }
}

#[test]
fn no_configuration_contains_a_line_of_a_name() {
    let harmful = [0, 1, 4].map(|index| (REFUSED[index].0, REFUSED[index].1));
    let bench = listing(&[&[("demo", "good")], &harmful[..]].concat());
    for tool in TOOLS {
        let run = bench.run(&format!("setup {tool} --module {{module}}"));
        assert_eq!(run.status, Some(0), "{tool}: {run:?}");
        for part in ["touch", "remote", "txt"] {
            assert!(!run.stdout.contains(part), "{tool}: {run:?}");
        }
    }
    let run = listing(&harmful[..1]).run("setup osslsigncode --module {module}");
    assert_eq!((run.status, run.stdout.as_str()), (Some(1), ""));
}

/// Runs `setup` for the odd name. Returns what it prints.
fn set_up(bench: &Bench, tool: &str, more: &[&str]) -> String {
    let (name, module) = (format!("demo/{ODD}"), module_path());
    let setup = ["setup", tool, &name, "--module", text(&module)];
    let run = bench.run_words(&[&setup, more].concat(), &[]);
    run.assert_ok().stdout
}

/// osslsigncode, jarsigner, pesign and gpg are scripts that print their arguments.
#[test]
fn an_odd_name_reaches_the_program_unchanged() {
    let bench = listing(&[("demo", ODD)]);
    let name = format!("demo/{ODD}");
    for program in ["osslsigncode", "jarsigner", "pesign", "gpg"] {
        bench.write(program, "#!/bin/sh\nprintf '<%s>\\n' \"$@\"\n");
        let executable = fs::Permissions::from_mode(0o755);
        fs::set_permissions(bench.path(program), executable).unwrap();
    }
    let sh = |commands: &str| bench.sh(&format!("set -u; PATH=$PWD:$PATH\n{commands}"));
    let setup = |tool, file: &str| {
        set_up(&bench, tool, &["--directory", "."]);
        bench.read(file)
    };
    let script = setup("osslsigncode", "signpath-osslsigncode");
    let printed = sh("sh ./signpath-osslsigncode -in x");
    let object = format!("object={}", percent(&name));
    assert_eq!(printed.matches(&object).count(), 2, "{printed}\n{script}");

    for (tool, file, command, expected) in rows! {
        "sunpkcs11", "signpath-sunpkcs11.cfg", "jarsigner", format!("<{name}>\n");
        "nss", "signpath-nss", "pesign -s", format!("<{name}>\n");
        "gpg", "signpath-gpg-key", "gpg --local-user", format!("<={name}>\n");
    } {
        let printed = sh(&commented(&setup(tool, file), command));
        assert!(printed.contains(&expected), "{printed}");
    }
    let gpg = bench.read("signpath-gpg-key");
    assert!(gpg.contains(&format!("\nName-Real: {name}\n")), "{gpg}");
    assert!(!bench.path("x").exists());
}

/// The command of a comment that starts like this, up to the line without a backslash at its end.
fn commented(content: &str, start: &str) -> String {
    let lines = content.lines().map(|line| line.trim_start_matches(['#', ' ']));
    let mut command = String::new();
    for line in lines.skip_while(|line| !line.starts_with(start)) {
        command.push_str(line.trim_end_matches('\\'));
        if !line.ends_with('\\') {
            return command;
        }
    }
    panic!("{start} is not in {content}");
}

/// Everything but letters, digits and the four other unreserved characters (RFC 3986, section 2.3).
fn percent(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        _ if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(byte).collect()
}

/// gpg makes a key with an odd user ID from the parameter file, and finds it as the example does.
#[test]
fn gpg_takes_an_odd_name_for_a_user_id() {
    let bench = listing(&[("demo", ODD)]);
    let files = set_up(&bench, "gpg", &[]);
    // A key of gpg's own, since there is no card.
    let parameters = files[files.rfind("%no-protection").unwrap()..].lines();
    let parameters = parameters.filter(|line| !line.starts_with("Key-Grip"));
    let parameters: String = parameters.map(|line| format!("{line}\n")).collect();
    bench.write("parameters", parameters);
    let home = tempfile::tempdir().unwrap();
    let _agent = Agent(home.path().to_owned());
    let example = files.rsplit_once("gpg --local-user ").unwrap().1;
    let word = example.split_once(" --detach-sign").unwrap().0;
    let commands = format!(
        "gpg --batch --generate-key parameters 2>&1
        gpg --batch --with-colons --list-keys {word} 2>&1"
    );
    let mut shell = bench.shell(&commands);
    let shown = Run::of(shell.env("GNUPGHOME", home.path()).env("LC_ALL", "C.UTF-8"));
    assert!(shown.stdout.contains("uid:"), "{shown:?}");
}

#[test]
fn an_argument_that_is_not_a_name_is_refused() {
    for command in ["certificate", "sign --digest 00", "setup nss"] {
        for name in ["demo", "/x", "demo/", "a/b/c"] {
            offline(&format!("{command} {name}")).assert_fails(2, &["expected PROJECT/POLICY"]);
        }
    }
    Run::of(&mut program(&["certificate", "demo/a\nb"]))
        .assert_fails(2, &["expected PROJECT/POLICY"]);
}
