//! Sessions: opening, closing, what they share.

use std::ptr;

use cryptoki_sys::*;
use pkcs11_test::call;
use pkcs11_test::harness::{Answer, Session, called, null, state_name, ulong};

use crate::NO;
use crate::report::{Script, count};

const RW: CK_FLAGS = CKF_SERIAL_SESSION | CKF_RW_SESSION;

fn state(session: Session) -> Answer<String> {
    let info = session.info()?;
    let slot = match info.slotID == session.module.slot() {
        true => "the token's slot",
        false => "another slot",
    };
    called("C_GetSessionInfo");
    let (state, flags, error) = (state_name(info.state), info.flags, info.ulDeviceError);
    Ok(format!("{slot}, {state}, flags {flags:#x}, error {error}"))
}

pub const SCRIPTS: &[Script] = &[
    ("C_OpenSession", |t, r| {
        let slot = t.slot();
        let open = |slot, flags| {
            t.open(slot, flags).map(|session| match session.handle {
                CK_INVALID_HANDLE => "CK_INVALID_HANDLE",
                _ => "a handle",
            })
        };
        let application = ptr::from_ref(t).cast_mut().cast();
        let (serial, mut session) = (CKF_SERIAL_SESSION, 0);
        rows! { r;
            "read-only" => open(slot, serial) => "CKR_OK, a handle";
            "read/write" => open(slot, RW) => "CKR_OK, a handle";
            "without CKF_SERIAL_SESSION" => open(slot, 0) => CKR_SESSION_PARALLEL_NOT_SUPPORTED;
            "read/write without CKF_SERIAL_SESSION" => open(slot, CKF_RW_SESSION) => CKR_SESSION_PARALLEL_NOT_SUPPORTED;
            "invalid slot ID" => open(NO, serial) => CKR_SLOT_ID_INVALID;
            "invalid slot ID, without CKF_SERIAL_SESSION" => open(NO, 0) => CKR_SLOT_ID_INVALID;
            "with an application and a callback" => call!(t, C_OpenSession(slot, serial, application, Some(notify), &mut session))
                => CKR_OK;
            "with a NULL result pointer" => call!(t, C_OpenSession(slot, serial, null(), None, null())) => CKR_ARGUMENTS_BAD;
            "two handles differ" => t.session().handle != t.session().handle => true;
        }
    }),
    ("C_CloseSession", |t, r| {
        let session = t.session();
        rows! { r;
            "once" => session.close() => CKR_OK;
            "twice" => session.close() => CKR_SESSION_HANDLE_INVALID;
            "CK_INVALID_HANDLE" => t.at(CK_INVALID_HANDLE).close() => CKR_SESSION_HANDLE_INVALID;
            "a handle that was never opened" => t.at(NO).close() => CKR_SESSION_HANDLE_INVALID;
            "the handle is not given again" => t.session().handle != session.handle => true;
        }
    }),
    ("C_CloseAllSessions", |t, r| {
        let slot = t.slot();
        rows! { r; "without a session" => call!(t, C_CloseAllSessions(slot)) => CKR_OK; }
        let sessions = [t.user(), t.session(), t.read_write()];
        rows! { r;
            "invalid slot ID" => call!(t, C_CloseAllSessions(NO)) => CKR_SLOT_ID_INVALID;
            "the first, before" => state(sessions[0]) => "CKR_OK, the token's slot, CKS_RO_USER_FUNCTIONS, flags 0x4, error 0";
            "with three sessions" => call!(t, C_CloseAllSessions(slot)) => CKR_OK;
            "session 0, after" => state(sessions[0]) => CKR_SESSION_HANDLE_INVALID;
            "session 1, after" => state(sessions[1]) => CKR_SESSION_HANDLE_INVALID;
            "session 2, after" => state(sessions[2]) => CKR_SESSION_HANDLE_INVALID;
            "a new one" => state(t.session()) => "CKR_OK, the token's slot, CKS_RO_PUBLIC_SESSION, flags 0x4, error 0";
        }
    }),
    ("session states", |t, r| {
        let (read_only, read_write) = (t.session(), t.read_write());
        rows! { r;
            "read-only, before login" => state(read_only) => "CKR_OK, the token's slot, CKS_RO_PUBLIC_SESSION, flags 0x4, error 0";
            "read/write, before login" => state(read_write) => "CKR_OK, the token's slot, CKS_RW_PUBLIC_SESSION, flags 0x6, error 0";
            @ read_only.login();
            "read-only, after login" => state(read_only) => "CKR_OK, the token's slot, CKS_RO_USER_FUNCTIONS, flags 0x4, error 0";
            "read/write, after login in the other" => state(read_write)
                => "CKR_OK, the token's slot, CKS_RW_USER_FUNCTIONS, flags 0x6, error 0";
            "opened after login" => state(t.session()) => "CKR_OK, the token's slot, CKS_RO_USER_FUNCTIONS, flags 0x4, error 0";
            @ read_write.logout();
            "read-only, after logout in the other" => state(read_only)
                => "CKR_OK, the token's slot, CKS_RO_PUBLIC_SESSION, flags 0x4, error 0";
            "read/write, after logout" => state(read_write) => "CKR_OK, the token's slot, CKS_RW_PUBLIC_SESSION, flags 0x6, error 0";
            "C_GetSessionInfo with a NULL result pointer" => call!(t, C_GetSessionInfo(read_only.handle, null())) => CKR_ARGUMENTS_BAD;
        }
    }),
    // Closing the last session logs out (PKCS #11 3.2, section 5.6.2).
    ("the last session", |t, r| {
        rows! { r; "closed" => t.user().close() => CKR_OK; }
        let session = t.session();
        rows! { r;
            "a new session" => state(session) => "CKR_OK, the token's slot, CKS_RO_PUBLIC_SESSION, flags 0x4, error 0";
            "logout" => session.logout() => CKR_USER_NOT_LOGGED_IN | CKR_OK: LOGOUT;
            "login" => session.login() => CKR_OK;
        }
    }),
    ("one session of two", |t, r| {
        let (first, second) = (t.user(), t.session());
        rows! { r;
            "closing the one that logged in" => first.close() => CKR_OK;
            "the other" => state(second) => "CKR_OK, the token's slot, CKS_RO_USER_FUNCTIONS, flags 0x4, error 0";
            "private keys in the other" => count(second.find(&[(CKA_CLASS, ulong(CKO_PRIVATE_KEY))])) => "CKR_OK, 6";
        }
    }),
];

unsafe extern "C" fn notify(
    _: CK_SESSION_HANDLE,
    _: CK_NOTIFICATION,
    _: *mut std::ffi::c_void,
) -> CK_RV {
    CKR_OK
}
