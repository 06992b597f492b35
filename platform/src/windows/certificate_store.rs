//! The personal certificates of the user and of the machine. Private keys stay in the store, or in a
//! smart card: Windows signs with them.

use std::io;
use std::sync::Arc;

use crate::os_error::describe;
use rustls::sign::CertifiedKey;
use rustls_cng::error::CngError;
use rustls_cng::signer::CngSigningKey;
use rustls_cng::store::{CertStore, CertStoreType};

/// The stores, in the order in which they are searched, and what messages call them.
const STORES: [(CertStoreType, &str); 2] = [
    (CertStoreType::CurrentUser, "the user's personal store"),
    (CertStoreType::LocalMachine, "the machine's personal store"),
];

/// The client certificate with this SHA-1 digest, its chain and its private key.
///
/// # Errors
/// [`io::ErrorKind::NotFound`] if there is none, and those of the system if its key cannot be used
/// without asking the user.
pub fn find(digest: &[u8]) -> io::Result<Arc<CertifiedKey>> {
    let mut unreadable = None;
    let found = STORES.into_iter().find_map(|(store, name)| {
        let found = CertStore::open(store, "my").and_then(|store| store.find_by_sha1(digest));
        match found {
            Ok(certificates) => certificates.into_iter().next(),
            Err(error) => {
                let error = os_error(&error);
                if error.kind() != io::ErrorKind::NotFound {
                    let reason = format!("cannot read {name}: {}", describe(&error));
                    unreadable = Some(io::Error::other(reason));
                }
                None
            }
        }
    });
    let Some(certificate) = found else {
        let reason = "no certificate in the user's or the machine's personal store has it";
        let not_found = || io::Error::new(io::ErrorKind::NotFound, reason);
        return Err(unreadable.unwrap_or_else(not_found));
    };
    let unusable = |error: CngError| {
        let reason = describe(&os_error(&error));
        io::Error::other(format!("its private key is unusable: {reason}"))
    };
    let key = certificate.acquire_key(true).map_err(unusable)?;
    let key = CngSigningKey::new(key).map_err(unusable)?;
    let chain = certificate.as_chain_der().map_err(io::Error::other)?;
    let chain = chain.into_iter().map(Into::into).collect();
    Ok(Arc::new(CertifiedKey::new(chain, Arc::new(key))))
}

/// The error of the system, if it is one.
fn os_error(error: &CngError) -> io::Error {
    match error {
        CngError::WindowsError(number) => io::Error::from_raw_os_error(*number as i32),
        other => io::Error::other(other.to_string()),
    }
}
