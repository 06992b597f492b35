//! A lookup of a host name that hangs: timeouts and cancellation still work.

#[path = "../common/mod.rs"]
mod common;

use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;
use std::ptr;
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use common::fork::fork;
use common::raw::{Raw, ck};
use common::{Run, environment, in_child, service};
use cryptoki_sys::*;

/// The name whose lookup hangs.
const HANGING: &str = "hanging.test";

/// Far more than a call takes to end, and far less than its timeout, which is 22 s and more.
const PROMPT: Duration = Duration::from_secs(10);

/// The library with that lookup, built from C.
fn library() -> &'static str {
    static BUILT: OnceLock<String> = OnceLock::new();
    BUILT.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/lookups/system.c");
        // Another run may load the library while this one builds it.
        let built = tempfile::NamedTempFile::new_in(folder).unwrap();
        let library = folder.join("lookups.so");
        let status = Command::new("cc")
            .args(["-shared", "-fPIC", "-Wall", "-Werror", "-o"])
            .args([built.path().as_os_str(), source.as_ref()])
            .status()
            .unwrap();
        assert!(status.success());
        built.persist(&library).unwrap();
        library.to_str().unwrap().to_owned()
    })
}

/// Runs `child` with a service at a host name whose lookup hangs.
fn with_hanging_lookup(test: &str, more: &[(&str, &str)], child: impl FnOnce()) -> Option<Run> {
    let prepare = || {
        let service = service();
        let url = service.api_url().replace("127.0.0.1", HANGING);
        let hanging = [
            ("LD_PRELOAD", library()),
            ("SIGNPATH_API_URL", &url),
            ("SIGNPATH_ALLOW_INSECURE_HTTP", "true"),
        ];
        let environment = environment(&service, &[&hanging, more].concat());
        (service, environment)
    };
    in_child(test, prepare, child).map(|(_, run)| run)
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
        Report {
            thread,
            takes_signals: takes_signals != 0,
        }
    }

    /// Lets one lookup end.
    fn release(&mut self) {
        self.0.write_all(&[0]).unwrap();
    }
}

fn initialized(raw: &Raw, flags: CK_FLAGS) -> CK_SESSION_HANDLE {
    let mut arguments = CK_C_INITIALIZE_ARGS {
        flags: flags | CKF_OS_LOCKING_OK,
        ..Default::default()
    };
    let mut session = 0;
    let initialized = ck!(raw, C_Initialize((&raw mut arguments).cast()));
    assert_eq!(initialized, CKR_OK);
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

fn this_thread() -> i32 {
    // SAFETY: it has no preconditions.
    unsafe { libc::gettid() }
}

fn number_of_threads() -> usize {
    std::fs::read_dir("/proc/self/task").unwrap().count()
}

/// Begins a login that hangs in a lookup, ends it with `end`, and gives its return value.
fn login_ended_by(
    raw: &Raw,
    lookups: &mut Lookups,
    end: impl FnOnce(CK_SESSION_HANDLE) -> CK_RV,
) -> CK_RV {
    let session = initialized(raw, 0);
    thread::scope(|scope| {
        let login = scope.spawn(|| (login(raw, session), Instant::now()));
        lookups.next();
        let ended = Instant::now();
        assert_eq!(end(session), CKR_OK);
        let (rv, returned) = login.join().unwrap();
        let took = returned.saturating_duration_since(ended);
        assert!(took < PROMPT, "{took:?}");
        rv
    })
}

#[test]
fn closing_the_session_ends_a_login_that_waits_for_a_lookup() {
    let child = || {
        let mut lookups = Lookups::watch();
        let raw = Raw::load();
        let close = |session| ck!(raw, C_CloseSession(session));
        assert_eq!(
            login_ended_by(&raw, &mut lookups, close),
            CKR_SESSION_CLOSED
        );
    };
    // The process ends well, although the lookup still hangs.
    let Some(run) = with_hanging_lookup(test_name!(), &[], child) else {
        return;
    };
    run.assert_silent();
}

#[test]
fn c_finalize_ends_a_login_that_waits_for_a_lookup_and_the_library_can_be_unloaded() {
    let child = || {
        let mut lookups = Lookups::watch();
        let raw = Raw::load();
        let threads = number_of_threads();
        let finalize = |_| ck!(raw, C_Finalize(ptr::null_mut()));
        let rv = login_ended_by(&raw, &mut lookups, finalize);
        assert_eq!(rv, CKR_CRYPTOKI_NOT_INITIALIZED);
        drop(raw);
        // The lookup comes back to the code that called it.
        lookups.release();
        while number_of_threads() > threads {
            thread::yield_now();
        }
    };
    let Some(run) = with_hanging_lookup(test_name!(), &[], child) else {
        return;
    };
    run.assert_silent();
}

#[test]
fn a_lookup_that_hangs_does_not_outlast_the_time_of_the_call() {
    let limits = [
        ("SIGNPATH_HTTP_REQUEST_TIMEOUT_IN_SECONDS", "1"),
        common::ONE_ATTEMPT,
    ];
    let child = || {
        let mut lookups = Lookups::watch();
        let raw = Raw::load();
        let session = initialized(&raw, 0);
        let started = Instant::now();
        assert_eq!(login(&raw, session), CKR_FUNCTION_FAILED);
        let took = started.elapsed();
        assert!(took < PROMPT, "{took:?}");
        lookups.next();
    };
    let Some(run) = with_hanging_lookup(test_name!(), &limits, child) else {
        return;
    };
    run.assert_one_line(&[
        "hanging.test",
        "(no connection within 1 s)",
        "CKR_FUNCTION_FAILED",
    ]);
}

#[test]
fn a_lookup_has_a_thread_of_its_own_without_signals_and_none_is_left_after_it() {
    let child = || {
        let mut lookups = Lookups::watch();
        let raw = Raw::load();
        let session = initialized(&raw, 0);
        let threads = number_of_threads();
        let report = thread::scope(|scope| {
            let login = scope.spawn(|| (this_thread(), login(&raw, session)));
            let report = lookups.next();
            lookups.release();
            let (thread, rv) = login.join().unwrap();
            assert_eq!(rv, CKR_OK);
            assert_ne!(report.thread, thread);
            report
        });
        assert!(!report.takes_signals);
        while number_of_threads() > threads {
            thread::yield_now();
        }
    };
    with_hanging_lookup(test_name!(), &[], child);
}

#[test]
fn a_program_that_forbids_threads_gets_none() {
    let child = || {
        let mut lookups = Lookups::watch();
        let raw = Raw::load();
        let session = initialized(&raw, CKF_LIBRARY_CANT_CREATE_OS_THREADS);
        thread::scope(|scope| {
            let login = scope.spawn(|| (this_thread(), login(&raw, session)));
            let report = lookups.next();
            lookups.release();
            let (thread, rv) = login.join().unwrap();
            assert_eq!(rv, CKR_OK);
            assert_eq!(report.thread, thread);
        });
    };
    with_hanging_lookup(test_name!(), &[], child);
}

#[test]
fn a_process_at_its_thread_limit_is_told_so_immediately() {
    let child = || {
        let mut lookups = Lookups::watch();
        let raw = Raw::load();
        let session = initialized(&raw, 0);
        lookups.release();
        // SAFETY: no other thread of this process reads the environment now.
        unsafe { std::env::set_var("SIGNPATH_TEST_NO_THREADS", "yes") };
        assert_eq!(login(&raw, session), CKR_FUNCTION_FAILED);
        // SAFETY: the same.
        unsafe { std::env::remove_var("SIGNPATH_TEST_NO_THREADS") };
        assert_eq!(login(&raw, session), CKR_OK);
    };
    let Some(run) = with_hanging_lookup(test_name!(), &[], child) else {
        return;
    };
    run.assert_one_line(&[
        "cannot start a thread",
        "RLIMIT_NPROC",
        "[CKR_FUNCTION_FAILED]",
    ]);
}

#[test]
fn a_child_forked_while_a_lookup_hangs_can_log_in() {
    let child = || {
        let mut lookups = Lookups::watch();
        let raw = Raw::load();
        let in_fork = |session| {
            fork(|| {
                let hanging = std::env::var("SIGNPATH_API_URL").unwrap();
                let url = hanging.replace(HANGING, "localhost");
                // SAFETY: this is the only thread of the process.
                unsafe { std::env::set_var("SIGNPATH_API_URL", url) };
                assert_eq!(login(&raw, initialized(&raw, 0)), CKR_OK);
            });
            ck!(raw, C_CloseSession(session))
        };
        let rv = login_ended_by(&raw, &mut lookups, in_fork);
        assert_eq!(rv, CKR_SESSION_CLOSED);
    };
    let Some(run) = with_hanging_lookup(test_name!(), &[], child) else {
        return;
    };
    run.assert_silent();
}

#[test]
fn localhost_on_another_machine_gets_no_token_over_http() {
    let prepare = || {
        let service = service();
        let more = [
            ("LD_PRELOAD", library()),
            ("SIGNPATH_API_URL", "http://elsewhere.localhost/Api"),
        ];
        let environment = environment(&service, &more);
        (service, environment)
    };
    let child = || {
        let raw = Raw::load();
        let session = initialized(&raw, 0);
        assert_eq!(login(&raw, session), CKR_GENERAL_ERROR);
    };
    let Some((_, run)) = in_child(test_name!(), prepare, child) else {
        return;
    };
    run.assert_one_line(&["resolves to 192.0.2.1", "unencrypted", "AllowInsecureHttp"]);
}
