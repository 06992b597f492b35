//! Opens a tunnel through a proxy (CONNECT; RFC 9110, section 9.3.6).

use std::io::{self, Read, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::StatusCode;
use signpath_platform::socket::Interest;
use url::Url;
use zeroize::Zeroizing;

use super::connect_error::{ConnectError, Refusal};
use super::socket::Socket;
use super::waiting::Waiting;
use crate::Proxy;

/// The size of one read, in bytes.
const PIECE: usize = 1 << 10;

/// The largest accepted head of a response, in bytes.
const MAX_HEAD: usize = 8 << 10;

/// The largest accepted number of headers in a response.
const MAX_HEADERS: usize = 100;

/// The CONNECT request for a tunnel to the host and port of `service`, with the proxy's
/// credentials.
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

/// The value of Proxy-Authorization (RFC 7617, section 2), if the proxy has credentials.
pub(crate) fn authorization(proxy: &Proxy) -> Option<Zeroizing<String>> {
    let (user, password) = proxy.credentials.as_ref()?;
    let pair = Zeroizing::new(format!("{user}:{}", password.expose()));
    let encoded = Zeroizing::new(STANDARD.encode(pair.as_bytes()));
    Some(Zeroizing::new(format!("Basic {}", encoded.as_str())))
}

/// Host and port of a URL, as `host:port`.
pub(crate) fn authority(url: &Url) -> String {
    let port = url.port_or_known_default().unwrap_or_default();
    format!("{}:{port}", url.host_str().unwrap_or_default())
}

/// Asks `proxy` for a tunnel from `socket` to `service`.
///
/// # Errors
/// [`ConnectError::Refused`], and the errors of a connection that ends before the response.
pub(crate) fn open(
    socket: &Socket,
    proxy: &Proxy,
    service: &Url,
    waiting: &Waiting<'_>,
) -> Result<(), ConnectError> {
    let request = connect_request(proxy, service);
    let mut unsent = request.as_slice();
    while !unsent.is_empty() {
        let sent = wait_for(socket, Interest::WRITE, waiting, |mut socket| socket.write(unsent))?;
        unsent = unsent.get(sent..).unwrap_or_default();
    }
    let (mut head, mut piece) = (Vec::new(), vec![0; PIECE]);
    while head.len() < MAX_HEAD {
        let length =
            wait_for(socket, Interest::READ, waiting, |mut socket| socket.read(&mut piece))?;
        if length == 0 {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        head.extend_from_slice(piece.get(..length).unwrap_or_default());
        match parse_response(&head) {
            Some(Ok(status)) if status.is_success() => return Ok(()),
            Some(Ok(status)) => return Err(ConnectError::Refused(Refusal::Status(status))),
            Some(Err(NotHttp)) => break,
            None => {}
        }
    }
    Err(ConnectError::Refused(Refusal::NotHttp))
}

struct NotHttp;

/// The status of the response, if its head is complete. After a success nothing can follow the head
/// yet, since a TLS server does not speak first.
#[inline(never)] // Keeps the headers off the stack during the TLS handshake.
fn parse_response(head: &[u8]) -> Option<Result<StatusCode, NotHttp>> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    match response.parse(head) {
        Ok(httparse::Status::Partial) => None,
        Ok(httparse::Status::Complete(_)) => {
            let status = response.code.and_then(|code| StatusCode::from_u16(code).ok());
            Some(status.ok_or(NotHttp))
        }
        Err(_) => Some(Err(NotHttp)),
    }
}

/// Calls `act`, and repeats it when the socket is ready if it would have blocked.
fn wait_for(
    socket: &Socket,
    interest: Interest,
    waiting: &Waiting<'_>,
    mut act: impl FnMut(&Socket) -> io::Result<usize>,
) -> Result<usize, ConnectError> {
    loop {
        match act(socket) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                socket.wait(waiting, interest)?;
            }
            result => return Ok(result?),
        }
    }
}
