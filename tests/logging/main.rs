//! The log, on the console and in the file.

#[path = "../common/mod.rs"]
mod common;

mod calls;
mod exchanges;
mod levels;
mod places;
mod rotation;
mod secrets;

use std::path::{Path, PathBuf};

use common::{
    LOG_DIRECTORY, Run, command, environment, in_child, load, log_in_and_sign, module_path,
    service, sign,
};
use cryptoki_sys::*;
use pkcs11_test::harness::Module;
use pkcs11_test::{Effect, Fault, Service};
use tempfile::TempDir;

/// The name that the official library gives its file.
const FILE: &str = "SignPath.CryptoProviders.Cryptoki.txt";

const CONSOLE_LEVEL: &str = "SIGNPATH_LOG_CONSOLE_LEVEL";
const FILE_LEVEL: &str = "SIGNPATH_LOG_FILE_LEVEL";
const CONFIG_FILE: &str = "SIGNPATH_CONFIG_FILE";

/// Variables of the environment.
type Variables = Vec<(&'static str, String)>;

/// A folder for one test. The module creates the log folder in it.
struct LogFolder(TempDir);

impl LogFolder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("logs")
    }

    /// The variables for a log file at this level.
    fn environment(&self, level: &str) -> Variables {
        let path = self.path().display().to_string();
        vec![(LOG_DIRECTORY, path), (FILE_LEVEL, level.to_owned())]
    }

    /// Writes a file beside the log folder. Returns its path.
    fn file(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.0.path().join(name);
        std::fs::write(&path, content).unwrap();
        path.display().to_string()
    }

    /// The lines of the log file; none if there is no file.
    fn lines(&self) -> Vec<Line> {
        lines_of(&self.path().join(FILE))
    }
}

/// Runs `child` in a process of its own with a log file at `level`, the variables that `more` makes, and a service with these
/// faults. In the child it gives [`None`].
fn logged(
    test: &str,
    level: &str,
    more: impl FnOnce(&LogFolder) -> Variables,
    faults: Vec<Fault>,
    child: impl FnOnce(),
) -> Option<(Service, LogFolder, Run)> {
    let prepare = || {
        let (service, folder) = (service(), LogFolder::new());
        for fault in faults {
            service.inject(fault).unwrap();
        }
        let mut environment = environment(&service, &[]);
        let variables = folder.environment(level).into_iter().chain(more(&folder));
        environment.extend(variables.map(|(name, value)| (name.to_owned(), value)));
        ((service, folder), environment)
    };
    let ((service, folder), run) = in_child(test, prepare, child)?;
    Some((service, folder, run))
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
    /// Parses `TIME [PROCESS.CALL] LEVEL: MESSAGE`.
    fn parse(line: &str) -> Option<Self> {
        let (time, rest) = line.split_once(" [")?;
        let (id, rest) = rest.split_once("] ")?;
        let (process, call) = id.split_once('.')?;
        let (level, message) = rest.split_once(": ")?;
        let has_length = time.len() == "1985-04-12T23:20:50.520Z".len();
        (has_length && time.starts_with('2') && time.ends_with('Z')).then_some(Self {
            process: process.parse().ok()?,
            call: call.parse().ok()?,
            level: level.to_owned(),
            message: message.to_owned(),
        })
    }
}

/// The lines of a log file, all of which must be complete.
fn lines_of(path: &Path) -> Vec<Line> {
    let content = String::from_utf8(std::fs::read(path).unwrap_or_default()).unwrap();
    assert!(content.is_empty() || content.ends_with('\n'));
    let line = |line| Line::parse(line).unwrap_or_else(|| panic!("not a line of a log: {line:?}"));
    content.lines().map(line).collect()
}

/// The arguments with which pkcs11-tool signs a file in `folder` with demo/rsa-2048.
fn pkcs11_tool_arguments(pin: &str, folder: &LogFolder) -> Vec<String> {
    let id: String = "demo/rsa-2048".bytes().map(|byte| format!("{byte:02x}")).collect();
    let signature = folder.0.path().join("signature").display().to_string();
    [
        ["--module", module_path().to_str().unwrap()],
        ["--pin", pin],
        ["--login", "--sign"],
        ["--id", &id],
        ["--mechanism", "SHA256-RSA-PKCS"],
        ["--input-file", &folder.file("data", "data")],
        ["--output-file", &signature],
    ]
    .concat()
    .into_iter()
    .map(str::to_owned)
    .collect()
}

/// A response after which the next attempt follows at once, with a warning.
fn busy() -> Effect {
    Effect::retry_after(503, 0)
}
