//! Lines for people on stderr.
//!
//! A line is written with one `write` to file descriptor 2 and without a lock, so that a forked
//! child can never wait for a thread that only its parent has.

use std::cell::Cell;
use std::fmt;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use crate::error::{Error, Weight};

/// How important a line is; a console shows its own level and all levels before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Level {
    /// Nothing is shown.
    None,
    /// The module cannot go on.
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

    fn name(self) -> &'static str {
        Self::NAMES
            .into_iter()
            .find_map(|(name, level)| (level == self).then_some(name))
            .unwrap_or_default()
    }
}

static CONSOLE: AtomicU8 = AtomicU8::new(Level::Warning as u8);

/// Sets the level of the console for the whole process.
pub fn set_console_level(level: Level) {
    CONSOLE.store(level as u8, Ordering::Relaxed);
}

/// Whether the console shows lines of `level`.
pub fn enabled(level: Level) -> bool {
    level as u8 <= CONSOLE.load(Ordering::Relaxed)
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

/// Says how a call ended that failed.
pub fn failure(function: &str, error: &Error) {
    let level = match error.kind.weight() {
        Weight::Failure => Level::Error,
        Weight::Answer => Level::Debug,
    };
    write(level, format_args!("{function}: {error}"));
}

/// Says something of `level`.
pub fn write(level: Level, message: fmt::Arguments<'_>) {
    if !enabled(level) {
        return;
    }
    let line = one_line(&format!("signpath-pkcs11: {}: {message}", level.name()));
    // A console that is gone must not fail a signature.
    let _ = nix::unistd::write(std::io::stderr(), line.as_bytes());
}

/// `text` as exactly one line: what a server or a file name brings along cannot start another.
fn one_line(text: &str) -> String {
    let mut line: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    line.push('\n');
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_stays_on_one_line_whatever_is_in_it() {
        assert_eq!(one_line("a\r\nb\u{1b}[31mc\u{85}"), "a  b [31mc \n");
    }

    #[test]
    fn levels_have_the_names_of_the_configuration_in_any_case() {
        assert_eq!(Level::from_name("Warning"), Some(Level::Warning));
        assert_eq!(Level::from_name("loud"), None);
        assert_eq!(Level::Verbose.name(), "verbose");
    }
}
