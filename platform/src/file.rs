//! The text files that a user names.

use std::fs::OpenOptions;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use nix::fcntl::OFlag;
use zeroize::Zeroizing;

use crate::shortage::Shortage;
use crate::text;

/// The largest file that is read, in bytes: thousands of certificates.
const MAX_LENGTH: u64 = 16 << 20;

/// Why a file that the configuration names cannot be read: what the process has run out of, or else what
/// `otherwise` makes of it.
pub fn unreadable<E: From<Shortage>>(error: &io::Error, otherwise: impl FnOnce() -> E) -> E {
    Shortage::of(error).map_or_else(otherwise, E::from)
}

/// Reads a text file into memory that is wiped, since most of them hold a secret. Byte order marks at
/// the start of a line are left out: those of files that were put one behind the other are not all at
/// the start.
///
/// # Errors
/// Those of the operating system; also for a file of more than 16 MiB or in UTF-16, and for a pipe or a
/// device: such a one can be read once only or without end, and a pipe without writer would block the
/// caller.
pub fn read(path: &Path) -> io::Result<Zeroizing<Vec<u8>>> {
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(OFlag::O_NONBLOCK.bits())
        .open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other(
            "it is no regular file; a pipe or a device cannot be read again",
        ));
    }
    let mut bytes = Zeroizing::new(Vec::new());
    file.take(MAX_LENGTH + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_LENGTH {
        return Err(io::Error::other(format!(
            "it is longer than {} MiB",
            MAX_LENGTH >> 20
        )));
    }
    if text::is_utf_16(&bytes) {
        return Err(io::Error::other("it is UTF-16; save it as UTF-8"));
    }
    let mut kept = Zeroizing::new(Vec::with_capacity(bytes.len()));
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        kept.extend_from_slice(text::without_mark(line));
    }
    Ok(kept)
}
