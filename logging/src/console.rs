//! Lines on a standard stream, for whoever runs the tool.
//!
//! A line is one `write` to the file descriptor and without a lock, so that a forked child can
//! never wait for a thread that only its parent has.

use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use socket2::SockRef;

use super::{Level, OutputStream, RequestId, write_once};

static LEVEL: AtomicU8 = AtomicU8::new(Level::Warning as u8);
static STDOUT: AtomicBool = AtomicBool::new(false);

/// Sets what the console shows, and where, for the whole process.
pub(crate) fn configure(level: Level, stream: OutputStream) {
    LEVEL.store(level as u8, Ordering::Relaxed);
    STDOUT.store(stream == OutputStream::Stdout, Ordering::Relaxed);
}

/// Whether the console shows lines of `level`.
pub(crate) fn shows(level: Level) -> bool {
    level as u8 <= LEVEL.load(Ordering::Relaxed)
}

/// Writes a message, which is one line. Only who asked for more than failures sees request IDs.
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

/// A console that is gone must not fail a signature.
fn write_line(stream: impl AsFd, line: &[u8]) {
    if !is_connection(&stream) {
        let _ = write_once(stream, line);
    }
}

/// Whether the stream is a connection to somebody. In a program that closed its standard streams
/// their numbers go to what is opened next, which may be our connection to the service.
fn is_connection(stream: &impl AsFd) -> bool {
    SockRef::from(stream)
        .local_addr()
        .is_ok_and(|address| address.as_socket().is_some())
}
