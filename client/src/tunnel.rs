//! Opens a tunnel through a proxy (CONNECT; RFC 9110, section 9.3.6).

use std::io::{self, Read, Write};

use hyper::StatusCode;
use signpath_platform::socket::Interest;
use url::Url;
use zeroize::Zeroizing;

use super::connect_error::{ConnectError, Refusal};
use super::socket::Socket;
use super::transport::AGENT;
use super::waiting::Waiting;
use crate::Proxy;

/// The size of one read, in bytes.
const PIECE: usize = 1 << 10;

/// The largest accepted head of a response, in bytes.
const MAX_HEAD: usize = 8 << 10;

/// The largest accepted number of headers in a response.
const MAX_HEADERS: usize = 100;

/// The longest list of authentication schemes that is shown, in characters.
const MAX_SCHEMES: usize = 60;

/// A proxy's final response to CONNECT.
#[derive(Debug, PartialEq, Eq)]
pub struct ConnectResponse {
    /// The HTTP status.
    pub status: u16,
    /// The authentication schemes that the proxy offers, unless Basic, the one that is supported, is among them.
    pub unsupported_schemes: Option<String>,
}

/// A response is not HTTP.
#[derive(Debug, PartialEq, Eq)]
pub struct NotHttp;

/// The CONNECT request for a tunnel to the host and port of `service`, with the proxy's
/// credentials. Proxies that see only this request may refuse one without User-Agent.
pub fn connect_request(proxy: &Proxy, service: &Url) -> Zeroizing<Vec<u8>> {
    let authority = authority(service);
    let credentials = proxy
        .authorization
        .as_ref()
        .map_or_else(String::new, |value| format!("Proxy-Authorization: {}\r\n", value.expose()));
    let credentials = Zeroizing::new(credentials);
    let request = format!(
        "CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: {AGENT}\r\n{}\r\n",
        credentials.as_str()
    );
    Zeroizing::new(request.into_bytes())
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
            let reason = "the proxy closed the connection without a response";
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, reason).into());
        }
        head.extend_from_slice(piece.get(..length).unwrap_or_default());
        match connect_response(&head) {
            Some(Ok(response)) => return opened(response),
            Some(Err(NotHttp)) => break,
            None => {}
        }
    }
    Err(ConnectError::Refused(Refusal::NotHttp))
}

fn opened(response: ConnectResponse) -> Result<(), ConnectError> {
    let refusal = match StatusCode::from_u16(response.status) {
        Ok(status) if status.is_success() => return Ok(()),
        Ok(status) => Refusal::Status(status, response.unsupported_schemes),
        Err(_) => Refusal::NotHttp,
    };
    Err(ConnectError::Refused(refusal))
}

/// The final response to CONNECT, if its head is complete. Interim responses may precede it (RFC 9110, section 15.2). After a
/// success nothing can follow the head yet, since a TLS server does not speak first.
#[inline(never)] // Keeps the headers off the stack during the TLS handshake.
pub fn connect_response(mut received: &[u8]) -> Option<Result<ConnectResponse, NotHttp>> {
    loop {
        let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut response = httparse::Response::new(&mut headers);
        let length = match response.parse(received) {
            Ok(httparse::Status::Partial) => return None,
            Ok(httparse::Status::Complete(length)) => length,
            Err(_) => return Some(Err(NotHttp)),
        };
        match response.code {
            Some(100 | 102..=199) => received = received.get(length..).unwrap_or_default(),
            Some(status) => {
                let unsupported_schemes = unsupported_schemes(response.headers);
                return Some(Ok(ConnectResponse { status, unsupported_schemes }));
            }
            None => return Some(Err(NotHttp)),
        }
    }
}

/// The schemes in Proxy-Authenticate (RFC 9110, section 11.7.1). [`None`] if there are none, or if Basic is one of them.
fn unsupported_schemes(headers: &[httparse::Header<'_>]) -> Option<String> {
    let mut schemes: Vec<String> = Vec::new();
    for header in headers.iter().filter(|it| it.name.eq_ignore_ascii_case("Proxy-Authenticate")) {
        let value = String::from_utf8_lossy(header.value);
        let mut is_quoted = false;
        let is_end = |c: char| {
            is_quoted ^= c == '"';
            c == ',' && !is_quoted
        };
        for challenge in value.split(is_end) {
            let scheme = challenge.split_whitespace().next().unwrap_or_default();
            // A parameter has an equals sign, and perhaps quotes.
            let is_scheme = scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
            if is_scheme && !scheme.is_empty() && !schemes.iter().any(|known| known == scheme) {
                schemes.push(scheme.to_owned());
            }
        }
    }
    let is_supported = schemes.iter().any(|scheme| scheme.eq_ignore_ascii_case("Basic"));
    let shown: String = schemes.join(", ").chars().take(MAX_SCHEMES).collect();
    (!is_supported && !shown.is_empty()).then_some(shown)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn asks_for_a_tunnel_with_host_agent_and_credentials() {
        const AUTHORIZATION: &str = "Proxy-Authorization: Basic dXNlcjpwQHNz\r\n";
        const LATIN_1: &str = "Proxy-Authorization: Basic deQ6cPwl\r\n";
        for (proxy, service, authority, more) in [
            ("proxy:3128", "https://sign.example/Api", "sign.example:443", ""),
            ("[::1]:3128", "https://[fd00::1]:8443/", "[fd00::1]:8443", ""),
            ("user:p%40ss@proxy:3128", "https://1.2.3.4", "1.2.3.4:443", AUTHORIZATION),
            // As curl sends it.
            ("u%E4:p%FC%25@proxy", "https://1.2.3.4", "1.2.3.4:443", LATIN_1),
        ] {
            let (proxy, service) = (Proxy::parse(proxy).unwrap(), service.parse().unwrap());
            let request = connect_request(&proxy, &service);
            let version = env!("CARGO_PKG_VERSION");
            let expected = format!(
                "CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n\
                 User-Agent: signpath-pkcs11/{version}\r\n{more}\r\n"
            );
            assert_eq!(std::str::from_utf8(&request), Ok(expected.as_str()));
        }
    }

    #[test]
    fn reads_the_final_response_of_a_proxy() {
        let status = |status, schemes: Option<&str>| {
            Some(Ok(ConnectResponse { status, unsupported_schemes: schemes.map(str::to_owned) }))
        };
        for (received, expected) in [
            ("", None),
            ("HTTP/1.1 200 OK\r\n", None),
            ("HTTP/1.1 200 OK\r\n\r\n", status(200, None)),
            ("HTTP/1.0 200 Connection established\n\n", status(200, None)),
            ("HTTP/1.1 100 Continue\r\n\r\n", None),
            ("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103\r\nA: b\r\n\r\nHTTP/1.1 2", None),
            (
                "HTTP/1.1 102\r\n\r\nHTTP/1.1 103\r\nA: b\r\n\r\nHTTP/1.1 200\r\n\r\n",
                status(200, None),
            ),
            ("HTTP/1.1 101 Switching Protocols\r\n\r\n", status(101, None)),
            ("HTTP/1.1 100\r\n\r\nSSH-2.0\r\n", Some(Err(NotHttp))),
            (
                "HTTP/1.1 407 X\r\nproxy-authenticate: Negotiate\r\nProxy-Authenticate: NTLM\r\n\r\n",
                status(407, Some("Negotiate, NTLM")),
            ),
            (
                "HTTP/1.1 407 X\r\nProxy-Authenticate: Digest realm=\"a, b\", qop=auth, NTLM TlRM==\r\n\r\n",
                status(407, Some("Digest, NTLM")),
            ),
            (
                "HTTP/1.1 407 X\r\nProxy-Authenticate: Digest realm=\"Sign in, please, as usual\"\r\n\r\n",
                status(407, Some("Digest")),
            ),
            (
                "HTTP/1.1 407 X\r\nProxy-Authenticate: NTLM, basic realm=\"a\"\r\n\r\n",
                status(407, None),
            ),
        ] {
            assert_eq!(connect_response(received.as_bytes()), expected, "{received}");
        }
    }
}
