//! Connects to the service: name resolution, TCP, the tunnel through a proxy, TLS.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use url::Url;

use super::cancellation::POLL_INTERVAL;
use super::connect_error::ConnectError;
use super::lookup::{self, Threads};
use super::socket::Socket;
use super::stream::Stream;
use super::tunnel;
use super::waiting::Waiting;
use crate::Options;
use signpath_platform::shortage::Shortage;
use signpath_platform::socket::Interest;

/// How long to wait for an address before trying the next one in parallel (RFC 8305, section 5).
const HEAD_START: Duration = Duration::from_millis(250);

/// Connects to the service, or to the proxy if it forwards requests.
///
/// # Errors
/// See [`ConnectError`].
pub(crate) fn connect(
    options: &Options,
    tls: &Arc<ClientConfig>,
    threads: Threads,
    waiting: &Waiting<'_>,
) -> Result<Stream, ConnectError> {
    let service = &options.api_url;
    let proxy = options.proxy_for(service);
    let first = proxy.map_or(service, |proxy| &proxy.url);
    let port = first.port_or_known_default().unwrap_or_default();
    let addresses = lookup::addresses(host(first), port, threads, waiting)?;
    if service.scheme() == "http" && !options.allow_insecure_http {
        // The configuration accepted the name as one for this machine (RFC 6761, section 6.3).
        let mut others =
            addresses.iter().filter(|address| !address.ip().to_canonical().is_loopback());
        if let Some(other) = others.next() {
            return Err(ConnectError::NotLoopback(*other));
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
        .map_err(|_| ConnectError::Tls(rustls::Error::UnsupportedNameType))?;
    Stream::tls(socket, tls.clone(), name, waiting)
}

fn host(url: &Url) -> &str {
    url.host_str().unwrap_or_default()
}

/// The addresses in the order in which they are tried: the system's order, but with the address
/// families alternating (RFC 8305, section 4).
fn interleaved(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let is_v6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (first, second): (Vec<_>, Vec<_>) =
        addresses.into_iter().partition(|address| address.is_ipv6() == is_v6);
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

/// Connects to the first address that accepts a connection. Each address is tried when the previous
/// one has failed or [`HEAD_START`] has passed.
fn connect_to_first(
    addresses: &[SocketAddr],
    waiting: &Waiting<'_>,
) -> Result<Socket, ConnectError> {
    let mut addresses = addresses.iter();
    let mut pending: Vec<Socket> = Vec::new();
    let mut failure = io::Error::new(io::ErrorKind::NotFound, "the host name has no address");
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
            sockets.push((socket.own()?, Interest::WRITE));
        }
        if !sockets.is_empty() {
            waiting.for_sockets(&sockets, POLL_INTERVAL)?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alternates_address_families() {
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
