//! Leaves the descriptors of the standard streams to the application.

use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};

use nix::fcntl::{FcntlArg, fcntl};

/// The first descriptor after those of the standard streams.
const FIRST: i32 = 3;

/// Gives a file or socket another descriptor if it has that of a standard stream, because the application has closed the stream.
/// Whatever writes to the stream, such as a line on stderr of another thread, would otherwise write to the file or socket.
///
/// # Errors
/// Those of the system.
pub fn apart<F: AsFd + From<OwnedFd>>(file: F) -> io::Result<F> {
    if file.as_fd().as_raw_fd() >= FIRST {
        return Ok(file);
    }
    let moved = fcntl(&file, FcntlArg::F_DUPFD_CLOEXEC(FIRST))?;
    // SAFETY: the descriptor is new, and nothing else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(moved) }.into())
}
