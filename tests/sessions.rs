//! Slots, sessions and login, where a read-only token of a service differs from a smart card.

mod common;

use std::collections::HashSet;
use std::sync::Barrier;
use std::thread;

use common::{LIST, NOTHING, assert_lines, on_stage, options, pin, traffic, visible};
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
            while !sleeps(thread) {
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

/// Whether a thread of this process waits for something.
#[cfg(target_os = "linux")]
fn sleeps(thread: libc::pid_t) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/self/task/{thread}/stat")).unwrap();
    let (_, after_the_name) = stat.rsplit_once(')').unwrap();
    after_the_name.starts_with(" S")
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

#[test]
fn a_wrong_pin_shows_in_the_token_until_a_right_one() {
    initialized(test_name!(), &[], |stage, t| {
        let count_low = || has_flag(t, CKF_USER_PIN_COUNT_LOW);
        let session = t.session();
        for (user, pin, expected, is_low) in table! {
            (CKU_CONTEXT_SPECIFIC, "CONFIG", CKR_OPERATION_NOT_INITIALIZED, false),
            (CKU_SO, "CONFIG", CKR_SESSION_READ_ONLY_EXISTS, false),
            (99, "CONFIG", CKR_USER_TYPE_INVALID, false),
            (CKU_USER, "1234", CKR_PIN_INCORRECT, true),
            (CKU_USER, &*pin(&stage.service, "wr0ng"), CKR_PIN_INCORRECT, true),
            (CKU_SO, "CONFIG", CKR_SESSION_READ_ONLY_EXISTS, true),
            (CKU_USER, "CONFIG", CKR_OK, false),
            (CKU_USER, "wr0ng", CKR_USER_ALREADY_LOGGED_IN, false),
            (CKU_SO, "wr0ng", CKR_SESSION_READ_ONLY_EXISTS, false),
        } {
            let rv = session.login_as(user, pin.as_bytes());
            assert_eq!(rv, expected, "{user} {pin}");
            assert_eq!(count_low(), is_low, "{user} {pin}");
        }
        // That of another user changes nothing, nor does it take a request to log in again.
        let read_write = t.read_write();
        session.close();
        let so = || read_write.login_as(CKU_SO, b"CONFIG");
        assert_eq!(so(), CKR_USER_ANOTHER_ALREADY_LOGGED_IN);
        assert_eq!([read_write.logout(), so()], [CKR_OK, CKR_PIN_INCORRECT]);
        assert!(!count_low());
        assert_eq!(read_write.login(), CKR_OK);
        assert_eq!(traffic(&stage.service.requests()).lists, 2);
    });
}

#[test]
fn c_login_user_takes_the_organization_as_the_user_name() {
    initialized(test_name!(), &[], |stage, t| {
        let organization = stage.service.organization_id();
        let organization = organization.as_str();
        let token = stage.service.token();
        let both = format!("{organization}:{token}");
        let session = t.session();
        for (name, pin, expected) in [
            ("", "CONFIG", CKR_OK),
            ("", &*both, CKR_OK),
            (organization, "CONFIG", CKR_OK),
            (organization, "", CKR_OK),
            (organization, token, CKR_OK),
            (organization, &both, CKR_OK),
            (organization, "wr0ng", CKR_PIN_INCORRECT),
            ("another", "CONFIG", CKR_PIN_INCORRECT),
            ("", token, CKR_PIN_INCORRECT),
        ] {
            let seen = stage.see(|| session.login_user(name, pin));
            assert_eq!(seen.value, expected, "{name:?}");
            assert!(!seen.stderr.contains(token));
            if seen.value == CKR_OK {
                assert_eq!(session.login_user(name, pin), CKR_USER_ALREADY_LOGGED_IN);
                assert_eq!(session.logout(), CKR_OK);
            }
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

const LOGIN_REQUIRED: &str = "SIGNPATH_CRYPTOKI_LOGIN_REQUIRED";

#[test]
fn without_a_required_login_the_configured_keys_sign_at_once() {
    initialized(test_name!(), &[(LOGIN_REQUIRED, "false")], |stage, t| {
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
    });
}

#[test]
fn a_token_without_credentials_requires_a_login_regardless() {
    let more = [(LOGIN_REQUIRED, "false"), ("SIGNPATH_API_TOKEN", "")];
    on_stage(test_name!(), options, &more, |stage, t| {
        let seen = stage.see(|| {
            t.initialize();
            assert!(has_flag(t, CKF_LOGIN_REQUIRED));
            assert_eq!(visible(t.session()), NOTHING);
        });
        let line =
            "warning: Cryptoki.LoginRequired has no effect without OrganizationId and ApiToken";
        assert_lines(&seen.lines, &[line]);
        assert_eq!(seen.requests, [""; 0]);
    });
}
