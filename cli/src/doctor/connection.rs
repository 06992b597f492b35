//! The connection to the service, step by step: name resolution, proxy, TCP.

use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use signpath_client::{ConnectResponse, Proxy, connect_request, connect_response};
use signpath_config::Config;
use url::Url;

use super::finding::Finding;
use super::report::Report;
use signpath_platform::os_error::describe;

use crate::failure::Failure;
use crate::progress::Progress;

/// The time limit for one step.
const TIME_LIMIT: Duration = Duration::from_secs(10);

/// The maximum size of the header of a proxy's response, in bytes.
const MAX_HEAD: usize = 8 << 10;

/// A host and port.
pub struct Endpoint {
    pub host: String,
    pub port: u16,
}

/// A route to the service, directly or through a proxy.
pub struct Route<'a> {
    pub service: Endpoint,
    pub is_tls: bool,
    url: &'a Url,
    proxy: Option<&'a Proxy>,
    addresses: Vec<SocketAddr>,
}

impl Endpoint {
    fn of(url: &Url) -> Self {
        let host = url.host_str().unwrap_or_default();
        Self {
            host: host.trim_matches(['[', ']']).to_owned(),
            port: url.port_or_known_default().unwrap_or_default(),
        }
    }
}

/// Finds a route to the service. Returns [`None`] if there is none, after reporting why.
pub fn check<'a>(config: &'a Config, report: &mut Report) -> Result<Option<Route<'a>>, Failure> {
    let proxy = config.client_options.proxy_for(&config.client_options.api_url);
    let service = Endpoint::of(&config.client_options.api_url);
    let first = proxy.map(|proxy| Endpoint::of(&proxy.url));
    let addresses = match resolve(first.as_ref().unwrap_or(&service)) {
        Ok((finding, addresses)) => {
            report.add(finding)?;
            addresses
        }
        Err(finding) => {
            report.add(finding)?;
            return Ok(None);
        }
    };
    let way = Route {
        is_tls: config.client_options.api_url.scheme() == "https",
        service,
        url: &config.client_options.api_url,
        proxy,
        addresses,
    };
    match way.connect() {
        Ok(stream) => {
            let peer = stream.peer_addr().map(|peer| peer.to_string());
            let peer = peer.unwrap_or_default();
            report.add(match proxy {
                Some(proxy) => Finding::ok("proxy", format!("connected through {proxy} ({peer})")),
                None => Finding::ok("connection", format!("{peer} accepts connections")),
            })?;
            Ok(Some(way))
        }
        Err(finding) => {
            report.add(finding)?;
            Ok(None)
        }
    }
}

fn resolve(endpoint: &Endpoint) -> Result<(Finding, Vec<SocketAddr>), Finding> {
    const CHECK: &str = "name";
    let Endpoint { host, port } = endpoint;
    let _progress = Progress::start(format!("Resolving {host}"));
    // The system's resolver has no timeout.
    let (sender, receiver) = channel();
    let name = (host.clone(), *port);
    thread::spawn(move || {
        // The receiver is gone if the result comes too late.
        let _ = sender.send(name.to_socket_addrs().map(Iterator::collect::<Vec<_>>));
    });
    let reason = match receiver.recv_timeout(TIME_LIMIT) {
        Ok(Ok(addresses)) if !addresses.is_empty() => {
            let shown: Vec<_> = addresses.iter().map(|address| address.ip().to_string()).collect();
            let message = match host.parse::<IpAddr>() {
                Ok(_) => format!("{host} is an IP address"),
                Err(_) => format!("{host} resolves to {}", shown.join(", ")),
            };
            let finding = Finding::ok(CHECK, message);
            return Ok((finding, addresses));
        }
        Ok(Ok(_)) => "no address".to_owned(),
        Ok(Err(error)) => describe(&error),
        Err(_) => format!("timed out after {} s", TIME_LIMIT.as_secs()),
    };
    Err(Finding::failed(
        CHECK,
        format!("cannot resolve {host} ({reason})"),
        "check the spelling in ApiUrl or HttpProxy, and this machine's name servers; if only a proxy can resolve Internet \
         names, set https_proxy",
    ))
}

impl Route<'_> {
    /// Opens a connection to the service, ready for HTTP or TLS.
    pub fn connect(&self) -> Result<TcpStream, Finding> {
        match self.proxy {
            None => self.connect_tcp().map_err(|error| {
                Finding::failed(
                    "connection",
                    format!(
                        "cannot connect to {}:{} ({})",
                        self.service.host,
                        self.service.port,
                        describe(&error)
                    ),
                    "check ApiUrl and firewalls; if there is a proxy, set https_proxy",
                )
            }),
            Some(proxy) => self.connect_through(proxy).map_err(|(reason, remedy)| {
                Finding::failed("proxy", format!("{proxy} {reason}"), remedy)
            }),
        }
    }

    fn connect_through(&self, proxy: &Proxy) -> Result<TcpStream, (String, &'static str)> {
        let mut stream = self.connect_tcp().map_err(|error| {
            let remedy =
                "check HttpProxy, https_proxy and http_proxy, or exempt the service with no_proxy";
            (format!("cannot be reached ({})", describe(&error)), remedy)
        })?;
        if self.is_tls {
            let Endpoint { host, port } = &self.service;
            let response = tunnel(&mut stream, proxy, self.url).map_err(|error| {
                let remedy = "check that it is an HTTP proxy";
                (format!("does not respond like an HTTP proxy ({})", describe(&error)), remedy)
            })?;
            let status = response.status;
            match status {
                200..300 => {}
                407 if response.unsupported_schemes.is_some() => {
                    let schemes = response.unsupported_schemes.unwrap_or_default();
                    let remedy = "have it offer Basic, or put a local proxy in between that can authenticate";
                    return Err((
                        format!("offers only authentication with {schemes} ({status})"),
                        remedy,
                    ));
                }
                // tinyproxy uses 401 in place of 407.
                401 | 407 => {
                    let remedy = "set user and password in HttpProxy or https_proxy: http://user:password@host:port";
                    return Err((format!("rejected the credentials ({status})"), remedy));
                }
                _ => {
                    let remedy = "ask the administrator of the proxy to allow it";
                    return Err((
                        format!("refused to connect to {host}:{port} ({status})"),
                        remedy,
                    ));
                }
            }
        }
        Ok(stream)
    }

    fn connect_tcp(&self) -> io::Result<TcpStream> {
        let _progress = Progress::start(format!("Connecting to {}", self.service.host));
        let mut last = io::Error::from(io::ErrorKind::NotFound);
        for address in &self.addresses {
            match TcpStream::connect_timeout(address, TIME_LIMIT) {
                Ok(stream) => {
                    stream.set_read_timeout(Some(TIME_LIMIT))?;
                    stream.set_write_timeout(Some(TIME_LIMIT))?;
                    return Ok(stream);
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }
}

/// Asks a proxy for a tunnel with CONNECT (RFC 9110, section 9.3.6), which the HTTP client does not expose.
fn tunnel(stream: &mut TcpStream, proxy: &Proxy, to: &Url) -> io::Result<ConnectResponse> {
    stream.write_all(&connect_request(proxy, to))?;
    // Read the header only, byte by byte: what follows comes from the service.
    let (mut head, mut byte) = (Vec::new(), [0]);
    while head.len() < MAX_HEAD {
        stream.read_exact(&mut byte)?;
        head.extend_from_slice(&byte);
        match connect_response(&head) {
            Some(Ok(response)) => return Ok(response),
            Some(Err(_)) => break,
            None => {}
        }
    }
    Err(io::Error::other("no HTTP status"))
}
