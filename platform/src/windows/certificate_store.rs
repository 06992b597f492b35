//! The personal certificates of the user and of the machine. Private keys stay in the store, or in a
//! smart card: Windows signs with them.

use std::io;
use std::sync::Arc;

use rustls::sign::CertifiedKey;
use rustls_cng::error::CngError;
use rustls_cng::signer::CngSigningKey;
use rustls_cng::store::{CertStore, CertStoreType};

/// The stores, in the order in which they are searched.
const STORES: [CertStoreType; 2] = [CertStoreType::CurrentUser, CertStoreType::LocalMachine];

/// The client certificate with this SHA-1 digest, its chain and its private key.
///
/// # Errors
/// [`io::ErrorKind::NotFound`] if there is none, and those of the system if its key cannot be used
/// without asking the user.
pub fn find(digest: &[u8]) -> io::Result<Arc<CertifiedKey>> {
    let found = STORES.into_iter().find_map(|store| {
        let store = CertStore::open(store, "my").ok()?;
        store.find_by_sha1(digest).ok()?.into_iter().next()
    });
    let Some(certificate) = found else {
        let reason = "no certificate in the user's or the machine's personal store has it";
        return Err(io::Error::new(io::ErrorKind::NotFound, reason));
    };
    let unusable = |error: CngError| io::Error::other(format!("unusable private key ({error})"));
    let key = certificate.acquire_key(true).map_err(unusable)?;
    let key = CngSigningKey::new(key).map_err(unusable)?;
    let chain = certificate.as_chain_der().map_err(io::Error::other)?;
    let chain = chain.into_iter().map(Into::into).collect();
    Ok(Arc::new(CertifiedKey::new(chain, Arc::new(key))))
}
