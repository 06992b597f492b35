//! On our module alone: what a setting, a service that fails, and another thread make of a call.
//!
//! The scripts have a service of their own, which they set in the environment; so they come last.

use std::ptr::null_mut;
use std::thread;

use cryptoki_sys::*;
use pkcs11_test::{Effect, Fault, Gate, Service};

use crate::common::raw::{self, Raw, ck};
use crate::common::{self, LIST, ONE_ATTEMPT, SIGN};
use crate::module_only::{Script, initialize, note, open};
use crate::names::Rv;
use crate::report::Report;
use crate::token::called;

pub const SCRIPTS: &[Script] = &[
    ("read/write sessions refused by the setting", read_only),
    ("the slot and its token", slot),
    ("C_WaitForSlotEvent waits", wait_for_slot_event),
    ("a state that cannot be saved", operation_state),
    (
        "read/write sessions, and the user is logged in",
        security_officer,
    ),
    ("a key of a size that the token does not have", key_size),
    ("the service fails", failing_service),
    ("another thread ends a call that waits", ended),
];

const SESSIONS_SETTING: &str = "SIGNPATH_CRYPTOKI_DO_NOT_FAIL_ON_READ_WRITE_SESSIONS";
const LOGIN_SETTING: &str = "SIGNPATH_CRYPTOKI_LOGIN_REQUIRED";
const EC: &str = "demo/p-256";

/// What the service does, behind what the table calls it.
type Failure = (&'static str, fn() -> Effect);

const FAILURES: [Failure; 5] = [
    ("503 Service Unavailable", || Effect::status(503)),
    ("500 Internal Server Error", || Effect::status(500)),
    ("400 Bad Request", || Effect::problem(400, &["A reason."])),
    ("401 Unauthorized", || Effect::status(401)),
    ("200 without JSON", || Effect::web_page(200)),
];

/// Sets variables of the environment for the next C_Initialize.
fn set(variables: &[(&str, &str)]) {
    for (name, value) in variables {
        // SAFETY: only threads of the service run beside this one, which do not read it.
        unsafe { std::env::set_var(name, value) };
    }
}

/// Starts a service that no other test disturbs, and that this process can disturb.
fn own_service() -> Service {
    let service = common::service();
    let environment = service.environment();
    let variables = environment.iter().map(|(name, value)| (*name, &**value));
    set(&variables.collect::<Vec<_>>());
    set(&[ONE_ATTEMPT]);
    service
}

fn read_only(raw: &Raw, report: &mut Report) {
    set(&[(SESSIONS_SETTING, "false")]);
    initialize(raw);
    set(&[(SESSIONS_SETTING, "true")]);
    let (flags, mut session) = (CKF_SERIAL_SESSION | CKF_RW_SESSION, 0);
    note!(raw, report => "CKF_RW_SESSION",
        C_OpenSession(1, flags, null_mut(), None, &mut session));
}

fn slot(raw: &Raw, report: &mut Report) {
    initialize(raw);
    note!(raw, report => C_GetSlotInfo(1, &mut CK_SLOT_INFO::default()));
    note!(raw, report => C_GetTokenInfo(1, &mut CK_TOKEN_INFO::default()));
}

fn wait_for_slot_event(raw: &Raw, report: &mut Report) {
    initialize(raw);
    let rv = thread::scope(|scope| {
        // One that comes after C_Finalize says the same, so that nothing depends on the order.
        let waiting = scope.spawn(|| ck!(raw, C_WaitForSlotEvent(0, &mut 0, null_mut())));
        ck!(raw, C_Finalize(null_mut()));
        waiting.join().unwrap()
    });
    called("C_WaitForSlotEvent");
    report.note("C_WaitForSlotEvent: ended by C_Finalize", Rv(rv));
}

fn operation_state(raw: &Raw, report: &mut Report) {
    let session = raw::logged_in(raw);
    let (mut state, mut length) = ([0_u8; 64], 64);
    let (s, l, none) = (state.as_mut_ptr(), &raw mut length, null_mut());
    let mut sha256 = raw::mechanism(CKM_SHA256);
    assert_eq!(ck!(raw, C_DigestInit(session, &mut sha256)), CKR_OK);
    note!(raw, report => "of a digest", C_GetOperationState(session, s, l));
    note!(raw, report => "of a digest, for the length", C_GetOperationState(session, none, l));
    note!(raw, report => "no length", C_GetOperationState(session, s, null_mut()));
}

fn security_officer(raw: &Raw, report: &mut Report) {
    initialize(raw);
    let (flags, mut session) = (CKF_SERIAL_SESSION | CKF_RW_SESSION, 0);
    let rv = ck!(raw, C_OpenSession(1, flags, null_mut(), None, &mut session));
    assert_eq!(rv, CKR_OK);
    let user = ck!(raw, C_Login(session, CKU_USER, null_mut(), 0));
    assert_eq!(user, CKR_OK);
    note!(raw, report => "CKU_SO", C_Login(session, CKU_SO, null_mut(), 0));
    note!(raw, report => "CKU_SO",
        C_LoginUser(session, CKU_SO, null_mut(), 0, null_mut(), 0));
}

fn key_size(raw: &Raw, report: &mut Report) {
    initialize(raw);
    let session = open(raw);
    let mut template = [
        (CKA_CLASS, CKO_PUBLIC_KEY.to_ne_bytes().to_vec()),
        (CKA_KEY_TYPE, CKK_RSA.to_ne_bytes().to_vec()),
        (CKA_MODULUS, vec![0xAB; 128]),
        (CKA_PUBLIC_EXPONENT, vec![1, 0, 1]),
    ];
    let key = raw::created(raw, session, &mut template);
    let mut mechanism = raw::mechanism(CKM_SHA256_RSA_PKCS);
    let (m, mut signature) = (&raw mut mechanism, [0; 128]);
    let v = signature.as_mut_ptr();
    note!(raw, report => "RSA, 1024 bits", C_SignInit(session, m, key));
    note!(raw, report => "RSA, 1024 bits", C_VerifyInit(session, m, key));
    note!(raw, report => "RSA, 1024 bits", C_VerifySignatureInit(session, m, key, v, 128));
    note!(raw, report => "RSA, 1024 bits", C_MessageSignInit(session, m, key));
    note!(raw, report => "RSA, 1024 bits", C_MessageVerifyInit(session, m, key));
}

fn failing_service(raw: &Raw, report: &mut Report) {
    let service = own_service();
    for (failure, effect) in FAILURES {
        let fail = |route| service.inject(Fault::on(route, effect())).unwrap();
        initialize(raw);
        let session = open(raw);
        fail(LIST);
        note!(raw, report => failure, C_Login(session, CKU_USER, null_mut(), 0));
        ck!(raw, C_Finalize(null_mut()));

        let session = raw::logged_in(raw);
        let key = raw::object(raw, session, CKO_PRIVATE_KEY, EC);
        fail(SIGN);
        called("C_Sign");
        report.note(format!("C_Sign: {failure}"), Rv(sign(raw, session, key)));
        ck!(raw, C_Finalize(null_mut()));

        set(&[(LOGIN_SETTING, "false")]);
        initialize(raw);
        set(&[(LOGIN_SETTING, "true")]);
        let session = open(raw);
        fail(LIST);
        note!(raw, report => format!("no login is required, {failure}"),
            C_FindObjectsInit(session, null_mut(), 0));
        ck!(raw, C_Finalize(null_mut()));
    }
    let session = raw::logged_in(raw);
    let key = raw::object(raw, session, CKO_PRIVATE_KEY, EC);
    service.inject(Effect::WrongSignature).unwrap();
    called("C_Sign");
    let rv = Rv(sign(raw, session, key));
    report.note("C_Sign: a signature that does not verify", rv);
}

fn ended(raw: &Raw, report: &mut Report) {
    let service = own_service();
    let ends: [(&str, &dyn Fn(CK_SESSION_HANDLE) -> CK_RV); 4] = [
        ("C_SessionCancel", &|session| {
            ck!(raw, C_SessionCancel(session, CKF_SIGN | CKF_FIND_OBJECTS))
        }),
        ("C_CloseSession", &|session| {
            ck!(raw, C_CloseSession(session))
        }),
        ("C_CloseAllSessions", &|_| ck!(raw, C_CloseAllSessions(1))),
        ("C_Finalize", &|_| ck!(raw, C_Finalize(null_mut()))),
    ];
    for (name, end) in ends {
        let during = |route, session, call: &(dyn Fn() -> CK_RV + Sync)| {
            let gate = Gate::new();
            service.inject(Fault::hold(route, &gate)).unwrap();
            let rv = thread::scope(|scope| {
                let waiting = scope.spawn(call);
                gate.wait_for(1);
                assert_eq!(end(session), CKR_OK, "{name}");
                waiting.join().unwrap()
            });
            gate.open();
            ck!(raw, C_Finalize(null_mut()));
            Rv(rv)
        };
        initialize(raw);
        let session = open(raw);
        let search = || ck!(raw, C_FindObjectsInit(session, null_mut(), 0));
        let rv = during(LIST, session, &search);
        called("C_FindObjectsInit");
        report.note(format!("C_FindObjectsInit: {name}"), rv);

        let session = raw::logged_in(raw);
        let key = raw::object(raw, session, CKO_PRIVATE_KEY, EC);
        let rv = during(SIGN, session, &|| sign(raw, session, key));
        called("C_Sign");
        report.note(format!("C_Sign: {name}"), rv);
    }
}

/// Signs with an EC key.
fn sign(raw: &Raw, session: CK_SESSION_HANDLE, key: CK_OBJECT_HANDLE) -> CK_RV {
    let mut ecdsa = raw::mechanism(CKM_ECDSA);
    assert_eq!(ck!(raw, C_SignInit(session, &mut ecdsa, key)), CKR_OK);
    let (mut digest, mut signature, mut length) = ([7; 32], [0; 64], 64);
    let (data, output) = (digest.as_mut_ptr(), signature.as_mut_ptr());
    ck!(raw, C_Sign(session, data, 32, output, &mut length))
}
