//! Why no connection could be established.

use std::io;
use std::net::SocketAddr;

use hyper::StatusCode;
use signpath_platform::shortage::Shortage;

use crate::lookup::LookupError;
use crate::waiting::Interruption;

/// Why no connection could be established.
pub(crate) enum ConnectError {
    Interrupted(Interruption),
    /// The process has run out of a resource.
    Shortage(Shortage),
    /// The name has no address, no address accepts a connection, or the peer closed it.
    Failed(io::Error),
    /// A name for this machine, such as `localhost`, resolves to another one, so the API token
    /// would cross the network unencrypted.
    NotLoopback(SocketAddr),
    /// The proxy refused to open a tunnel.
    Refused(Refusal),
    /// The TLS handshake failed, for example because the server is not trusted.
    Tls(rustls::Error),
}

impl From<Interruption> for ConnectError {
    fn from(interruption: Interruption) -> Self {
        match interruption {
            Interruption::Failed(error) => error.into(),
            interruption => Self::Interrupted(interruption),
        }
    }
}

impl From<io::Error> for ConnectError {
    fn from(error: io::Error) -> Self {
        match Shortage::of(&error) {
            Some(shortage) => Self::Shortage(shortage),
            None => Self::Failed(error),
        }
    }
}

impl From<LookupError> for ConnectError {
    fn from(error: LookupError) -> Self {
        match error {
            LookupError::Interrupted(interruption) => interruption.into(),
            LookupError::NoThread(shortage) => Self::Shortage(shortage),
            LookupError::Failed(error) => error.into(),
        }
    }
}

/// Why the proxy has opened no tunnel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It responded with this status, and perhaps offered only authentication schemes that are not supported.
    Status(StatusCode, Option<String>),
    /// Its response is not HTTP.
    NotHttp,
}
