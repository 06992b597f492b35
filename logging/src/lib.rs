//! Logging of the module and the command to a standard stream and to a file.
//!
//! All crates log through the macros of [`log`], which this crate implements. [`configure`] sets
//! the levels and where to log. Lines logged during a PKCS #11 call carry the number that
//! [`begin_call`] assigned to the call.
//!
//! `console` writes to the standard stream. `file` appends to the log file, and rotates it when it is
//! full. Nothing that goes wrong with a log reaches the caller.
//!
//! ```
//! use signpath_logging::{Level, FileLog, LogFormat, OutputStream, configure};
//!
//! # let directory = tempfile::tempdir()?;
//! let log_file = FileLog { level: Level::Info, directory: directory.path(), format: LogFormat::Text };
//! configure((Level::Error, OutputStream::Stderr), log_file);
//! log::info!(target: "signpath", "the list of signing policies is up to date");
//! log::debug!(target: "signpath", "not logged at this level");
//!
//! let file = directory.path().join("SignPath.CryptoProviders.Cryptoki.txt");
//! let lines = std::fs::read_to_string(file)?;
//! assert!(lines.ends_with("info: the list of signing policies is up to date\n"), "{lines}");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![forbid(unsafe_code)]

mod console;
mod file;
pub mod journal;
mod panics;

use std::cell::Cell;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

pub use panics::report_panics;

use signpath_platform::escape::escaped;
use signpath_platform::folders;

/// The importance of a line. A log shows its own level and all levels listed before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Level {
    /// Nothing is shown.
    None,
    /// A bug in the module ended a call.
    Fatal,
    /// A call failed.
    Error,
    /// Something is probably not as the user wants it.
    Warning,
    /// What the module does.
    Info,
    /// Each call.
    Debug,
    /// Everything.
    Verbose,
}

impl Level {
    /// The names in the configuration, from the least to the most verbose.
    pub const NAMES: [(&'static str, Self); 7] = [
        ("none", Self::None),
        ("fatal", Self::Fatal),
        ("error", Self::Error),
        ("warning", Self::Warning),
        ("info", Self::Info),
        ("debug", Self::Debug),
        ("verbose", Self::Verbose),
    ];

    /// The level with this name, ignoring case.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::NAMES
            .into_iter()
            .find_map(|(known, level)| known.eq_ignore_ascii_case(name).then_some(level))
    }

    /// The corresponding maximum level of [`log`].
    const fn filter(self) -> log::LevelFilter {
        match self {
            Self::None | Self::Fatal => log::LevelFilter::Off,
            Self::Error => log::LevelFilter::Error,
            Self::Warning => log::LevelFilter::Warn,
            Self::Info => log::LevelFilter::Info,
            Self::Debug => log::LevelFilter::Debug,
            Self::Verbose => log::LevelFilter::Trace,
        }
    }

    fn name(self) -> &'static str {
        Self::NAMES
            .into_iter()
            .find_map(|(name, level)| (level == self).then_some(name))
            .unwrap_or_default()
    }
}

/// A standard stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutputStream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// The format of the log file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// Time, process and call, level, and message, separated by blanks.
    Text,
    /// A JSON object with the same properties.
    Json,
}

/// What goes to the log file, and where it is.
#[derive(Debug, Clone, Copy)]
pub struct FileLog<'a> {
    /// The level.
    pub level: Level,
    /// Its directory.
    pub directory: &'a Path,
    /// The format of its lines.
    pub format: LogFormat,
}

/// The default directory of the log file, as a setting.
pub const DEFAULT_DIRECTORY: &str = folders::DEFAULT_LOGS;

/// The directory of the log file that a setting names.
pub fn directory(text: &str) -> PathBuf {
    match text {
        DEFAULT_DIRECTORY => folders::default_logs(),
        path => PathBuf::from(path),
    }
}

/// Sets the level and the stream of the console, and what goes to the log file, for the whole process. Until then the macros of [`log`] have no effect, and only panics are
/// shown, on stderr.
pub fn configure(console: (Level, OutputStream), file: FileLog<'_>) {
    console::configure(console.0, console.1);
    file::configure(file);
    // Fails if it has already been set.
    let _ = log::set_logger(&LOGGER);
    log::set_max_level(console.0.max(file.level).filter());
}

/// The [`log`] implementation. [`log`] has no counterpart to [`Level::Fatal`].
static LOGGER: Logger = Logger;

struct Logger;

impl log::Log for Logger {
    /// Lines of other crates are dropped: they are not meant for the user and may contain a secret.
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        metadata.target().starts_with("signpath") && enabled(metadata.level().into())
    }

    fn log(&self, record: &log::Record<'_>) {
        if self.enabled(record.metadata()) {
            write(record.level().into(), *record.args());
        }
    }

    fn flush(&self) {}
}

impl From<log::Level> for Level {
    fn from(level: log::Level) -> Self {
        match level {
            log::Level::Error => Self::Error,
            log::Level::Warn => Self::Warning,
            log::Level::Info => Self::Info,
            log::Level::Debug => Self::Debug,
            log::Level::Trace => Self::Verbose,
        }
    }
}

/// Opens the log file in the directory, or creates it.
///
/// # Errors
/// Why the log file will be in another directory.
pub fn check_directory(directory: &Path) -> Result<(), String> {
    file::open(directory).map(drop).map_err(|refusal| refusal.to_string())
}

/// Whether lines of `level` are shown or written.
fn enabled(level: Level) -> bool {
    console::shows(level) || file::shows(level)
}

static CALLS: AtomicU64 = AtomicU64::new(0);

thread_local! {
    /// The number of the current call of this thread. It has no destructor, so it can still be used
    /// in exit handlers.
    static CALL: Cell<u64> = const { Cell::new(0) };
}

/// Starts a call in this thread and gives it the next number of the process.
pub fn begin_call() {
    CALL.set(CALLS.fetch_add(1, Ordering::Relaxed) + 1);
}

/// Identifies the lines of one call: `[process.number]`.
struct RequestId {
    process_id: u32,
    call: u64,
}

impl RequestId {
    /// The ID of this thread's current call.
    fn current() -> Self {
        Self { process_id: std::process::id(), call: CALL.get() }
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "[{}.{}]", self.process_id, self.call)
    }
}

/// Logs a message. Errors are not reported to the caller.
fn write(level: Level, message: fmt::Arguments<'_>) {
    if !enabled(level) {
        return;
    }
    let message = one_line(&message.to_string());
    if console::shows(level) {
        console::write(level, &message);
    }
    if file::shows(level) {
        file::write(level, &message);
    }
}

/// `text` as a single line: nothing in a response or a file name can start another one.
fn one_line(text: &str) -> String {
    escaped(text).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_level_names_in_any_case() {
        assert_eq!(Level::from_name("Warning"), Some(Level::Warning));
        assert_eq!(Level::from_name("loud"), None);
        assert_eq!(Level::Verbose.name(), "verbose");
    }
}
