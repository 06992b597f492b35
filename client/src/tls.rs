//! TLS configuration: CA certificates, client certificate, and explanations of errors.

use std::path::Path;
use std::sync::Arc;

use log::info;
use rustls::pki_types::pem::{Error as PemError, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{AlertDescription, CertificateError, ClientConfig, RootCertStore};
use rustls_native_certs::CertificateResult;
use zeroize::Zeroizing;

use crate::Options;
use crate::error::{Error, ErrorKind, Result};
use signpath_platform::environment;
use signpath_platform::file;
use signpath_platform::shortage::Shortage;

/// The TLS configuration of all connections: TLS 1.2 and 1.3, the system's root certificates, the
/// CA certificates in `TlsCaFile`, and the client certificate if there is one.
///
/// # Errors
/// [`ErrorKind::Options`] for files that cannot be used, and if there is no CA certificate.
pub fn client_config(options: &Options) -> Result<ClientConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| {
            Error::new(
                ErrorKind::Internal,
                format!("TLS cannot be set up: {error}"),
            )
        })?
        .with_root_certificates(root_certificates(options)?);
    let mut client_config = match &options.tls_client_certificate {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let unusable = |reason| unusable("TlsClientCertificate", path, reason);
            let pem = read("TlsClientCertificate", path)?;
            let chain = certificates("TlsClientCertificate", path, &pem)?;
            let no_key = "holds no unencrypted PEM private key beside the certificate";
            let key = PrivateKeyDer::from_pem_slice(&pem)
                .map_err(|error| unusable(describe_pem_error(&error, no_key)))?;
            builder
                .with_client_auth_cert(chain, key)
                .map_err(|error| unusable(format!("cannot be used ({error})")))?
        }
    };
    client_config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(client_config)
}

fn root_certificates(options: &Options) -> Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    if options.api_url.scheme() != "https" {
        return Ok(roots);
    }
    let native = system_certificates();
    let mut errors = native.errors.iter();
    if let Some(shortage) = errors.find_map(|error| Shortage::in_causes_of(error)) {
        return Err(shortage.into());
    }
    for error in native.errors {
        info!("a root certificate of the system is skipped: {error}");
    }
    let (_, unusable_roots) = roots.add_parsable_certificates(native.certs);
    if unusable_roots > 0 {
        info!("{unusable_roots} root certificates of the system are no X.509 and skipped");
    }
    if let Some(path) = &options.tls_ca_file {
        let pem = read("TlsCaFile", path)?;
        for certificate in certificates("TlsCaFile", path, &pem)? {
            roots.add(certificate).map_err(|error| {
                let reason = format!("holds an unusable certificate ({error})");
                unusable("TlsCaFile", path, reason)
            })?;
        }
    }
    if roots.is_empty() {
        return Err(Error::new(
            ErrorKind::Options,
            "there is no authority to trust a server by: the system has no root certificates \
             (install ca-certificates), and TlsCaFile and SIGNPATH_TLS_CA_FILE name none",
        ));
    }
    Ok(roots)
}

/// The root certificates of the system, or those in `SSL_CERT_FILE` and `SSL_CERT_DIR` if these are
/// set and the environment is trusted.
fn system_certificates() -> CertificateResult {
    if environment::is_trusted() {
        return rustls_native_certs::load_native_certs();
    }
    let mut all = CertificateResult::default();
    for folder in openssl_probe::candidate_cert_dirs() {
        let found = rustls_native_certs::load_certs_from_paths(None, Some(folder));
        all.certs.extend(found.certs);
        all.errors.extend(found.errors);
    }
    all
}

fn read(setting: &str, path: &Path) -> Result<Zeroizing<Vec<u8>>> {
    file::read(path).map_err(|error| {
        file::shortage_or(&error, || {
            unusable(setting, path, format!("cannot be read ({error})"))
        })
    })
}

fn certificates(setting: &str, path: &Path, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>> {
    const NO_CERTIFICATE: &str = "holds no PEM certificate";
    let certificates = CertificateDer::pem_slice_iter(pem)
        .collect::<std::result::Result<Vec<_>, _>>()
        .map_err(|error| unusable(setting, path, describe_pem_error(&error, NO_CERTIFICATE)))?;
    if certificates.is_empty() {
        return Err(unusable(setting, path, NO_CERTIFICATE.to_owned()));
    }
    Ok(certificates)
}

/// Explains what is wrong with a PEM file. `missing` is the message for a file without such a
/// section. The original error is not shown, since it quotes the file, which may contain a private
/// key.
fn describe_pem_error(error: &PemError, missing: &str) -> String {
    match error {
        PemError::NoItemsFound => missing.to_owned(),
        _ => {
            "is not valid PEM; each BEGIN and END has to be a line of its own, with the base64 on \
              lines between them"
                .to_owned()
        }
    }
}

fn unusable(setting: &str, path: &Path, reason: String) -> Error {
    Error::new(
        ErrorKind::Options,
        format!("{setting} {}: {reason}", path.display()),
    )
}

/// Explains a TLS error and what a user can do, as the rest of a sentence that starts with the
/// server's URL.
pub fn explain(error: &rustls::Error) -> String {
    use CertificateError as Certificate;
    match error {
        rustls::Error::InvalidCertificate(reason) => match reason {
            Certificate::Expired | Certificate::ExpiredContext { .. } => format!(
                "shows a certificate that has expired ({reason}); tell whoever runs it, or check \
                 the clock of this machine"
            ),
            Certificate::NotValidYet | Certificate::NotValidYetContext { .. } => format!(
                "shows a certificate that is not valid yet ({reason}); check the clock of this \
                 machine"
            ),
            Certificate::NotValidForName | Certificate::NotValidForNameContext { .. } => format!(
                "shows a certificate for another name ({reason}); check the host name in ApiUrl"
            ),
            Certificate::Revoked => {
                "shows a certificate that has been revoked; tell whoever runs it".to_owned()
            }
            reason => format!(
                "shows a certificate that cannot be trusted ({reason}); if its certification \
                 authority is your own, name it with TlsCaFile or SIGNPATH_TLS_CA_FILE"
            ),
        },
        rustls::Error::AlertReceived(
            AlertDescription::CertificateRequired
            | AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA
            | AlertDescription::AccessDenied,
        ) => format!(
            "does not accept the client certificate, or the lack of one ({error}); check \
             TlsClientCertificate"
        ),
        rustls::Error::InvalidMessage(_) => format!(
            "does not speak TLS ({error}); check the scheme and the port in ApiUrl, and the proxy"
        ),
        _ => format!(
            "and this module cannot agree on a TLS connection ({error}); it needs TLS 1.2 or 1.3"
        ),
    }
}
