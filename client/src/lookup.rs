//! The addresses of a host name, without holding up the call that wants them.
//!
//! The system's lookup (getaddrinfo) can be neither ended nor given a time limit, and it waits for
//! name servers that do not answer. So it runs in a thread of its own, which the call waits for and
//! leaves behind when it ends before.

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread;

use nix::sys::signal::{SigSet, SigmaskHow};

use super::waiting::{Interruption, Waiting};
use signpath_platform::shortage::Shortage;

/// Whether the host program lets its libraries start threads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Threads {
    /// It does.
    Allowed,
    /// It does not, and a call waits for as long as the system resolves a name, on the stack of the
    /// calling thread.
    Forbidden,
}

/// Why there are no addresses.
pub(crate) enum Unresolved {
    Interrupted(Interruption),
    /// The process can make no thread for it.
    NoThread(Shortage),
    /// The system's own words.
    Failed(io::Error),
}

/// The addresses of a host, which may be one itself.
///
/// # Errors
/// See [`Unresolved`].
pub(crate) fn addresses(
    host: &str,
    port: u16,
    threads: Threads,
    waiting: &Waiting<'_>,
) -> Result<Vec<SocketAddr>, Unresolved> {
    if let Ok(address) = host.trim_matches(['[', ']']).parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    if threads == Threads::Forbidden {
        return resolve(host, port).map_err(Unresolved::Failed);
    }
    let pending =
        start(host.to_owned(), port).map_err(|_| Unresolved::NoThread(Shortage::threads()))?;
    loop {
        let slice = waiting.slice().map_err(Unresolved::Interrupted)?;
        match pending.recv_timeout(slice) {
            Ok(addresses) => return addresses.map_err(Unresolved::Failed),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                let error = io::Error::other("the lookup ended without an answer");
                return Err(Unresolved::Failed(error));
            }
        }
    }
}

type Addresses = io::Result<Vec<SocketAddr>>;

fn resolve(host: &str, port: u16) -> Addresses {
    Ok((host, port).to_socket_addrs()?.collect())
}

/// Starts a thread that ends with the lookup. The program's signals go to its own threads.
fn start(host: String, port: u16) -> io::Result<Receiver<Addresses>> {
    let (sender, receiver) = sync_channel(1);
    let before = SigSet::all().thread_swap_mask(SigmaskHow::SIG_SETMASK)?;
    let started = thread::Builder::new()
        .name("signpath-lookup".to_owned())
        .spawn(move || {
            // Nobody receives it when the call is over.
            let _ = sender.send(resolve(&host, port));
        });
    before.thread_set_mask()?;
    started.map(|_| receiver)
}
