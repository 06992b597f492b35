//! A host name that the system does not resolve for a long time: timeouts and cancellation work nevertheless.

#[path = "../common/mod.rs"]
mod common;

use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::{Duration, Instant};

use common::fork::fork;
use common::programs::compiled;
use common::{ONE_ATTEMPT, environment, in_child, load, service};
use cryptoki_sys::*;
use pkcs11_test::call;
use pkcs11_test::harness::{Module, Rv, Session, place};

/// The name whose lookup hangs.
const HANGING: &str = "hanging.test";

/// Far more than a call takes to end, and far less than its timeout, which is 22 s and more.
const PROMPT: Duration = Duration::from_secs(10);

/// Runs a test in a process of its own, with a service at a host name whose lookup hangs. The module says one line with these
/// parts, or nothing if there are none.
fn with_hanging_lookup(
    test: &str,
    more: &[(&str, &str)],
    line: &[&str],
    act: impl FnOnce(&mut Lookups, Module),
) {
    let prepare = || {
        let service = service();
        let url = service.api_url().replace("127.0.0.1", HANGING);
        let library = compiled("lookups/system.c", &["-shared"]);
        let hanging = [
            ("LD_PRELOAD", library.to_str().unwrap()),
            ("SIGNPATH_API_URL", &url),
            ("SIGNPATH_ALLOW_INSECURE_HTTP", "true"),
        ];
        let environment = environment(&service, &[&hanging, more].concat());
        (service, environment)
    };
    let child = || act(&mut Lookups::watch(), load());
    match in_child(test, prepare, child) {
        Some((_, run)) if line.is_empty() => run.assert_silent(),
        Some((_, run)) => run.assert_one_line(line),
        None => {}
    }
}

/// In a child: the other end of the lookups.
struct Lookups(UnixStream);

/// What the library says of a lookup.
struct Report {
    thread: i32,
    takes_signals: bool,
}

impl Lookups {
    fn watch() -> Self {
        let (ours, theirs) = UnixStream::pair().unwrap();
        // SAFETY: no other thread of this process reads the environment now.
        unsafe { std::env::set_var("SIGNPATH_TEST_LOOKUP", theirs.as_raw_fd().to_string()) };
        // It has to stay open for as long as the process lives.
        std::mem::forget(theirs);
        Self(ours)
    }

    /// Waits until a lookup hangs.
    fn next(&mut self) -> Report {
        let mut report = [[0; 4]; 2];
        for number in &mut report {
            self.0.read_exact(number).unwrap();
        }
        let [thread, takes_signals] = report.map(i32::from_ne_bytes);
        Report { thread, takes_signals: takes_signals != 0 }
    }

    /// Lets one lookup end.
    fn release(&mut self) {
        self.0.write_all(&[0]).unwrap();
    }
}

/// A session of the module, initialized with more flags.
fn initialized(t: &Module, flags: CK_FLAGS) -> Session<'_> {
    let flags = flags | CKF_OS_LOCKING_OK;
    let arguments = CK_C_INITIALIZE_ARGS { flags, ..Default::default() };
    assert_eq!(call!(t, C_Initialize(place(arguments).cast())), CKR_OK);
    t.session()
}

fn this_thread() -> i32 {
    // SAFETY: it has no preconditions.
    unsafe { libc::gettid() }
}

fn number_of_threads() -> usize {
    std::fs::read_dir("/proc/self/task").unwrap().count()
}

/// Waits until there are no more threads than that.
fn wait_for_threads(number: usize) {
    while number_of_threads() > number {
        thread::yield_now();
    }
}

/// Begins a login that hangs in a lookup, ends it with `end`, and gives its return value.
fn login_ended_by(lookups: &mut Lookups, t: &Module, end: impl FnOnce(Session) -> Rv) -> Rv {
    let session = initialized(t, 0);
    thread::scope(|scope| {
        let login = scope.spawn(|| (session.login(), Instant::now()));
        lookups.next();
        let ended = Instant::now();
        assert_eq!(end(session), CKR_OK);
        let (rv, returned) = login.join().unwrap();
        let took = returned.saturating_duration_since(ended);
        assert!(took < PROMPT, "{took:?}");
        rv
    })
}

/// Logs in in another thread; the report of the lookup, and whether it was in that thread.
fn login_with_lookup(lookups: &mut Lookups, session: Session) -> (Report, bool) {
    thread::scope(|scope| {
        let login = scope.spawn(|| (this_thread(), session.login()));
        let report = lookups.next();
        lookups.release();
        let (thread, rv) = login.join().unwrap();
        assert_eq!(rv, CKR_OK);
        let is_same = report.thread == thread;
        (report, is_same)
    })
}

#[test]
fn closing_the_session_ends_a_login_that_waits_for_a_lookup() {
    // The process ends well, although the lookup still hangs.
    with_hanging_lookup(test_name!(), &[], &[], |lookups, t| {
        let rv = login_ended_by(lookups, &t, |session| session.close());
        assert_eq!(rv, CKR_SESSION_CLOSED);
    });
}

#[test]
fn c_finalize_ends_a_login_that_waits_for_a_lookup() {
    with_hanging_lookup(test_name!(), &[], &[], |lookups, t| {
        let threads = number_of_threads();
        let rv = login_ended_by(lookups, &t, |session| session.module.finalize());
        assert_eq!(rv, CKR_CRYPTOKI_NOT_INITIALIZED);
        // It can be unloaded: the lookup comes back to the code that called it.
        drop(t);
        lookups.release();
        wait_for_threads(threads);
    });
}

#[test]
fn a_lookup_that_hangs_does_not_outlast_the_timeout() {
    let timeout = ("SIGNPATH_HTTP_REQUEST_TIMEOUT_IN_SECONDS", "1");
    let more = [timeout, ONE_ATTEMPT];
    let line = ["hanging.test", "(no connection within 1 s)", "CKR_FUNCTION"];
    with_hanging_lookup(test_name!(), &more, &line, |lookups, t| {
        let session = initialized(&t, 0);
        let started = Instant::now();
        assert_eq!(session.login(), CKR_FUNCTION_FAILED);
        let took = started.elapsed();
        assert!(took < PROMPT, "{took:?}");
        lookups.next();
    });
}

#[test]
fn a_lookup_has_its_own_thread_without_signals_which_ends() {
    with_hanging_lookup(test_name!(), &[], &[], |lookups, t| {
        let session = initialized(&t, 0);
        let threads = number_of_threads();
        let (report, is_same) = login_with_lookup(lookups, session);
        assert!(!is_same && !report.takes_signals);
        wait_for_threads(threads);
    });
}

#[test]
fn an_application_that_forbids_threads_gets_none() {
    with_hanging_lookup(test_name!(), &[], &[], |lookups, t| {
        let session = initialized(&t, CKF_LIBRARY_CANT_CREATE_OS_THREADS);
        assert!(login_with_lookup(lookups, session).1);
    });
}

#[test]
fn a_process_that_cannot_start_a_thread_is_told_at_once() {
    let line = ["cannot start a thread", "RLIMIT_NPROC", "CKR_FUNCTION_FAILED"];
    with_hanging_lookup(test_name!(), &[], &line, |lookups, t| {
        let session = initialized(&t, 0);
        lookups.release();
        // SAFETY: no other thread of this process reads the environment now.
        unsafe { std::env::set_var("SIGNPATH_TEST_NO_THREADS", "yes") };
        assert_eq!(session.login(), CKR_FUNCTION_FAILED);
        // SAFETY: the same.
        unsafe { std::env::remove_var("SIGNPATH_TEST_NO_THREADS") };
        assert_eq!(session.login(), CKR_OK);
    });
}

#[test]
fn a_child_forked_while_a_lookup_hangs_can_log_in() {
    with_hanging_lookup(test_name!(), &[], &[], |lookups, t| {
        let in_fork = |session: Session| {
            fork(|| {
                let hanging = std::env::var("SIGNPATH_API_URL").unwrap();
                let url = hanging.replace(HANGING, "localhost");
                // SAFETY: this is the only thread of the process.
                unsafe { std::env::set_var("SIGNPATH_API_URL", url) };
                assert_eq!(initialized(&t, 0).login(), CKR_OK);
            });
            session.close()
        };
        assert_eq!(login_ended_by(lookups, &t, in_fork), CKR_SESSION_CLOSED);
    });
}

#[test]
fn a_localhost_name_of_another_machine_gets_no_token_over_http() {
    let url = ("SIGNPATH_API_URL", "http://elsewhere.localhost/Api");
    let insecure = ("SIGNPATH_ALLOW_INSECURE_HTTP", "false");
    let line = ["resolves to 192.0.2.1", "unencrypted", "AllowInsecureHttp"];
    with_hanging_lookup(test_name!(), &[url, insecure], &line, |_, t| {
        assert_eq!(initialized(&t, 0).login(), CKR_GENERAL_ERROR);
    });
}
