//! A forked child works whatever its parent's threads were doing, and knows that it is one by each sign
//! alone.

use std::net::TcpListener;
use std::ptr;
use std::thread;

use cryptoki_sys::*;
use pkcs11_test::TlsOptions;

use crate::common::fork::{fork, fork_by};
use crate::common::raw::{self, Raw, ck};
use crate::common::{environment, in_child, service, tls_service};
use crate::system::refuse_pages_that_a_fork_wipes;
use crate::{ROW, row, test_name};

/// Opens and closes sessions in many threads, which all wait for the same locks.
fn churn(raw: &Raw) {
    let shared = raw::session(raw);
    thread::scope(|scope| {
        for _ in 0..64 {
            scope.spawn(|| {
                for _ in 0..500 {
                    let session = raw::another_session(raw);
                    let mut info = CK_SESSION_INFO::default();
                    assert_eq!(ck!(raw, C_GetSessionInfo(shared, &mut info)), CKR_OK);
                    assert_eq!(ck!(raw, C_CloseSession(session)), CKR_OK);
                }
            });
        }
    });
}

/// How many threads of this process sleep (proc_pid_stat(5)).
fn sleeping_threads() -> usize {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    tasks
        .filter_map(|task| std::fs::read_to_string(task.unwrap().path().join("stat")).ok())
        .filter(|state| state.contains(") S "))
        .count()
}

#[test]
fn children_work_while_forty_threads_of_the_parent_wait_to_log_in() {
    let prepare = || {
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let service = service();
        let url = format!("http://{}/Api", silent.local_addr().unwrap());
        let good = service.api_url().to_owned();
        let environment = environment(
            &service,
            &[
                ("SIGNPATH_API_URL", &url),
                ("GOOD_URL", &good),
                // Memory that is given back shows when it is used all the same.
                ("GLIBC_TUNABLES", "glibc.malloc.perturb=165"),
            ],
        );
        ((service, silent), environment)
    };
    let child = || {
        let raw = Raw::load();
        assert_eq!(ck!(raw, C_Initialize(ptr::null_mut())), CKR_OK);
        let sessions: Vec<_> = (0..40).map(|_| raw::another_session(&raw)).collect();
        thread::scope(|scope| {
            for session in &sessions {
                scope.spawn(|| raw::login(&raw, *session, "CONFIG"));
            }
            while sleeping_threads() < sessions.len() {
                thread::yield_now();
            }
            for _ in 0..4 {
                fork(|| {
                    let good = std::env::var("GOOD_URL").unwrap();
                    // SAFETY: this process has one thread.
                    unsafe { std::env::set_var("SIGNPATH_API_URL", good) };
                    churn(&raw);
                });
            }
            assert_eq!(ck!(raw, C_Finalize(ptr::null_mut())), CKR_OK);
        });
    };
    in_child(test_name!(), prepare, child);
}

/// How a child comes about.
#[derive(Clone, Copy)]
struct Birth {
    /// Whether the kernel wipes pages in it.
    wipes: bool,
    /// Whether it is number 1 of a PID namespace, as its parent is.
    same_number: bool,
    /// Whether the C library's `fork` is called.
    by_fork: bool,
}

const BIRTHS: [(&str, Birth); 3] = [
    (
        "the wiped page",
        Birth {
            wipes: true,
            same_number: true,
            by_fork: false,
        },
    ),
    (
        "the handler of pthread_atfork",
        Birth {
            wipes: false,
            same_number: true,
            by_fork: true,
        },
    ),
    (
        "the process ID",
        Birth {
            wipes: false,
            same_number: false,
            by_fork: false,
        },
    ),
];

/// Has the children of this process be the first of a PID namespace.
fn enter_new_namespace() {
    // SAFETY: it changes what children are born into.
    let entered = unsafe {
        libc::unshare(libc::CLONE_NEWPID) == 0
            || libc::unshare(libc::CLONE_NEWUSER | libc::CLONE_NEWPID) == 0
    };
    assert!(entered, "{}", std::io::Error::last_os_error());
}

#[test]
fn each_sign_of_a_fork_is_enough() {
    for (number, (name, _)) in BIRTHS.iter().enumerate() {
        let prepare = || {
            println!("{name}");
            let service = tls_service(TlsOptions::default());
            let environment = environment(&service, &[(ROW, &number.to_string())]);
            (service, environment)
        };
        let child = || {
            let (_, birth) = *row(&BIRTHS);
            enter_new_namespace();
            fork(|| {
                if !birth.wipes {
                    refuse_pages_that_a_fork_wipes();
                }
                let raw = Raw::load();
                let session = raw::logged_in(&raw);
                assert_eq!(raw::sign(&raw, session, "demo/p-256"), CKR_OK);
                if birth.same_number {
                    enter_new_namespace();
                }
                let number = std::process::id();
                fork_by(birth.by_fork, || {
                    assert_eq!(std::process::id() == number, birth.same_number);
                    let mut info = CK_SESSION_INFO::default();
                    let before = ck!(raw, C_GetSessionInfo(session, &mut info));
                    assert_eq!(before, CKR_CRYPTOKI_NOT_INITIALIZED);
                    let session = raw::logged_in(&raw);
                    assert_eq!(raw::sign(&raw, session, "demo/p-256"), CKR_OK);
                });
                assert_eq!(raw::sign(&raw, session, "demo/p-256"), CKR_OK);
            });
        };
        let Some((service, _)) = in_child(test_name!(), prepare, child) else {
            return;
        };
        let connections = crate::common::traffic(&service.requests()).connections;
        assert_eq!(connections, 2, "one for each process");
    }
}
