//! How a proxy answers the request for a tunnel (CONNECT; RFC 9110, section 9.3.6). The HTTP client
//! makes the tunnels, but keeps to itself why it gets none.

use std::io;
use std::net::{IpAddr, SocketAddr};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::dns::Resolve;
use reqwest::{StatusCode, Url};
use tokio::net::TcpStream;
use zeroize::Zeroizing;

use crate::config::Proxy;

/// The largest head of an answer that is read, in bytes.
const MAX_HEAD: usize = 8 << 10;

/// Headers of an answer that are read.
const MAX_HEADERS: usize = 100;

/// Why there is no tunnel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The status of the answer.
    Status(StatusCode),
    /// The answer is no HTTP.
    NotHttp,
}

/// The request for a tunnel to the host and port of `service`.
pub fn connect_request(proxy: &Proxy, service: &Url) -> Zeroizing<Vec<u8>> {
    let authority = authority(service);
    let credentials = match &proxy.credentials {
        Some((user, password)) => {
            let pair = Zeroizing::new(format!("{user}:{}", password.expose()));
            let encoded = Zeroizing::new(STANDARD.encode(pair.as_bytes()));
            Zeroizing::new(format!(
                "Proxy-Authorization: Basic {}\r\n",
                encoded.as_str()
            ))
        }
        None => Zeroizing::default(),
    };
    let request = format!(
        "CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n{}\r\n",
        credentials.as_str()
    );
    Zeroizing::new(request.into_bytes())
}

/// The host and the port of a URL.
pub(super) fn authority(url: &Url) -> String {
    let port = url.port_or_known_default().unwrap_or_default();
    format!("{}:{port}", url.host_str().unwrap_or_default())
}

/// Asks `proxy` for a tunnel to `service`, and gives up the one that comes. [`None`] then.
///
/// # Errors
/// Those of a connection that does not come up, or ends before the answer.
pub(super) async fn refusal(
    proxy: &Proxy,
    service: &Url,
    resolver: &impl Resolve,
) -> io::Result<Option<Refusal>> {
    let stream = connect(&proxy.url, resolver).await?;
    let request = connect_request(proxy, service);
    let mut unsent = request.as_slice();
    while !unsent.is_empty() {
        stream.writable().await?;
        let sent = unless_blocked(stream.try_write(unsent))?;
        unsent = unsent.get(sent.unwrap_or_default()..).unwrap_or_default();
    }
    let (mut head, mut piece) = (Vec::new(), [0; 1024]);
    while head.len() < MAX_HEAD {
        stream.readable().await?;
        match unless_blocked(stream.try_read(&mut piece))? {
            None => continue,
            Some(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Some(length) => head.extend_from_slice(piece.get(..length).unwrap_or_default()),
        }
        let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut answer = httparse::Response::new(&mut headers);
        match answer.parse(&head) {
            Ok(httparse::Status::Partial) => {}
            Ok(httparse::Status::Complete(_)) => {
                let status = answer.code.map(StatusCode::from_u16);
                return Ok(match status {
                    Some(Ok(StatusCode::OK)) => None,
                    Some(Ok(status)) => Some(Refusal::Status(status)),
                    _ => Some(Refusal::NotHttp),
                });
            }
            Err(_) => return Ok(Some(Refusal::NotHttp)),
        }
    }
    Ok(Some(Refusal::NotHttp))
}

/// A connection to the first address of `url` that takes one.
async fn connect(url: &Url, resolver: &impl Resolve) -> io::Result<TcpStream> {
    let host = url.host_str().unwrap_or_default();
    let port = url.port_or_known_default().unwrap_or_default();
    let addresses = match host.trim_matches(['[', ']']).parse::<IpAddr>() {
        Ok(address) => vec![SocketAddr::new(address, port)],
        Err(_) => {
            let name = host.parse().map_err(io::Error::other)?;
            let addresses = resolver.resolve(name).await.map_err(io::Error::other)?;
            addresses
                .map(|address| SocketAddr::new(address.ip(), port))
                .collect()
        }
    };
    let mut last = io::Error::from(io::ErrorKind::NotFound);
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// [`None`] for what has to be tried again.
fn unless_blocked(result: io::Result<usize>) -> io::Result<Option<usize>> {
    match result {
        Ok(length) => Ok(Some(length)),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(error),
    }
}
