//! Reads the text files that a user names, and creates files with permissions.

use std::io::{self, Read};
use std::path::Path;

use zeroize::Zeroizing;

use crate::shortage::Shortage;
use crate::system::file::open;
pub use crate::system::file::{
    create, create_folder, create_new, create_own_folder, is_same, open_own,
};
use crate::text;

/// The largest file that is read, in bytes. That is enough for thousands of certificates.
const MAX_LENGTH: u64 = 16 << 20;

/// The reason for refusing what is not a file.
pub(crate) const NOT_REGULAR: &str = "not a regular file (pipes and devices are not supported)";

/// The error for a file that cannot be read: the [`Shortage`] if `error` is one, or else the result
/// of `other`.
pub fn shortage_or<E: From<Shortage>>(error: &io::Error, other: impl FnOnce() -> E) -> E {
    Shortage::of(error).map_or_else(other, E::from)
}

/// Reads a text file into memory that is wiped on drop, since most such files contain a secret. A
/// byte order mark at the start of any line is removed: concatenated files have one in the middle.
///
/// # Errors
/// Those of the operating system. Files of more than 16 MiB and files in UTF-16 are refused, and so
/// are pipes and devices: they can be read only once or never end, and a pipe without a writer
/// would block the caller.
pub fn read(path: &Path) -> io::Result<Zeroizing<Vec<u8>>> {
    let file = open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other(NOT_REGULAR));
    }
    let mut bytes = Zeroizing::new(Vec::new());
    file.take(MAX_LENGTH + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_LENGTH {
        return Err(io::Error::other(format!("it is larger than {} MiB", MAX_LENGTH >> 20)));
    }
    if text::is_utf_16(&bytes) {
        return Err(io::Error::other("it is encoded as UTF-16; save it as UTF-8"));
    }
    let mut kept = Zeroizing::new(Vec::with_capacity(bytes.len()));
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        kept.extend_from_slice(text::without_mark(line));
    }
    Ok(kept)
}
