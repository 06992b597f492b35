//! Wherever a call waits on its way to the service, another thread ends it within moments.

mod common;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::ptr;
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use common::in_child;
use common::raw::{Raw, ck};
use cryptoki_sys::*;

/// Longer than the call may take to end.
const MOMENT: Duration = Duration::from_millis(100);

/// How often a phase is tried: the machine may have other things to do, but not each time.
const TRIES: usize = 5;

/// A way to the service that ends before its answer.
struct Phase {
    name: &'static str,
    /// The scheme of the API's URL.
    scheme: &'static str,
    /// Whether a proxy is in between.
    has_proxy: bool,
    server: Server,
}

/// The last that a client gets to see.
#[derive(Clone, Copy)]
enum Server {
    /// It takes no connections.
    Full,
    /// It answers what comes first with this, and is silent then.
    Silent(&'static str),
}

const PHASES: &[Phase] = &[
    Phase {
        name: "connecting",
        scheme: "http",
        has_proxy: false,
        server: Server::Full,
    },
    Phase {
        name: "the TLS handshake",
        scheme: "https",
        has_proxy: false,
        server: Server::Silent(""),
    },
    Phase {
        name: "the tunnel through a proxy",
        scheme: "https",
        has_proxy: true,
        server: Server::Silent(""),
    },
    Phase {
        name: "the TLS handshake through a proxy",
        scheme: "https",
        has_proxy: true,
        server: Server::Silent("HTTP/1.1 200 OK\r\n\r\n"),
    },
    Phase {
        name: "the answer",
        scheme: "http",
        has_proxy: false,
        server: Server::Silent(""),
    },
    Phase {
        name: "the head of the answer",
        scheme: "http",
        has_proxy: false,
        server: Server::Silent("HTTP/1.1 200 OK\r\nContent-"),
    },
    Phase {
        name: "the body of the answer",
        scheme: "http",
        has_proxy: false,
        server: Server::Silent("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"),
    },
    Phase {
        name: "the body of a refusal",
        scheme: "http",
        has_proxy: false,
        server: Server::Silent("HTTP/1.1 400 Bad Request\r\nContent-Length: 100\r\n\r\n{"),
    },
    Phase {
        name: "the next attempt",
        scheme: "http",
        has_proxy: false,
        server: Server::Silent("HTTP/1.1 503 X\r\nContent-Length: 0\r\nRetry-After: 300\r\n\r\n"),
    },
];

/// How another thread ends a call.
struct End {
    name: &'static str,
    /// What waits for the service.
    call: fn(&Raw, CK_SESSION_HANDLE) -> CK_RV,
    /// What ends it.
    end: fn(&Raw, CK_SESSION_HANDLE) -> CK_RV,
    /// What the call then returns.
    rv: CK_RV,
}

const ENDS: &[End] = &[
    End {
        name: "C_CloseSession",
        call: login,
        end: |raw, session| ck!(raw, C_CloseSession(session)),
        rv: CKR_SESSION_CLOSED,
    },
    End {
        name: "C_CloseAllSessions",
        call: login,
        end: |raw, _| ck!(raw, C_CloseAllSessions(1)),
        rv: CKR_SESSION_CLOSED,
    },
    End {
        name: "C_SessionCancel",
        call: |raw, session| ck!(raw, C_FindObjectsInit(session, ptr::null_mut(), 0)),
        end: |raw, session| ck!(raw, C_SessionCancel(session, CKF_FIND_OBJECTS)),
        rv: CKR_FUNCTION_CANCELED,
    },
    End {
        name: "C_Finalize",
        call: login,
        end: |raw, _| ck!(raw, C_Finalize(ptr::null_mut())),
        rv: CKR_CRYPTOKI_NOT_INITIALIZED,
    },
];

/// Listens, and tells `arrived` when a client has seen the last of it.
struct Listening {
    address: String,
    arrived: std::sync::mpsc::Receiver<()>,
    _open: Vec<TcpStream>,
}

impl Server {
    fn start(self) -> Listening {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (arriving, arrived) = channel();
        let mut open = Vec::new();
        match self {
            Self::Full => {
                // SAFETY: the descriptor is open. A second call changes how many connections wait.
                assert_eq!(unsafe { libc::listen(listener.as_raw_fd(), 0) }, 0);
                open.push(TcpStream::connect(address).unwrap());
                thread::spawn(move || {
                    wait_for_connecting(address.port());
                    arriving.send(()).unwrap();
                    // It listens for as long as the process lives.
                    std::mem::forget(listener);
                });
            }
            Self::Silent(answer) => {
                thread::spawn(move || {
                    let (mut client, _) = listener.accept().unwrap();
                    let mut request = [0; 4096];
                    assert!(client.read(&mut request).unwrap() > 0);
                    client.write_all(answer.as_bytes()).unwrap();
                    arriving.send(()).unwrap();
                    // Until the client goes.
                    while matches!(client.read(&mut request), Ok(1..)) {}
                });
            }
        }
        Listening {
            address: address.to_string(),
            arrived,
            _open: open,
        }
    }
}

/// Waits until a socket of this machine is in state SYN_SENT towards `port` (proc_pid_net(5)).
fn wait_for_connecting(port: u16) {
    let towards = format!(":{port:04X} 02 ");
    while !std::fs::read_to_string("/proc/self/net/tcp")
        .unwrap()
        .contains(&towards)
    {
        thread::yield_now();
    }
}

fn session(raw: &Raw) -> CK_SESSION_HANDLE {
    let mut session = 0;
    let flags = CKF_SERIAL_SESSION;
    let opened = ck!(
        raw,
        C_OpenSession(1, flags, ptr::null_mut(), None, &mut session)
    );
    assert_eq!(opened, CKR_OK);
    session
}

fn login(raw: &Raw, session: CK_SESSION_HANDLE) -> CK_RV {
    ck!(raw, C_Login(session, CKU_USER, ptr::null_mut(), 0))
}

/// How long a call goes on after its `end` in the middle of `phase`.
fn goes_on_for(raw: &Raw, phase: &Phase, end: &End) -> Duration {
    let server = phase.server.start();
    let address = &server.address;
    let (host, proxy) = match phase.has_proxy {
        true => ("signpath.example", format!("http://{address}")),
        false => (address.as_str(), String::new()),
    };
    let url = format!("{}://{host}/Api", phase.scheme);
    for (name, value) in [("SIGNPATH_API_URL", url), ("http_proxy", proxy)] {
        // SAFETY: no other thread of this process reads or writes the environment now.
        unsafe { std::env::set_var(name, value) };
    }
    assert_eq!(ck!(raw, C_Initialize(ptr::null_mut())), CKR_OK);
    let session = session(raw);
    let took = thread::scope(|scope| {
        let call = scope.spawn(|| ((end.call)(raw, session), Instant::now()));
        server.arrived.recv().unwrap();
        let begun = Instant::now();
        assert_eq!((end.end)(raw, session), CKR_OK);
        let (rv, ended) = call.join().unwrap();
        assert_eq!(rv, end.rv, "{}, {}", end.name, phase.name);
        ended.saturating_duration_since(begun)
    });
    let finalized = ck!(raw, C_Finalize(ptr::null_mut()));
    let expected = match end.rv {
        CKR_CRYPTOKI_NOT_INITIALIZED => end.rv,
        _ => CKR_OK,
    };
    assert_eq!(finalized, expected, "{}", end.name);
    took
}

/// Runs `child` with credentials for a service that it chooses itself.
fn with_credentials(test: &str, child: impl FnOnce()) {
    let prepare = || {
        let variables = [
            (
                "SIGNPATH_ORGANIZATION_ID",
                "c3e1b8f0-5d2a-4a3c-9a51-000000000000",
            ),
            ("SIGNPATH_API_TOKEN", "t0ken"),
            // A search without a login would not wait for a second attempt.
            ("SIGNPATH_CRYPTOKI_LOGIN_REQUIRED", "false"),
            ("SIGNPATH_LOG_CONSOLE_LEVEL", "error"),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        ((), variables.into())
    };
    if let Some(((), run)) = in_child(test, prepare, child) {
        run.assert_silent();
    }
}

#[test]
fn each_way_to_end_a_call_ends_it_wherever_it_waits() {
    with_credentials(test_name!(), || {
        let raw = Raw::load();
        for (phase, end) in PHASES
            .iter()
            .flat_map(|phase| ENDS.iter().map(move |end| (phase, end)))
        {
            let shortest = (0..TRIES)
                .map(|_| goes_on_for(&raw, phase, end))
                .find(|took| *took < MOMENT);
            let (phase, end) = (phase.name, end.name);
            assert!(shortest.is_some(), "{end}, {phase}: not within {MOMENT:?}");
        }
    });
}

#[test]
fn closing_its_session_ends_a_call_that_waits_for_the_list_of_another() {
    with_credentials(test_name!(), || {
        let raw = Raw::load();
        let server = Server::Silent("").start();
        let url = format!("http://{}/Api", server.address);
        // SAFETY: no other thread of this process reads or writes the environment now.
        unsafe { std::env::set_var("SIGNPATH_API_URL", url) };
        assert_eq!(ck!(raw, C_Initialize(ptr::null_mut())), CKR_OK);
        let sessions: Vec<_> = (0..=TRIES).map(|_| session(&raw)).collect();
        let (first, others) = sessions.split_first().unwrap();
        thread::scope(|scope| {
            let asking = scope.spawn(|| login(&raw, *first));
            server.arrived.recv().unwrap();
            let shortest = others.iter().map(|session| {
                let (starting, started) = channel();
                let waiting = scope.spawn(|| {
                    // SAFETY: it has no preconditions.
                    starting.send(unsafe { libc::gettid() }).unwrap();
                    drop(starting);
                    (login(&raw, *session), Instant::now())
                });
                wait_for_sleep(started.recv().unwrap());
                let closed = Instant::now();
                assert_eq!(ck!(raw, C_CloseSession(*session)), CKR_OK);
                let (rv, ended) = waiting.join().unwrap();
                assert_eq!(rv, CKR_SESSION_CLOSED);
                ended.saturating_duration_since(closed)
            });
            let shortest = shortest.min().unwrap();
            assert!(shortest < MOMENT, "{shortest:?}");
            assert_eq!(ck!(raw, C_CloseSession(*first)), CKR_OK);
            assert_eq!(asking.join().unwrap(), CKR_SESSION_CLOSED);
        });
    });
}

/// Waits until a thread sleeps (proc_pid_stat(5)).
fn wait_for_sleep(thread: i32) {
    let path = format!("/proc/self/task/{thread}/stat");
    while !std::fs::read_to_string(&path).unwrap().contains(") S ") {
        thread::yield_now();
    }
}
