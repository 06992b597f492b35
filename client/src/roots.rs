//! The CA certificates that a server's certificate may come from: those of the system and those in `TlsCaFile`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use log::info;
use once_cell::sync::OnceCell;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, OtherError, RootCertStore, SignatureScheme};
use rustls_native_certs::CertificateResult;

use crate::Options;
use crate::error::{Error, ErrorKind, Result};
use crate::tls::configured_roots;
use signpath_platform::environment;
use signpath_platform::os_error::describe;
use signpath_platform::shortage::Shortage;

/// Names a file of root certificates to be used instead of the system's.
const CERT_FILE: &str = "SSL_CERT_FILE";

/// The same for directories.
const CERT_DIR: &str = "SSL_CERT_DIR";

/// Whether the system keeps its root certificates in files.
const KEEPS_FILES: bool = cfg!(all(unix, not(target_vendor = "apple")));

/// Verifies a server's certificate with the CA certificates that can be read quickly: the system's bundle and `TlsCaFile`. The
/// system also has a folder of certificates, usually the same ones. Reading that takes more processor time than all the rest of a short
/// run, so it is read only if no certificate in the other two will do.
#[derive(Debug)]
pub(crate) struct Verifier {
    provider: Arc<CryptoProvider>,
    configured: RootCertStore,
    /// [`None`] if all roots were read at once.
    quick: Option<Arc<WebPkiServerVerifier>>,
    all: OnceCell<Arc<WebPkiServerVerifier>>,
}

impl Verifier {
    /// # Errors
    /// [`ErrorKind::Options`] for an unusable `TlsCaFile`, and if there is no CA certificate at all.
    pub(crate) fn new(options: &Options, provider: Arc<CryptoProvider>) -> Result<Self> {
        let configured = configured_roots(options)?;
        let bundle = bundle_file().map_or(Ok(None), |path| read_bundle(&path))?;
        let quick = bundle.and_then(|bundle| {
            let mut roots = configured.clone();
            add(&mut roots, bundle);
            verifier(roots, &provider)
        });
        let verifier = Self { provider, configured, quick, all: OnceCell::new() };
        if verifier.quick.is_none() {
            verifier.all()?;
        }
        Ok(verifier)
    }

    /// With all CA certificates.
    fn all(&self) -> Result<&Arc<WebPkiServerVerifier>> {
        self.all.get_or_try_init(|| {
            let mut roots = self.configured.clone();
            add_all_of_system(&mut roots)?;
            verifier(roots, &self.provider)
                .ok_or_else(|| Error::new(ErrorKind::Options, describe_lack_of_roots()))
        })
    }
}

/// [`None`] without any root.
fn verifier(
    roots: RootCertStore,
    provider: &Arc<CryptoProvider>,
) -> Option<Arc<WebPkiServerVerifier>> {
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone()).build().ok()
}

impl ServerCertVerifier for Verifier {
    /// More roots never make a certificate invalid, so one that is valid with some is valid with all.
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> std::result::Result<ServerCertVerified, rustls::Error> {
        let verify = |verifier: &WebPkiServerVerifier| {
            verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
        };
        if let Some(Ok(verified)) = self.quick.as_deref().map(verify) {
            return Ok(verified);
        }
        let all = self.all().map_err(|error| rustls::Error::Other(OtherError(Arc::new(error))))?;
        verify(all)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// The value of a variable. An empty one counts as unset, as in Go and curl.
fn named(name: &str) -> Option<OsString> {
    environment::var_os(name).filter(|value| !value.is_empty())
}

/// Why there is no root certificate, and what to do.
fn describe_lack_of_roots() -> String {
    let places = [CERT_FILE, CERT_DIR].into_iter().filter_map(|name| {
        let value = named(name)?;
        Some(format!("{name} ({})", Path::new(&value).display()))
    });
    let places = places.collect::<Vec<_>>().join(" or ");
    let reason = match places.is_empty() {
        true => "the system has no root certificates; install ca-certificates".to_owned(),
        false => format!(
            "none in {places}, which is used instead of the system's; correct or unset the variable"
        ),
    };
    format!(
        "no CA certificate to verify the server with: {reason}, or set TlsCaFile (SIGNPATH_TLS_CA_FILE)"
    )
}

/// The file with all root certificates, if the system keeps them in files: that of the environment, if it names one.
fn bundle_file() -> Option<PathBuf> {
    if !KEEPS_FILES || !environment::is_trusted() {
        return None;
    }
    match named(CERT_FILE) {
        Some(file) => Some(file.into()),
        // A folder that the environment names replaces the system's file.
        None if named(CERT_DIR).is_some() => None,
        None => openssl_probe::probe().cert_file,
    }
}

/// The certificates in a PEM file. [`None`] if the file is not as plain as a bundle usually is.
///
/// # Errors
/// A shortage.
fn read_bundle(path: &PathBuf) -> Result<Option<Vec<CertificateDer<'static>>>> {
    match std::fs::read(path) {
        Ok(pem) => Ok(std::str::from_utf8(&pem).ok().and_then(parse_bundle)),
        Err(error) => Shortage::of(&error).map_or(Ok(None), |shortage| Err(shortage.into())),
    }
}

/// The certificates in a PEM text. The parser of rustls takes ten times as long, because it also hides private keys from timing
/// attacks.
fn parse_bundle(pem: &str) -> Option<Vec<CertificateDer<'static>>> {
    const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
    const END: &str = "-----END CERTIFICATE-----";
    let mut blocks = pem.split(BEGIN);
    // What is before the first block.
    blocks.next();
    blocks
        .map(|block| {
            let (text, _) = block.split_once(END)?;
            let text: String = text.split_ascii_whitespace().collect();
            Some(STANDARD.decode(text).ok()?.into())
        })
        .collect()
}

fn add_all_of_system(roots: &mut RootCertStore) -> Result<()> {
    let native = system_certificates();
    let mut errors = native.errors.iter();
    if let Some(shortage) = errors.find_map(|error| Shortage::in_causes_of(error)) {
        return Err(shortage.into());
    }
    for error in native.errors {
        let reason = describe_root_error(&error);
        info!("skipped system root certificates: {reason}");
    }
    add(roots, native.certs);
    Ok(())
}

fn add(roots: &mut RootCertStore, certificates: Vec<CertificateDer<'static>>) {
    let (_, unusable_roots) = roots.add_parsable_certificates(certificates);
    if unusable_roots > 0 {
        info!("skipped system root certificates that are not valid X.509: {unusable_roots}");
    }
}

/// The root certificates of the system, or those in `SSL_CERT_FILE` and `SSL_CERT_DIR` if these are
/// set and the environment is trusted.
fn system_certificates() -> CertificateResult {
    // rustls_native_certs would look for a file without a name.
    let is_empty = environment::var_os(CERT_FILE).is_some_and(|file| file.is_empty());
    if environment::is_trusted() && !(KEEPS_FILES && is_empty) {
        return rustls_native_certs::load_native_certs();
    }
    let folders: Vec<PathBuf> = match named(CERT_DIR) {
        Some(folders) => std::env::split_paths(&folders).collect(),
        None => openssl_probe::candidate_cert_dirs().map(Path::to_owned).collect(),
    };
    let mut all = CertificateResult::default();
    for folder in folders {
        let found = rustls_native_certs::load_certs_from_paths(None, Some(&folder));
        all.certs.extend(found.certs);
        all.errors.extend(found.errors);
    }
    all
}

fn describe_root_error(error: &rustls_native_certs::Error) -> String {
    match &error.kind {
        rustls_native_certs::ErrorKind::Io { inner, path } => {
            format!("cannot read {}: {}", path.display(), describe(inner))
        }
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;

    use pkcs11_test::Service;
    use rustls::pki_types::pem::PemObject;
    use rustls::{ClientConfig, ClientConnection};

    use super::*;

    /// A service with a CA of its own.
    struct Server {
        service: Service,
        state: tempfile::TempDir,
    }

    impl Server {
        fn new() -> Self {
            let state = tempfile::tempdir().unwrap();
            let options = pkcs11_test::Options {
                tls: true,
                policies: pkcs11_test::PolicyFile::parse(r#"{"policies": []}"#).unwrap(),
                ..pkcs11_test::Options::new(state.path())
            };
            let service = Service::start(options).unwrap();
            Self { service, state }
        }

        fn roots(&self) -> RootCertStore {
            let file = self.state.path().join("tls-ca.pem");
            let mut roots = RootCertStore::empty();
            roots.add(CertificateDer::from_pem_file(file).unwrap()).unwrap();
            roots
        }

        fn trusts(&self, verifier: Verifier) -> std::io::Result<()> {
            let url = url::Url::parse(self.service.api_url()).unwrap();
            let address = url.socket_addrs(|| None).unwrap()[0];
            let client_config = ClientConfig::builder_with_provider(Arc::new(
                rustls::crypto::ring::default_provider(),
            ))
            .with_safe_default_protocol_versions()
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_no_client_auth();
            let name = ServerName::from(address.ip());
            let mut tls = ClientConnection::new(Arc::new(client_config), name).unwrap();
            tls.complete_io(&mut TcpStream::connect(address)?).map(drop)
        }
    }

    #[test]
    fn a_ca_outside_the_bundle_is_trusted_too_but_no_unknown_one() {
        let (server, other) = (Server::new(), Server::new());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        for (in_bundle, elsewhere, is_trusted) in [
            (server.roots(), other.roots(), true),
            (other.roots(), server.roots(), true),
            (other.roots(), other.roots(), false),
        ] {
            let verifier = Verifier {
                provider: provider.clone(),
                configured: elsewhere,
                quick: verifier(in_bundle, &provider),
                all: OnceCell::new(),
            };
            assert_eq!(server.trusts(verifier).is_ok(), is_trusted);
        }
    }

    /// RFC 7468, section 5.2: text between the blocks is ignored.
    #[test]
    fn reads_the_same_certificates_from_a_bundle_as_rustls() {
        let server = Server::new();
        let pem = std::fs::read_to_string(server.state.path().join("tls-ca.pem")).unwrap();
        let bundle = format!("# Comment\n{pem}\nIssuer: CN=A\n{}", pem.replace('\n', "\r\n"));
        let known: Vec<_> =
            CertificateDer::pem_slice_iter(bundle.as_bytes()).map(|known| known.unwrap()).collect();
        assert_eq!(known.len(), 2);
        assert_eq!(parse_bundle(&bundle), Some(known));
        assert_eq!(parse_bundle(""), Some(Vec::new()));
        for damaged in [pem.replace("MII", "M?I"), pem.replace("END", "ENT")] {
            assert_eq!(parse_bundle(&damaged), None);
        }
    }
}
