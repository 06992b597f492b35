//! HTTPS with a certificate issued by the service's own certificate authority.

use std::sync::Arc;

use rsa::pkcs8::{DecodePrivateKey, LineEnding};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::version::{TLS12, TLS13};
use rustls::{RootCertStore, ServerConfig};
use tokio_rustls::TlsAcceptor;
use x509_cert::Certificate;
use x509_cert::der::{Decode, Encode, EncodePem};
use x509_cert::spki::SubjectPublicKeyInfoOwned;

use crate::certificates::{Authority, Usage};
use crate::error::{Context, Error};
use crate::keys::{self, KeyKind, SoftwareStore};
use crate::options::{TlsOptions, TlsVersions};
use crate::state::{SECRET, StateFolder};

/// The CA certificate that clients must trust, in the state directory.
pub(crate) const AUTHORITY_FILE: &str = "tls-ca.pem";
/// The client's certificate and private key, in the state directory.
pub(crate) const CLIENT_FILE: &str = "tls-client.pem";

const FAILURE: &str = "cannot set up TLS";

pub(crate) fn acceptor(state: &StateFolder, options: TlsOptions) -> Result<TlsAcceptor, Error> {
    server_configuration(state, options).map(TlsAcceptor::from)
}

pub(crate) fn server_configuration(
    state: &StateFolder,
    options: TlsOptions,
) -> Result<Arc<ServerConfig>, Error> {
    let (key, pem) = private_key(state, "tls-key.pem")?;
    let authority = Authority::tls(state)?;
    let certificate = authority.server_certificate(state, &key, options.certificate)?;
    write_client_file(state, &authority)?;
    let chain = vec![CertificateDer::from(certificate.to_der().context(FAILURE)?)];
    let key = PrivateKeyDer::from_pem_slice(pem.as_bytes()).context(FAILURE)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let versions: &[_] = match options.versions {
        TlsVersions::All => &[&TLS12, &TLS13],
        TlsVersions::Only12 => &[&TLS12],
        TlsVersions::Only13 => &[&TLS13],
    };
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(versions)
        .context(FAILURE)?;
    let builder = if options.client_certificate {
        let mut roots = RootCertStore::empty();
        roots.add(authority.certificate_der().context(FAILURE)?.into()).context(FAILURE)?;
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
            .build()
            .context(FAILURE)?;
        builder.with_client_cert_verifier(verifier)
    } else {
        builder.with_no_client_auth()
    };
    let mut configuration = builder.with_single_cert(chain, key).context(FAILURE)?;
    configuration.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(configuration))
}

/// A P-256 key from the state directory, and its PEM.
fn private_key(state: &StateFolder, file: &str) -> Result<(p256::SecretKey, String), Error> {
    let pem = SoftwareStore::pem(state, file, KeyKind::P256)?;
    let key = p256::SecretKey::from_pkcs8_pem(&pem).context(keys::damaged(&state.path(file)))?;
    Ok((key, pem))
}

fn write_client_file(state: &StateFolder, authority: &Authority) -> Result<(), Error> {
    let (key, pem) = private_key(state, "tls-client-key.pem")?;
    let public_key = SubjectPublicKeyInfoOwned::from_key(key.public_key()).context(FAILURE)?;
    let kept = state.read(CLIENT_FILE)?.and_then(|text| {
        let der = CertificateDer::from_pem_slice(text.as_bytes()).ok()?;
        Certificate::from_der(&der).ok()
    });
    if kept.is_some_and(|kept| authority.has_issued(&kept, &public_key, Usage::ClientAuth)) {
        return Ok(());
    }
    let certificate =
        authority.client_certificate(&public_key)?.to_pem(LineEnding::LF).context(FAILURE)?;
    state.write(CLIENT_FILE, &format!("{certificate}{pem}"), SECRET)
}
