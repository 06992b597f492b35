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
            key_store: KeyStoreKind::Software,
            softhsm_module: None,
            log: Log::None,
        }
    }
}
