//! How a service is to run.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use crate::{KeyStoreKind, Log, PolicyFile};

/// How a service is to run.
#[derive(Debug, Clone)]
pub struct Options {
    /// The folder that keeps keys, certificates and generated identifiers. Made when it is missing.
    pub state: PathBuf,
    /// The address to listen on. Port 0 takes a free one.
    pub listen: SocketAddr,
    /// The organization's users and signing policies.
    pub policies: PolicyFile,
    /// HTTPS instead of HTTP, with a certificate of the service's own authority.
    pub tls: bool,
    /// What is unusual about HTTPS.
    pub tls_options: TlsOptions,
    /// Where the private keys live.
    pub key_store: KeyStoreKind,
    /// The SoftHSM library. `None` looks in the usual places.
    pub softhsm_module: Option<PathBuf>,
    /// Where the request log goes.
    pub log: Log,
}

impl Options {
    /// Software keys, the default policies, plain HTTP on a free port of 127.0.0.1, no log.
    pub fn new(state: impl Into<PathBuf>) -> Self {
        Self {
            state: state.into(),
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            policies: PolicyFile::default(),
            tls: false,
            tls_options: TlsOptions::default(),
            key_store: KeyStoreKind::Software,
            softhsm_module: None,
            log: Log::None,
        }
    }
}

/// What is unusual about HTTPS.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TlsOptions {
    /// What is wrong with the server's certificate.
    pub certificate: ServerCertificate,
    /// The versions of TLS that are spoken.
    pub versions: TlsVersions,
    /// Clients have to show a certificate of the service's own authority, such as
    /// [`Service::client_certificate`](crate::Service::client_certificate).
    pub client_certificate: bool,
}

/// What is wrong with a server's certificate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ServerCertificate {
    /// Nothing.
    #[default]
    Good,
    /// It ended a day ago.
    Expired,
    /// It begins in a day.
    NotYetValid,
    /// It is for the host `other.example`.
    OtherName,
    /// No authority has signed it but its own key.
    SelfSigned,
}

/// Versions of TLS.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum TlsVersions {
    /// TLS 1.2 and 1.3.
    #[default]
    All,
    /// TLS 1.2.
    Only12,
    /// TLS 1.3.
    Only13,
}
