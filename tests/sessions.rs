//! Slots, sessions and login, where a read-only token of a service differs from a smart card.

mod common;

use std::collections::HashSet;
use std::sync::Barrier;
use std::thread;

use common::{LIST, NOTHING, on_stage, options, pin, traffic, visible};
use cryptoki_sys::*;
use pkcs11_test::call;
use pkcs11_test::harness::{Module, Stage, null};

/// Runs a test with the default service and an initialized module, which may say what failed.
fn initialized(test: &str, more: &[(&str, &str)], act: impl FnOnce(&Stage, &Module)) {
    on_stage(test, options, more, |stage, t| {
        assert_eq!(t.initialize(), CKR_OK);
        stage.see(|| act(stage, t));
    });
}

fn token_info(t: &Module) -> CK_TOKEN_INFO {
    let mut info = CK_TOKEN_INFO::default();
    assert_eq!(call!(t, C_GetTokenInfo(1, &mut info)), CKR_OK);
    info
}

fn has_flag(t: &Module, flag: CK_FLAGS) -> bool {
    token_info(t).flags & flag != 0
}

#[cfg(target_os = "linux")]
#[test]
fn c_finalize_ends_a_wait_for_slot_events_also_after_a_fork() {
    use common::fork::fork;
    use pkcs11_test::harness::place;
    use std::sync::mpsc;
    initialized(test_name!(), &[], |_, t| {
        let (say, hear) = mpsc::channel();
        let rv = thread::scope(|scope| {
            let waiting = scope.spawn(move || {
                // SAFETY: it has no arguments and cannot fail.
                say.send(unsafe { libc::gettid() }).unwrap();
                call!(t, C_WaitForSlotEvent(0, place(0), null()))
            });
            let thread = hear.recv().unwrap();
            let stat = format!("/proc/self/task/{thread}/stat");
            while !std::fs::read_to_string(&stat).unwrap().contains(") S ") {
                thread::yield_now();
            }
            fork(|| assert_eq!([t.initialize(), t.finalize()], [CKR_OK; 2]));
            assert!(!waiting.is_finished());
            assert_eq!(t.finalize(), CKR_OK);
            waiting.join().unwrap()
        });
        assert_eq!(rv, CKR_CRYPTOKI_NOT_INITIALIZED);
    });
}

#[test]
fn thousands_of_sessions_are_open_and_no_handle_is_given_twice() {
    initialized(test_name!(), &[], |_, t| {
        let open = |index| {
            if index % 5 == 0 { t.read_write() } else { t.session() }
        };
        let mut handles: HashSet<_> = (0..5000).map(|index| open(index).handle).collect();
        let info = token_info(t);
        assert_eq!((info.ulSessionCount, info.ulRwSessionCount), (5000, 1000));
        assert!(handles.iter().all(|handle| t.at(*handle).close() == CKR_OK));
        assert_eq!({ token_info(t).ulSessionCount }, 0);
        assert!(handles.insert(t.session().handle));
        assert_eq!(call!(t, C_CloseAllSessions(1)), CKR_OK);
        assert_eq!({ token_info(t).ulSessionCount }, 0);
        // Nor after C_Finalize, when a program may still hold one.
        assert_eq!([t.finalize(), t.initialize()], [CKR_OK; 2]);
        assert!(handles.insert(t.session().handle));
        assert_eq!(handles.len(), 5002);
    });
}

/// `tests/differential` has the return values.
#[test]
fn a_wrong_pin_shows_in_the_token_until_a_right_one() {
    initialized(test_name!(), &[], |stage, t| {
        let session = t.session();
        for (user, pin, is_low) in table! {
            (CKU_CONTEXT_SPECIFIC, "CONFIG", false),
            (CKU_SO, "CONFIG", false),
            (99, "CONFIG", false),
            (CKU_USER, "1234", true),
            (CKU_USER, "CONFIG", false),
            (CKU_USER, "wr0ng", false),
        } {
            session.login_as(user, pin.as_bytes());
            assert_eq!(has_flag(t, CKF_USER_PIN_COUNT_LOW), is_low, "{user} {pin}");
        }
        let read_write = t.read_write();
        assert_eq!([session.logout(), session.close()], [CKR_OK; 2]);
        let wrong = pin(&stage.service, "wr0ng");
        // That of another user changes nothing, nor does it take a request to log in again.
        for (user, pin, rv, is_low) in table! {
            (CKU_SO, "CONFIG", CKR_PIN_INCORRECT, false),
            (CKU_USER, &*wrong, CKR_PIN_INCORRECT, true),
            (CKU_SO, "CONFIG", CKR_PIN_INCORRECT, true),
            (CKU_USER, "CONFIG", CKR_OK, false),
        } {
            assert_eq!(read_write.login_as(user, pin.as_bytes()), rv);
            assert_eq!(has_flag(t, CKF_USER_PIN_COUNT_LOW), is_low, "{user} {pin}");
        }
        assert_eq!(traffic(&stage.service.requests()).lists, 2);
    });
}

#[test]
fn c_login_user_takes_the_organization_as_the_user_name() {
    initialized(test_name!(), &[], |stage, t| {
        let (organization, token) = (&*stage.service.organization_id(), stage.service.token());
        let both = &*pin(&stage.service, token);
        let session = t.session();
        for (name, pin, expected) in table! {
            ("", both, CKR_OK),
            (organization, "CONFIG", CKR_OK),
            (organization, "", CKR_OK),
            (organization, token, CKR_OK),
            (organization, both, CKR_OK),
            (organization, "wr0ng", CKR_PIN_INCORRECT),
            ("", token, CKR_PIN_INCORRECT),
        } {
            let seen = stage.see(|| session.login_user(name, pin));
            assert_eq!(seen.value, expected, "{name:?}");
            assert!(!seen.stderr.contains(token));
            session.logout();
        }
        let nobody = call!(t, C_LoginUser(session.handle, CKU_USER, null(), 0, null(), 0));
        assert_eq!(nobody, CKR_OK, "NULL is the configuration, as for C_Login");
    });
}

#[test]
fn threads_that_log_in_at_once_share_a_request_and_one_succeeds() {
    initialized(test_name!(), &[], |stage, t| {
        let own = pin(&stage.service, stage.service.token());
        for (pin, token) in [("CONFIG", stage.service.token()), (&*own, "")] {
            assert_eq!(t.finalize(), CKR_OK);
            stage.set("SIGNPATH_API_TOKEN", token);
            assert_eq!(t.initialize(), CKR_OK);
            let (session, start) = (t.session(), Barrier::new(8));
            let log_in = || {
                start.wait();
                session.login_as(CKU_USER, pin.as_bytes()).0
            };
            let seen = stage.see(|| {
                thread::scope(|scope| {
                    let threads: Vec<_> = (0..8).map(|_| scope.spawn(log_in)).collect();
                    threads.into_iter().map(|thread| thread.join().unwrap()).collect()
                })
            });
            let mut answers: Vec<_> = seen.value;
            answers.sort_unstable();
            assert_eq!(answers[0], CKR_OK);
            assert_eq!(answers[1..], [CKR_USER_ALREADY_LOGGED_IN; 7]);
            assert_eq!((seen.lines.len(), &*seen.requests), (0, &[LIST.to_owned()][..]));
        }
    });
}

#[test]
fn without_a_required_login_the_configured_keys_sign_at_once() {
    let open = [("SIGNPATH_CRYPTOKI_LOGIN_REQUIRED", "false")];
    initialized(test_name!(), &open, |stage, t| {
        let seen = stage.see(|| {
            assert!(!has_flag(t, CKF_LOGIN_REQUIRED));
            let session = t.session();
            let key = session.key("demo/p-256");
            let is_private = session.attribute(key.private, CKA_PRIVATE);
            assert_eq!(is_private, Ok(vec![CK_FALSE]));
            let sign = || assert!(key.sign(CKM_ECDSA, &[7; 32]).is_ok());
            sign();
            // As `pkcs11-tool --login` does.
            assert_eq!(session.login(), CKR_OK);
            assert_eq!(session.private("demo/p-256"), key.private);
            sign();
            assert_eq!(session.logout(), CKR_OK);
            sign();
        });
        assert_eq!(seen.lines, [""; 0]);
        let traffic = traffic(&stage.service.requests());
        assert_eq!((traffic.lists, traffic.signatures), (1, 3));
        // `tests/failures` has the warning.
        stage.set("SIGNPATH_API_TOKEN", "");
        assert_eq!([t.finalize(), t.initialize()], [CKR_OK; 2]);
        assert!(has_flag(t, CKF_LOGIN_REQUIRED));
        assert_eq!(visible(t.session()), NOTHING);
        assert_eq!(stage.service.requests().len(), 4);
    });
}
