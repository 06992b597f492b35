//! Few descriptors, or none; connections that are dead; and a host that closes all descriptors behind
//! the module's back and opens its own.

use std::fs::File;
use std::io::{Read, Seek};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::ptr;
use std::sync::{Arc, Barrier, Mutex};
use std::thread;

use cryptoki_sys::*;
use pkcs11_test::{Effect, Fault, Gate, Service, TlsOptions};

use crate::common::fork::fork;
use crate::common::raw::{self, Raw, ck};
use crate::common::{LIST, SIGN, environment, in_child, service, tls_service, traffic};
use crate::system::{compiled, limit};
use crate::{ROW, row, test_name};

/// Uses up the descriptors of this process but for so many.
fn leave(free: usize) -> Vec<File> {
    limit(libc::RLIMIT_NOFILE, 64);
    let null = || File::open("/dev/null");
    let mut taken: Vec<_> = std::iter::from_fn(|| null().ok()).collect();
    taken.truncate(taken.len() - free);
    taken
}

#[test]
fn a_process_without_descriptors_is_told_of_its_limit_at_once_and_works_when_it_has_some() {
    for tls in [false, true] {
        let prepare = || {
            let service = match tls {
                true => tls_service(TlsOptions::default()),
                false => service(),
            };
            let none = ("SIGNPATH_LOG_FILE_LEVEL", "none");
            let environment = environment(&service, &[none]);
            (service, environment)
        };
        let child = || {
            let raw = Raw::load();
            for free in 0..=6 {
                let session = raw::session(&raw);
                let taken = leave(free);
                let rv = raw::login(&raw, session, "CONFIG");
                drop(taken);
                let allowed: &[_] = match free {
                    0 => &[CKR_FUNCTION_FAILED],
                    _ => &[CKR_FUNCTION_FAILED, CKR_OK],
                };
                assert!(allowed.contains(&rv), "{free} free: {rv:#x}");
                if rv != CKR_OK {
                    assert_eq!(raw::login(&raw, session, "CONFIG"), CKR_OK);
                }
                assert_eq!(raw::sign(&raw, session, "demo/p-256"), CKR_OK);
                assert_eq!(ck!(raw, C_Finalize(ptr::null_mut())), CKR_OK);
            }
        };
        let Some((_, run)) = in_child(test_name!(), prepare, child) else {
            return;
        };
        assert!(!run.lines().is_empty());
        for line in run.lines() {
            assert!(line.contains("RLIMIT_NOFILE"), "{line}");
            assert!(!line.contains("attempt"), "{line}");
        }
    }
}

#[test]
fn a_file_that_cannot_be_opened_for_want_of_a_descriptor_is_no_fault_of_the_configuration() {
    let prepare = || {
        let service = service();
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, content: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, content).unwrap();
            path.to_str().unwrap().to_owned()
        };
        let token = format!("file:{}", file("token", service.token()));
        let more = [
            ("SIGNPATH_CONFIG_FILE", &*file("signpath.json", "{}")),
            ("SIGNPATH_API_TOKEN", &token),
            ("SIGNPATH_LOG_FILE_LEVEL", "none"),
        ];
        let environment = environment(&service, &more);
        ((service, folder), environment)
    };
    let child = || {
        let raw = Raw::load();
        let taken = leave(0);
        let initialized = ck!(raw, C_Initialize(ptr::null_mut()));
        assert_eq!(initialized, CKR_FUNCTION_FAILED);
        drop(taken);
        let session = raw::session(&raw);
        let taken = leave(0);
        let login = raw::login(&raw, session, "CONFIG");
        assert_eq!(login, CKR_FUNCTION_FAILED);
        drop(taken);
        assert_eq!(raw::login(&raw, session, "CONFIG"), CKR_OK);
    };
    let Some((_, run)) = in_child(test_name!(), prepare, child) else {
        return;
    };
    let lines = run.lines();
    assert_eq!(lines.len(), 2, "{lines:#?}");
    for line in lines {
        assert!(line.contains("RLIMIT_NOFILE"), "{line}");
    }
}

/// The error of a system call, and what becomes of it.
const SHORTAGES: [(&str, i32, CK_RV, &str); 6] = [
    (SOCKET, libc::EMFILE, CKR_FUNCTION_FAILED, "RLIMIT_NOFILE"),
    (SOCKET, libc::ENFILE, CKR_FUNCTION_FAILED, "fs.file-max"),
    (SOCKET, libc::ENOMEM, CKR_HOST_MEMORY, "memory"),
    (
        SOCKET,
        libc::ENOBUFS,
        CKR_HOST_MEMORY,
        "memory for socket buffers",
    ),
    (SEND, libc::ENOMEM, CKR_HOST_MEMORY, "memory"),
    (
        SEND,
        libc::ENOBUFS,
        CKR_HOST_MEMORY,
        "memory for socket buffers",
    ),
];

/// The variables that have the system call of that name fail.
const SOCKET: &str = "SIGNPATH_TEST_SOCKET_ERROR";
const SEND: &str = "SIGNPATH_TEST_SEND_ERROR";

#[test]
fn what_the_system_runs_out_of_is_named_with_its_return_value() {
    for (number, (.., part)) in SHORTAGES.iter().enumerate() {
        let prepare = || {
            let service = service();
            let library = compiled("system.c", &["-shared", "-ldl"]);
            let preload = ("LD_PRELOAD", library.to_str().unwrap());
            let row = (ROW, &*number.to_string());
            let environment = environment(&service, &[preload, row]);
            (service, environment)
        };
        let child = || {
            let (variable, error, rv, part) = row(&SHORTAGES);
            let raw = Raw::load();
            let session = raw::session(&raw);
            let fail = |number: &str| {
                // SAFETY: no other thread of this process reads or writes the environment now.
                unsafe { std::env::set_var(variable, number) };
            };
            fail(&error.to_string());
            assert_eq!(raw::login(&raw, session, "CONFIG"), *rv, "{part}");
            fail("");
            assert_eq!(raw::login(&raw, session, "CONFIG"), CKR_OK);
            if *variable == SOCKET {
                // A connection that is there needs no new one.
                fail(&error.to_string());
            }
            assert_eq!(raw::sign(&raw, session, "demo/p-256"), CKR_OK);
        };
        let Some((_, run)) = in_child(test_name!(), prepare, child) else {
            return;
        };
        run.assert_one_line(&["C_Login", part]);
    }
}

#[test]
fn threads_share_the_few_connections_that_a_process_can_have() {
    const THREADS: usize = 32;
    let prepare = || {
        let service = service();
        let none = ("SIGNPATH_LOG_FILE_LEVEL", "none");
        let environment = environment(&service, &[none]);
        (service, environment)
    };
    let child = || {
        let raw = Raw::load();
        raw::logged_in(&raw);
        let taken = leave(4);
        thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    let session = raw::another_session(&raw);
                    for _ in 0..5 {
                        assert_eq!(raw::sign(&raw, session, "demo/p-256"), CKR_OK);
                    }
                });
            }
        });
        drop(taken);
    };
    let Some((service, run)) = in_child(test_name!(), prepare, child) else {
        return;
    };
    run.assert_silent();
    let traffic = traffic(&service.requests());
    assert_eq!(traffic.signatures, 5 * THREADS);
    assert!(traffic.connections <= 5, "{traffic:?}");
}

#[test]
fn a_call_without_a_descriptor_takes_one_that_another_gives_back() {
    let prepare = || {
        let service = service();
        for route in [LIST, SIGN] {
            let last = Fault::on(route, Effect::Last).always();
            service.inject(last).unwrap();
        }
        let none = ("SIGNPATH_LOG_FILE_LEVEL", "none");
        let environment = environment(&service, &[none]);
        (service, environment)
    };
    let child = || {
        let raw = Raw::load();
        let (first, mut second) = (raw::logged_in(&raw), 0);
        let null = ptr::null_mut();
        let opened = ck!(
            raw,
            C_OpenSession(1, CKF_SERIAL_SESSION, null, None, &mut second)
        );
        assert_eq!(opened, CKR_OK);
        let sessions = [first, second];
        let taken = leave(1);
        let (raw, begin) = (&raw, &Barrier::new(sessions.len()));
        thread::scope(|scope| {
            for session in sessions {
                scope.spawn(move || {
                    begin.wait();
                    for _ in 0..5 {
                        assert_eq!(raw::sign(raw, session, "demo/p-256"), CKR_OK);
                    }
                });
            }
        });
        drop(taken);
    };
    let Some((_, run)) = in_child(test_name!(), prepare, child) else {
        return;
    };
    run.assert_silent();
}

#[test]
fn the_system_keeps_an_idle_connection_alive() {
    let prepare = || {
        let service = service();
        let environment = environment(&service, &[]);
        (service, environment)
    };
    let child = || {
        let raw = Raw::load();
        raw::logged_in(&raw);
        let connections: Vec<_> = (3..64).filter_map(is_kept_alive).collect();
        assert_eq!(connections, [true], "one TCP socket");
    };
    in_child(test_name!(), prepare, child);
}

/// Of a TCP socket that is connected.
fn is_kept_alive(descriptor: i32) -> Option<bool> {
    // SAFETY: the borrow ends before the descriptor can be closed, and one that is not open is an error.
    let descriptor = unsafe { BorrowedFd::borrow_raw(descriptor) };
    let socket = socket2::SockRef::from(&descriptor);
    socket.peer_addr().ok()?.as_socket()?;
    Some(socket.keepalive().unwrap())
}

/// Passes on connections to a service, and keeps them to be closed.
fn relay(service: &Service) -> (String, Arc<Mutex<Vec<TcpStream>>>) {
    let url = service.api_url().to_owned();
    let upstream = url.split('/').nth(2).unwrap().to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let clients = Arc::new(Mutex::new(Vec::new()));
    let kept = clients.clone();
    thread::spawn(move || {
        for client in listener.incoming() {
            let client = client.unwrap();
            kept.lock().unwrap().push(client.try_clone().unwrap());
            let server = TcpStream::connect(&upstream).unwrap();
            for (from, to) in [(&client, &server), (&server, &client)] {
                let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                thread::spawn(move || std::io::copy(&mut from, &mut to));
            }
        }
    });
    (url.replace(&upstream_of(&url), &address), clients)
}

fn upstream_of(url: &str) -> String {
    url.split('/').nth(2).unwrap().to_owned()
}

#[test]
fn dead_connections_do_not_hide_the_one_that_lives() {
    const THREADS: usize = 8;
    let child = || {
        let service = service();
        let (url, clients) = relay(&service);
        let gate = Gate::new();
        let hold = Fault::hold(SIGN, &gate).times(THREADS);
        service.inject(hold).unwrap();
        let variables = environment(&service, &[("SIGNPATH_API_URL", &url)]);
        for (name, value) in variables {
            // SAFETY: only threads of the service run beside this one, which do not read it.
            unsafe { std::env::set_var(name, value) };
        }
        let raw = Raw::load();
        let session = raw::logged_in(&raw);
        thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    let session = raw::another_session(&raw);
                    assert_eq!(raw::sign(&raw, session, "demo/p-256"), CKR_OK);
                });
            }
            gate.wait_for(THREADS);
            gate.open();
        });
        for living in 0..THREADS {
            let clients = clients.lock().unwrap();
            assert!(clients.len() >= THREADS);
            if living == 0 {
                let dead = clients.iter().enumerate();
                for (_, client) in dead.filter(|(number, _)| *number != 3) {
                    client.shutdown(Shutdown::Both).unwrap();
                }
            }
            drop(clients);
            let before = traffic(&service.requests()).connections;
            assert_eq!(raw::sign(&raw, session, "demo/p-256"), CKR_OK);
            assert_eq!(traffic(&service.requests()).connections, before);
        }
    };
    if let Some(((), run)) = in_child(test_name!(), || ((), Vec::new()), child) {
        run.assert_silent();
    }
}

/// Closes all descriptors but the standard ones, as a daemon does, and opens a file and sockets of the
/// host's own under their numbers.
fn take_over() -> (File, Vec<(UnixStream, UnixStream)>) {
    // SAFETY: what had these descriptors finds out, which is what is tested.
    unsafe { libc::syscall(libc::SYS_close_range, 3, libc::c_uint::MAX, 0) };
    let file = tempfile::tempfile().unwrap();
    let sockets = (0..16).map(|_| UnixStream::pair().unwrap()).collect();
    (file, sockets)
}

/// Nobody wrote, read or closed anything.
fn assert_untouched((mut file, sockets): (File, Vec<(UnixStream, UnixStream)>)) {
    assert_eq!(file.metadata().unwrap().len(), 0);
    assert_eq!(file.stream_position().unwrap(), 0);
    for (mut first, mut second) in sockets {
        for end in [&mut first, &mut second] {
            end.set_nonblocking(true).unwrap();
            let error = end.read(&mut [0]).unwrap_err();
            assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
            // SAFETY: it only asks whether the descriptor is open.
            assert!(unsafe { libc::fcntl(end.as_raw_fd(), libc::F_GETFD) } >= 0);
        }
    }
}

#[test]
fn a_host_that_closes_all_descriptors_keeps_what_it_opens_then() {
    for tls in [false, true] {
        let prepare = || {
            let service = match tls {
                true => tls_service(TlsOptions::default()),
                false => service(),
            };
            let environment = environment(&service, &[("SIGNPATH_LOG_FILE_LEVEL", "debug")]);
            (service, environment)
        };
        let child = || {
            let raw = Raw::load();
            let session = raw::logged_in(&raw);
            let goes_on = || {
                let own = take_over();
                assert_eq!(raw::sign(&raw, session, "demo/p-256"), CKR_OK);
                assert_untouched(own);
            };
            let ends = || {
                let own = take_over();
                assert_eq!(ck!(raw, C_Logout(session)), CKR_OK);
                assert_eq!(ck!(raw, C_Finalize(ptr::null_mut())), CKR_OK);
                assert_untouched(own);
            };
            fork(|| {
                let own = take_over();
                let session = raw::logged_in(&raw);
                assert_eq!(raw::sign(&raw, session, "demo/p-256"), CKR_OK);
                assert_untouched(own);
            });
            assert_eq!(raw::sign(&raw, session, "demo/p-256"), CKR_OK);
            goes_on();
            ends();
        };
        let Some((_, run)) = in_child(test_name!(), prepare, child) else {
            return;
        };
        run.assert_silent();
    }
}
