//! Runs the program, and what checks its results.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use pkcs11_test::{Options, Service};
use serde_json::Value;

use crate::common::{LOG_DIRECTORY, environment, options};

/// The program with nothing in its environment that leads to a service.
pub fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_signpath-pkcs11"));
    let is_setting =
        |name: &str| name.starts_with("SIGNPATH_") || name.to_lowercase().ends_with("_proxy");
    for (name, _) in std::env::vars().filter(|(name, _)| is_setting(name)) {
        command.env_remove(name);
    }
    command.env(LOG_DIRECTORY, concat!(env!("CARGO_TARGET_TMPDIR"), "/logs"));
    command.args(arguments);
    command
}

/// What the program left behind.
#[derive(Debug)]
pub struct Run {
    pub status: Option<i32>,
    pub stdout: String,
    pub stderr: String,
    pub bytes: Vec<u8>,
}

impl Run {
    pub fn of(command: &mut Command) -> Self {
        let Output {
            status,
            stdout,
            stderr,
        } = command.output().unwrap();
        Self {
            status: status.code(),
            stdout: String::from_utf8_lossy(&stdout).into_owned(),
            stderr: String::from_utf8_lossy(&stderr).into_owned(),
            bytes: stdout,
        }
    }

    pub fn assert_ok(self) -> Self {
        assert_eq!(
            (self.status, self.stderr.as_str()),
            (Some(0), ""),
            "{}",
            self.stdout
        );
        self
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap()
    }
}

/// Runs the program against a service, with `more` in its environment. It never shows the token.
pub fn run_with(service: &Service, arguments: &[&str], more: &[(&str, &str)]) -> Run {
    let run = Run::of(program(arguments).envs(environment(service, more)));
    assert!(!format!("{run:?}").contains(service.token()), "{run:?}");
    run
}

pub fn run(service: &Service, arguments: &[&str]) -> Run {
    run_with(service, arguments, &[])
}

/// What openssl prints; it has to like its input.
pub fn openssl(arguments: &[&str], input: &[u8]) -> String {
    let mut child = Command::new("openssl")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "openssl {arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

pub fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A service with one signing policy of each name.
pub fn service_with(policies: &[&str]) -> Service {
    let entry = |name: &&str| {
        let (project, policy) = name.split_once('/').unwrap();
        serde_json::json!({"project": project, "policy": policy, "key": "p-256"})
    };
    let policies: Vec<_> = policies.iter().map(entry).collect();
    let policies = serde_json::from_value(serde_json::json!({ "policies": policies })).unwrap();
    Service::start(Options {
        policies,
        ..options()
    })
    .unwrap()
}
