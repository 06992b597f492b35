//! The module survives forks, exits, unloading, and C_Finalize at any moment.

mod common;

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use common::fork::fork;
use common::{child_of, done, load, log_in_and_sign, module_path, sign, traffic, with_tls};
use cryptoki_sys::*;
use pkcs11_test::Service;
use pkcs11_test::harness::{Module, Session, null};

/// Runs `child` with a TLS service. A fork or exit must not disturb its connections.
fn with_service(test: &str, child: impl FnOnce(Module)) -> Option<Service> {
    let (service, run) = child_of(test, with_tls, &[], || child(load()))?;
    run.assert_silent();
    Some(service)
}

#[test]
fn a_forked_child_starts_afresh_and_its_parent_goes_on() {
    let child = |module: Module| {
        let session = log_in_and_sign(&module);
        fork(|| {
            let before = session.info().unwrap_err();
            assert_eq!(before, CKR_CRYPTOKI_NOT_INITIALIZED);
            assert_eq!(module.finalize(), CKR_CRYPTOKI_NOT_INITIALIZED);
            let session = log_in_and_sign(&module);
            fork(|| _ = log_in_and_sign(&module));
            assert_eq!(sign(session), CKR_OK);
            assert_eq!(module.finalize(), CKR_OK);
        });
        assert_eq!(sign(session), CKR_OK);
    };
    let service = in_parent!(with_service(test_name!(), child));
    let traffic = traffic(&service.requests());
    assert_eq!((traffic.lists, traffic.signatures), (3, 5));
    assert_eq!(traffic.connections, 3, "one for each process");
}

#[test]
fn a_child_forked_while_threads_sign_can_sign() {
    with_service(test_name!(), |module| {
        let session = log_in_and_sign(&module);
        let go_on = AtomicBool::new(true);
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    let session = module.session();
                    while go_on.load(Ordering::Relaxed) {
                        assert_eq!(sign(session), CKR_OK);
                    }
                });
            }
            for _ in 0..10 {
                fork(|| _ = log_in_and_sign(&module));
            }
            go_on.store(false, Ordering::Relaxed);
        });
        assert_eq!(sign(session), CKR_OK);
    });
}

#[test]
fn a_process_exits_well_without_c_finalize() {
    with_service(test_name!(), |module| {
        log_in_and_sign(&module);
        done();
        std::process::exit(0);
    });
}

#[test]
fn the_library_can_be_unloaded_with_and_without_c_finalize() {
    with_service(test_name!(), |module| {
        log_in_and_sign(&module);
        assert_eq!(module.finalize(), CKR_OK);
        drop(module);
        let module = load();
        log_in_and_sign(&module);
        drop(module);
    });
}

#[test]
fn an_unloaded_library_stays_mapped_for_threads_in_it() {
    with_service(test_name!(), |module| {
        drop(module);
        let path = module_path().canonicalize().unwrap();
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        assert!(maps.contains(path.to_str().unwrap()), "{maps}");
    });
}

/// The module and session of the exit handler.
static AT_EXIT: OnceLock<(&Module, CK_SESSION_HANDLE)> = OnceLock::new();

/// Does what OpenSSL's provider does at exit, and a search, when thread-local storage is gone. The harness would need some.
extern "C" fn at_exit() {
    let Some((module, session)) = AT_EXIT.get() else {
        return;
    };
    let functions = &module.functions;
    // SAFETY: as the standard demands; the library is still loaded, because its module was leaked.
    let codes = unsafe {
        [
            functions.C_FindObjectsInit.unwrap()(*session, null(), 0),
            functions.C_CloseSession.unwrap()(*session),
            functions.C_Finalize.unwrap()(null()),
        ]
    };
    if codes != [CKR_OK; 3] {
        // SAFETY: ends the process at once.
        unsafe { libc::_exit(3) }
    }
}

/// Exits with that handler and an open session.
fn exit(module: Module, open: fn(&Module) -> Session<'_>) {
    let module = Box::leak(Box::new(module));
    let session = open(module).handle;
    assert!(AT_EXIT.set((module, session)).is_ok());
    // SAFETY: the handler has the signature that atexit wants, and does not unwind.
    assert_eq!(unsafe { libc::atexit(at_exit) }, 0);
    done();
    std::process::exit(0);
}

#[test]
fn an_exit_handler_may_close_sessions_and_finalize() {
    with_service(test_name!(), |module| exit(module, log_in_and_sign));
}

#[test]
fn an_exit_handler_may_be_the_first_to_ask_the_service() {
    fn open(module: &Module) -> Session<'_> {
        assert_eq!(module.initialize(), CKR_OK);
        module.session()
    }
    with_service(test_name!(), |module| exit(module, open));
}
