//! What the module and the command say to people: on a standard stream, and in a file.
//!
//! Everything is said through the macros of [`log`]; this is its one implementation, and nobody else
//! writes lines. [`configure`] sets levels and places; a line that a thread says within a call of PKCS #11
//! carries the number that [`begin_call`] gave the call.

#![forbid(unsafe_code)]

mod console;
mod file;
mod folder;
mod panics;
mod rotation;

use std::cell::Cell;
use std::fmt;
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use nix::errno::Errno;
pub use panics::report_panics;

use signpath_platform::escape::escaped;

/// How important a line is; a log shows its own level and all levels before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Level {
    /// Nothing is shown.
    None,
    /// A defect of the module ended a call.
    Fatal,
    /// A call failed.
    Error,
    /// Something is not as the user will want it.
    Warning,
    /// What the module does.
    Info,
    /// Each call.
    Debug,
    /// Everything.
    Verbose,
}

impl Level {
    /// The names of the configuration, from silent to talkative.
    pub const NAMES: [(&'static str, Self); 7] = [
        ("none", Self::None),
        ("fatal", Self::Fatal),
        ("error", Self::Error),
        ("warning", Self::Warning),
        ("info", Self::Info),
        ("debug", Self::Debug),
        ("verbose", Self::Verbose),
    ];

    /// The level of that name, in any case.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::NAMES
            .into_iter()
            .find_map(|(known, level)| known.eq_ignore_ascii_case(name).then_some(level))
    }

    /// The same for those who ask before they say something.
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

/// The folder of the log file unless another is configured.
pub const DEFAULT_DIRECTORY: &str = "/tmp/SignPathLogs";

/// Sets for the whole process what the console shows on which stream, and what the file shows in
/// which folder. Before, the console shows warnings on stderr, and there is no file.
pub fn configure(console: (Level, OutputStream), file: (Level, &Path)) {
    console::configure(console.0, console.1);
    file::configure(file.0, file.1);
    // It fails where it is set already.
    let _ = log::set_logger(&LOGGER);
    log::set_max_level(console.0.max(file.0).filter());
}

/// What [`log`]'s macros lead to, whose levels are those of the configuration but for `fatal`.
static LOGGER: Logger = Logger;

struct Logger;

impl log::Log for Logger {
    /// What a library says of its own is not for the user, and could hold a secret.
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

/// Opens the folder of the log file, or makes it.
///
/// # Errors
/// Why the log file will be in another one, as the end of a sentence that begins with its name.
pub fn check_directory(directory: &Path) -> Result<(), String> {
    match folder::open_or_make(directory) {
        Ok(_) => Ok(()),
        Err(refusal) => Err(refusal.to_string()),
    }
}

/// Whether anybody sees lines of `level`.
fn enabled(level: Level) -> bool {
    console::shows(level) || file::shows(level)
}

static CALLS: AtomicU64 = AtomicU64::new(0);

thread_local! {
    /// The number of the call that this thread is in. It has no destructor, so exit handlers may
    /// come here too.
    static CALL: Cell<u64> = const { Cell::new(0) };
}

/// Gives the call that begins in this thread the next number of the process.
pub fn begin_call() {
    CALL.set(CALLS.fetch_add(1, Ordering::Relaxed) + 1);
}

/// Ties the lines of one call together: `[process.number]`.
struct RequestId {
    process_id: u32,
    call: u64,
}

impl RequestId {
    /// That of the call which this thread is in.
    fn current() -> Self {
        Self {
            process_id: std::process::id(),
            call: CALL.get(),
        }
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "[{}.{}]", self.process_id, self.call)
    }
}

/// Says something of `level`. Nothing that goes wrong with it is told to the caller.
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

/// One `write`; one that a signal of the program interrupts has written nothing. It raises none, since
/// it happens within a call.
fn write_once(stream: impl AsFd, line: &[u8]) -> nix::Result<usize> {
    loop {
        match nix::unistd::write(&stream, line) {
            Err(Errno::EINTR) => {}
            written => return written,
        }
    }
}

/// `text` as exactly one line: what a server or a file name brings along cannot start another.
fn one_line(text: &str) -> String {
    escaped(text).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_have_the_names_of_the_configuration_in_any_case() {
        assert_eq!(Level::from_name("Warning"), Some(Level::Warning));
        assert_eq!(Level::from_name("loud"), None);
        assert_eq!(Level::Verbose.name(), "verbose");
    }
}
