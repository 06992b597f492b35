//! The log as its reader sees it: on the console and in the file.

#[path = "../common/mod.rs"]
mod common;

mod calls;
mod exchanges;
mod levels;
mod places;
mod rotation;
mod secrets;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::ptr;

use common::LOG_DIRECTORY;
use common::raw::{self, Raw, ck};
use cryptoki_sys::*;
use pkcs11_test::Effect;
use tempfile::TempDir;

/// The name that the official library gives its file.
const FILE: &str = "SignPath.CryptoProviders.Cryptoki.txt";

const CONSOLE_LEVEL: &str = "SIGNPATH_LOG_CONSOLE_LEVEL";
const FILE_LEVEL: &str = "SIGNPATH_LOG_FILE_LEVEL";

/// A folder for the logs of one test.
struct LogFolder(TempDir);

impl LogFolder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// The folder of the log, which the module makes.
    fn path(&self) -> PathBuf {
        self.0.path().join("logs")
    }

    /// The environment that leads there, with the level of the file.
    fn environment(&self, level: &str) -> Vec<(String, String)> {
        let path = self.path().to_str().unwrap().to_owned();
        [(LOG_DIRECTORY, path), (FILE_LEVEL, level.to_owned())]
            .map(|(name, value)| (name.to_owned(), value))
            .into()
    }

    /// The lines of the file; none if there is no file.
    fn lines(&self) -> Vec<Line> {
        lines_of(&self.path().join(FILE))
    }
}

/// One line of a log file.
#[derive(Debug, Clone)]
struct Line {
    process: u32,
    /// The number of the call in the process.
    call: u64,
    level: String,
    message: String,
}

impl Line {
    /// Takes a line of the form `TIME [PROCESS.CALL] LEVEL: MESSAGE` apart.
    fn parse(line: &str) -> Self {
        let taken_apart = || {
            let (time, rest) = line.split_once(" [")?;
            let (id, rest) = rest.split_once("] ")?;
            let (process, call) = id.split_once('.')?;
            let (level, message) = rest.split_once(": ")?;
            let is_time = time.len() == "1985-04-12T23:20:50.520Z".len()
                && time.ends_with('Z')
                && time.starts_with("2");
            is_time.then_some(Self {
                process: process.parse().ok()?,
                call: call.parse().ok()?,
                level: level.to_owned(),
                message: message.to_owned(),
            })
        };
        taken_apart().unwrap_or_else(|| panic!("not a line of a log: {line:?}"))
    }
}

/// The lines of a log file, which all have to be whole.
fn lines_of(path: &Path) -> Vec<Line> {
    let content = std::fs::read(path).unwrap_or_default();
    assert!(content.is_empty() || content.ends_with(b"\n"));
    String::from_utf8(content)
        .unwrap()
        .lines()
        .map(Line::parse)
        .collect()
}

/// A program with nothing of SignPath's in its environment.
fn command(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("SIGNPATH_")) {
        command.env_remove(name);
    }
    command
}

/// Signs a hash with demo/p-256, whose handle it finds first; the return value of C_Sign.
fn sign(raw: &Raw, session: CK_SESSION_HANDLE) -> CK_RV {
    let key = raw::object(raw, session, CKO_PRIVATE_KEY, "demo/p-256");
    let mut mechanism = raw::mechanism(CKM_ECDSA);
    assert_eq!(ck!(raw, C_SignInit(session, &mut mechanism, key)), CKR_OK);
    let (mut hash, mut signature, mut length) = ([7; 32], [0; 64], 64);
    let (hash, signature) = (hash.as_mut_ptr(), signature.as_mut_ptr());
    ck!(raw, C_Sign(session, hash, 32, signature, &mut length))
}

/// What pkcs11-tool has to be told to sign the file `data` in `folder` with demo/rsa-2048.
fn pkcs11_tool_arguments(pin: &str, folder: &Path) -> Vec<String> {
    let path = |path: PathBuf| path.into_os_string().into_string().unwrap();
    let id: String = "demo/rsa-2048"
        .bytes()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let (data, signature) = (folder.join("data"), folder.join("signature"));
    std::fs::write(&data, "data").unwrap();
    [
        ["--module".to_owned(), path(common::module_path())],
        ["--pin".to_owned(), pin.to_owned()],
        ["--login".to_owned(), "--sign".to_owned()],
        ["--id".to_owned(), id],
        ["--mechanism".to_owned(), "SHA256-RSA-PKCS".to_owned()],
        ["--input-file".to_owned(), path(data)],
        ["--output-file".to_owned(), path(signature)],
    ]
    .concat()
}

fn finalize(raw: &Raw) {
    assert_eq!(ck!(raw, C_Finalize(ptr::null_mut())), CKR_OK);
}

/// An answer after which the next attempt comes soon, and a warning says so.
fn busy() -> Effect {
    Effect::retry_after(503, 0)
}
