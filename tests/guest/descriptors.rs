//! The module works with few descriptors, with dead connections, and after the application has closed all descriptors.

use std::fs::File;
use std::io::{Read, Seek};
use std::net::Shutdown;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::Barrier;
use std::sync::mpsc::channel;

use pkcs11_test::{Effect, Fault, Gate};

use super::*;
use crate::common::fork::fork;
use crate::common::programs::compiled;
use crate::common::{LIST, Run, SIGN, child_of, environment, in_child, on_stage, options, service};
use crate::common::{limit, traffic, with_tls};
use crate::{in_parent, test_name};

const NO_LOG: (&str, &str) = ("SIGNPATH_LOG_FILE_LEVEL", "none");

/// Uses up the descriptors of this process except for `free`.
fn leave(free: usize) -> Vec<File> {
    limit(libc::RLIMIT_NOFILE, 64);
    let null = || File::open("/dev/null");
    let mut taken: Vec<_> = std::iter::from_fn(|| null().ok()).collect();
    taken.truncate(taken.len() - free);
    taken
}

/// All lines name the limit, and none is about a retry.
fn assert_told_of_limit(run: &Run) {
    assert!(!run.lines().is_empty());
    for line in run.lines() {
        assert!(line.contains("RLIMIT_NOFILE"), "{line}");
        assert!(!line.contains("attempt"), "{line}");
    }
}

#[test]
fn names_the_limit_of_descriptors_when_none_is_left() {
    for start in [service, with_tls] {
        let child = || {
            let module = load();
            for free in 0..=6 {
                let session = module.opened();
                let taken = leave(free);
                let rv = session.login();
                drop(taken);
                let is_refused = rv == CKR_FUNCTION_FAILED;
                assert!(is_refused || (free > 0 && rv == CKR_OK), "{free} free: {rv}");
                if is_refused {
                    assert_eq!(session.login(), CKR_OK);
                }
                assert_eq!(sign(session), CKR_OK);
                assert_eq!(module.finalize(), CKR_OK);
            }
        };
        let (_, run) = in_parent!(child_of(test_name!(), start, &[NO_LOG], child));
        assert_told_of_limit(&run);
    }
}

#[test]
fn a_file_that_needs_a_descriptor_is_no_invalid_configuration() {
    let prepare = || {
        let (service, folder) = (service(), tempfile::tempdir().unwrap());
        let file = |name: &str, content: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, content).unwrap();
            path.display().to_string()
        };
        let token = format!("file:{}", file("token", service.token()));
        let configuration = file("signpath.json", "{}");
        let more =
            [("SIGNPATH_CONFIG_FILE", &*configuration), ("SIGNPATH_API_TOKEN", &token), NO_LOG];
        let environment = environment(&service, &more);
        ((service, folder), environment)
    };
    let child = || {
        let module = load();
        let taken = leave(0);
        assert_eq!(module.initialize(), CKR_FUNCTION_FAILED);
        drop(taken);
        let session = module.opened();
        let taken = leave(0);
        assert_eq!(session.login(), CKR_FUNCTION_FAILED);
        drop(taken);
        assert_eq!(session.login(), CKR_OK);
    };
    let (_, run) = in_parent!(in_child(test_name!(), prepare, child));
    assert_eq!(run.lines().len(), 2, "{:#?}", run.lines());
    assert_told_of_limit(&run);
}

/// Variables that make a system call fail.
const SOCKET: &str = "SIGNPATH_TEST_SOCKET_ERROR";
const SEND: &str = "SIGNPATH_TEST_SEND_ERROR";

/// A system call, its error, the return value, and a part of the line.
#[rustfmt::skip]
const SHORTAGES: [(&str, i32, CK_RV, &str); 6] = [
    (SOCKET, libc::EMFILE, CKR_FUNCTION_FAILED, "RLIMIT_NOFILE"),
    (SOCKET, libc::ENFILE, CKR_FUNCTION_FAILED, "fs.file-max"),
    (SOCKET, libc::ENOMEM, CKR_HOST_MEMORY, "memory"),
    (SOCKET, libc::ENOBUFS, CKR_HOST_MEMORY, "memory for socket buffers"),
    (SEND, libc::ENOMEM, CKR_HOST_MEMORY, "memory"),
    (SEND, libc::ENOBUFS, CKR_HOST_MEMORY, "memory for socket buffers"),
];

#[test]
fn names_what_the_system_runs_out_of() {
    for (number, (.., part)) in SHORTAGES.iter().enumerate() {
        let library = compiled("guest/system.c", &["-shared", "-ldl"]);
        let preload = ("LD_PRELOAD", library.to_str().unwrap());
        let child = || {
            let (variable, error, rv, part) = row(&SHORTAGES);
            let module = initialized();
            let session = module.session();
            let fail = |number: &str| {
                // SAFETY: no other thread of this process reads or writes the environment now.
                unsafe { std::env::set_var(variable, number) };
            };
            fail(&error.to_string());
            assert_eq!(session.login(), *rv, "{part}");
            fail("");
            assert_eq!(session.login(), CKR_OK);
            if *variable == SOCKET {
                // The module reuses its connection.
                fail(&error.to_string());
            }
            assert_eq!(sign(session), CKR_OK);
        };
        let more = [preload, (ROW, &*number.to_string())];
        let (_, run) = in_parent!(child_of(test_name!(), service, &more, child));
        run.assert_one_line(&["C_Login", part]);
    }
}

#[test]
fn threads_share_the_few_connections_of_their_process() {
    const THREADS: usize = 32;
    let child = || {
        let module = load();
        module.logged_in().unwrap();
        let taken = leave(4);
        thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    let session = module.session();
                    (0..5).for_each(|_| assert_eq!(sign(session), CKR_OK));
                });
            }
        });
        drop(taken);
    };
    let (service, run) = in_parent!(child_of(test_name!(), service, &[NO_LOG], child));
    run.assert_silent();
    let traffic = traffic(&service.requests());
    assert_eq!(traffic.signatures, 5 * THREADS);
    assert!(traffic.connections <= 5, "{traffic:?}");
}

#[test]
fn a_call_takes_the_descriptor_that_another_gives_back() {
    let start = || {
        let service = service();
        for route in [LIST, SIGN] {
            let last = Fault::on(route, Effect::Last).always();
            service.inject(last).unwrap();
        }
        service
    };
    let child = || {
        let module = load();
        let sessions = [module.logged_in().unwrap(), module.session()];
        let taken = leave(1);
        let begin = &Barrier::new(sessions.len());
        thread::scope(|scope| {
            for session in sessions {
                scope.spawn(move || {
                    begin.wait();
                    (0..5).for_each(|_| assert_eq!(sign(session), CKR_OK));
                });
            }
        });
        drop(taken);
    };
    if let Some((_, run)) = child_of(test_name!(), start, &[NO_LOG], child) {
        run.assert_silent();
    }
}

#[test]
fn the_system_keeps_an_idle_connection_alive() {
    child_of(test_name!(), service, &[], || {
        let module = load();
        module.logged_in().unwrap();
        let connections: Vec<_> = (3..64).filter_map(is_kept_alive).collect();
        assert_eq!(connections, [true], "one TCP socket");
    });
}

/// Whether keepalive is enabled, for a connected TCP socket.
fn is_kept_alive(descriptor: i32) -> Option<bool> {
    // SAFETY: the borrow ends before the descriptor can be closed, and one that is not open is an error.
    let descriptor = unsafe { BorrowedFd::borrow_raw(descriptor) };
    let socket = socket2::SockRef::from(&descriptor);
    socket.peer_addr().ok()?.as_socket()?;
    Some(socket.keepalive().unwrap())
}

#[test]
fn dead_connections_do_not_hide_the_one_that_lives() {
    const THREADS: usize = 8;
    on_stage(test_name!(), options, &[], |stage, module| {
        let (connected, clients) = channel();
        let url = relay(&stage.service, move |client, server| {
            connected.send(client.try_clone().unwrap()).unwrap();
            thread::spawn(move || std::io::copy(&mut &client, &mut &server));
        });
        stage.set("SIGNPATH_API_URL", &url);
        let gate = Gate::new();
        let hold = Fault::hold(SIGN, &gate).times(THREADS);
        stage.inject(hold);
        let session = module.logged_in().unwrap();
        thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| assert_eq!(sign(module.session()), CKR_OK));
            }
            gate.wait_for(THREADS);
            gate.open();
        });
        let clients: Vec<_> = clients.try_iter().collect();
        assert!(clients.len() >= THREADS);
        let dead = clients.iter().enumerate();
        for (_, client) in dead.filter(|(number, _)| *number != 3) {
            client.shutdown(Shutdown::Both).unwrap();
        }
        let connections = || traffic(&stage.service.requests()).connections;
        let before = connections();
        (0..THREADS).for_each(|_| assert_eq!(sign(session), CKR_OK));
        assert_eq!(connections(), before);
    });
}

/// Closes all descriptors except the standard ones, as a daemon does, and opens a file and sockets with the same numbers. The module
/// must not use or close them while `act` runs.
fn taken_over(act: impl FnOnce()) {
    // SAFETY: what had these descriptors finds out, which is what is tested.
    unsafe { libc::syscall(libc::SYS_close_range, 3, libc::c_uint::MAX, 0) };
    let mut file = tempfile::tempfile().unwrap();
    let sockets = [(); 16].map(|()| UnixStream::pair().unwrap());
    act();
    assert_eq!(file.metadata().unwrap().len(), 0);
    assert_eq!(file.stream_position().unwrap(), 0);
    for mut end in sockets.iter().flat_map(|(first, second)| [first, second]) {
        end.set_nonblocking(true).unwrap();
        let error = end.read(&mut [0]).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
        // SAFETY: it only asks whether the descriptor is open.
        assert!(unsafe { libc::fcntl(end.as_raw_fd(), libc::F_GETFD) } >= 0);
    }
}

#[test]
fn leaves_alone_what_replaces_its_closed_descriptors() {
    for start in [service, with_tls] {
        let child = || {
            let module = load();
            let session = module.logged_in().unwrap();
            fork(|| taken_over(|| _ = log_in_and_sign(&module)));
            assert_eq!(sign(session), CKR_OK);
            taken_over(|| assert_eq!(sign(session), CKR_OK));
            taken_over(|| {
                assert_eq!(session.logout(), CKR_OK);
                assert_eq!(module.finalize(), CKR_OK);
            });
        };
        let debug = [("SIGNPATH_LOG_FILE_LEVEL", "debug")];
        let Some((_, run)) = child_of(test_name!(), start, &debug, child) else {
            return;
        };
        run.assert_silent();
    }
}
