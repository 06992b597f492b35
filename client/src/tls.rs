//! TLS configuration: `TlsCaFile`, client certificate, and explanations of errors.

use std::path::Path;
use std::sync::Arc;

use base16ct::lower::encode_string;
use rustls::pki_types::pem::{Error as PemError, PemObject};
use rustls::pki_types::{AlgorithmIdentifier, CertificateDer, PrivateKeyDer, UnixTime, alg_id};
use rustls::sign::SingleCertAndKey;
use rustls::{AlertDescription, CertificateError, ClientConfig, OtherError, RootCertStore};
use zeroize::Zeroizing;

use crate::error::{Error, ErrorKind, Result};
use crate::roots::Verifier;
use crate::{ClientCertificate, Options};
use signpath_platform::date::rfc3339_of_unix;
use signpath_platform::os_error::describe;
use signpath_platform::{certificate_store, file};

const NO_CERTIFICATE: &str =
    "contains no PEM certificate; convert DER to PEM with openssl x509 -inform DER";

const NO_KEY: &str =
    "contains no unencrypted private key; append it to the certificate (openssl pkey decrypts it)";

/// The headers of an encrypted private key in its older form (RFC 1421, section 4.6.1.1).
const ENCRYPTED: &[u8] = b"Proc-Type: 4,ENCRYPTED";

const OTHER_KEY: &str =
    "contains a private key that does not belong to its certificate; replace one of them";

const UNSUPPORTED_KEY: &str = "contains a private key that is not supported; use RSA with 2048 to \
    4096 bits, P-256, P-384 or Ed25519";

/// The text of the error of rustls-webpki for a CA certificate as a server's own.
const CA_AS_SERVER: &str = "CaUsedAsEndEntity";

const UNKNOWN_CA: &str = "presented a certificate from an unknown CA; if that is your own CA, set TlsCaFile \
    (SIGNPATH_TLS_CA_FILE) to a file with its certificate";

/// The supported keys of CAs: signatures of another kind are not theirs.
const KEYS_OF_CAS: [AlgorithmIdentifier; 3] =
    [alg_id::RSA_ENCRYPTION, alg_id::ECDSA_P256, alg_id::ECDSA_P384];

/// How many names in a certificate are shown.
const MAX_NAMES: usize = 3;

/// The TLS configuration of all connections: TLS 1.2 and 1.3, the system's root certificates, the
/// CA certificates in `TlsCaFile`, and the client certificate if there is one.
///
/// # Errors
/// [`ErrorKind::Options`] for files that cannot be used, and if there is no CA certificate.
pub fn client_config(options: &Options) -> Result<ClientConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::new(ErrorKind::Internal, format!("cannot set up TLS: {error}")))?;
    let builder = match options.api_url.scheme() {
        "https" => builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Verifier::new(options, provider)?)),
        _ => builder.with_root_certificates(RootCertStore::empty()),
    };
    let mut client_config = match &options.tls_client_certificate {
        None => builder.with_no_client_auth(),
        Some(ClientCertificate::Store(digest)) => {
            let key = certificate_store::find(digest).map_err(|error| {
                let (thumbprint, reason) = (encode_string(digest), describe(&error));
                let reason =
                    format!("cannot use TlsClientCertificate thumbprint:{thumbprint}: {reason}");
                Error::new(ErrorKind::Options, reason)
            })?;
            builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(key)))
        }
        Some(ClientCertificate::File(path)) => {
            let unusable = |reason: &str| unusable("TlsClientCertificate", path, reason);
            let pem = read("TlsClientCertificate", path)?;
            if pem.windows(ENCRYPTED.len()).any(|part| part == ENCRYPTED) {
                return Err(unusable(NO_KEY));
            }
            let chain = certificates("TlsClientCertificate", path, &pem)?;
            let key = PrivateKeyDer::from_pem_slice(&pem)
                .map_err(|error| unusable(describe_pem_error(&error, NO_KEY)))?;
            builder.with_client_auth_cert(chain, key).map_err(|error| match error {
                rustls::Error::InconsistentKeys(_) => unusable(OTHER_KEY),
                // ring cannot read it.
                rustls::Error::General(_) => unusable(UNSUPPORTED_KEY),
                _ => unusable(&format!("is unusable ({error})")),
            })?
        }
    };
    client_config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(client_config)
}

/// The CA certificates in `TlsCaFile`.
///
/// # Errors
/// [`ErrorKind::Options`] for a file that cannot be used.
pub(crate) fn configured_roots(options: &Options) -> Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    if let Some(path) = &options.tls_ca_file {
        let pem = read("TlsCaFile", path)?;
        for certificate in certificates("TlsCaFile", path, &pem)? {
            roots.add(certificate).map_err(|_| {
                let reason = "contains a malformed certificate; remove or replace it";
                unusable("TlsCaFile", path, reason)
            })?;
        }
    }
    Ok(roots)
}

fn read(setting: &str, path: &Path) -> Result<Zeroizing<Vec<u8>>> {
    file::read(path).map_err(|error| {
        file::shortage_or(&error, || {
            let (path, reason) = (path.display(), describe(&error));
            let reason = format!("cannot read {setting} {path}: {reason}");
            Error::new(ErrorKind::Options, reason)
        })
    })
}

fn certificates(setting: &str, path: &Path, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>> {
    let certificates = CertificateDer::pem_slice_iter(pem)
        .collect::<std::result::Result<Vec<_>, _>>()
        .map_err(|error| unusable(setting, path, describe_pem_error(&error, NO_CERTIFICATE)))?;
    if certificates.is_empty() {
        return Err(unusable(setting, path, NO_CERTIFICATE));
    }
    Ok(certificates)
}

/// Explains what is wrong with a PEM file. `missing` is the message for a file without such a
/// section. The original error is not shown, since it quotes the file, which may contain a private
/// key.
fn describe_pem_error(error: &PemError, missing: &'static str) -> &'static str {
    match error {
        PemError::NoItemsFound => missing,
        _ => {
            "is not valid PEM; each BEGIN and END must be a line of its own, with the base64 on the \
             lines between them"
        }
    }
}

/// The error for a file. `reason` is the rest of a sentence that starts with it.
fn unusable(setting: &str, path: &Path, reason: &str) -> Error {
    Error::new(ErrorKind::Options, format!("{setting} {} {reason}", path.display()))
}

/// Explains a TLS error and what a user can do, as the rest of a sentence that starts with the
/// server's URL.
pub fn explain(error: &rustls::Error) -> String {
    use CertificateError as Certificate;
    match error {
        rustls::Error::InvalidCertificate(reason) => match reason {
            Certificate::ExpiredContext { not_after, .. } => format!(
                "presented a certificate that expired at {}; tell the server's administrator, or \
                 check the clock of this machine",
                date(*not_after)
            ),
            Certificate::NotValidYetContext { not_before, .. } => format!(
                "presented a certificate that is not valid before {}; check the clock of this \
                 machine",
                date(*not_before)
            ),
            Certificate::NotValidForNameContext { presented, .. } if !presented.is_empty() => {
                format!(
                    "presented a certificate for another host name ({}); check the host name in \
                     ApiUrl",
                    names(presented)
                )
            }
            Certificate::Revoked => {
                "presented a revoked certificate; tell the server's administrator".to_owned()
            }
            // The signature is not of the trusted CA with that name, as when a CA has a new key.
            Certificate::UnknownIssuer | Certificate::BadSignature => UNKNOWN_CA.to_owned(),
            Certificate::UnsupportedSignatureAlgorithmForPublicKeyContext {
                public_key_algorithm_id: key,
                ..
            } if KEYS_OF_CAS.iter().any(|known| known.as_ref() == key) => UNKNOWN_CA.to_owned(),
            Certificate::UnsupportedSignatureAlgorithmContext { .. }
            | Certificate::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
                "presented a certificate that is signed with an unsupported algorithm; have it signed \
                 with RSA, or ECDSA with P-256 or P-384, and SHA-256 or SHA-384"
                    .to_owned()
            }
            Certificate::Other(OtherError(cause)) if cause.to_string() == CA_AS_SERVER => {
                "presented a CA certificate as its own, which is not supported; give it a certificate \
                 with CA:FALSE"
                    .to_owned()
            }
            reason => {
                let reason = match reason {
                    Certificate::Other(OtherError(cause)) => cause.to_string(),
                    reason => reason.to_string(),
                };
                format!("presented an invalid certificate ({reason}); check ApiUrl and the network")
            }
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
            "rejected the client certificate, or requires one ({error}); check TlsClientCertificate"
        ),
        rustls::Error::InvalidMessage(_) => format!(
            "does not speak TLS ({error}); check the scheme and port in ApiUrl, and the proxy"
        ),
        _ => format!(
            "failed the TLS handshake ({error}); check that it supports TLS 1.3, or TLS 1.2 with ECDHE \
             and AES-GCM"
        ),
    }
}

fn date(time: UnixTime) -> String {
    rfc3339_of_unix(time.as_secs()).unwrap_or_else(|| "an unknown date".to_owned())
}

/// The first few names in a certificate. rustls shows a name as `DnsName("host.example")`, and an
/// address as `IpAddress(192.0.2.1)`.
fn names(presented: &[String]) -> String {
    let shown = presented.iter().take(MAX_NAMES).map(|name| {
        let inner = name.split_once('(').map_or(name.as_str(), |(_, rest)| rest);
        inner.trim_end_matches(')').trim_matches('"')
    });
    let more = if presented.len() > MAX_NAMES { ", ..." } else { "" };
    shown.collect::<Vec<_>>().join(", ") + more
}
