//! Names of signing policies that would harm what they are written into.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use pkcs11_test::{Fault, Service};

use crate::common::{LIST, listed, module_path, service};
use crate::program::{Run, program, run, text};
use crate::setup::Agent;

/// Slugs, and what the line says that leaves the policy out.
const REFUSED: [((&str, &str), &str); 8] = [
    (
        ("demo", "x\ntouch /x"),
        r"demo/x\ntouch /x: its signing policy slug contains the character U+000A",
    ),
    (
        ("x\nremote: |id", "y"),
        r"x\nremote: |id/y: its project slug contains the character U+000A",
    ),
    (
        ("demo", "\u{1b}]0;title\u{7}"),
        r"demo/\u{1b}]0;title\u{7}: its signing policy slug contains the character U+001B",
    ),
    (
        ("demo", "a\u{2028}b"),
        r"demo/a\u{2028}b: its signing policy slug contains the character U+2028",
    ),
    (
        ("demo", "\u{202e}txt.exe"),
        r"demo/\u{202e}txt.exe: its signing policy slug contains the character U+202E",
    ),
    (
        ("demo/test", "signing"),
        "demo/test/signing: its project slug contains a slash",
    ),
    (("demo", ""), "demo/: its signing policy slug is empty"),
    (
        ("demo", LONG),
        "its name is 261 bytes long, but at most 255 are supported",
    ),
];

/// 256 bytes.
const LONG: &str = concat!(
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
);

/// Every printable character of ASCII but the slash, and some others.
const ODD: &str = r##"-a !"#$%&'()*+,.0:;<=>?@[\]^_`{|}~ @MODULE@ $(touch x) 日本 ü"##;

/// A service that lists these signing policies from now on.
fn listing(names: &[(&str, &str)]) -> Service {
    let service = service();
    let certificate = service.certificate_der("demo", "rsa-2048").unwrap();
    let list = Fault::on(LIST, listed(names, certificate)).always();
    service.inject(list).unwrap();
    service
}

#[test]
fn a_name_that_harms_is_left_out_with_one_line() {
    for (slugs, expected) in REFUSED {
        let service = listing(&[("demo", "good"), slugs]);
        let list = run(&service, &["list", "--json"]);
        assert_eq!(list.status, Some(0), "{}", list.stderr);
        let policies = list.json()["signingPolicies"].clone();
        assert_eq!(policies.as_array().unwrap().len(), 1, "{policies}");
        assert_eq!(policies[0]["name"], "demo/good");
        let lines: Vec<_> = list.stderr.lines().collect();
        assert_eq!(lines.len(), 1, "{}", list.stderr);
        for part in [
            expected,
            "signpath-pkcs11: warning: ",
            "correct it in SignPath; skipped",
        ] {
            assert!(lines[0].contains(part), "{part:?} is not in {}", lines[0]);
        }
        assert!(!lines[0].chars().any(char::is_control), "{}", lines[0]);
    }
}

#[test]
fn no_configuration_has_a_line_of_a_name() {
    let service = listing(&[("demo", "good"), REFUSED[0].0, REFUSED[1].0, REFUSED[4].0]);
    let module = module_path();
    for tool in crate::setup::TOOLS {
        let run = run(&service, &["setup", tool, "--module", text(&module)]);
        assert_eq!(run.status, Some(0), "{tool}: {}", run.stderr);
        for part in ["touch", "remote", "txt"] {
            assert!(!run.stdout.contains(part), "{tool}: {}", run.stdout);
        }
    }
    let service = listing(&[REFUSED[0].0]);
    let run = run(
        &service,
        &["setup", "osslsigncode", "--module", text(&module)],
    );
    assert_eq!((run.status, run.stdout.as_str()), (Some(1), ""));
}

/// osslsigncode, jarsigner, pesign and gpg are stood in for by a program that prints its arguments.
#[test]
fn an_odd_name_reaches_the_program_unchanged() {
    let service = listing(&[("demo", ODD)]);
    let name = format!("demo/{ODD}");
    let folder = tempfile::tempdir().unwrap();
    let module = module_path();
    let setup = |tool, file: &str| {
        let setup = [
            "setup",
            tool,
            &name,
            "--module",
            text(&module),
            "--directory",
        ];
        run(&service, &[&setup[..], &[text(folder.path())]].concat()).assert_ok();
        fs::read_to_string(folder.path().join(file)).unwrap()
    };
    for program in ["osslsigncode", "jarsigner", "pesign", "gpg"] {
        let path = folder.path().join(program);
        fs::write(&path, "#!/bin/sh\nprintf '<%s>\\n' \"$@\"\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let shell = |commands: &str| {
        let path = format!("{}:{}", text(folder.path()), std::env::var("PATH").unwrap());
        let mut shell = Command::new("sh");
        shell.args(["-euc", commands]).env("PATH", path);
        Run::of(shell.current_dir(folder.path())).assert_ok().stdout
    };
    let commented = |content: &str, start: &str| {
        let lines = content
            .lines()
            .map(|line| line.trim_start_matches(['#', ' ']));
        let lines = lines.skip_while(|line| !line.starts_with(start));
        let mut command = String::new();
        for line in lines {
            command.push_str(line.trim_end_matches('\\'));
            if !line.ends_with('\\') {
                return command;
            }
        }
        panic!("{start} is not in {content}");
    };

    let script = setup("osslsigncode", "signpath-osslsigncode");
    let printed = shell("sh ./signpath-osslsigncode -in x");
    let object = format!("object={}", percent(&name));
    assert_eq!(printed.matches(&object).count(), 2, "{printed}\n{script}");

    let expected = format!("<{name}>\n");
    let java = setup("sunpkcs11", "signpath-sunpkcs11.cfg");
    let printed = shell(&commented(&java, "jarsigner"));
    assert!(printed.ends_with(&expected), "{printed}");
    let nss = setup("nss", "signpath-nss");
    let printed = shell(&commented(&nss, "pesign -s"));
    assert!(printed.contains(&expected), "{printed}");
    let gpg = setup("gpg", "signpath-gpg-key");
    let printed = shell(&commented(&gpg, "gpg --local-user"));
    assert!(printed.contains(&format!("<={name}>\n")), "{printed}");
    assert!(gpg.contains(&format!("\nName-Real: {name}\n")), "{gpg}");
    assert!(!folder.path().join("x").exists());
}

/// Everything but letters and digits.
fn percent(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
            char::from(byte).to_string()
        }
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(byte).collect()
}

/// gpg itself makes a key with an odd user ID from the lines of the parameter file, and finds it by what the example says.
#[test]
fn gpg_takes_an_odd_name_for_a_user_id() {
    let service = listing(&[("demo", ODD)]);
    let name = format!("demo/{ODD}");
    let module = module_path();
    let setup = ["setup", "gpg", &name, "--module", text(&module)];
    let files = run(&service, &setup).assert_ok().stdout;
    let start = files.rfind("%no-protection").unwrap();
    // A key of gpg's own, since there is no card.
    let lines = files[start..].lines();
    let lines: Vec<_> = lines.filter(|line| !line.starts_with("Key-Grip")).collect();
    let parameters = lines.join("\n") + "\n";
    let home = tempfile::tempdir().unwrap();
    let _agent = Agent(home.path().to_owned());
    let example = files.rsplit_once("gpg --local-user ").unwrap().1;
    let word = example.split_once(" --detach-sign").unwrap().0;
    let commands = format!(
        "printf %s \"$PARAMETERS\" | gpg --batch --generate-key 2>&1
        gpg --batch --with-colons --list-keys {word} 2>&1"
    );
    let mut shell = Command::new("sh");
    shell.args(["-c", &commands]).env("PARAMETERS", parameters);
    shell.env("GNUPGHOME", home.path()).env("LC_ALL", "C.UTF-8");
    let shown = Run::of(&mut shell);
    assert!(shown.stdout.contains("uid:"), "{}", shown.stdout);
}

#[test]
fn an_argument_that_is_no_name_is_refused() {
    for name in ["demo", "/x", "demo/", "a/b/c", "demo/a\nb"] {
        for command in [
            &["certificate"][..],
            &["sign", "--digest", "00"],
            &["setup", "nss"],
        ] {
            let run = Run::of(&mut program(&[command, &[name]].concat()));
            assert_eq!(run.status, Some(2), "{command:?} {name}");
            assert!(
                run.stderr.contains("expected PROJECT/POLICY"),
                "{}",
                run.stderr
            );
        }
    }
}
