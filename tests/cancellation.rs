//! Calls that wait for the service, and another thread that ends them.

mod common;

use std::ptr;
use std::thread;
use std::time::{Duration, Instant};

use common::raw::{self, Raw, ck, mechanism};
use common::relay::{Relay, Watch};
use common::{SIGN, environment, in_child, service};
use cryptoki_sys::*;
use pkcs11_test::{Effect, Fault};

const SIGNING_REQUEST: Watch = Watch::Request(b"POST ");

/// Far more than a call takes to end, and far less than its time-out, which is 30 s and more.
const PROMPT: Duration = Duration::from_secs(5);

/// Starts a signature that waits once `watch` has come, ends it with `end`, and gives its return value.
fn ended_by(watch: Watch, end: impl FnOnce(&Raw, CK_SESSION_HANDLE)) -> CK_RV {
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
    let mut ecdsa = mechanism(CKM_ECDSA);
    assert_eq!(ck!(raw, C_SignInit(session, &mut ecdsa, key)), CKR_OK);
    let sign = || {
        let (mut digest, mut signature, mut length) = ([7; 32], [0; 64], 64);
        let (data, output) = (digest.as_mut_ptr(), signature.as_mut_ptr());
        let rv = ck!(raw, C_Sign(session, data, 32, output, &mut length));
        (rv, Instant::now())
    };
    thread::scope(|scope| {
        let signing = scope.spawn(sign);
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

fn with_service(test: &str, child: impl FnOnce()) {
    let prepare = || {
        let service = service();
        let environment = environment(&service, &[]);
        (service, environment)
    };
    if let Some((_, run)) = in_child(test, prepare, child) {
        run.assert_silent();
    }
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
            let init = ck!(raw, C_SignInit(session, &mut ecdsa, key));
            // The signature that was cancelled may be on its way out still.
            assert!(matches!(init, CKR_OK | CKR_OPERATION_ACTIVE), "{init:#x}");
        });
        assert_eq!(rv, CKR_FUNCTION_CANCELED);
    });
}

#[test]
fn closing_the_session_ends_a_retry_that_is_waiting() {
    let prepare = || {
        let service = service();
        let busy = Effect::Answer {
            status: 503,
            headers: vec![("Retry-After".to_owned(), "300".to_owned())],
            body: Vec::new(),
        };
        service.inject(Fault::on(SIGN, busy)).unwrap();
        let environment = environment(&service, &[]);
        (service, environment)
    };
    let child = || {
        let rv = ended_by(Watch::Answer(b"HTTP/1.1 503"), |raw, session| {
            assert_eq!(ck!(raw, C_CloseSession(session)), CKR_OK);
        });
        assert_eq!(rv, CKR_SESSION_CLOSED);
    };
    in_child(test_name!(), prepare, child);
}
