//! How a connection to the service comes up: addresses, TCP, a tunnel through the proxy, TLS.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::poll::PollFlags;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use url::Url;

use super::lookup::{self, Threads, Unresolved};
use super::socket::Socket;
use super::stream::Stream;
use super::tunnel::{self, Refusal};
use super::waiting::{Interruption, Waiting};
use crate::Options;
use signpath_platform::shortage::Shortage;

/// How long an address has before the next one is tried beside it (RFC 8305, section 5).
const HEAD_START: Duration = Duration::from_millis(250);

/// Why there is no connection.
pub(crate) enum Unconnected {
    Interrupted(Interruption),
    /// The process has run out of something.
    Shortage(Shortage),
    /// The name has no address, no address takes a connection, or the peer ended it.
    Failed(io::Error),
    /// The name of an API on this machine leads to another one, where the API token would go
    /// unencrypted.
    Elsewhere(SocketAddr),
    /// The proxy makes no tunnel.
    Refused(Refusal),
    /// The two sides cannot agree on TLS, or the server cannot be trusted.
    Tls(rustls::Error),
}

impl From<Interruption> for Unconnected {
    fn from(interruption: Interruption) -> Self {
        match interruption {
            Interruption::Failed(error) => error.into(),
            interruption => Self::Interrupted(interruption),
        }
    }
}

impl From<io::Error> for Unconnected {
    fn from(error: io::Error) -> Self {
        match Shortage::of(&error) {
            Some(shortage) => Self::Shortage(shortage),
            None => Self::Failed(error),
        }
    }
}

impl From<Unresolved> for Unconnected {
    fn from(unresolved: Unresolved) -> Self {
        match unresolved {
            Unresolved::Interrupted(interruption) => interruption.into(),
            Unresolved::NoThread(shortage) => Self::Shortage(shortage),
            Unresolved::Failed(error) => error.into(),
        }
    }
}

/// Connects to the service, or to its proxy if that forwards requests.
///
/// # Errors
/// See [`Unconnected`].
pub(crate) fn connect(
    options: &Options,
    tls: &Arc<ClientConfig>,
    threads: Threads,
    waiting: &Waiting<'_>,
) -> Result<Stream, Unconnected> {
    let service = &options.api_url;
    let proxy = options.proxy_for(service);
    let first = proxy.map_or(service, |proxy| &proxy.url);
    let port = first.port_or_known_default().unwrap_or_default();
    let addresses = lookup::addresses(host(first), port, threads, waiting)?;
    if service.scheme() == "http" && !options.allow_insecure_http {
        // The name can be one that is kept for this machine (RFC 6761, section 6.3) and lead elsewhere.
        let mut others = addresses
            .iter()
            .filter(|address| !address.ip().to_canonical().is_loopback());
        if let Some(other) = others.next() {
            return Err(Unconnected::Elsewhere(*other));
        }
    }
    let socket = connect_to_first(&interleaved(addresses), waiting)?;
    if service.scheme() != "https" {
        return Ok(Stream::plain(socket));
    }
    if let Some(proxy) = proxy {
        tunnel::open(&socket, proxy, service, waiting)?;
    }
    let name = host(service).trim_matches(['[', ']']).to_owned();
    let name = ServerName::try_from(name)
        .map_err(|_| Unconnected::Tls(rustls::Error::UnsupportedNameType))?;
    Stream::tls(socket, tls.clone(), name, waiting)
}

fn host(url: &Url) -> &str {
    url.host_str().unwrap_or_default()
}

/// The addresses in the order in which they are tried: as the system sorts them, but from one
/// family and the other in turn (RFC 8305, section 4).
fn interleaved(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let is_v6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (first, second): (Vec<_>, Vec<_>) = addresses
        .into_iter()
        .partition(|address| address.is_ipv6() == is_v6);
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    let mut sorted = Vec::new();
    loop {
        let pair = [first.next(), second.next()];
        if pair == [None, None] {
            return sorted;
        }
        sorted.extend(pair.into_iter().flatten());
    }
}

/// A connection to the address that takes one first. Each is tried when the one before it has failed
/// or has had its [`HEAD_START`].
fn connect_to_first(
    addresses: &[SocketAddr],
    waiting: &Waiting<'_>,
) -> Result<Socket, Unconnected> {
    let mut addresses = addresses.iter();
    let mut pending: Vec<Socket> = Vec::new();
    let mut failure = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    let mut next_start = Instant::now();
    loop {
        if pending.is_empty() || Instant::now() >= next_start {
            match addresses.next().map(|address| Socket::connect(*address)) {
                Some(Ok(socket)) => {
                    pending.push(socket);
                    next_start = Instant::now() + HEAD_START;
                }
                Some(Err(error)) if Shortage::of(&error).is_some() => return Err(error.into()),
                Some(Err(error)) => {
                    failure = error;
                    continue;
                }
                None if pending.is_empty() => return Err(failure.into()),
                None => {}
            }
        }
        let mut index = 0;
        while let Some(socket) = pending.get(index) {
            match socket.connected() {
                Some(Ok(())) => return Ok(pending.swap_remove(index)),
                Some(Err(error)) => {
                    failure = error;
                    pending.swap_remove(index);
                    next_start = Instant::now();
                }
                None => index += 1,
            }
        }
        let mut sockets = Vec::new();
        for socket in &pending {
            sockets.push((socket.own()?, PollFlags::POLLOUT));
        }
        if !sockets.is_empty() {
            waiting.for_sockets(&sockets)?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_families_of_addresses_take_turns() {
        let parse = |addresses: &[&str]| -> Vec<SocketAddr> {
            let addresses = addresses.iter();
            addresses.map(|address| address.parse().unwrap()).collect()
        };
        let sorted = interleaved(parse(&["[::1]:1", "[::2]:1", "1.1.1.1:1", "2.2.2.2:1"]));
        let expected = parse(&["[::1]:1", "1.1.1.1:1", "[::2]:1", "2.2.2.2:1"]);
        assert_eq!(sorted, expected);
        assert_eq!(interleaved(Vec::new()), []);
    }
}
