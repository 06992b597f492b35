//! Only Windows has a store of client certificates.

use std::io;
use std::sync::Arc;

use rustls::sign::CertifiedKey;

/// The client certificate with this SHA-1 digest, its chain and its private key.
///
/// # Errors
/// [`io::ErrorKind::Unsupported`].
pub fn find(_: &[u8]) -> io::Result<Arc<CertifiedKey>> {
    Err(io::ErrorKind::Unsupported.into())
}
