//! Writes to the standard streams.
//!
//! Each line is a single `write` to the file descriptor. No lock is involved, so a forked child
//! cannot wait for a lock that a thread of its parent holds.

use std::io;
use std::os::fd::AsFd;

use nix::errno::Errno;
use socket2::SockRef;

/// Writes to standard output. Errors are ignored: a closed console must not make a signature fail.
pub fn write_to_stdout(line: &[u8]) {
    write_line(io::stdout(), line);
}

/// Writes to standard error. Errors are ignored.
pub fn write_to_stderr(line: &[u8]) {
    write_line(io::stderr(), line);
}

fn write_line(stream: impl AsFd, line: &[u8]) {
    if !is_connection(&stream) {
        let _ = write_once(stream, line);
    }
}

/// Whether the stream is a network connection. If the application has closed its standard streams,
/// their descriptors are reused, perhaps for our connection to the service.
fn is_connection(stream: &impl AsFd) -> bool {
    SockRef::from(stream).local_addr().is_ok_and(|address| address.as_socket().is_some())
}

/// Calls `write` once; an interrupted one has written nothing and is repeated. It raises no signal,
/// since the module blocks those of a write during a call, and the command handles them.
pub(super) fn write_once(stream: impl AsFd, line: &[u8]) -> io::Result<usize> {
    loop {
        match nix::unistd::write(&stream, line) {
            Err(Errno::EINTR) => {}
            written => return Ok(written?),
        }
    }
}
