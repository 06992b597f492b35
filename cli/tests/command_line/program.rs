//! Runs the program, and checks its results.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use pkcs11_test::Service;
use serde_json::Value;

use crate::common::{LOG_DIRECTORY, environment, module_path, with_policies};

/// A program that finds no service, no proxy and no home of gpg in its environment.
fn clean(program: &str) -> Command {
    let mut command = Command::new(program);
    let is_setting =
        |name: &str| name.starts_with("SIGNPATH_") || name.to_lowercase().ends_with("_proxy");
    for (name, _) in std::env::vars().filter(|(name, _)| is_setting(name)) {
        command.env_remove(name);
    }
    command.env(LOG_DIRECTORY, concat!(env!("CARGO_TARGET_TMPDIR"), "/logs"));
    command.env_remove("GNUPGHOME");
    command
}

/// The program, which prints no colours without a terminal, whatever the variables of one say.
pub fn program(arguments: &[&str]) -> Command {
    let mut command = clean(env!("CARGO_BIN_EXE_signpath-pkcs11"));
    command.args(arguments).env("TERM", "xterm-256color").env("COLORTERM", "truecolor");
    command
}

/// Runs the program without a service.
pub fn offline(arguments: &str) -> Run {
    Run::of(program(&[]).args(words(arguments)))
}

/// The words of a command line. `{module}` stands for the path of the module.
fn words(line: &str) -> Vec<String> {
    let module = module_path();
    let words = line.split_whitespace();
    words.map(|word| word.replace("{module}", text(&module))).collect()
}

pub fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// The result of a process.
#[derive(Debug)]
pub struct Run {
    pub status: Option<i32>,
    pub stdout: String,
    pub stderr: String,
    pub bytes: Vec<u8>,
}

impl Run {
    pub fn of(command: &mut Command) -> Self {
        let Output { status, stdout, stderr } = command.output().unwrap();
        Self {
            status: status.code(),
            stdout: String::from_utf8_lossy(&stdout).into_owned(),
            stderr: String::from_utf8_lossy(&stderr).into_owned(),
            bytes: stdout,
        }
    }

    /// It ended with status 0, and stderr is empty.
    pub fn assert_ok(self) -> Self {
        let end = (self.status, self.stderr.as_str());
        assert_eq!(end, (Some(0), ""), "{}", self.stdout);
        self
    }

    pub fn assert_prints(&self, parts: &[&str]) {
        for part in parts {
            assert!(self.stdout.contains(part), "no {part:?}: {self:#?}");
        }
    }

    /// It ended with this status and an empty stdout. stderr has these parts, in one line unless the arguments are
    /// invalid.
    pub fn assert_fails(&self, status: i32, parts: &[&str]) {
        let end = (self.status, self.stdout.as_str());
        assert_eq!(end, (Some(status), ""), "{self:#?}");
        for part in parts {
            assert!(self.stderr.contains(part), "no {part:?}: {self:#?}");
        }
        let is_one_line = self.stderr.starts_with("signpath-pkcs11: error: ")
            && self.stderr.lines().count() == 1
            && !self.stderr.contains('\u{1b}');
        assert!(status == 2 || is_one_line, "{self:#?}");
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap()
    }
}

/// A service, and a directory in which programs run against it.
pub struct Bench {
    pub service: Service,
    parent: tempfile::TempDir,
    pub directory: PathBuf,
}

impl Bench {
    pub fn new() -> Self {
        Self::with(crate::common::service())
    }

    pub fn with(service: Service) -> Self {
        let parent = tempfile::tempdir().unwrap();
        Self { service, directory: parent.path().to_owned(), parent }
    }

    /// With these signing policies, as in a policies file.
    pub fn with_policies(policies: &str) -> Self {
        let options = with_policies(&format!("{{\"policies\": [{policies}]}}"));
        Self::with(Service::start(options).unwrap())
    }

    /// In a directory of this name.
    pub fn in_directory(mut self, name: &str) -> Self {
        self.directory = self.parent.path().join(name);
        fs::create_dir(&self.directory).unwrap();
        self
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    pub fn text(&self, name: &str) -> String {
        text(&self.path(name)).to_owned()
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.path(name), content).unwrap();
    }

    fn in_place(&self, mut command: Command, more: &[(&str, &str)]) -> Command {
        command.envs(environment(&self.service, more));
        command.current_dir(&self.directory);
        command
    }

    pub fn command(&self, arguments: &[&str], more: &[(&str, &str)]) -> Command {
        self.in_place(program(arguments), more)
    }

    /// Runs the program with `more` in its environment. It never shows the token.
    pub fn run_words(&self, arguments: &[&str], more: &[(&str, &str)]) -> Run {
        let run = Run::of(&mut self.command(arguments, more));
        let shows_token = format!("{run:?}").contains(self.service.token());
        assert!(!shows_token, "{run:?}");
        run
    }

    pub fn run_with(&self, arguments: &str, more: &[(&str, &str)]) -> Run {
        let words = words(arguments);
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        self.run_words(&words, more)
    }

    pub fn run(&self, arguments: &str) -> Run {
        self.run_with(arguments, &[])
    }

    pub fn ok(&self, arguments: &str) -> Run {
        self.run(arguments).assert_ok()
    }

    /// How many signatures the service has made.
    pub fn signatures(&self) -> usize {
        let requests = self.service.requests().into_iter();
        requests.filter(|request| request.is_signed).count()
    }

    /// A shell that runs `commands` and ends with the first that fails.
    pub fn shell(&self, commands: &str) -> Command {
        let mut shell = clean("timeout");
        shell.args(["120", "sh", "-ec", commands]);
        self.in_place(shell, &[])
    }

    /// What commands print that all succeed.
    pub fn sh(&self, commands: &str) -> String {
        succeeded(&mut self.shell(commands))
    }

    /// Writes the certificate of demo/`policy` to `certificate.der`, and its public key to `key.pem`.
    pub fn write_certificate(&self, policy: &str) {
        let certificate = self.service.certificate_der("demo", policy).unwrap();
        self.write("certificate.der", certificate);
        self.sh("openssl x509 -inform DER -in certificate.der -noout -pubkey >key.pem");
    }
}

/// What a program prints that succeeds.
pub fn succeeded(command: &mut Command) -> String {
    let run = Run::of(command);
    assert_eq!(run.status, Some(0), "{command:?}: {run:#?}");
    run.stdout
}

/// Runs that fail: `"arguments" [VARIABLE = "value"] => status: "part of stderr";`.
macro_rules! failures {
    ($bench:expr; $($arguments:literal [$($variable:ident = $value:expr),*] => $status:literal: $($part:expr),+;)*) => {$(
        let more: &[(&str, &str)] = &[$((stringify!($variable), $value)),*];
        $bench.run_with($arguments, more).assert_fails($status, &[$($part),+]);
    )*};
}

/// Tuples, one a line however long it is.
macro_rules! rows {
    ($($($field:expr),+;)*) => { [$(($($field),+)),*] };
}

pub(crate) use {failures, rows};
