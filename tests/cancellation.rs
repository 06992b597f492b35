//! Calls that wait for the service, and another thread that ends them.

mod common;

use std::ptr;
use std::thread;
use std::time::{Duration, Instant};

use common::raw::{self, Raw, ck, mechanism};
use common::relay::{Relay, Watch};
use common::{LIST, Run, SIGN, environment, in_child, service, traffic};
use cryptoki_sys::*;
use pkcs11_test::{Effect, Fault, Gate, Service};

const SIGNING_REQUEST: Watch = Watch::Request(b"POST ");

/// Far more than a call takes to end, and far less than its time-out, which is 30 s and more.
const PROMPT: Duration = Duration::from_secs(5);

/// Starts a signature that waits once `watch` has come, ends it with `end`, and gives its return value.
fn ended_by(watch: Watch, end: impl FnOnce(&Raw, CK_SESSION_HANDLE)) -> CK_RV {
    let begin = |raw: &Raw, session, key| {
        let mut ecdsa = mechanism(CKM_ECDSA);
        ck!(raw, C_SignInit(session, &mut ecdsa, key))
    };
    signing_ended_by(watch, begin, sign, end)
}

fn sign(raw: &Raw, session: CK_SESSION_HANDLE) -> CK_RV {
    let (mut digest, mut signature, mut length) = ([7; 32], [0; 64], 64);
    let (data, output) = (digest.as_mut_ptr(), signature.as_mut_ptr());
    ck!(raw, C_Sign(session, data, 32, output, &mut length))
}

fn sign_message(raw: &Raw, session: CK_SESSION_HANDLE) -> CK_RV {
    let (mut digest, mut signature, mut length) = ([7; 32], [0; 64], 64);
    let (data, output) = (digest.as_mut_ptr(), signature.as_mut_ptr());
    let none = ptr::null_mut();
    ck!(
        raw,
        C_SignMessage(session, none, 0, data, 32, output, &mut length)
    )
}

/// In a child: a service that holds the requests of a route back, for which the environment is set.
fn held_service(route: &str) -> (Service, Gate) {
    let service = service();
    let gate = Gate::new();
    service.inject(Fault::hold(route, &gate).always()).unwrap();
    for (name, value) in service.environment() {
        // SAFETY: only threads of the service run beside this one, which do not read it.
        unsafe { std::env::set_var(name, value) };
    }
    (service, gate)
}

/// A service whose first signing request fails and may be sent again in five minutes.
fn busy_service() -> (Service, Vec<(String, String)>) {
    let service = service();
    let busy = Effect::retry_after(503, 300);
    service.inject(Fault::on(SIGN, busy)).unwrap();
    let environment = environment(&service, &[]);
    (service, environment)
}

/// The same with other functions that sign.
fn signing_ended_by(
    watch: Watch,
    begin: impl FnOnce(&Raw, CK_SESSION_HANDLE, CK_OBJECT_HANDLE) -> CK_RV,
    sign: impl FnOnce(&Raw, CK_SESSION_HANDLE) -> CK_RV + Send,
    end: impl FnOnce(&Raw, CK_SESSION_HANDLE),
) -> CK_RV {
    let url = std::env::var("SIGNPATH_API_URL").unwrap();
    let service = url
        .strip_prefix("http://")
        .unwrap()
        .strip_suffix("/Api")
        .unwrap();
    let relay = Relay::start(service, watch);
    let url = format!("http://{}/Api", relay.address());
    // SAFETY: no other thread of this process reads the environment now.
    unsafe { std::env::set_var("SIGNPATH_API_URL", url) };
    let raw = Raw::load();
    let session = raw::logged_in(&raw);
    let key = raw::object(&raw, session, CKO_PRIVATE_KEY, "demo/p-256");
    assert_eq!(begin(&raw, session, key), CKR_OK);
    thread::scope(|scope| {
        let signing = scope.spawn(|| (sign(&raw, session), Instant::now()));
        relay.seen.recv().unwrap();
        let ended = Instant::now();
        end(&raw, session);
        let (rv, returned) = signing.join().unwrap();
        let took = returned.saturating_duration_since(ended);
        println!("\nended after {took:?}");
        assert!(took < PROMPT, "{took:?}");
        rv
    })
}

/// Runs `child`, which nothing is said about.
fn with_service(test: &str, child: impl FnOnce()) {
    if let Some(run) = run_with_service(test, child) {
        run.assert_silent();
    }
}

fn run_with_service(test: &str, child: impl FnOnce()) -> Option<Run> {
    let prepare = || {
        let service = service();
        let environment = environment(&service, &[]);
        (service, environment)
    };
    in_child(test, prepare, child).map(|(_, run)| run)
}

#[test]
fn closing_its_session_ends_a_signature_that_waits() {
    with_service(test_name!(), || {
        let rv = ended_by(SIGNING_REQUEST, |raw, session| {
            assert_eq!(ck!(raw, C_CloseSession(session)), CKR_OK);
        });
        assert_eq!(rv, CKR_SESSION_CLOSED);
    });
}

#[test]
fn closing_all_sessions_ends_a_signature_that_waits() {
    with_service(test_name!(), || {
        let rv = ended_by(SIGNING_REQUEST, |raw, _| {
            assert_eq!(ck!(raw, C_CloseAllSessions(1)), CKR_OK)
        });
        assert_eq!(rv, CKR_SESSION_CLOSED);
    });
}

#[test]
fn c_finalize_ends_a_signature_that_waits() {
    with_service(test_name!(), || {
        let rv = ended_by(SIGNING_REQUEST, |raw, _| {
            assert_eq!(ck!(raw, C_Finalize(ptr::null_mut())), CKR_OK)
        });
        assert_eq!(rv, CKR_CRYPTOKI_NOT_INITIALIZED);
    });
}

#[test]
fn c_sign_init_without_a_mechanism_ends_a_signature_that_waits_and_the_session_goes_on() {
    with_service(test_name!(), || {
        let rv = ended_by(SIGNING_REQUEST, |raw, session| {
            assert_eq!(ck!(raw, C_SignInit(session, ptr::null_mut(), 0)), CKR_OK);
            let key = raw::object(raw, session, CKO_PRIVATE_KEY, "demo/p-256");
            let mut ecdsa = mechanism(CKM_ECDSA);
            assert_eq!(ck!(raw, C_SignInit(session, &mut ecdsa, key)), CKR_OK);
        });
        assert_eq!(rv, CKR_FUNCTION_CANCELED);
    });
}

#[test]
fn c_session_cancel_ends_a_signature_that_waits_if_its_flags_name_it() {
    run_with_service(test_name!(), || {
        let rv = ended_by(SIGNING_REQUEST, |raw, session| {
            let others = CKF_VERIFY | CKF_DIGEST | CKF_MESSAGE_SIGN | CKF_FIND_OBJECTS;
            assert_eq!(ck!(raw, C_SessionCancel(session, others)), CKR_OK);
            let mut ecdsa = mechanism(CKM_ECDSA);
            let key = raw::object(raw, session, CKO_PRIVATE_KEY, "demo/p-256");
            let init = ck!(raw, C_SignInit(session, &mut ecdsa, key));
            assert_eq!(init, CKR_OPERATION_ACTIVE, "it still waits");
            assert_eq!(ck!(raw, C_SessionCancel(session, CKF_SIGN)), CKR_OK);
            assert_eq!(ck!(raw, C_SignInit(session, &mut ecdsa, key)), CKR_OK);
        });
        assert_eq!(rv, CKR_FUNCTION_CANCELED);
    });
}

#[test]
fn a_signature_that_is_out_at_the_service_survives_c_logout() {
    let child = || {
        let (service, gate) = held_service(SIGN);
        let raw = Raw::load();
        let pin = format!("{}:{}", service.organization_id(), service.token());
        for pin in ["CONFIG", &pin] {
            if pin != "CONFIG" {
                // SAFETY: no other thread of this process reads the environment now.
                unsafe { std::env::remove_var("SIGNPATH_API_TOKEN") };
            }
            let session = raw::session(&raw);
            assert_eq!(raw::login(&raw, session, pin), CKR_OK);
            let key = raw::object(&raw, session, CKO_PRIVATE_KEY, "demo/p-256");
            let mut ecdsa = mechanism(CKM_ECDSA);
            assert_eq!(ck!(raw, C_SignInit(session, &mut ecdsa, key)), CKR_OK);
            let posts = || traffic(&service.requests()).signatures;
            let before = posts();
            thread::scope(|scope| {
                let signing = scope.spawn(|| sign(&raw, session));
                gate.wait_for(before + 1);
                assert_eq!(ck!(raw, C_Logout(session)), CKR_OK);
                gate.open();
                assert_eq!(signing.join().unwrap(), CKR_OK);
                gate.close();
            });
            assert_eq!(posts(), before + 1);
            // The operation was that user's.
            assert_eq!(sign(&raw, session), CKR_OPERATION_NOT_INITIALIZED);
            let last_connection = || service.requests().pop().unwrap().connection;
            let out = last_connection();
            assert_eq!(raw::login(&raw, session, pin), CKR_OK);
            gate.open();
            assert_eq!(raw::sign(&raw, session, "demo/p-256"), CKR_OK);
            gate.close();
            // A token of the configuration stays until C_Finalize.
            assert_eq!(last_connection() == out, pin == "CONFIG");
            assert_eq!(ck!(raw, C_Finalize(ptr::null_mut())), CKR_OK);
        }
    };
    in_child(test_name!(), || ((), Vec::new()), child);
}

#[test]
fn after_c_logout_a_message_that_is_out_is_signed_and_no_other() {
    let child = || {
        let (_service, gate) = held_service(SIGN);
        let raw = Raw::load();
        let session = raw::logged_in(&raw);
        let key = raw::object(&raw, session, CKO_PRIVATE_KEY, "demo/p-256");
        let mut ecdsa = mechanism(CKM_ECDSA);
        let begun = ck!(raw, C_MessageSignInit(session, &mut ecdsa, key));
        assert_eq!(begun, CKR_OK);
        thread::scope(|scope| {
            let signing = scope.spawn(|| sign_message(&raw, session));
            gate.wait_for(1);
            assert_eq!(ck!(raw, C_Logout(session)), CKR_OK);
            gate.open();
            assert_eq!(signing.join().unwrap(), CKR_OK);
        });
        assert_eq!(sign_message(&raw, session), CKR_OPERATION_NOT_INITIALIZED);
    };
    in_child(test_name!(), || ((), Vec::new()), child);
}

#[test]
fn c_logout_ends_a_retry_that_is_waiting() {
    let child = || {
        let rv = ended_by(Watch::Answer(b"HTTP/1.1 503"), |raw, session| {
            assert_eq!(ck!(raw, C_Logout(session)), CKR_OK);
        });
        assert_eq!(rv, CKR_FUNCTION_CANCELED);
    };
    if let Some((service, _)) = in_child(test_name!(), busy_service, child) {
        assert_eq!(traffic(&service.requests()).signatures, 1);
    }
}

#[test]
fn c_session_cancel_ends_a_message_that_waits_and_its_process() {
    run_with_service(test_name!(), || {
        let begin = |raw: &Raw, session, key| {
            let mut ecdsa = mechanism(CKM_ECDSA);
            ck!(raw, C_MessageSignInit(session, &mut ecdsa, key))
        };
        let rv = signing_ended_by(SIGNING_REQUEST, begin, sign_message, |raw, session| {
            assert_eq!(ck!(raw, C_SessionCancel(session, CKF_MESSAGE_SIGN)), CKR_OK);
            let next = ck!(raw, C_SignMessageBegin(session, ptr::null_mut(), 0));
            assert_eq!(next, CKR_OPERATION_NOT_INITIALIZED);
        });
        assert_eq!(rv, CKR_FUNCTION_CANCELED);
    });
}

#[test]
fn c_session_cancel_ends_a_search_that_waits_and_the_next_one_finds() {
    let child = || {
        let (_service, gate) = held_service(LIST);
        let raw = Raw::load();
        assert_eq!(ck!(raw, C_Initialize(ptr::null_mut())), CKR_OK);
        let mut session = 0;
        let flags = CKF_SERIAL_SESSION;
        let opened = ck!(
            raw,
            C_OpenSession(1, flags, ptr::null_mut(), None, &mut session)
        );
        assert_eq!(opened, CKR_OK);
        let search = || ck!(raw, C_FindObjectsInit(session, ptr::null_mut(), 0));
        thread::scope(|scope| {
            let searching = scope.spawn(|| (search(), Instant::now()));
            gate.wait_for(1);
            let ended = Instant::now();
            assert_eq!(ck!(raw, C_SessionCancel(session, CKF_FIND_OBJECTS)), CKR_OK);
            let (rv, returned) = searching.join().unwrap();
            assert_eq!(rv, CKR_FUNCTION_CANCELED);
            let took = returned.saturating_duration_since(ended);
            assert!(took < PROMPT, "{took:?}");
        });
        gate.open();
        let final_call = ck!(raw, C_FindObjectsFinal(session));
        assert_eq!(final_call, CKR_OPERATION_NOT_INITIALIZED);
        raw::object(&raw, session, CKO_PUBLIC_KEY, "demo/p-256");
    };
    if let Some(((), run)) = in_child(test_name!(), || ((), Vec::new()), child) {
        run.assert_one_line(&["C_FindObjectsFinal", "CKR_OPERATION_NOT_INITIALIZED"]);
    }
}

#[test]
fn closing_the_session_ends_a_retry_that_is_waiting() {
    let child = || {
        let rv = ended_by(Watch::Answer(b"HTTP/1.1 503"), |raw, session| {
            assert_eq!(ck!(raw, C_CloseSession(session)), CKR_OK);
        });
        assert_eq!(rv, CKR_SESSION_CLOSED);
    };
    in_child(test_name!(), busy_service, child);
}

#[test]
fn the_next_signature_is_not_the_late_answer_to_a_call_that_was_ended() {
    let child = || {
        let (_service, gate) = held_service(SIGN);
        let raw = Raw::load();
        let session = raw::logged_in(&raw);
        let key = raw::object(&raw, session, CKO_PRIVATE_KEY, "demo/p-256");
        let sign = |byte| {
            let mut ecdsa = mechanism(CKM_ECDSA);
            assert_eq!(ck!(raw, C_SignInit(session, &mut ecdsa, key)), CKR_OK);
            let (mut digest, mut signature, mut length) = ([byte; 32], [0; 64], 64);
            let (data, output) = (digest.as_mut_ptr(), signature.as_mut_ptr());
            ck!(raw, C_Sign(session, data, 32, output, &mut length))
        };
        thread::scope(|scope| {
            let signing = scope.spawn(|| sign(1));
            gate.wait_for(1);
            assert_eq!(ck!(raw, C_SessionCancel(session, CKF_SIGN)), CKR_OK);
            assert_eq!(signing.join().unwrap(), CKR_FUNCTION_CANCELED);
        });
        gate.open();
        // The module verifies what it returns, so an answer for the other digest would not do.
        for byte in [2, 3] {
            assert_eq!(sign(byte), CKR_OK);
        }
    };
    if let Some(((), run)) = in_child(test_name!(), || ((), Vec::new()), child) {
        run.assert_silent();
    }
}
