//! Sessions: opening, closing, what they share.

use std::ptr;

use cryptoki_sys::*;

use crate::names::state_name;
use crate::report::{Report, Script};
use crate::token::{Token, call};

pub const SCRIPTS: &[Script] = &[
    ("C_OpenSession", open),
    ("C_CloseSession", close),
    ("C_CloseAllSessions", close_all),
    ("session states", states),
    ("the last session", last),
    ("one session of two", one_of_two),
];

const RW: CK_FLAGS = CKF_SERIAL_SESSION | CKF_RW_SESSION;
const NO_SLOT: CK_SLOT_ID = 0x7fff_fff0;

fn note_state(token: &Token, report: &mut Report, case: &str, session: CK_SESSION_HANDLE) {
    let describe = |info: &CK_SESSION_INFO| {
        let slot = match info.slotID == token.slot() {
            true => "the token's slot",
            false => "another slot",
        };
        let (state, flags, error) = (state_name(info.state), info.flags, info.ulDeviceError);
        format!("{slot}, {state}, flags {flags:#x}, error {error}")
    };
    report.fetched(case, token.session_info(session), describe);
}

fn open(token: &Token, report: &mut Report) {
    let slot = token.slot();
    let is_valid = |handle: &CK_SESSION_HANDLE| match *handle {
        CK_INVALID_HANDLE => "CK_INVALID_HANDLE".to_owned(),
        _ => "a handle".to_owned(),
    };
    report.fetched("read-only", token.open(slot, CKF_SERIAL_SESSION), is_valid);
    report.fetched("read/write", token.open(slot, RW), is_valid);
    report.fetched("without CKF_SERIAL_SESSION", token.open(slot, 0), is_valid);
    let parallel = token.open(slot, CKF_RW_SESSION);
    report.fetched("read/write without CKF_SERIAL_SESSION", parallel, is_valid);
    let nowhere = token.open(NO_SLOT, CKF_SERIAL_SESSION);
    report.fetched("of no slot", nowhere, is_valid);
    let nowhere = token.open(NO_SLOT, 0);
    report.fetched("of no slot, without CKF_SERIAL_SESSION", nowhere, is_valid);
    let application = ptr::from_ref(token).cast_mut().cast();
    let mut session = 0;
    report.note(
        "with an application and a callback",
        call!(
            token,
            C_OpenSession(
                slot,
                CKF_SERIAL_SESSION,
                application,
                Some(notify),
                &mut session
            )
        ),
    );
    report.note(
        "without a place",
        call!(
            token,
            C_OpenSession(
                slot,
                CKF_SERIAL_SESSION,
                ptr::null_mut(),
                None,
                ptr::null_mut()
            )
        ),
    );
    let (first, second) = (token.session(), token.session());
    report.note("two handles differ", first != second);
}

unsafe extern "C" fn notify(
    _session: CK_SESSION_HANDLE,
    _event: CK_NOTIFICATION,
    _application: *mut std::ffi::c_void,
) -> CK_RV {
    CKR_OK
}

fn close(token: &Token, report: &mut Report) {
    let session = token.session();
    report.note("once", token.close(session));
    report.note("twice", token.close(session));
    report.note("CK_INVALID_HANDLE", token.close(CK_INVALID_HANDLE));
    report.note("a handle that never was", token.close(0x7fff_fff0));
    let next = token.session();
    report.note("the handle is not given again", next != session);
}

fn close_all(token: &Token, report: &mut Report) {
    let slot = token.slot();
    report.note("without a session", call!(token, C_CloseAllSessions(slot)));
    let sessions = [
        token.user_session(),
        token.session(),
        token.open(slot, RW).unwrap(),
    ];
    report.note("of no slot", call!(token, C_CloseAllSessions(NO_SLOT)));
    note_state(token, report, "the first, before", sessions[0]);
    report.note(
        "with three sessions",
        call!(token, C_CloseAllSessions(slot)),
    );
    for (index, session) in sessions.into_iter().enumerate() {
        note_state(token, report, &format!("session {index}, after"), session);
    }
    note_state(token, report, "a new one", token.session());
}

fn states(token: &Token, report: &mut Report) {
    let slot = token.slot();
    let read_only = token.session();
    let read_write = token.open(slot, RW).unwrap();
    note_state(token, report, "read-only, before login", read_only);
    note_state(token, report, "read/write, before login", read_write);
    token.login(read_only);
    note_state(token, report, "read-only, after login", read_only);
    note_state(
        token,
        report,
        "read/write, after login in the other",
        read_write,
    );
    note_state(token, report, "opened after login", token.session());
    token.logout(read_write);
    note_state(
        token,
        report,
        "read-only, after logout in the other",
        read_only,
    );
    note_state(token, report, "read/write, after logout", read_write);
    report.note(
        "C_GetSessionInfo without a place",
        call!(token, C_GetSessionInfo(read_only, ptr::null_mut())),
    );
}

/// Closing the last session logs out (PKCS #11 3.2, section 5.6.2).
fn last(token: &Token, report: &mut Report) {
    let session = token.user_session();
    report.note("closed", token.close(session));
    let session = token.session();
    note_state(token, report, "a new session", session);
    report.note("logout", token.logout(session));
    report.note("login", token.login(session));
}

fn one_of_two(token: &Token, report: &mut Report) {
    let (first, second) = (token.user_session(), token.session());
    report.note("the one that logged in is closed", token.close(first));
    note_state(token, report, "the other", second);
    let template = [(CKA_CLASS, crate::token::ulong(CKO_PRIVATE_KEY))];
    let keys = token.find(second, &template);
    report.fetched("private keys in the other", keys, |keys| {
        keys.len().to_string()
    });
}
