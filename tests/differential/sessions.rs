//! Sessions: opening, closing, what they share.

use std::ptr;

use cryptoki_sys::*;
use pkcs11_test::call;
use pkcs11_test::harness::{Answer, Session, called, null, place, state_name, ulong};

use crate::NO;
use crate::report::{Script, count};

/// What C_GetSessionInfo tells.
fn state(session: Session) -> Answer<String> {
    let info = session.info()?;
    assert_eq!((info.slotID, info.ulDeviceError), (session.module.slot(), 0));
    called("C_GetSessionInfo");
    Ok(format!("{}, flags {}", state_name(info.state), info.flags))
}

pub const SCRIPTS: &[Script] = &[
    ("C_OpenSession", |t, r| {
        let (slot, serial) = (t.slot(), CKF_SERIAL_SESSION);
        let open =
            |slot, flags| t.open(slot, flags).map(|session| session.handle != CK_INVALID_HANDLE);
        let application = ptr::from_ref(t).cast_mut().cast();
        rows! { r;
            "read-only" => open(slot, serial) => "CKR_OK, true";
            "read/write" => open(slot, serial | CKF_RW_SESSION) => "CKR_OK, true";
            "without CKF_SERIAL_SESSION" => open(slot, 0) => CKR_SESSION_PARALLEL_NOT_SUPPORTED;
            "read/write without CKF_SERIAL_SESSION" => open(slot, CKF_RW_SESSION) => CKR_SESSION_PARALLEL_NOT_SUPPORTED;
            "invalid slot ID" => open(NO, serial) => CKR_SLOT_ID_INVALID;
            "invalid slot ID, without CKF_SERIAL_SESSION" => open(NO, 0) => CKR_SLOT_ID_INVALID;
            "with an application and a callback" => call!(t, C_OpenSession(slot, serial, application, Some(notify), place(0))) => CKR_OK;
            "NULL phSession" => call!(t, C_OpenSession(slot, serial, null(), None, null())) => CKR_ARGUMENTS_BAD;
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
            "the first, before" => state(sessions[0]) => "CKR_OK, CKS_RO_USER_FUNCTIONS, flags 4";
            "with three sessions" => call!(t, C_CloseAllSessions(slot)) => CKR_OK;
            "session 0, after" => state(sessions[0]) => CKR_SESSION_HANDLE_INVALID;
            "session 1, after" => state(sessions[1]) => CKR_SESSION_HANDLE_INVALID;
            "session 2, after" => state(sessions[2]) => CKR_SESSION_HANDLE_INVALID;
            "a new one" => state(t.session()) => "CKR_OK, CKS_RO_PUBLIC_SESSION, flags 4";
        }
    }),
    ("session states", |t, r| {
        let (read_only, read_write) = (t.session(), t.read_write());
        rows! { r;
            "read-only, before login" => state(read_only) => "CKR_OK, CKS_RO_PUBLIC_SESSION, flags 4";
            "read/write, before login" => state(read_write) => "CKR_OK, CKS_RW_PUBLIC_SESSION, flags 6";
            @ read_only.login();
            "read-only, after login" => state(read_only) => "CKR_OK, CKS_RO_USER_FUNCTIONS, flags 4";
            "read/write, after login in the other" => state(read_write) => "CKR_OK, CKS_RW_USER_FUNCTIONS, flags 6";
            "opened after login" => state(t.session()) => "CKR_OK, CKS_RO_USER_FUNCTIONS, flags 4";
            @ read_write.logout();
            "read-only, after logout in the other" => state(read_only) => "CKR_OK, CKS_RO_PUBLIC_SESSION, flags 4";
            "read/write, after logout" => state(read_write) => "CKR_OK, CKS_RW_PUBLIC_SESSION, flags 6";
            "NULL pInfo" => call!(t, C_GetSessionInfo(read_only.handle, null())) => CKR_ARGUMENTS_BAD;
        }
    }),
    // Closing the last session logs out (PKCS #11 3.2, section 5.6.2).
    ("the last session", |t, r| {
        let first = t.user();
        let (second, key) = (t.session(), first.private(crate::EC));
        let size = |session: Session| call!(t, C_GetObjectSize(session.handle, key, place(0)));
        let keys = |session: Session| count(session.find(&[(CKA_CLASS, ulong(CKO_PRIVATE_KEY))]));
        rows! { r;
            "closing the one that logged in" => first.close() => CKR_OK;
            "the other" => state(second) => "CKR_OK, CKS_RO_USER_FUNCTIONS, flags 4";
            "private keys in the other" => keys(second) => "CKR_OK, 6";
            "closed" => second.close() => CKR_OK;
        }
        let session = t.read_write();
        rows! { r;
            "a new session" => state(session) => "CKR_OK, CKS_RW_PUBLIC_SESSION, flags 6";
            "a private key" => size(session) => CKR_OBJECT_HANDLE_INVALID;
            "logout" => session.logout() => CKR_USER_NOT_LOGGED_IN: LOGOUT;
            "login" => session.login() => CKR_OK;
            "a private key after login" => size(session) => CKR_OBJECT_HANDLE_INVALID;
            "another handle of the key" => session.private(crate::EC) != key => true;
            @ call!(t, C_CloseAllSessions(t.slot()));
            "after C_CloseAllSessions" => state(t.session()) => "CKR_OK, CKS_RO_PUBLIC_SESSION, flags 4";
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
