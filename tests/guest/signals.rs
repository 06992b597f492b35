//! No write of the module raises a signal in its host, and no call leaves another signal mask behind.

use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::ptr;
use std::thread;

use cryptoki_sys::*;
use pkcs11_test::{Service, TlsOptions};

use crate::common::raw::{self, Raw, ck};
use crate::common::{environment, in_child, service, tls_service, traffic};
use crate::system::{block, blocked_signals, dispositions, pending_signals};
use crate::{ROW, row, test_name};

/// How a server ends a connection.
#[derive(Clone, Copy)]
enum End {
    /// In the order of things (FIN), although there is something to read.
    Closed,
    /// RST.
    Reset,
    /// Both.
    ClosedAndReset,
}

/// Passes on what comes, but ends one connection as soon as it has read a byte of its request number
/// `fatal`, counted from 0. Returns where it listens.
fn ending(service: &Service, fatal: usize, end: End) -> String {
    let url = service.api_url().to_owned();
    let upstream = url.split('/').nth(2).unwrap().to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        let mut pieces_left = fatal;
        for client in listener.incoming() {
            let mut client = client.unwrap();
            let server = TcpStream::connect(&upstream).unwrap();
            let (mut answers, mut to_client) =
                (server.try_clone().unwrap(), client.try_clone().unwrap());
            thread::spawn(move || std::io::copy(&mut answers, &mut to_client));
            let mut server = server;
            let mut piece = [0; 1 << 16];
            loop {
                if pieces_left == 0 {
                    pieces_left = usize::MAX;
                    let _ = client.read(&mut [0]);
                    finish(&client, end);
                    break;
                }
                let Ok(length @ 1..) = client.read(&mut piece) else {
                    break;
                };
                pieces_left -= usize::from(pieces_left != usize::MAX);
                if std::io::Write::write_all(&mut server, &piece[..length]).is_err() {
                    break;
                }
            }
        }
    });
    url.replace(url.split('/').nth(2).unwrap(), &address)
}

fn finish(client: &TcpStream, end: End) {
    if !matches!(end, End::Reset) {
        let _ = client.shutdown(std::net::Shutdown::Write);
    }
    if !matches!(end, End::Closed) {
        let linger = libc::linger {
            l_onoff: 1,
            l_linger: 0,
        };
        // SAFETY: the descriptor is open, and the option is of that type.
        unsafe {
            libc::setsockopt(
                client.as_raw_fd(),
                libc::SOL_SOCKET,
                libc::SO_LINGER,
                (&raw const linger).cast(),
                size_of_val(&linger) as u32,
            )
        };
    }
    // The thread that passes answers on has the socket too.
    let _ = client.shutdown(std::net::Shutdown::Both);
}

/// Signs over a connection that ends while a request is sent, the next one only then.
fn sign_over_connections_that_end(test: &str, end: End) {
    for (tls, fatal) in [(false, 0), (false, 1), (true, 2), (true, 3)] {
        let prepare = || {
            let service = match tls {
                true => tls_service(TlsOptions::default()),
                false => service(),
            };
            let url = ending(&service, fatal, end);
            let environment = environment(&service, &[("SIGNPATH_API_URL", &url)]);
            (service, environment)
        };
        let child = || {
            let raw = Raw::load();
            let session = raw::logged_in(&raw);
            assert_eq!(raw::sign(&raw, session, "demo/p-256"), CKR_OK);
            assert_eq!(pending_signals(), Vec::<i32>::new());
        };
        let Some((service, _)) = in_child(test, prepare, child) else {
            return;
        };
        assert!(traffic(&service.requests()).signatures > 0);
    }
}

#[test]
fn a_connection_that_is_closed_while_a_request_is_sent_raises_no_signal() {
    sign_over_connections_that_end(test_name!(), End::Closed);
}

#[test]
fn a_connection_that_is_reset_while_a_request_is_sent_raises_no_signal() {
    sign_over_connections_that_end(test_name!(), End::Reset);
}

#[test]
fn a_connection_that_is_closed_and_reset_while_a_request_is_sent_raises_no_signal() {
    sign_over_connections_that_end(test_name!(), End::ClosedAndReset);
}

#[test]
fn no_call_changes_the_signals_of_its_thread() {
    let prepare = || {
        let service = service();
        let url = ending(&service, 1, End::Reset);
        let environment = environment(&service, &[("SIGNPATH_API_URL", &url)]);
        (service, environment)
    };
    let child = || {
        block(libc::SIGUSR1);
        let (mask, actions) = (blocked_signals(), dispositions());
        let raw = Raw::load();
        let session = raw::logged_in(&raw);
        assert_eq!(raw::sign(&raw, session, "demo/p-256"), CKR_OK);
        assert_eq!(ck!(raw, C_Finalize(ptr::null_mut())), CKR_OK);
        assert_eq!(blocked_signals(), mask);
        assert_eq!(dispositions(), actions);
    };
    in_child(test_name!(), prepare, child);
}

#[test]
fn a_signal_that_waits_for_the_host_waits_on_and_none_of_ours_does() {
    const WAITS: [bool; 2] = [false, true];
    for number in 0..WAITS.len() {
        let prepare = || {
            let service = service();
            let url = ending(&service, 1, End::Reset);
            let row = (ROW, &*number.to_string());
            let environment = environment(&service, &[("SIGNPATH_API_URL", &url), row]);
            (service, environment)
        };
        let child = || {
            let raw = Raw::load();
            let session = raw::logged_in(&raw);
            let waits = *row(&WAITS);
            block(libc::SIGPIPE);
            if waits {
                // SAFETY: the signal is blocked.
                unsafe { libc::raise(libc::SIGPIPE) };
            }
            assert_eq!(raw::sign(&raw, session, "demo/p-256"), CKR_OK);
            let expected: &[i32] = if waits { &[libc::SIGPIPE] } else { &[] };
            assert_eq!(pending_signals(), expected);
        };
        if in_child(test_name!(), prepare, child).is_none() {
            return;
        }
    }
}
