//! Logs to a standard stream.

use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use signpath_platform::console;

use super::{Level, OutputStream, RequestId};

static LEVEL: AtomicU8 = AtomicU8::new(Level::Warning as u8);
static STDOUT: AtomicBool = AtomicBool::new(false);

/// Sets the level and the stream of the console for the whole process.
pub(crate) fn configure(level: Level, stream: OutputStream) {
    LEVEL.store(level as u8, Ordering::Relaxed);
    STDOUT.store(stream == OutputStream::Stdout, Ordering::Relaxed);
}

/// Whether the console shows lines of `level`.
pub(crate) fn shows(level: Level) -> bool {
    level as u8 <= LEVEL.load(Ordering::Relaxed)
}

/// Writes a message, which must be a single line. It has a request ID only if the console shows
/// level `info`.
pub(crate) fn write(level: Level, message: &str) {
    let id = if shows(Level::Info) { format!("{} ", RequestId::current()) } else { String::new() };
    let line = format!("signpath-pkcs11: {}: {id}{message}\n", level.name());
    if STDOUT.load(Ordering::Relaxed) {
        console::write_to_stdout(line.as_bytes());
    } else {
        console::write_to_stderr(line.as_bytes());
    }
}
