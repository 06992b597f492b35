//! The command as scripts use it.

use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use crate::client::{mode, state};
use crate::module::module;

/// `pkcs11-test serve` with these words as arguments, in the directory of all state.
fn serve(arguments: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pkcs11-test"));
    command.arg("serve").args(arguments.split_whitespace());
    command.current_dir(state("default").parent().unwrap());
    command
}

struct Serve {
    child: Child,
    env: PathBuf,
}

impl Serve {
    fn spawn(env: &str, arguments: &str) -> Self {
        let mut command = serve(&format!("--env {env} {arguments}"));
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        Self { child: child.unwrap(), env: state(env) }
    }

    /// Reads standard output up to the last of the export lines. The first line is the address of the page.
    fn lines(&mut self) -> Vec<String> {
        let stdout = BufReader::new(self.child.stdout.as_mut().unwrap());
        stdout.lines().take(4).map(Result::unwrap).collect()
    }

    /// Ends the command with a signal; its stderr.
    fn end(mut self, signal: &str) -> String {
        let id = self.child.id().to_string();
        let killed = Command::new("kill").args([signal, &id]).status().unwrap();
        assert!(killed.success());
        let mut stderr = String::new();
        let mut pipe = self.child.stderr.take().unwrap();
        pipe.read_to_string(&mut stderr).unwrap();
        assert_eq!(self.child.wait().unwrap().code(), Some(0));
        stderr
    }
}

fn write_policies(name: &str, policies: &str) {
    std::fs::write(state(name), policies).unwrap();
}

#[test]
fn prints_what_a_shell_needs_and_ends_cleanly() {
    write_policies(
        "quoted.json",
        r#"{ "organizationId": "11111111-2222-3333-4444-555555555555",
        "users": [ { "name": "ci", "token": "it's $HOME `x` \"/+=" } ],
        "policies": [ { "project": "demo", "policy": "one", "key": "p-256" } ] }"#,
    );
    for signal in ["-TERM", "-INT"] {
        let mut serve = Serve::spawn("quoted.env", "--state quoted --policies quoted.json");
        let lines = serve.lines();
        // The file is there before the lines are.
        let file = std::fs::read_to_string(&serve.env).unwrap();
        assert_eq!(lines, file.lines().collect::<Vec<_>>());
        assert_eq!(mode(&serve.env), 0o600);
        let script = r#". "$0"; printf '%s\n' "$SIGNPATH_API_URL" "$SIGNPATH_ORGANIZATION_ID" "$SIGNPATH_API_TOKEN""#;
        let shell = Command::new("sh").args(["-c", script]).arg(&serve.env).output().unwrap();
        let shell = String::from_utf8(shell.stdout).unwrap();
        let (url, rest) = shell.split_once('\n').unwrap();
        let is_ours = url.starts_with("http://127.0.0.1:") && url.ends_with("/Api");
        assert!(is_ours, "{url}");
        let token = r#"it's $HOME `x` "/+="#;
        let expected = format!("11111111-2222-3333-4444-555555555555\n{token}\n");
        assert_eq!(rest, expected);
        serve.end(signal);
    }
}

#[test]
fn processes_that_start_together_agree_on_keys_and_identifiers() {
    let directory = state("shared");
    let _ = std::fs::remove_dir_all(&directory);
    write_policies(
        "shared.json",
        r#"{ "policies": [ { "project": "demo", "policy": "one", "key": "p-256" } ] }"#,
    );
    let mut started = ["shared-1.env", "shared-2.env", "shared-3.env"]
        .map(|env| Serve::spawn(env, "--state shared --policies shared.json"));
    let [first, second, third] = started.each_mut().map(|serve| serve.lines()[2..].to_vec());
    assert_eq!((&first, &first), (&second, &third));
    for serve in started {
        serve.end("-TERM");
    }
    let files = std::fs::read_dir(&directory).unwrap();
    let mut names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    assert_eq!(names.find(|name| name.ends_with(".new")), None);
}

#[test]
fn the_first_start_says_that_it_generates_keys() {
    write_policies(
        "announced.json",
        r#"{ "policies": [ { "project": "demo", "policy": "one", "key": "p-256" },
        { "project": "demo", "policy": "two", "key": "p-384" } ] }"#,
    );
    for store in ["software", "softhsm"] {
        let directory = state(&format!("announced-{store}"));
        let _ = std::fs::remove_dir_all(&directory);
        let arguments = format!(
            "--state announced-{store} --key-store {store} --policies announced.json --tls --log /dev/null"
        );
        let said = [(); 2].map(|()| {
            let mut serve = Serve::spawn("announced.env", &arguments);
            serve.lines();
            serve.end("-TERM")
        });
        let directory = directory.canonicalize().unwrap();
        let expected = format!(
            "pkcs11-test: generating keys in {}, once; this can take a minute\n",
            directory.display()
        );
        assert_eq!(said, [&*expected, ""], "{store}");
    }
}

#[test]
fn a_failure_is_one_line() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let pipe = state("pipe");
    let _ = std::fs::remove_file(&pipe);
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    for (arguments, expected) in rows! {
        &*format!("--state default --env pipe --listen {address}"), "cannot replace pipe: not a regular file\n";
        "--state quoted --policies /nowhere/policies.json", "cannot read the policies file /nowhere/policies.json: no such file or directory\n";
        &*format!("--state default --listen {address}"), &*format!("cannot listen on {address}: address already in use\n");
        "--state default --key-store softhsm --softhsm-module /nowhere/libsofthsm2.so", "/nowhere/libsofthsm2.so";
    } {
        let output = serve(arguments).output().unwrap();
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), &*output.stdout), (Some(1), &b""[..]));
        assert_eq!(message.lines().count(), 1, "{message}");
        assert!(message.contains(expected), "{message}");
    }
    assert!(pipe.exists());
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let output = serve("--state default").stdout(full).output().unwrap();
    let message = String::from_utf8(output.stderr).unwrap();
    let expected = "pkcs11-test: cannot write to stdout: no space left on device";
    assert_eq!(message.lines().last(), Some(expected));
}

#[test]
fn help_describes_the_files_and_the_policies_format() {
    let help = String::from_utf8(serve("--help").output().unwrap().stdout).unwrap();
    for part in [
        "certificates/{project}/{policy}.pem",
        "code-signing-ca.pem",
        "\"policies\"",
        "--key-store",
        "--env",
    ] {
        assert!(help.contains(part), "{part}");
    }
}

fn demo(arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new("timeout")
        .args(["120", env!("CARGO_BIN_EXE_pkcs11-test"), "demo"])
        .args(arguments)
        .output()
        .expect("the command runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    let [stdout, stderr] = [output.stdout, output.stderr].map(text);
    (output.status.code(), stdout, stderr)
}

#[test]
fn the_demo_shows_a_line_for_each_row_and_what_was_verified() {
    for (module, status, result, last) in rows! {
        module().to_str().unwrap(), 0, "verified", "2 of 2 rows verified.";
        "/bin/sh", 1, "FAILED", "0 of 2 rows verified.";
    } {
        let rows = ["pkcs11-tool-ec", "pkcs11-tool-short"];
        let (code, said, errors) = demo(&[&["--module", module], &rows[..]].concat());
        assert_eq!(code, Some(status), "{said}{errors}");
        assert!(said.contains("http://127.0.0.1:"), "{said}");
        for row in rows {
            let mut lines = said.lines();
            let line = lines.find(|line| line.starts_with(&format!("{row} "))).expect(row);
            assert!(line.contains(result), "{line}");
        }
        assert_eq!(said.lines().last(), Some(last), "{said}");
    }
}

#[test]
fn the_demo_says_in_one_line_what_it_cannot_run() {
    let list = demo(&["--list"]);
    assert_eq!(list.0, Some(0));
    assert!(list.1.starts_with("dgst-rsa-2048 "), "{list:?}");
    for (arguments, expected) in rows! {
        &["no-such-row", "--module", module().to_str().unwrap()][..], "There is no row no-such-row. See --list.";
        &["--module", "/nowhere.so"], "cannot open the module /nowhere.so: no such file";
    } {
        let (code, said, errors) = demo(arguments);
        assert_eq!((code, &*said), (Some(1), ""), "{errors}");
        let is_said = errors.starts_with("pkcs11-test: ") && errors.contains(expected);
        assert!(is_said, "{errors}");
        assert_eq!(errors.lines().count(), 1);
    }
}
