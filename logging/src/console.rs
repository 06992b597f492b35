//! Logs to a standard stream.
//!
//! Each line is a single `write` to the file descriptor. No lock is involved, so a forked child
//! cannot wait for a lock that a thread of its parent holds.

use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use socket2::SockRef;

use super::{Level, OutputStream, RequestId, write_once};

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
    let id = if shows(Level::Info) {
        format!("{} ", RequestId::current())
    } else {
        String::new()
    };
    let line = format!("signpath-pkcs11: {}: {id}{message}\n", level.name());
    if STDOUT.load(Ordering::Relaxed) {
        write_line(std::io::stdout(), line.as_bytes());
    } else {
        write_line(std::io::stderr(), line.as_bytes());
    }
}

/// Errors are ignored: a closed console must not make a signature fail.
fn write_line(stream: impl AsFd, line: &[u8]) {
    if !is_connection(&stream) {
        let _ = write_once(stream, line);
    }
}

/// Whether the stream is a network connection. If the application has closed its standard streams,
/// their descriptors are reused, perhaps for our connection to the service.
fn is_connection(stream: &impl AsFd) -> bool {
    SockRef::from(stream)
        .local_addr()
        .is_ok_and(|address| address.as_socket().is_some())
}
