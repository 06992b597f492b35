//! The transport with misbehaving servers.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use hyper::StatusCode;
use pkcs11_test::{PolicyFile, Service};
use url::Url;

use super::Cancellation;
use super::failed_attempt::FailedAttempt;
use super::lookup::Threads;
use super::transport::{Outgoing, Transport};
use crate::{ErrorKind, Options, Proxy};

/// The time limit of a request.
const LIMIT: Duration = Duration::from_secs(1);

/// How long a server sends if it never finishes its response.
const FOREVER: Duration = Duration::from_secs(20);

/// More than the buffers of two sockets can hold, in bytes.
const LONG: usize = 32 << 20;

/// Reads the head of a request.
fn head(stream: &TcpStream) {
    let mut lines = BufReader::new(stream).lines();
    while lines.next().unwrap().unwrap() != "" {}
}

/// A transport, and the URL of a server that passes its connections to `serve` one by one and never
/// closes them.
fn server(serve: impl Fn(usize, TcpStream) + Send + 'static) -> (Transport, Url) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url: Url = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
    thread::spawn(move || {
        let mut open = Vec::new();
        for (number, stream) in listener.incoming().enumerate() {
            let stream = stream.unwrap();
            open.push(stream.try_clone().unwrap());
            serve(number, stream);
        }
    });
    let options = Options {
        api_url: url.clone(),
        ..Options::new("https://example.org/Api".parse().unwrap())
    };
    (Transport::new(options, Threads::Allowed), url)
}

fn send(transport: &Transport, request: Outgoing) -> Result<(StatusCode, Vec<u8>), FailedAttempt> {
    let response = transport.send(LIMIT, &Cancellation::new(), request)?;
    Ok((response.status, response.body))
}

#[test]
fn reports_the_status_of_an_error_with_an_endless_body() {
    let (transport, url) = server(|_, mut stream| {
        head(&stream);
        let refusal = b"HTTP/1.1 401 X\r\nContent-Length: 9\r\n\r\nNo";
        stream.write_all(refusal).unwrap();
    });
    let response = send(&transport, Outgoing::get(url)).unwrap();
    assert_eq!(response, (StatusCode::UNAUTHORIZED, b"No".to_vec()));
}

#[test]
fn a_request_ends_at_its_deadline_despite_endless_data() {
    for (start, again) in [
        ("", "HTTP/1.1 102 X\r\n\r\n"),
        ("HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n", "1\r\nx\r\n"),
    ] {
        let (transport, url) = server(move |_, mut stream| {
            head(&stream);
            let (started, piece) = (Instant::now(), again.repeat(1 << 16));
            stream.write_all(start.as_bytes()).unwrap();
            while started.elapsed() < FOREVER && stream.write_all(piece.as_bytes()).is_ok() {}
        });
        let started = Instant::now();
        let failure = send(&transport, Outgoing::get(url)).unwrap_err();
        let reason = failure.error.reason;
        assert!(reason.contains("within 1 s"), "{reason}");
        assert!(started.elapsed() < FOREVER, "{start}{again}");
    }
}

#[test]
fn does_not_reuse_a_connection_after_an_early_response() {
    let (transport, url) = server(|number, mut stream| {
        head(&stream);
        let response = format!("HTTP/1.1 41{number} X\r\nContent-Length: 0\r\n\r\n");
        stream.write_all(response.as_bytes()).unwrap();
    });
    let long = Outgoing::post(url.clone(), "text/plain", Bytes::from(vec![b'x'; LONG]));
    let statuses = [long.unwrap(), Outgoing::get(url)].map(|request| {
        let response = transport.send(FOREVER, &Cancellation::new(), request).unwrap();
        response.status.as_u16()
    });
    assert_eq!(statuses, [410, 411]);
}

#[test]
fn no_request_leaves_for_an_api_url_that_would_give_the_token_away() {
    for (api_url, reason) in [
        ("http://sign.example/Api", "unencrypted"),
        ("https://user:password@sign.example/Api", "without user"),
        ("https://sign.example/Api?a=b", "without user"),
        ("mailto:sign@example.org", "without user"),
    ] {
        // The proxy is on this machine, so that the first connection is harmless.
        let (_, proxy) = server(|_, stream| panic!("{stream:?}"));
        let options = Options {
            http_proxy: Proxy::parse(proxy.as_str()),
            ..Options::new(api_url.parse().unwrap())
        };
        let url = options.api_url.clone();
        let transport = Transport::new(options, Threads::Allowed);
        let error = send(&transport, Outgoing::get(url)).unwrap_err().error;
        assert_eq!(error.kind, ErrorKind::Options, "{api_url}");
        assert!(error.reason.contains(reason), "{}", error.reason);
        assert!(!error.reason.contains("password@"), "{}", error.reason);
    }
}

/// Passes on what one side sends to the other.
fn forward(from: &TcpStream, to: &TcpStream) {
    let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
    thread::spawn(move || std::io::copy(&mut from, &mut to));
}

#[test]
fn no_request_leaves_after_a_logout_during_the_tls_handshake() {
    let state = tempfile::tempdir().unwrap();
    let service = Service::start(pkcs11_test::Options {
        tls: true,
        policies: PolicyFile::parse(r#"{"policies": []}"#).unwrap(),
        ..pkcs11_test::Options::new(state.path())
    })
    .unwrap();
    let mut url = Url::parse(service.api_url()).unwrap();
    let address = url.socket_addrs(|| None).unwrap()[0];
    let cancellation = Cancellation::new();
    let logout = cancellation.clone();
    let (_, on_the_way) = server(move |_, client| {
        logout.cancel_after_attempt(std::io::Error::other("logged out"));
        let service = TcpStream::connect(address).unwrap();
        forward(&client, &service);
        forward(&service, &client);
    });
    url.set_port(on_the_way.port()).unwrap();
    let options =
        Options { tls_ca_file: Some(state.path().join("tls-ca.pem")), ..Options::new(url.clone()) };
    let transport = Transport::new(options, Threads::Allowed);
    let response = transport.send(FOREVER, &cancellation, Outgoing::get(url));
    let failure = response.map(|response| response.status).unwrap_err();
    assert_eq!(failure.error.reason, "logged out");
    assert!(service.requests().is_empty());
}

/// SignPath would count a request that is sent just before its call gives up.
#[test]
fn an_attempt_with_little_time_left_does_not_spend_all_of_it_on_connecting() {
    let (_, url) = server(|_, _| {});
    let url: Url = url.as_str().replace("http:", "https:").parse().unwrap();
    let transport = Transport::new(Options::new(url.clone()), Threads::Allowed);
    let left = Duration::from_millis(1200);
    let response = transport.send(left, &Cancellation::new(), Outgoing::get(url));
    let reason = response.map(|response| response.status).unwrap_err().error.reason;
    assert!(reason.contains("no connection within 1 s"), "{reason}");
}
