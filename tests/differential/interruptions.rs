//! On our module alone: what a setting, a service that fails, and another thread make of a call.
//!
//! The scripts have a service of their own, which they set in the environment; so they come last.

use std::thread;

use cryptoki_sys::*;
use pkcs11_test::harness::{Key, Module, Rv, Session, called, null, place};
use pkcs11_test::{Effect, Fault, Gate, Service, call};

use crate::common::{self, LIST, ONE_ATTEMPT, SIGN};
use crate::module_only::public_key;
use crate::report::Script;
use crate::{EC, mechanism, places};

const SESSIONS_SETTING: &str = "SIGNPATH_CRYPTOKI_DO_NOT_FAIL_ON_READ_WRITE_SESSIONS";
const LOGIN_SETTING: &str = "SIGNPATH_CRYPTOKI_LOGIN_REQUIRED";

/// Sets a variable of the environment for the next C_Initialize.
fn set(name: &str, value: &str) {
    // SAFETY: only threads of the service run beside this one, which do not read it.
    unsafe { std::env::set_var(name, value) };
}

/// Initializes the module with a setting that is otherwise `true`.
fn initialize_without(t: &Module, setting: &str) {
    t.finalize();
    set(setting, "false");
    t.initialize();
    set(setting, "true");
}

/// Starts a service that no other test disturbs, and that this process can disturb.
fn own_service(t: &Module) -> Service {
    t.finalize();
    let service = common::service();
    service.environment().iter().for_each(|(name, value)| set(name, value));
    set(ONE_ATTEMPT.0, ONE_ATTEMPT.1);
    service
}

/// The return value of C_Sign.
fn sign(key: Key) -> Rv {
    key.sign(CKM_ECDSA, &[7; 32]).into()
}

/// A name, what the service does, and the answers of C_Login and of C_Sign and C_FindObjectsInit.
macro_rules! failures {
    ($t:ident, $r:ident, $service:ident; $($failure:literal: $effect:expr => $login:tt, $later:tt;)*) => {$({
        let fail = |route| $service.inject(Fault::on(route, $effect)).unwrap();
        $t.initialize();
        let s = $t.session().handle;
        fail(LIST);
        calls! { $t, $r; $failure: C_Login(s, CKU_USER, null(), 0) => $login; }
        $t.finalize();

        let key = $t.logged_in().unwrap().key(EC);
        fail(SIGN);
        rows! { $r; concat!("C_Sign: ", $failure) => sign(key) => $later; }
        $t.finalize();

        initialize_without($t, LOGIN_SETTING);
        let session = $t.session();
        fail(LIST);
        rows! { $r; concat!("C_FindObjectsInit: no login is required, ", $failure) => session.find_init(&[]) => $later; }
        $t.finalize();
    })*};
}

pub const SCRIPTS: &[Script] = &[
    ("read/write sessions disabled", |t, r| {
        initialize_without(t, SESSIONS_SETTING);
        let flags = CKF_SERIAL_SESSION | CKF_RW_SESSION;
        calls! { t, r; "CKF_RW_SESSION": C_OpenSession(1, flags, null(), None, place(0)) => CKR_TOKEN_WRITE_PROTECTED; }
        t.session();
    }),
    ("C_WaitForSlotEvent waits", |t, r| {
        let rv = thread::scope(|scope| {
            // One that comes after C_Finalize says the same, so that nothing depends on the order.
            let waiting = scope.spawn(|| call!(t, C_WaitForSlotEvent(0, &mut 0, null())));
            t.finalize();
            waiting.join().unwrap()
        });
        rows! { r; @ called("C_WaitForSlotEvent"); "C_WaitForSlotEvent: ended by C_Finalize" => rv => CKR_CRYPTOKI_NOT_INITIALIZED; }
    }),
    ("a state that cannot be saved", |t, r| {
        let session = t.user();
        let (s, key, (b, l, ..)) = (session.handle, session.key(EC), places());
        let cancel = || session.cancel(CKF_DIGEST | CKF_SIGN | CKF_VERIFY);
        calls! { t, r;
            @ session.find_init(&[]); @ session.message_sign_init(CKM_ECDSA, key.private);
            "of a search and of messages": C_GetOperationState(s, b, l) => CKR_OPERATION_NOT_INITIALIZED;
            @ session.sign_init(CKM_ECDSA, key.private); "of a signature": C_GetOperationState(s, b, l) => CKR_STATE_UNSAVEABLE;
            @ cancel(); @ session.verify_init(CKM_ECDSA, key.public);
            "of a verification": C_GetOperationState(s, b, l) => CKR_STATE_UNSAVEABLE;
            @ cancel(); @ session.digest_init(CKM_SHA256); "of a digest": C_GetOperationState(s, b, l) => CKR_STATE_UNSAVEABLE;
            "of a digest, for the length": C_GetOperationState(s, null(), l) => CKR_STATE_UNSAVEABLE;
            "NULL pulOperationStateLen": C_GetOperationState(s, b, null()) => CKR_ARGUMENTS_BAD;
            "NULL pOperationState": C_SetOperationState(s, null(), 1, 0, 0) => CKR_ARGUMENTS_BAD;
        }
    }),
    ("read/write sessions only, user logged in", |t, r| {
        let session = t.read_write();
        session.login();
        let s = session.handle;
        calls! { t, r;
            "CKU_SO": C_Login(s, CKU_SO, null(), 0) => CKR_USER_ANOTHER_ALREADY_LOGGED_IN;
            "CKU_SO": C_LoginUser(s, CKU_SO, null(), 0, null(), 0) => CKR_USER_ANOTHER_ALREADY_LOGGED_IN;
        }
    }),
    ("unsupported key size", |t, r| {
        let session = t.session();
        let (s, m, (b, ..)) = (session.handle, mechanism(CKM_SHA256_RSA_PKCS), places());
        let [small, large] = [128, 1024].map(|length| session.create(&public_key(length)).unwrap());
        calls! { t, r;
            "RSA, 1024 bits": C_SignInit(s, m, small) => CKR_KEY_SIZE_RANGE; "RSA, 1024 bits": C_VerifyInit(s, m, small) => CKR_KEY_SIZE_RANGE;
            "RSA, 8192 bits": C_SignInit(s, m, large) => CKR_KEY_SIZE_RANGE; "RSA, 8192 bits": C_VerifyInit(s, m, large) => CKR_KEY_SIZE_RANGE;
            "RSA, 1024 bits": C_VerifySignatureInit(s, m, small, b, 128) => CKR_KEY_SIZE_RANGE;
            "RSA, 1024 bits": C_MessageSignInit(s, m, small) => CKR_KEY_SIZE_RANGE;
            "RSA, 1024 bits": C_MessageVerifyInit(s, m, small) => CKR_KEY_SIZE_RANGE;
        }
    }),
    ("the service fails", |t, r| {
        let service = own_service(t);
        failures! { t, r, service;
            "503 Service Unavailable": Effect::status(503) => CKR_FUNCTION_FAILED, CKR_FUNCTION_FAILED;
            "500 Internal Server Error": Effect::status(500) => CKR_DEVICE_ERROR, CKR_DEVICE_ERROR;
            "400 Bad Request": Effect::problem(400, &["A reason."]) => CKR_ARGUMENTS_BAD, CKR_ARGUMENTS_BAD;
            "401 Unauthorized": Effect::status(401) => CKR_PIN_INCORRECT, CKR_ARGUMENTS_BAD;
            "200 without JSON": Effect::web_page(200) => CKR_GENERAL_ERROR, CKR_GENERAL_ERROR;
        }
        let key = t.logged_in().unwrap().key(EC);
        service.inject(Effect::WrongSignature).unwrap();
        rows! { r; "C_Sign: a signature that does not verify" => sign(key) => CKR_DEVICE_ERROR; }
    }),
    ("call ended by another thread", |t, r| {
        let service = own_service(t);
        type End = fn(Session) -> Rv;
        let ends: [(&str, End); 4] = [
            ("C_SessionCancel", |session| session.cancel(CKF_SIGN | CKF_FIND_OBJECTS)),
            ("C_CloseSession", |session| session.close()),
            ("C_CloseAllSessions", |session| call!(session.module, C_CloseAllSessions(1))),
            ("C_Finalize", |session| session.module.finalize()),
        ];
        answers! { r;
            "*: C_SessionCancel" => CKR_FUNCTION_CANCELED;
            "*: C_Close*" => CKR_SESSION_CLOSED;
            "*: C_Finalize" => CKR_CRYPTOKI_NOT_INITIALIZED;
        }
        for (name, end) in ends {
            let during = |route, function, session, call: &(dyn Fn() -> Rv + Sync)| {
                let gate = Gate::new();
                service.inject(Fault::hold(route, &gate)).unwrap();
                let rv = thread::scope(|scope| {
                    let waiting = scope.spawn(call);
                    gate.wait_for(1);
                    assert_eq!(end(session), CKR_OK, "{name}");
                    waiting.join().unwrap()
                });
                gate.open();
                t.finalize();
                called(function);
                rv
            };
            let session = t.opened();
            let find = during(LIST, "C_FindObjectsInit", session, &|| session.find_init(&[]));
            rows! { r; format!("C_FindObjectsInit: {name}") => find; }
            let key = t.logged_in().unwrap().key(EC);
            let signed = during(SIGN, "C_Sign", key.session, &|| sign(key));
            rows! { r; format!("C_Sign: {name}") => signed; }
        }
    }),
];
