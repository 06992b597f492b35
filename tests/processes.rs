//! Forks, exits, and C_Finalize at every moment: no crash, no hang, the parent goes on.

mod common;

use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use common::fork::fork;
use common::raw::{self, Raw, ck};
use common::{done, environment, in_child, options, traffic};
use cryptoki_sys::*;
use pkcs11_test::{Options, Service};

/// Runs `child` against a service with TLS, whose connections a fork or an exit must not disturb.
fn with_service(test: &str, child: impl FnOnce()) -> Option<Service> {
    let prepare = || {
        let service = Service::start(Options {
            tls: true,
            ..options()
        })
        .unwrap();
        let environment = environment(&service, &[]);
        (service, environment)
    };
    let (service, run) = in_child(test, prepare, child)?;
    run.assert_silent();
    Some(service)
}

/// Signs with demo/p-256; the return value of C_Sign.
fn sign(raw: &Raw, session: CK_SESSION_HANDLE) -> CK_RV {
    raw::sign(raw, session, "demo/p-256")
}

#[test]
fn a_forked_child_starts_afresh_and_the_parent_goes_on_over_its_connection() {
    let child = || {
        let raw = Raw::load();
        let session = raw::logged_in(&raw);
        assert_eq!(sign(&raw, session), CKR_OK);
        fork(|| {
            let mut info = CK_SESSION_INFO::default();
            let before = ck!(raw, C_GetSessionInfo(session, &mut info));
            assert_eq!(before, CKR_CRYPTOKI_NOT_INITIALIZED);
            let finalized = ck!(raw, C_Finalize(ptr::null_mut()));
            assert_eq!(finalized, CKR_CRYPTOKI_NOT_INITIALIZED);
            let session = raw::logged_in(&raw);
            assert_eq!(sign(&raw, session), CKR_OK);
            fork(|| {
                let session = raw::logged_in(&raw);
                assert_eq!(sign(&raw, session), CKR_OK);
            });
            assert_eq!(sign(&raw, session), CKR_OK);
            assert_eq!(ck!(raw, C_Finalize(ptr::null_mut())), CKR_OK);
        });
        assert_eq!(sign(&raw, session), CKR_OK);
    };
    let Some(service) = with_service(test_name!(), child) else {
        return;
    };
    let traffic = traffic(&service.requests());
    assert_eq!((traffic.lists, traffic.signatures), (3, 5));
    assert_eq!(traffic.connections, 3, "one for each process");
}

#[test]
fn a_child_forked_while_other_threads_sign_can_sign_too() {
    let child = || {
        let raw = Raw::load();
        let session = raw::logged_in(&raw);
        let go_on = AtomicBool::new(true);
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    let raw = Raw::load();
                    let mut session = 0;
                    let flags = CKF_SERIAL_SESSION;
                    let open = ck!(
                        raw,
                        C_OpenSession(1, flags, ptr::null_mut(), None, &mut session)
                    );
                    assert_eq!(open, CKR_OK);
                    while go_on.load(Ordering::Relaxed) {
                        assert_eq!(sign(&raw, session), CKR_OK);
                    }
                });
            }
            for _ in 0..10 {
                fork(|| {
                    let session = raw::logged_in(&raw);
                    assert_eq!(sign(&raw, session), CKR_OK);
                });
            }
            go_on.store(false, Ordering::Relaxed);
        });
        assert_eq!(sign(&raw, session), CKR_OK);
    };
    with_service(test_name!(), child);
}

#[test]
fn a_process_that_exits_without_c_finalize_exits_well() {
    let child = || {
        let raw = Raw::load();
        let session = raw::logged_in(&raw);
        assert_eq!(sign(&raw, session), CKR_OK);
        done();
        std::process::exit(0);
    };
    with_service(test_name!(), child);
}

#[test]
fn the_library_can_be_unloaded_with_and_without_c_finalize() {
    let child = || {
        for finalize in [true, false] {
            let raw = Raw::load();
            let session = raw::logged_in(&raw);
            assert_eq!(sign(&raw, session), CKR_OK);
            if finalize {
                assert_eq!(ck!(raw, C_Finalize(ptr::null_mut())), CKR_OK);
            }
            drop(raw);
        }
    };
    with_service(test_name!(), child);
}

#[test]
fn a_library_that_is_unloaded_stays_mapped_for_a_thread_that_may_still_be_in_it() {
    let child = || {
        drop(Raw::load());
        let path = common::module_path().canonicalize().unwrap();
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        assert!(maps.contains(path.to_str().unwrap()), "{maps}");
    };
    with_service(test_name!(), child);
}

#[test]
fn c_initialize_after_c_finalize_starts_afresh_and_leaks_no_descriptors() {
    let child = || {
        let raw = Raw::load();
        let descriptors = || std::fs::read_dir("/proc/self/fd").unwrap().count();
        let mut open = Vec::new();
        for _ in 0..3 {
            let session = raw::logged_in(&raw);
            assert_eq!(sign(&raw, session), CKR_OK);
            assert_eq!(ck!(raw, C_Finalize(ptr::null_mut())), CKR_OK);
            assert_eq!(
                sign_init_without_module(&raw, session),
                CKR_CRYPTOKI_NOT_INITIALIZED
            );
            open.push(descriptors());
        }
        assert_eq!(open[0], open[2], "{open:?}");
    };
    with_service(test_name!(), child);
}

fn sign_init_without_module(raw: &Raw, session: CK_SESSION_HANDLE) -> CK_RV {
    let mut mechanism = raw::mechanism(CKM_ECDSA);
    ck!(raw, C_SignInit(session, &mut mechanism, 1))
}

/// What an exit handler finds: the module, a session, and whether anything went wrong.
static AT_EXIT: OnceLock<(usize, CK_SESSION_HANDLE)> = OnceLock::new();

/// What the OpenSSL provider does in its exit handler, and a search that needs the service, after
/// the thread-local storage of this thread is gone.
extern "C" fn at_exit() {
    let Some((functions, session)) = AT_EXIT.get() else {
        return;
    };
    // SAFETY: the library is still loaded, because its `Raw` was leaked.
    let functions = unsafe { &*(*functions as *const CK_FUNCTION_LIST_3_2) };
    // SAFETY: as the standard demands.
    let codes = unsafe {
        [
            functions.C_FindObjectsInit.unwrap()(*session, ptr::null_mut(), 0),
            functions.C_CloseSession.unwrap()(*session),
            functions.C_Finalize.unwrap()(ptr::null_mut()),
        ]
    };
    if codes != [CKR_OK; 3] {
        // SAFETY: ends the process at once.
        unsafe { libc::_exit(3) }
    }
}

#[test]
fn an_exit_handler_may_close_sessions_and_finalize() {
    let child = || {
        let raw = Box::leak(Box::new(Raw::load()));
        let session = raw::logged_in(raw);
        assert_eq!(sign(raw, session), CKR_OK);
        let functions = ptr::from_ref(raw.functions()) as usize;
        AT_EXIT.set((functions, session)).unwrap();
        // SAFETY: the handler has the signature that atexit wants, and does not unwind.
        assert_eq!(unsafe { libc::atexit(at_exit) }, 0);
        done();
        std::process::exit(0);
    };
    with_service(test_name!(), child);
}

#[test]
fn an_exit_handler_may_even_be_the_first_to_ask_the_service() {
    let child = || {
        let raw = Box::leak(Box::new(Raw::load()));
        let mut session = 0;
        assert_eq!(ck!(raw, C_Initialize(ptr::null_mut())), CKR_OK);
        let flags = CKF_SERIAL_SESSION;
        let opened = ck!(
            raw,
            C_OpenSession(1, flags, ptr::null_mut(), None, &mut session)
        );
        assert_eq!(opened, CKR_OK);
        let functions = ptr::from_ref(raw.functions()) as usize;
        AT_EXIT.set((functions, session)).unwrap();
        // SAFETY: the handler has the signature that atexit wants, and does not unwind.
        assert_eq!(unsafe { libc::atexit(at_exit) }, 0);
        done();
        std::process::exit(0);
    };
    with_service(test_name!(), child);
}
