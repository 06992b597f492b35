//! Only Windows keeps secrets for the user that the official library can use.

use std::io;

use zeroize::Zeroizing;

/// Whether there are functions for it on this system.
pub const ARE_SUPPORTED: bool = false;

/// Decrypts data that only the user can decrypt.
///
/// # Errors
/// [`io::ErrorKind::Unsupported`].
pub fn decrypt(_: &[u8]) -> io::Result<Zeroizing<Vec<u8>>> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Reads a text in the registry.
///
/// # Errors
/// [`io::ErrorKind::Unsupported`].
pub fn registry_text(_: &str) -> io::Result<String> {
    Err(io::ErrorKind::Unsupported.into())
}
