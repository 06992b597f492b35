//! Resolves host names with a time limit.
//!
//! The system's resolver (getaddrinfo) can neither be cancelled nor given a time limit, and it
//! waits for name servers that do not respond. It therefore runs in a thread of its own, which is
//! abandoned if the call ends first.

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};

use super::waiting::{Interruption, Waiting};
use signpath_platform::os_error::in_lower_case;
use signpath_platform::shortage::Shortage;
use signpath_platform::thread;

/// Whether the application allows libraries to start threads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Threads {
    /// Threads may be started.
    Allowed,
    /// No thread may be started. Names are resolved in the calling thread, however long that takes.
    Forbidden,
}

/// Why a host name could not be resolved.
pub(crate) enum LookupError {
    Interrupted(Interruption),
    /// No thread could be started.
    NoThread(Shortage),
    /// The resolver failed.
    Failed(io::Error),
}

/// The addresses of a host name or an IP address.
///
/// # Errors
/// See [`LookupError`].
pub(crate) fn addresses(
    host: &str,
    port: u16,
    threads: Threads,
    waiting: &Waiting<'_>,
) -> Result<Vec<SocketAddr>, LookupError> {
    if let Ok(address) = host.trim_matches(['[', ']']).parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    if threads == Threads::Forbidden {
        return resolve(host, port).map_err(LookupError::Failed);
    }
    let pending =
        start(host.to_owned(), port).map_err(|_| LookupError::NoThread(Shortage::threads()))?;
    loop {
        let slice = waiting.slice().map_err(LookupError::Interrupted)?;
        match pending.recv_timeout(slice) {
            Ok(addresses) => return addresses.map_err(LookupError::Failed),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                let error = io::Error::other(
                    "the thread that resolves the host name ended without a result",
                );
                return Err(LookupError::Failed(error));
            }
        }
    }
}

type Addresses = io::Result<Vec<SocketAddr>>;

fn resolve(host: &str, port: u16) -> Addresses {
    let addresses = (host, port).to_socket_addrs().map_err(|error| {
        // An error of the operating system, such as a shortage, is kept as it is.
        match error.raw_os_error() {
            Some(_) => error,
            None => io::Error::other(explain(&error.to_string())),
        }
    })?;
    Ok(addresses.collect())
}

/// The message for a failed lookup, from that of the standard library: its own words, a colon and
/// those of the system's resolver.
fn explain(message: &str) -> String {
    let reason = message.rsplit_once(": ").map_or(message, |(_, reason)| reason);
    format!("cannot resolve the host name: {}", in_lower_case(reason))
}

/// Starts a thread for the lookup.
fn start(host: String, port: u16) -> io::Result<Receiver<Addresses>> {
    let (sender, receiver) = sync_channel(1);
    thread::spawn("signpath-lookup", move || {
        // Fails if the call has already ended.
        let _ = sender.send(resolve(&host, port));
    })?;
    Ok(receiver)
}
