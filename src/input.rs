//! The files that the configuration names.

use std::fs::OpenOptions;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use nix::fcntl::OFlag;
use zeroize::Zeroizing;

/// The largest file that is read, in bytes: the certificates of thousands of authorities.
const MAX_LENGTH: u64 = 16 << 20;

/// Reads a file into memory that is wiped, since most of them hold a secret.
///
/// # Errors
/// Those of the operating system; also for a file of more than 16 MiB, and for a pipe or a device: such
/// a one can be read once only or without end, and a pipe without writer would block the caller.
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
    Ok(bytes)
}
