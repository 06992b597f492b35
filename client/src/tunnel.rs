//! A tunnel through a proxy (CONNECT; RFC 9110, section 9.3.6), or why there is none.

use std::io::{self, Read, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::StatusCode;
use nix::poll::PollFlags;
use url::Url;
use zeroize::Zeroizing;

use super::connector::Unconnected;
use super::socket::Socket;
use super::waiting::Waiting;
use crate::Proxy;

/// How much is read at once, in bytes.
const PIECE: usize = 1 << 10;

/// The largest head of an answer that is read, in bytes.
const MAX_HEAD: usize = 8 << 10;

/// Headers of an answer that are read.
const MAX_HEADERS: usize = 100;

/// Why there is no tunnel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The status of the answer.
    Status(StatusCode),
    /// The answer is no HTTP.
    NotHttp,
}

/// The request for a tunnel to the host and port of `service`.
pub fn connect_request(proxy: &Proxy, service: &Url) -> Zeroizing<Vec<u8>> {
    let authority = authority(service);
    let credentials = authorization(proxy)
        .map(|value| Zeroizing::new(format!("Proxy-Authorization: {}\r\n", value.as_str())))
        .unwrap_or_default();
    let request = format!(
        "CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n{}\r\n",
        credentials.as_str()
    );
    Zeroizing::new(request.into_bytes())
}

/// What the proxy wants to know of its user (RFC 7617, section 2).
pub(crate) fn authorization(proxy: &Proxy) -> Option<Zeroizing<String>> {
    let (user, password) = proxy.credentials.as_ref()?;
    let pair = Zeroizing::new(format!("{user}:{}", password.expose()));
    let encoded = Zeroizing::new(STANDARD.encode(pair.as_bytes()));
    Some(Zeroizing::new(format!("Basic {}", encoded.as_str())))
}

/// The host and the port of a URL.
pub(crate) fn authority(url: &Url) -> String {
    let port = url.port_or_known_default().unwrap_or_default();
    format!("{}:{port}", url.host_str().unwrap_or_default())
}

/// Has `proxy` make a tunnel from `socket` to `service`.
///
/// # Errors
/// [`Unconnected::Refused`], and those of a connection that ends before the answer.
pub(crate) fn open(
    socket: &Socket,
    proxy: &Proxy,
    service: &Url,
    waiting: &Waiting<'_>,
) -> Result<(), Unconnected> {
    let request = connect_request(proxy, service);
    let mut unsent = request.as_slice();
    while !unsent.is_empty() {
        let sent = wait_for(socket, PollFlags::POLLOUT, waiting, |mut socket| {
            socket.write(unsent)
        })?;
        unsent = unsent.get(sent..).unwrap_or_default();
    }
    let (mut head, mut piece) = (Vec::new(), vec![0; PIECE]);
    while head.len() < MAX_HEAD {
        let length = wait_for(socket, PollFlags::POLLIN, waiting, |mut socket| {
            socket.read(&mut piece)
        })?;
        if length == 0 {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        head.extend_from_slice(piece.get(..length).unwrap_or_default());
        match answer(&head) {
            Some(Ok(status)) if status.is_success() => return Ok(()),
            Some(Ok(status)) => return Err(Unconnected::Refused(Refusal::Status(status))),
            Some(Err(NotHttp)) => break,
            None => {}
        }
    }
    Err(Unconnected::Refused(Refusal::NotHttp))
}

struct NotHttp;

/// The status in the head of an answer, if it is complete. What follows the head of a tunnel that
/// has come up would be the service's, which does not speak first.
#[inline(never)] // Its headers are not to lie on the stack while TLS is agreed on.
fn answer(head: &[u8]) -> Option<Result<StatusCode, NotHttp>> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut answer = httparse::Response::new(&mut headers);
    match answer.parse(head) {
        Ok(httparse::Status::Partial) => None,
        Ok(httparse::Status::Complete(_)) => {
            let status = answer.code.and_then(|code| StatusCode::from_u16(code).ok());
            Some(status.ok_or(NotHttp))
        }
        Err(_) => Some(Err(NotHttp)),
    }
}

/// Acts on the socket when it is ready.
fn wait_for(
    socket: &Socket,
    flags: PollFlags,
    waiting: &Waiting<'_>,
    mut act: impl FnMut(&Socket) -> io::Result<usize>,
) -> Result<usize, Unconnected> {
    loop {
        match act(socket) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                socket.wait(waiting, flags)?;
            }
            result => return Ok(result?),
        }
    }
}
