//! The command as scripts use it.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use crate::client::state;
use crate::module::module;

struct Serve {
    child: Child,
    env: PathBuf,
}

impl Serve {
    fn spawn(env: &str, arguments: &[&str]) -> Self {
        let env = state(env);
        let child = Command::new(env!("CARGO_BIN_EXE_pkcs11-test"))
            .arg("serve")
            .args(["--env", path(&env)])
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the command starts");
        Self { child, env }
    }

    /// Reads standard output up to the last of the export lines. The first line is the address of the page.
    fn lines(&mut self) -> Vec<String> {
        use std::io::{BufRead, BufReader};
        let stdout = self.child.stdout.as_mut().expect("stdout");
        let mut lines = BufReader::new(stdout)
            .lines()
            .map(|line| line.expect("UTF-8"));
        lines.by_ref().take(4).collect()
    }

    fn end(mut self, signal: &str) -> ExitStatus {
        let sent = Command::new("kill")
            .args([signal, &self.child.id().to_string()])
            .status()
            .expect("kill");
        assert!(sent.success());
        self.child.wait().expect("the command ends")
    }
}

fn path(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

fn fails(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_pkcs11-test"))
        .arg("serve")
        .args(arguments)
        .output()
        .expect("the command runs");
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty());
    let message = String::from_utf8(output.stderr).expect("UTF-8");
    assert_eq!(message.lines().count(), 1, "{message}");
    message
}

#[test]
fn prints_what_a_shell_needs_and_ends_cleanly() {
    use std::os::unix::fs::PermissionsExt;

    let policies = state("quoted.json");
    let text = r#"{ "organizationId": "11111111-2222-3333-4444-555555555555", "users": [ { "name": "ci", "token": "it's $HOME `x` \"/+=" } ],
        "policies": [ { "project": "demo", "policy": "one", "key": "p-256" } ] }"#;
    std::fs::write(&policies, text).expect("write");
    for signal in ["-TERM", "-INT"] {
        let mut serve = Serve::spawn(
            "quoted.env",
            &[
                "--state",
                path(&state("quoted")),
                "--policies",
                path(&policies),
            ],
        );
        let lines = serve.lines();
        let file = std::fs::read_to_string(&serve.env)
            .expect("the environment file is there before the lines are");
        assert_eq!(lines, file.lines().collect::<Vec<_>>());
        assert_eq!(
            std::fs::metadata(&serve.env)
                .expect("metadata")
                .permissions()
                .mode()
                & 0o777,
            0o600
        );
        let script = r#". "$0"; printf '%s\n' "$SIGNPATH_API_URL" "$SIGNPATH_ORGANIZATION_ID" "$SIGNPATH_API_TOKEN""#;
        let shell = Command::new("sh")
            .args(["-c", script, path(&serve.env)])
            .output()
            .expect("sh");
        let shell = String::from_utf8(shell.stdout).expect("UTF-8");
        let [url, organization, token] = shell.lines().collect::<Vec<_>>()[..] else {
            panic!("{shell}")
        };
        assert!(
            url.starts_with("http://127.0.0.1:") && url.ends_with("/Api"),
            "{url}"
        );
        assert_eq!(
            (organization, token),
            (
                "11111111-2222-3333-4444-555555555555",
                r#"it's $HOME `x` "/+="#
            )
        );
        assert_eq!(serve.end(signal).code(), Some(0));
    }
}

#[test]
fn processes_that_start_at_once_agree_on_keys_and_identifiers() {
    let folder = state("shared");
    let _ = std::fs::remove_dir_all(&folder);
    let policies = state("shared.json");
    std::fs::write(
        &policies,
        r#"{ "policies": [ { "project": "demo", "policy": "one", "key": "p-256" } ] }"#,
    )
    .expect("write");
    let environments = ["shared-1.env", "shared-2.env", "shared-3.env"];
    let mut started = environments.map(|env| {
        Serve::spawn(
            env,
            &["--state", path(&folder), "--policies", path(&policies)],
        )
    });
    let [first, second, third] = started.each_mut().map(|serve| serve.lines()[2..].to_vec());
    assert_eq!((&first, &first), (&second, &third));
    for serve in started {
        assert_eq!(serve.end("-TERM").code(), Some(0));
    }
    let left: Vec<_> = std::fs::read_dir(&folder)
        .expect("the folder")
        .map(|entry| entry.expect("an entry").file_name())
        .collect();
    assert!(
        left.iter()
            .all(|name| !name.to_string_lossy().ends_with(".new")),
        "{left:?}"
    );
}

#[test]
fn says_on_its_first_start_that_it_generates_keys() {
    use std::io::Read;

    for store in ["software", "softhsm"] {
        let folder = state(&format!("announced-{store}"));
        let _ = std::fs::remove_dir_all(&folder);
        let arguments = ["--state", path(&folder), "--key-store", store];
        let policies = state("announced.json");
        let two = r#"{ "policies": [ { "project": "demo", "policy": "one", "key": "p-256" },
            { "project": "demo", "policy": "two", "key": "p-384" } ] }"#;
        std::fs::write(&policies, two).expect("write");
        let said = [(); 2].map(|()| {
            let more = ["--policies", path(&policies), "--tls", "--log", "/dev/null"];
            let mut serve = Serve::spawn("announced.env", &[&arguments[..], &more].concat());
            serve.lines();
            let mut stderr = serve.child.stderr.take().expect("stderr");
            assert_eq!(serve.end("-TERM").code(), Some(0));
            let mut said = String::new();
            stderr.read_to_string(&mut said).expect("UTF-8");
            said
        });
        let expected = format!(
            "pkcs11-test: generating keys in {}, once; this can take a minute\n",
            folder.canonicalize().expect("the folder").display()
        );
        assert_eq!(said, [expected.as_str(), ""], "{store}");
    }
}

#[test]
fn what_cannot_be_started_is_told_in_one_line() {
    let missing = fails(&[
        "--state",
        path(&state("quoted")),
        "--policies",
        "/nowhere/policies.json",
    ]);
    assert!(
        missing.contains("/nowhere/policies.json") && missing.contains("No such file"),
        "{missing}"
    );

    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("address").to_string();
    let refused = fails(&["--state", path(&state("default")), "--listen", &address]);
    assert!(
        refused.contains(&format!("cannot listen on {address}")),
        "{refused}"
    );

    let library = fails(&[
        "--state",
        path(&state("default")),
        "--key-store",
        "softhsm",
        "--softhsm-module",
        "/nowhere/libsofthsm2.so",
    ]);
    assert!(library.contains("/nowhere/libsofthsm2.so"), "{library}");
}

#[test]
fn help_names_the_files_and_the_policies_format() {
    let output = Command::new(env!("CARGO_BIN_EXE_pkcs11-test"))
        .args(["serve", "--help"])
        .output()
        .expect("the command runs");
    let help = String::from_utf8(output.stdout).expect("UTF-8");
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
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (
        output.status.code(),
        text(&output.stdout),
        text(&output.stderr),
    )
}

#[test]
fn the_demo_shows_a_line_for_each_row_and_what_was_verified() {
    for (module, status, result, last) in [
        (path(module()), 0, "verified", "2 of 2 rows verified."),
        ("/bin/sh", 1, "FAILED", "0 of 2 rows verified."),
    ] {
        let rows = ["pkcs11-tool-ec", "pkcs11-tool-short"];
        let (code, said, errors) = demo(&[&["--module", module], &rows[..]].concat());
        assert_eq!(code, Some(status), "{said}{errors}");
        assert!(said.contains("http://127.0.0.1:"), "{said}");
        for row in rows {
            let mut lines = said.lines();
            let line = lines
                .find(|line| line.starts_with(&format!("{row} ")))
                .expect(row);
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
    for (arguments, expected) in [
        (
            &["no-such-row", "--module", path(module())][..],
            "There is no row no-such-row. See --list.",
        ),
        (
            &["--module", "/nowhere.so"],
            "cannot open the module /nowhere.so: No such file",
        ),
    ] {
        let (code, said, errors) = demo(arguments);
        assert_eq!((code, &*said), (Some(1), ""), "{errors}");
        assert!(
            errors.starts_with("pkcs11-test: ") && errors.contains(expected),
            "{errors}"
        );
        assert_eq!(errors.lines().count(), 1);
    }
}
