//! Slots, sessions and login, where a read-only token of a service differs from a smart card.

mod common;

use std::collections::HashSet;
use std::ptr::null_mut;
use std::sync::{Barrier, mpsc};

use common::raw::{self, Raw, ck};
use common::{environment, in_child, service, traffic};
use cryptoki_sys::*;
use pkcs11_test::Service;

/// The PIN of a child that has no credentials in its configuration.
const PIN: &str = "SIGNPATH_TEST_PIN";

/// Runs `child` with the default service and `more` in its environment.
fn with_service(
    test: &str,
    more: &[(&str, &str)],
    child: impl FnOnce(),
) -> Option<(Service, common::Run)> {
    let prepare = || {
        let service = service();
        let environment = environment(&service, more);
        (service, environment)
    };
    in_child(test, prepare, child)
}

fn initialized() -> Raw {
    let raw = Raw::load();
    assert_eq!(ck!(raw, C_Initialize(null_mut())), CKR_OK);
    raw
}

fn try_open(raw: &Raw, flags: CK_FLAGS) -> Result<CK_SESSION_HANDLE, CK_RV> {
    let mut session = 0;
    let flags = CKF_SERIAL_SESSION | flags;
    match ck!(raw, C_OpenSession(1, flags, null_mut(), None, &mut session)) {
        CKR_OK => Ok(session),
        error => Err(error),
    }
}

fn open(raw: &Raw) -> CK_SESSION_HANDLE {
    try_open(raw, 0).unwrap()
}

fn state(raw: &Raw, session: CK_SESSION_HANDLE) -> CK_STATE {
    let mut info = CK_SESSION_INFO::default();
    assert_eq!(ck!(raw, C_GetSessionInfo(session, &mut info)), CKR_OK);
    info.state
}

fn token_info(raw: &Raw) -> CK_TOKEN_INFO {
    let mut info = CK_TOKEN_INFO::default();
    assert_eq!(ck!(raw, C_GetTokenInfo(1, &mut info)), CKR_OK);
    info
}

fn login(raw: &Raw, session: CK_SESSION_HANDLE, user: CK_USER_TYPE, pin: &str) -> CK_RV {
    let length = pin.len() as CK_ULONG;
    ck!(raw, C_Login(session, user, pin.as_ptr().cast_mut(), length))
}

fn login_user(raw: &Raw, session: CK_SESSION_HANDLE, name: &str, pin: &str) -> CK_RV {
    let (pin_length, name_length) = (pin.len() as CK_ULONG, name.len() as CK_ULONG);
    let (pin, name) = (pin.as_ptr().cast_mut(), name.as_ptr().cast_mut());
    ck!(
        raw,
        C_LoginUser(session, CKU_USER, pin, pin_length, name, name_length)
    )
}

/// How many objects of a class a session sees.
fn count(raw: &Raw, session: CK_SESSION_HANDLE, mut class: CK_OBJECT_CLASS) -> CK_ULONG {
    let mut template = CK_ATTRIBUTE {
        type_: CKA_CLASS,
        pValue: (&raw mut class).cast(),
        ulValueLen: size_of::<CK_ULONG>() as CK_ULONG,
    };
    let (mut handles, mut count) = ([0; 64], 0);
    let init = ck!(raw, C_FindObjectsInit(session, &mut template, 1));
    assert_eq!(init, CKR_OK);
    let found = ck!(
        raw,
        C_FindObjects(session, handles.as_mut_ptr(), 64, &mut count)
    );
    assert_eq!(found, CKR_OK);
    assert_eq!(ck!(raw, C_FindObjectsFinal(session)), CKR_OK);
    count
}

#[test]
fn waiting_for_a_slot_event_ends_with_c_finalize_and_a_child_forked_meanwhile_is_well() {
    let child = || {
        let raw = initialized();
        let mut slot = 0;
        let event = ck!(
            raw,
            C_WaitForSlotEvent(CKF_DONT_BLOCK, &mut slot, null_mut())
        );
        assert_eq!(event, CKR_NO_EVENT);
        let (say, hear) = mpsc::channel();
        let waiting = std::thread::spawn(move || {
            let raw = Raw::load();
            let mut slot = 0;
            // SAFETY: it has no arguments and cannot fail.
            say.send(unsafe { libc::gettid() }).unwrap();
            ck!(raw, C_WaitForSlotEvent(0, &mut slot, null_mut()))
        });
        let thread = hear.recv().unwrap();
        while !sleeps(thread) {
            std::thread::yield_now();
        }
        // SAFETY: the child calls only the module, which is made for this, and exits at once.
        let forked = unsafe { libc::fork() };
        if forked == 0 {
            common::end_if_hanging();
            let well = ck!(raw, C_Initialize(null_mut())) == CKR_OK
                && ck!(raw, C_Finalize(null_mut())) == CKR_OK;
            // SAFETY: as above.
            unsafe { libc::_exit(i32::from(!well)) }
        }
        let mut status = 0;
        // SAFETY: the pointer is to a local of that type.
        assert_eq!(unsafe { libc::waitpid(forked, &mut status, 0) }, forked);
        assert_eq!(status, 0, "the forked child failed");
        assert!(!waiting.is_finished());
        assert_eq!(ck!(raw, C_Finalize(null_mut())), CKR_OK);
        assert_eq!(waiting.join().unwrap(), CKR_CRYPTOKI_NOT_INITIALIZED);
    };
    in_child(test_name!(), || ((), Vec::new()), child);
}

/// Whether a thread of this process waits for something.
fn sleeps(thread: libc::pid_t) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/self/task/{thread}/stat")).unwrap();
    let (_, after_the_name) = stat.rsplit_once(')').unwrap();
    after_the_name.starts_with(" S")
}

#[test]
fn read_write_sessions_are_refused_only_if_the_configuration_says_so_explicitly() {
    const SETTING: &str = "SIGNPATH_CRYPTOKI_DO_NOT_FAIL_ON_READ_WRITE_SESSIONS";
    for (value, expected) in [
        ("", Ok(())),
        ("true", Ok(())),
        ("false", Err(CKR_TOKEN_WRITE_PROTECTED)),
    ] {
        let child = || {
            let raw = initialized();
            let expected = match std::env::var(SETTING).as_deref() {
                Ok("false") => Err(CKR_TOKEN_WRITE_PROTECTED),
                _ => Ok(()),
            };
            assert_eq!(try_open(&raw, CKF_RW_SESSION).map(|_| ()), expected);
            assert!(try_open(&raw, 0).is_ok());
        };
        let environment = vec![(SETTING.to_owned(), value.to_owned())];
        let Some(((), run)) = in_child(test_name!(), || ((), environment), child) else {
            return;
        };
        match expected {
            Ok(()) => run.assert_silent(),
            Err(_) => run.assert_one_line(&["DoNotFailOnReadWriteSessions", "set it to true"]),
        }
    }
}

#[test]
fn thousands_of_sessions_are_open_at_once_and_no_handle_is_given_twice() {
    let child = || {
        let raw = initialized();
        let mut handles = HashSet::new();
        for index in 0..5000 {
            let flags = if index % 5 == 0 { CKF_RW_SESSION } else { 0 };
            assert!(handles.insert(try_open(&raw, flags).unwrap()));
        }
        let info = token_info(&raw);
        assert_eq!((info.ulSessionCount, info.ulRwSessionCount), (5000, 1000));
        for session in &handles {
            assert_eq!(ck!(raw, C_CloseSession(*session)), CKR_OK);
        }
        assert_eq!(token_info(&raw).ulSessionCount, 0);
        assert!(handles.insert(open(&raw)));
        assert_eq!(ck!(raw, C_CloseAllSessions(1)), CKR_OK);
        assert_eq!(token_info(&raw).ulSessionCount, 0);
        // Nor after C_Finalize, when a program may still hold one.
        assert_eq!(ck!(raw, C_Finalize(null_mut())), CKR_OK);
        assert_eq!(ck!(raw, C_Initialize(null_mut())), CKR_OK);
        assert!(handles.insert(open(&raw)));
    };
    in_child(test_name!(), || ((), Vec::new()), child);
}

#[test]
fn a_session_that_the_token_cannot_have_has_its_code() {
    let child = || {
        let raw = initialized();
        let asynchronous = try_open(&raw, CKF_ASYNC_SESSION);
        assert_eq!(asynchronous, Err(CKR_SESSION_ASYNC_NOT_SUPPORTED));
        let session = open(&raw);
        let mut flags = 0xEE;
        let ask = |kind, flags: *mut CK_FLAGS| {
            ck!(raw, C_GetSessionValidationFlags(session, kind, flags))
        };
        assert_eq!(ask(CKS_LAST_VALIDATION_OK, &mut flags), CKR_OK);
        assert_eq!(flags, 0, "the token has no validation objects");
        assert_eq!(
            ask(CKS_LAST_VALIDATION_OK + 1, &mut flags),
            CKR_ARGUMENTS_BAD
        );
        assert_eq!(ask(CKS_LAST_VALIDATION_OK, null_mut()), CKR_ARGUMENTS_BAD);
    };
    in_child(test_name!(), || ((), Vec::new()), child);
}

#[test]
fn the_last_close_logs_out_and_takes_the_objects_of_the_session_along() {
    let child = || {
        let raw = initialized();
        let (first, second) = (open(&raw), open(&raw));
        assert_eq!(login(&raw, first, CKU_USER, "CONFIG"), CKR_OK);
        assert_eq!(state(&raw, second), CKS_RO_USER_FUNCTIONS);
        let key = raw::object(&raw, first, CKO_PRIVATE_KEY, "demo/p-256");
        assert_eq!(ck!(raw, C_CloseSession(first)), CKR_OK);
        assert_eq!(state(&raw, second), CKS_RO_USER_FUNCTIONS);
        assert_eq!(ck!(raw, C_CloseSession(second)), CKR_OK);
        let third = try_open(&raw, CKF_RW_SESSION).unwrap();
        assert_eq!(state(&raw, third), CKS_RW_PUBLIC_SESSION);
        let mut size = 0;
        let gone = ck!(raw, C_GetObjectSize(third, key, &mut size));
        assert_eq!(gone, CKR_OBJECT_HANDLE_INVALID);
        assert_eq!(login(&raw, third, CKU_USER, "CONFIG"), CKR_OK);
        assert_eq!(state(&raw, third), CKS_RW_USER_FUNCTIONS);
        let gone = ck!(raw, C_GetObjectSize(third, key, &mut size));
        assert_eq!(gone, CKR_OBJECT_HANDLE_INVALID, "also when logged in again");
        let again = raw::object(&raw, third, CKO_PRIVATE_KEY, "demo/p-256");
        assert_ne!(again, key);
        assert_eq!(ck!(raw, C_CloseAllSessions(1)), CKR_OK);
        assert_eq!(state(&raw, open(&raw)), CKS_RO_PUBLIC_SESSION);
    };
    let Some((service, _)) = with_service(test_name!(), &[], child) else {
        return;
    };
    assert_eq!(
        traffic(&service.requests()).lists,
        1,
        "what was learnt is kept"
    );
}

#[test]
fn every_login_has_its_code_and_a_wrong_pin_shows_in_the_token_until_a_good_one() {
    let child = || {
        let raw = initialized();
        let organization = std::env::var("SIGNPATH_ORGANIZATION_ID").unwrap();
        let count_low = || token_info(&raw).flags & CKF_USER_PIN_COUNT_LOW != 0;
        let session = open(&raw);
        assert!(!count_low());
        for (user, pin, expected) in [
            (
                CKU_CONTEXT_SPECIFIC,
                "CONFIG",
                CKR_OPERATION_NOT_INITIALIZED,
            ),
            (CKU_SO, "CONFIG", CKR_SESSION_READ_ONLY_EXISTS),
            (99, "CONFIG", CKR_USER_TYPE_INVALID),
        ] {
            assert_eq!(login(&raw, session, user, pin), expected);
            assert!(!count_low());
        }
        for wrong in ["1234".to_owned(), format!("{organization}:wr0ng")] {
            assert_eq!(login(&raw, session, CKU_USER, &wrong), CKR_PIN_INCORRECT);
            assert!(count_low());
            assert_eq!(state(&raw, session), CKS_RO_PUBLIC_SESSION);
        }
        assert_eq!(login(&raw, session, CKU_USER, "CONFIG"), CKR_OK);
        assert!(!count_low());
        for (user, expected) in [
            (CKU_USER, CKR_USER_ALREADY_LOGGED_IN),
            (CKU_SO, CKR_SESSION_READ_ONLY_EXISTS),
            (CKU_CONTEXT_SPECIFIC, CKR_OPERATION_NOT_INITIALIZED),
        ] {
            assert_eq!(login(&raw, session, user, "wr0ng"), expected);
            assert_eq!(state(&raw, session), CKS_RO_USER_FUNCTIONS);
        }
        assert!(!count_low());
        let read_write = try_open(&raw, CKF_RW_SESSION).unwrap();
        assert_eq!(ck!(raw, C_CloseSession(session)), CKR_OK);
        let security_officer = |expected| {
            assert_eq!(login(&raw, read_write, CKU_SO, "CONFIG"), expected);
        };
        security_officer(CKR_USER_ANOTHER_ALREADY_LOGGED_IN);
        assert_eq!(ck!(raw, C_Logout(read_write)), CKR_OK);
        assert_eq!(ck!(raw, C_Logout(read_write)), CKR_USER_NOT_LOGGED_IN);
        security_officer(CKR_PIN_INCORRECT);
        assert!(!count_low(), "that was not the user's PIN");
    };
    with_service(test_name!(), &[], child);
}

#[test]
fn c_login_user_takes_the_organization_as_the_name_of_the_user() {
    let child = || {
        let raw = initialized();
        let organization = std::env::var("SIGNPATH_ORGANIZATION_ID").unwrap();
        let token = std::env::var("SIGNPATH_API_TOKEN").unwrap();
        let session = open(&raw);
        for (name, pin, expected) in [
            ("", "CONFIG", CKR_OK),
            ("", &*format!("{organization}:{token}"), CKR_OK),
            (&organization, "CONFIG", CKR_OK),
            (&organization, "", CKR_OK),
            (&organization, &token, CKR_OK),
            (&organization, &format!("{organization}:{token}"), CKR_OK),
            (&organization, "wr0ng", CKR_PIN_INCORRECT),
            ("another", "CONFIG", CKR_PIN_INCORRECT),
            ("", &token, CKR_PIN_INCORRECT),
        ] {
            let answer = login_user(&raw, session, name, pin);
            assert_eq!(answer, expected, "{name:?}");
            if answer == CKR_OK {
                let twice = login_user(&raw, session, name, pin);
                assert_eq!(twice, CKR_USER_ALREADY_LOGGED_IN);
                assert_eq!(ck!(raw, C_Logout(session)), CKR_OK);
            }
        }
        let null = null_mut();
        let nobody = ck!(raw, C_LoginUser(session, CKU_USER, null, 0, null, 0));
        assert_eq!(nobody, CKR_OK, "NULL is the configuration, as for C_Login");
    };
    let Some((service, run)) = with_service(test_name!(), &[], child) else {
        return;
    };
    assert!(!run.stderr.contains(service.token()));
}

/// In the child: eight threads log in with one PIN.
fn log_in_at_once(pin: &str) {
    let raw = initialized();
    let session = open(&raw);
    let start = Barrier::new(8);
    let log_in = || {
        let raw = Raw::load();
        start.wait();
        login(&raw, session, CKU_USER, pin)
    };
    let answers: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(log_in)).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    let good = answers.iter().filter(|answer| **answer == CKR_OK).count();
    assert_eq!(good, 1, "{answers:x?}");
    let late = answers
        .iter()
        .filter(|answer| **answer == CKR_USER_ALREADY_LOGGED_IN);
    assert_eq!(late.count(), 7, "{answers:x?}");
}

#[test]
fn of_threads_that_log_in_at_once_one_does_and_the_others_are_told() {
    let child = || log_in_at_once("CONFIG");
    let Some((service, run)) = with_service(test_name!(), &[], child) else {
        return;
    };
    assert_eq!(traffic(&service.requests()).lists, 1);
    run.assert_silent();
}

#[test]
fn threads_that_log_in_at_once_with_a_pin_of_their_own_share_one_request() {
    let prepare = || {
        let service = service();
        let pin = format!("{}:{}", service.organization_id(), service.token());
        let environment = vec![
            ("SIGNPATH_API_URL".to_owned(), service.api_url().to_owned()),
            (PIN.to_owned(), pin),
        ];
        (service, environment)
    };
    let child = || log_in_at_once(&std::env::var(PIN).unwrap());
    let Some((service, run)) = in_child(test_name!(), prepare, child) else {
        return;
    };
    assert_eq!(traffic(&service.requests()).lists, 1);
    run.assert_silent();
}

const LOGIN_REQUIRED: &str = "SIGNPATH_CRYPTOKI_LOGIN_REQUIRED";

#[test]
fn without_a_required_login_the_configured_keys_are_there_and_sign_at_once() {
    let child = || {
        let raw = initialized();
        assert_eq!(token_info(&raw).flags & CKF_LOGIN_REQUIRED, 0);
        let session = open(&raw);
        let key = raw::object(&raw, session, CKO_PRIVATE_KEY, "demo/p-256");
        let mut private = CK_TRUE;
        let mut attribute = CK_ATTRIBUTE {
            type_: CKA_PRIVATE,
            pValue: (&raw mut private).cast(),
            ulValueLen: 1,
        };
        let read = ck!(raw, C_GetAttributeValue(session, key, &mut attribute, 1));
        assert_eq!((read, private), (CKR_OK, CK_FALSE));
        let mut mechanism = raw::mechanism(CKM_ECDSA);
        let (mut hash, mut signature, mut length) = ([7; 32], [0; 64], 64);
        let (hash, signature) = (hash.as_mut_ptr(), signature.as_mut_ptr());
        let mut sign = |key| {
            assert_eq!(ck!(raw, C_SignInit(session, &mut mechanism, key)), CKR_OK);
            let signed = ck!(raw, C_Sign(session, hash, 32, signature, &mut length));
            assert_eq!(signed, CKR_OK);
        };
        sign(key);
        // As `pkcs11-tool --login` does.
        assert_eq!(login(&raw, session, CKU_USER, "CONFIG"), CKR_OK);
        assert_eq!(
            raw::object(&raw, session, CKO_PRIVATE_KEY, "demo/p-256"),
            key
        );
        sign(key);
        assert_eq!(ck!(raw, C_Logout(session)), CKR_OK);
        sign(key);
    };
    let Some((service, run)) = with_service(test_name!(), &[(LOGIN_REQUIRED, "false")], child)
    else {
        return;
    };
    run.assert_silent();
    let traffic = traffic(&service.requests());
    assert_eq!((traffic.lists, traffic.signatures), (1, 3));
}

#[test]
fn a_token_without_credentials_requires_a_login_whatever_the_configuration_says() {
    let child = || {
        let raw = initialized();
        assert_ne!(token_info(&raw).flags & CKF_LOGIN_REQUIRED, 0);
        let session = open(&raw);
        assert_eq!(count(&raw, session, CKO_PRIVATE_KEY), 0);
        assert_eq!(count(&raw, session, CKO_CERTIFICATE), 0);
    };
    let more = [(LOGIN_REQUIRED, "false"), ("SIGNPATH_API_TOKEN", "")];
    let Some((service, run)) = with_service(test_name!(), &more, child) else {
        return;
    };
    run.assert_one_line(&[
        "warning",
        "Cryptoki.LoginRequired has no effect",
        "ApiToken",
    ]);
    assert_eq!(traffic(&service.requests()).lists, 0);
}
