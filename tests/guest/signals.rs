//! The module raises no signal in the application, and changes no signal mask.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

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

/// Starts a relay that ends a connection after the first byte of each request whose number is `fatal`, counted from 0. Returns its
/// URL, and how many connections it has ended.
fn ending(service: &Service, fatal: &[usize], end: End) -> (String, Arc<AtomicUsize>) {
    let (fatal, ended) = (fatal.to_vec(), Arc::new(AtomicUsize::new(0)));
    let (ends, mut next) = (ended.clone(), 0);
    let url = relay(service, move |mut client, mut server| {
        let mut piece = [0; 1 << 16];
        loop {
            next += 1;
            if fatal.contains(&(next - 1)) {
                let _ = client.read(&mut [0]);
                finish(&client, end);
                ends.fetch_add(1, Ordering::Relaxed);
                break;
            }
            match client.read(&mut piece) {
                Ok(length @ 1..) if server.write_all(&piece[..length]).is_ok() => {}
                // It was not a piece.
                _ => break next -= 1,
            }
        }
    });
    (url, ended)
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

/// Runs `child` with such a relay before the service, which must end as many connections.
fn with_ending(
    test: &str,
    start: impl FnOnce() -> Service,
    (fatal, end): (&[usize], End),
    child: impl FnOnce(),
) -> Option<()> {
    let prepare = || {
        let service = start();
        let (url, ended) = ending(&service, fatal, end);
        let environment = environment(&service, &[("SIGNPATH_API_URL", &url)]);
        ((service, ended), environment)
    };
    let ((service, ended), _) = in_child(test, prepare, child)?;
    assert_eq!(ended.load(Ordering::Relaxed), fatal.len(), "{fatal:?} {end:?}");
    assert!(traffic(&service.requests()).signatures > 0);
    Some(())
}

#[test]
fn a_connection_that_ends_raises_no_signal_and_no_call_changes_signals() {
    for end in [End::Closed, End::Reset, End::ClosedAndReset] {
        for (has_tls, fatal) in [(false, 0), (false, 1), (true, 2), (true, 3)] {
            let start = || if has_tls { with_tls() } else { service() };
            let child = || {
                block(libc::SIGUSR1);
                let before = (blocked_signals(), dispositions());
                let module = load();
                let session = log_in_and_sign(&module);
                // What is written at once may arrive in one piece, so there are more pieces than are needed.
                assert_eq!(sign(session), CKR_OK);
                assert_eq!(pending_signals(), NO_SIGNALS);
                assert_eq!(module.finalize(), CKR_OK);
                assert_eq!((blocked_signals(), dispositions()), before);
            };
            in_parent!(with_ending(test_name!(), start, (&[fatal], end), child));
        }
    }
}

#[test]
fn a_signal_that_waits_for_the_host_waits_on() {
    with_ending(test_name!(), service, (&[1, 3], End::Reset), || {
        let module = load();
        let session = module.logged_in().unwrap();
        block(libc::SIGPIPE);
        assert_eq!(sign(session), CKR_OK);
        assert_eq!(pending_signals(), NO_SIGNALS);
        // SAFETY: the signal is blocked.
        unsafe { libc::raise(libc::SIGPIPE) };
        assert_eq!(sign(session), CKR_OK);
        assert_eq!(pending_signals(), [libc::SIGPIPE]);
    });
}
