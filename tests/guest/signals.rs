//! The module raises no signal in the application, and changes no signal mask.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use pkcs11_test::Service;

use super::*;
use crate::common::{environment, in_child, service, traffic, with_tls};
use crate::system::{block, blocked_signals, dispositions, pending_signals};
use crate::{in_parent, test_name};

const NO_SIGNALS: [i32; 0] = [];

/// How a server ends a connection.
#[derive(Debug, Clone, Copy, PartialEq)]
enum End {
    /// With FIN, although there is something to read.
    Closed,
    /// With RST.
    Reset,
    /// Both.
    ClosedAndReset,
}

/// Starts a relay that ends one connection after the first byte of request number `fatal`, counted from 0. Returns its URL, and
/// whether it has done so.
fn ending(service: &Service, fatal: usize, end: End) -> (String, Arc<AtomicBool>) {
    let url = service.api_url().to_owned();
    let upstream = url.split('/').nth(2).unwrap().to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = url.replace(&upstream, &listener.local_addr().unwrap().to_string());
    let has_ended = Arc::new(AtomicBool::new(false));
    let ended = has_ended.clone();
    thread::spawn(move || {
        let mut pieces_left = Some(fatal);
        for client in listener.incoming() {
            let mut client = client.unwrap();
            let mut server = TcpStream::connect(&upstream).unwrap();
            let (mut responses, mut to_client) =
                (server.try_clone().unwrap(), client.try_clone().unwrap());
            thread::spawn(move || std::io::copy(&mut responses, &mut to_client));
            let mut piece = [0; 1 << 16];
            loop {
                if pieces_left == Some(0) {
                    pieces_left = None;
                    let _ = client.read(&mut [0]);
                    finish(&client, end);
                    ended.store(true, Ordering::Relaxed);
                    break;
                }
                let Ok(length @ 1..) = client.read(&mut piece) else {
                    break;
                };
                pieces_left = pieces_left.map(|left| left - 1);
                if server.write_all(&piece[..length]).is_err() {
                    break;
                }
            }
        }
    });
    (url, has_ended)
}

fn finish(client: &TcpStream, end: End) {
    if end != End::Reset {
        let _ = client.shutdown(Shutdown::Write);
    }
    if end != End::Closed {
        let socket = socket2::SockRef::from(client);
        let _ = socket.set_linger(Some(Duration::ZERO));
    }
    // The thread that relays responses has a copy of the socket.
    let _ = client.shutdown(Shutdown::Both);
}

/// Runs `child` with such a relay before the service, which must end a connection, and with its row.
fn with_ending(
    test: &str,
    start: impl FnOnce() -> Service,
    (fatal, end): (usize, End),
    row: usize,
    child: impl FnOnce(),
) -> Option<Service> {
    let prepare = || {
        let service = start();
        let (url, has_ended) = ending(&service, fatal, end);
        let more = [("SIGNPATH_API_URL", &*url), (ROW, &row.to_string())];
        let environment = environment(&service, &more);
        ((service, has_ended), environment)
    };
    let ((service, has_ended), _) = in_child(test, prepare, child)?;
    assert!(has_ended.load(Ordering::Relaxed), "no connection was ended: {fatal} {end:?}");
    Some(service)
}

#[test]
fn a_connection_that_ends_raises_no_signal() {
    for end in [End::Closed, End::Reset, End::ClosedAndReset] {
        for (has_tls, fatal) in [(false, 0), (false, 1), (true, 2), (true, 3)] {
            let start = || match has_tls {
                true => with_tls(),
                false => service(),
            };
            let child = || {
                let module = load();
                let session = log_in_and_sign(&module);
                // What is written at once may arrive in one piece, so there are more pieces than are needed.
                assert_eq!(sign(session), CKR_OK);
                assert_eq!(pending_signals(), NO_SIGNALS);
            };
            let service = in_parent!(with_ending(test_name!(), start, (fatal, end), 0, child));
            assert!(traffic(&service.requests()).signatures > 0);
        }
    }
}

#[test]
fn no_call_changes_the_signals_of_its_thread() {
    with_ending(test_name!(), service, (1, End::Reset), 0, || {
        block(libc::SIGUSR1);
        let before = (blocked_signals(), dispositions());
        let module = load();
        log_in_and_sign(&module);
        assert_eq!(module.finalize(), CKR_OK);
        assert_eq!((blocked_signals(), dispositions()), before);
    });
}

#[test]
fn a_signal_that_waits_for_the_host_waits_on() {
    const WAITS: [bool; 2] = [false, true];
    for number in 0..WAITS.len() {
        let child = || {
            let module = load();
            let session = module.logged_in().unwrap();
            block(libc::SIGPIPE);
            let waits = *row(&WAITS);
            if waits {
                // SAFETY: the signal is blocked.
                unsafe { libc::raise(libc::SIGPIPE) };
            }
            assert_eq!(sign(session), CKR_OK);
            assert_eq!(pending_signals().contains(&libc::SIGPIPE), waits);
        };
        let end = (1, End::Reset);
        if with_ending(test_name!(), service, end, number, child).is_none() {
            return;
        }
    }
}
