//! TLS with the service: the protocol version and the server's certificates.

use std::io;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, Error, SignatureScheme};
use signpath_client::tls;
use signpath_config::Config;

use super::connection::Route;
use super::finding::{Detail, Finding};
use super::{EXPIRES_SOON, NETWORK};
use crate::policy::CertificateSummary;
use crate::progress::Progress;

const CHECK: &str = "TLS";

/// The result of a TLS handshake.
struct Handshake {
    protocol: String,
    /// The server's certificates as received, its own first.
    chain: Vec<CertificateDer<'static>>,
}

/// Establishes a TLS connection as the module does.
pub fn check(config: &Config, way: &Route<'_>) -> Finding {
    let client_config = match tls::client_config(&config.client_options) {
        Ok(client_config) => client_config,
        Err(error) => {
            let remedy = "correct TlsCaFile and TlsClientCertificate, or the files that they name";
            return Finding::error(CHECK, &error.reason, remedy);
        }
    };
    let error = match shake_hands(way, client_config.clone()) {
        Ok(agreement) => return describe(&agreement),
        Err(Failed::Connection(finding)) => return finding,
        Err(Failed::Handshake(error)) => error,
    };
    let reason = match error.get_ref().and_then(|cause| cause.downcast_ref::<Error>()) {
        Some(error) => tls::explain(error),
        None => format!(
            "aborts the TLS handshake ({}); check ApiUrl and firewalls",
            signpath_platform::os_error::describe(&error)
        ),
    };
    let finding =
        Finding::error(CHECK, &format!("{} {reason}", config.client_options.api_url), NETWORK);
    // Show the certificates of an untrusted server too.
    let mut any = client_config;
    any.dangerous().set_certificate_verifier(Arc::new(AcceptAny(ring::default_provider())));
    match shake_hands(way, any) {
        Ok(agreement) => finding.with_details(details(&agreement.chain)),
        Err(_) => finding,
    }
}

enum Failed {
    Connection(Finding),
    Handshake(io::Error),
}

fn shake_hands(way: &Route<'_>, config: ClientConfig) -> Result<Handshake, Failed> {
    let mut stream = way.connect().map_err(Failed::Connection)?;
    let host = &way.service.host;
    let _progress = Progress::start(format!("Establishing TLS with {host}"));
    let invalid = |error| Failed::Handshake(io::Error::new(io::ErrorKind::InvalidInput, error));
    let name =
        ServerName::try_from(host.clone()).map_err(|_| invalid(Error::UnsupportedNameType))?;
    let mut connection = ClientConnection::new(Arc::new(config), name).map_err(invalid)?;
    while connection.is_handshaking() {
        connection.complete_io(&mut stream).map_err(Failed::Handshake)?;
    }
    let protocol = connection.protocol_version().and_then(|version| version.as_str());
    let chain = connection.peer_certificates().unwrap_or_default();
    Ok(Handshake {
        protocol: protocol.unwrap_or("TLS").replace("TLSv1_", "TLS 1."),
        chain: chain.iter().map(|certificate| certificate.clone().into_owned()).collect(),
    })
}

fn describe(agreement: &Handshake) -> Finding {
    let own = agreement.chain.first().and_then(|own| CertificateSummary::of(own));
    let Some(own) = own else {
        return Finding::ok(CHECK, agreement.protocol.clone());
    };
    let protocol = &agreement.protocol;
    let message =
        format!("{protocol}, certificate valid until {} (issuer {})", own.last_day(), own.issuer);
    let finding = match own.days_left {
        ..EXPIRES_SOON => Finding::warning(
            CHECK,
            message,
            "ask the administrator of the server to renew its certificate",
        ),
        _ => Finding::ok(CHECK, message),
    };
    finding.with_details(details(&agreement.chain))
}

fn details(chain: &[CertificateDer<'_>]) -> Vec<Detail> {
    let summaries = chain.iter().filter_map(|certificate| CertificateSummary::of(certificate));
    let row = |summary: CertificateSummary| {
        Detail(vec![
            ("subject", summary.subject),
            ("issuer", summary.issuer),
            ("notBefore", summary.not_before),
            ("notAfter", summary.not_after),
        ])
    };
    summaries.map(row).collect()
}

/// Accepts any certificate, for a connection over which no data is sent.
#[derive(Debug)]
struct AcceptAny(CryptoProvider);

impl ServerCertVerifier for AcceptAny {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(
            message,
            certificate,
            signature,
            &self.0.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(
            message,
            certificate,
            signature,
            &self.0.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
