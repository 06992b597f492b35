//! Options of a service.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use crate::{KeyStoreKind, Log, PolicyFile};

/// Options of a service.
#[derive(Debug, Clone)]
pub struct Options {
    /// The directory for keys, certificates and generated identifiers. Created if missing.
    pub state: PathBuf,
    /// The address to listen on. Port 0 selects a free one.
    pub listen: SocketAddr,
    /// The organization's users and signing policies.
    pub policies: PolicyFile,
    /// Whether to use HTTPS instead of HTTP, with a certificate issued by the service's own certificate authority.
    pub tls: bool,
    /// Deviations from a normal HTTPS server.
    pub tls_options: TlsOptions,
    /// Where to keep the private keys.
    pub key_store: KeyStoreKind,
    /// The SoftHSM library. `None` searches the usual locations.
    pub softhsm_module: Option<PathBuf>,
    /// Where the request log goes.
    pub log: Log,
    /// Whether [`Service::requests`](crate::Service::requests) has all requests, which takes more and more memory.
    pub keep_requests: bool,
    /// The address for the page. Port 0 selects a free one. `None`: there is no page.
    pub page: Option<SocketAddr>,
}

impl Options {
    /// Software keys, the default policies, plain HTTP on a free port of 127.0.0.1, no log, all requests kept, no page.
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
            keep_requests: true,
            page: None,
        }
    }
}

/// Deviations from a normal HTTPS server.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TlsOptions {
    /// The defect of the server's certificate.
    pub certificate: ServerCertificate,
    /// The supported TLS versions.
    pub versions: TlsVersions,
    /// Whether clients must present a certificate issued by the service's own certificate authority, such as
    /// [`Service::client_certificate`](crate::Service::client_certificate).
    pub client_certificate: bool,
}

/// The defect of a server's certificate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ServerCertificate {
    /// None.
    #[default]
    Good,
    /// It expired a day ago.
    Expired,
    /// It becomes valid in a day.
    NotYetValid,
    /// It is for the host `other.example`.
    OtherName,
    /// It is self-signed.
    SelfSigned,
}

/// TLS versions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum TlsVersions {
    /// TLS 1.2 and 1.3.
    #[default]
    All,
    /// Only TLS 1.2.
    Only12,
    /// Only TLS 1.3.
    Only13,
}
