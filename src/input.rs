//! The files that the configuration names, and single lines as editors and shells leave them.

use std::fs::OpenOptions;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use nix::fcntl::OFlag;
use zeroize::Zeroizing;

use crate::error::Error;
use crate::shortage::Shortage;

/// The largest file that is read, in bytes: the certificates of thousands of authorities.
const MAX_LENGTH: u64 = 16 << 20;

/// The byte order mark of UTF-8 (RFC 3629, section 6), which many programs for Windows write first.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// Why a file that the configuration names cannot be read: what the process has run out of, or else what
/// `otherwise` makes of it.
pub fn unreadable(error: &io::Error, otherwise: impl FnOnce() -> Error) -> Error {
    Shortage::of(error).map_or_else(otherwise, Shortage::error)
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
    if is_utf_16(&bytes) {
        return Err(io::Error::other("it is UTF-16; save it as UTF-8"));
    }
    let mut text = Zeroizing::new(Vec::with_capacity(bytes.len()));
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        text.extend_from_slice(without_mark(line));
    }
    Ok(text)
}

/// Whether a text is UTF-16, which begins with a byte order mark or with a character of ASCII.
pub fn is_utf_16(text: &[u8]) -> bool {
    matches!(
        text,
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [0, 1..=255, ..] | [1..=255, 0, ..]
    )
}

/// A single line, such as a token, without the byte order mark and the line end that came along with it
/// from a file.
pub fn line(text: &[u8]) -> &[u8] {
    match without_mark(text) {
        [line @ .., b'\r', b'\n'] | [line @ .., b'\n'] => line,
        line => line,
    }
}

/// The same of a text that is known to be UTF-8.
pub fn line_of(text: &str) -> &str {
    std::str::from_utf8(line(text.as_bytes())).unwrap_or(text)
}

fn without_mark(mut text: &[u8]) -> &[u8] {
    while let Some(rest) = text.strip_prefix(BYTE_ORDER_MARK) {
        text = rest;
    }
    text
}
