//! The addresses of the service's host name, without holding up the call that wants them.
//!
//! The system's lookup (getaddrinfo) can be neither ended nor given a time limit, and it waits for
//! name servers that do not answer. So it runs in a thread of its own, which the call waits for and
//! leaves behind when it ends before.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::thread;

use nix::sys::signal::{SigSet, SigmaskHow};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::sync::oneshot;

/// Whether the host program lets its libraries start threads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Threads {
    /// It does.
    Allowed,
    /// It does not, and a call waits for as long as the system resolves a name.
    Forbidden,
}

/// Asks the system, in the thread that the program allows.
pub(super) struct Lookup(pub(super) Threads);

impl Resolve for Lookup {
    fn resolve(&self, name: Name) -> Resolving {
        let threads = self.0;
        Box::pin(async move {
            let host = name.as_str();
            let pending = match threads {
                Threads::Allowed => start(host.to_owned()).ok(),
                Threads::Forbidden => None,
            };
            let addresses = match pending {
                Some(pending) => pending.await??,
                // Better late than never, where the system has no thread left.
                None => addresses(host)?,
            };
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

type Addresses = io::Result<Vec<SocketAddr>>;

fn addresses(host: &str) -> Addresses {
    Ok((host, 0).to_socket_addrs()?.collect())
}

/// Starts a thread that ends with the lookup. The program's signals go to its own threads.
fn start(host: String) -> io::Result<oneshot::Receiver<Addresses>> {
    let (sender, receiver) = oneshot::channel();
    let before = SigSet::all().thread_swap_mask(SigmaskHow::SIG_SETMASK)?;
    let started = thread::Builder::new()
        .name("signpath-lookup".to_owned())
        .spawn(move || {
            // Nobody receives it when the call is over.
            let _ = sender.send(addresses(&host));
        });
    before.thread_set_mask()?;
    started.map(|_| receiver)
}
