//! C_Login and C_Logout.

use cryptoki_sys::*;
use pkcs11_test::call;
use pkcs11_test::harness::{Session, null, state_name, ulong};

use crate::RSA;
use crate::report::{Script, count};

fn state(session: Session) -> String {
    state_name(session.info().unwrap().state)
}

pub const SCRIPTS: &[Script] = &[
    ("right PIN", |t, r| {
        let session = t.session();
        rows! { r;
            "once" => session.login() => CKR_OK;
            "twice" => session.login() => CKR_USER_ALREADY_LOGGED_IN;
            "in another session" => t.session().login() => CKR_USER_ALREADY_LOGGED_IN;
            "a wrong one after it" => session.login_as(CKU_USER, b"wrong") => CKR_USER_ALREADY_LOGGED_IN;
            "state" => state(session) => CKS_RO_USER_FUNCTIONS;
        }
    }),
    ("wrong PIN", |t, r| {
        let session = t.session();
        let wrong = ["wrong PIN", "1234", "organization:token", "config"];
        for pin in wrong.into_iter().chain([":", "\u{fc}ml\u{e4}ut", "0"]) {
            rows! { r; format!("{pin:?}") => session.login_as(CKU_USER, pin.as_bytes()) => CKR_PIN_INCORRECT; }
        }
        rows! { r;
            "not UTF-8" => session.login_as(CKU_USER, b"\xff\xfe\xfd\xfc") => CKR_PIN_INCORRECT;
            "of 300 bytes" => session.login_as(CKU_USER, &[b'0'; 300]) => CKR_PIN_INCORRECT;
            "state" => state(session) => CKS_RO_PUBLIC_SESSION;
            "the right one after it" => session.login() => CKR_OK;
        }
    }),
    ("no PIN", |t, r| {
        let session = t.session();
        rows! { r;
            "NULL pPin with 4 bytes" => call!(t, C_Login(session.handle, CKU_USER, null(), 4)) => CKR_ARGUMENTS_BAD;
            "NULL" => call!(t, C_Login(session.handle, CKU_USER, null(), 0)) => CKR_OK: NO_PIN;
            @ session.logout();
            "of no bytes" => session.login_as(CKU_USER, b"") => CKR_OK: NO_PIN;
        }
    }),
    ("other users", |t, r| {
        let read_only = t.session();
        let login = |session: Session, user| session.login_as(user, b"wrong PIN");
        rows! { r;
            "CKU_SO with a read-only session" => login(read_only, CKU_SO) => CKR_SESSION_READ_ONLY_EXISTS;
            "CKU_CONTEXT_SPECIFIC" => login(read_only, CKU_CONTEXT_SPECIFIC) => CKR_OPERATION_NOT_INITIALIZED;
            "an unknown user" => login(read_only, 99) => CKR_USER_TYPE_INVALID;
            @ read_only.login();
            "CKU_SO while the user is logged in" => login(read_only, CKU_SO) => CKR_SESSION_READ_ONLY_EXISTS;
            "CKU_CONTEXT_SPECIFIC while the user is logged in" => login(read_only, CKU_CONTEXT_SPECIFIC) => CKR_OPERATION_NOT_INITIALIZED;
        }
        read_only.close();
        let read_write = t.read_write();
        rows! { r;
            "CKU_SO with a wrong PIN" => login(read_write, CKU_SO) => CKR_PIN_INCORRECT;
            "state" => state(read_write) => CKS_RW_PUBLIC_SESSION;
        }
    }),
    ("logout", |t, r| {
        let session = t.session();
        rows! { r;
            "before login" => session.logout() => CKR_USER_NOT_LOGGED_IN: LOGOUT;
            @ session.login();
            "once" => session.logout() => CKR_OK;
            "twice" => session.logout() => CKR_USER_NOT_LOGGED_IN: LOGOUT;
            "login again" => session.login() => CKR_OK;
            "state" => state(session) => CKS_RO_USER_FUNCTIONS;
        }
    }),
    // Handles of private objects and operations with them (PKCS #11 3.2, section 5.6.10).
    ("effects of logout", |t, r| {
        let s = t.user();
        let key = s.key(RSA);
        let label = |object| s.attribute(object, CKA_LABEL).map(drop);
        rows! { r;
            "C_SignInit before" => s.sign_init(CKM_SHA256_RSA_PKCS, key.private) => CKR_OK;
            @ s.find_init(&[(CKA_CLASS, ulong(CKO_PRIVATE_KEY))]);
            @ s.verify_init(CKM_SHA256_RSA_PKCS, key.public);
            "C_Logout" => s.logout() => CKR_OK;
            "the verification" => s.verify(b"data", &[0; 256]) => CKR_SIGNATURE_INVALID: OUTLIVE;
            "the signature" => s.sign(b"data").map(drop) => CKR_OPERATION_NOT_INITIALIZED: OUTLIVE;
            "the search" => count(s.find_next(100)) => "CKR_OK, 0": OUTLIVE;
            "the end of the search" => s.find_final() => CKR_OK: OUTLIVE;
            "the private key" => label(key.private) => CKR_OBJECT_HANDLE_INVALID;
            "the public key" => label(key.public) => CKR_OK;
            "C_SignInit" => s.sign_init(CKM_SHA256_RSA_PKCS, key.private) => CKR_USER_NOT_LOGGED_IN: BEFORE_LOGIN;
            @ s.login();
            "the private key after login" => label(key.private) => CKR_OBJECT_HANDLE_INVALID;
            "C_SignInit after login" => s.sign_init(CKM_SHA256_RSA_PKCS, key.private) => CKR_KEY_HANDLE_INVALID: KEY_HANDLE;
            "the public key has the same handle" => s.public(RSA) == key.public => true;
        }
    }),
];
