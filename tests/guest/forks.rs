//! A forked child works whatever its parent's threads were doing. Any single sign of a fork is enough.

use std::net::TcpListener;
use std::thread;

use super::*;
use crate::common::fork::{fork, fork_by};
use crate::common::programs::compiled;
use crate::common::{
    child_of, command, environment, in_child, service, succeed, traffic, with_tls,
};
use crate::system::refuse_pages_that_a_fork_wipes;
use crate::{in_parent, test_name};

/// Opens and closes sessions in many threads, which all wait for the same locks.
fn churn(module: &Module) {
    let shared = module.opened();
    thread::scope(|scope| {
        for _ in 0..64 {
            scope.spawn(|| {
                for _ in 0..500 {
                    let session = module.open(1, CKF_SERIAL_SESSION).unwrap();
                    shared.info().unwrap();
                    assert_eq!(session.close(), CKR_OK);
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
fn forked_children_work_while_threads_of_the_parent_log_in() {
    let prepare = || {
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let service = service();
        let url = format!("http://{}/Api", silent.local_addr().unwrap());
        let more = [
            ("SIGNPATH_API_URL", &*url),
            ("GOOD_URL", service.api_url()),
            // Use of freed memory becomes visible.
            ("GLIBC_TUNABLES", "glibc.malloc.perturb=165"),
        ];
        let environment = environment(&service, &more);
        ((service, silent), environment)
    };
    let child = || {
        let module = initialized();
        let sessions = [(); 40].map(|()| module.session());
        thread::scope(|scope| {
            for session in &sessions {
                scope.spawn(|| session.login());
            }
            while sleeping_threads() < sessions.len() {
                thread::yield_now();
            }
            for _ in 0..4 {
                fork(|| {
                    let good = std::env::var("GOOD_URL").unwrap();
                    // SAFETY: this process has one thread.
                    unsafe { std::env::set_var("SIGNPATH_API_URL", good) };
                    churn(&module);
                });
            }
            assert_eq!(module.finalize(), CKR_OK);
        });
    };
    in_child(test_name!(), prepare, child);
}

/// How a child comes about.
struct Birth {
    /// Whether the kernel wipes pages in it.
    wipes: bool,
    /// Whether it is number 1 of a PID namespace, as its parent is.
    same_number: bool,
    /// Whether the C library's `fork` is called.
    by_fork: bool,
}

/// Forks that are noticed by one sign each: the wiped page, the handler of pthread_atfork, and the process ID.
#[rustfmt::skip]
const BIRTHS: [Birth; 3] = [
    Birth { wipes: true, same_number: true, by_fork: false },
    Birth { wipes: false, same_number: true, by_fork: true },
    Birth { wipes: false, same_number: false, by_fork: false },
];

/// The children of this process become the first ones of a PID namespace.
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
    for number in 0..BIRTHS.len() {
        let child = || {
            let birth = row(&BIRTHS);
            enter_new_namespace();
            fork(|| {
                if !birth.wipes {
                    refuse_pages_that_a_fork_wipes();
                }
                let module = load();
                let session = log_in_and_sign(&module);
                if birth.same_number {
                    enter_new_namespace();
                }
                let number = std::process::id();
                fork_by(birth.by_fork, || {
                    assert_eq!(std::process::id() == number, birth.same_number);
                    let before = session.info().unwrap_err();
                    assert_eq!(before, CKR_CRYPTOKI_NOT_INITIALIZED);
                    log_in_and_sign(&module);
                });
                assert_eq!(sign(session), CKR_OK);
            });
        };
        let start = with_tls;
        let row = [(ROW, &*number.to_string())];
        let (service, _) = in_parent!(child_of(test_name!(), start, &row, child));
        let connections = traffic(&service.requests()).connections;
        assert_eq!(connections, 2, "one for each process");
    }
}

#[test]
fn a_child_works_that_is_forked_at_any_allocation_of_a_login() {
    let service = service();
    let program = compiled("guest/forks.c", &["-ldl", "-I/usr/include/p11-kit-1"]);
    succeed(command(program).envs(environment(&service, &[])));
}
