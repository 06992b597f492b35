//! HTTPS with a certificate of the service's own authority.

use std::sync::Arc;

use rsa::pkcs8::{DecodePrivateKey, EncodePublicKey};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;
use x509_cert::der::Encode;

use crate::certificates::Authority;
use crate::error::{Context, Error};
use crate::keys::{KeyKind, SoftwareStore};
use crate::state::StateFolder;

/// The authority that a client has to trust, in the state folder.
pub(crate) const AUTHORITY_FILE: &str = "tls-ca.pem";

pub(crate) fn acceptor(state: &StateFolder) -> Result<TlsAcceptor, Error> {
    const FAILURE: &str = "cannot set up TLS";

    let pem = SoftwareStore::pem(state, "tls-key.pem", KeyKind::P256)?;
    let public_key = p256::SecretKey::from_pkcs8_pem(&pem)
        .and_then(|key| key.public_key().to_public_key_der().map_err(Into::into))
        .context(FAILURE)?;
    let public_key = public_key.decode_msg().context(FAILURE)?;
    let certificate = Authority::tls(state)?.server_certificate(state, &public_key)?;
    let chain = vec![CertificateDer::from(certificate.to_der().context(FAILURE)?)];
    let key = PrivateKeyDer::from_pem_slice(pem.as_bytes()).context(FAILURE)?;
    let mut configuration =
        ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .context(FAILURE)?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .context(FAILURE)?;
    configuration.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(configuration)))
}
