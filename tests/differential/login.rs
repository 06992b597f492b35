//! C_Login and C_Logout.

use std::ptr;

use cryptoki_sys::*;

use crate::names::state_name;
use crate::report::{Report, Script};
use crate::token::{Mechanism, Token, call, ulong};

pub const SCRIPTS: &[Script] = &[
    ("right PIN", right),
    ("wrong PIN", wrong),
    ("no PIN", none),
    ("other users", other_users),
    ("logout", logout),
    ("what logout takes away", taken_away),
];

fn state(token: &Token, session: CK_SESSION_HANDLE) -> String {
    state_name(token.session_info(session).unwrap().state)
}

fn right(token: &Token, report: &mut Report) {
    let session = token.session();
    report.note("once", token.login(session));
    report.note("twice", token.login(session));
    let second = token.session();
    report.note("in another session", token.login(second));
    report.note(
        "a wrong one after it",
        token.login_as(session, CKU_USER, b"wrong"),
    );
    report.note("state", state(token, session));
}

fn wrong(token: &Token, report: &mut Report) {
    let session = token.session();
    for pin in [
        "wrong PIN",
        "1234",
        "organization:token",
        "config",
        ":",
        "\u{fc}ml\u{e4}ut",
    ] {
        let rv = token.login_as(session, CKU_USER, pin.as_bytes());
        report.note(format!("{pin:?}"), rv);
    }
    report.note(
        "not UTF-8",
        token.login_as(session, CKU_USER, b"\xff\xfe\xfd\xfc"),
    );
    report.note(
        "of 300 bytes",
        token.login_as(session, CKU_USER, &[b'0'; 300]),
    );
    report.note("of 1 byte", token.login_as(session, CKU_USER, b"0"));
    report.note("state", state(token, session));
    report.note("the right one after it", token.login(session));
}

fn none(token: &Token, report: &mut Report) {
    let session = token.session();
    let login = |user, pin, length| call!(token, C_Login(session, user, pin, length));
    report.note("NULL of 4 bytes", login(CKU_USER, ptr::null_mut(), 4));
    report.note("NULL", login(CKU_USER, ptr::null_mut(), 0));
    token.logout(session);
    let mut pin = *b"unused";
    report.note("of no bytes", login(CKU_USER, pin.as_mut_ptr(), 0));
}

fn other_users(token: &Token, report: &mut Report) {
    let slot = token.slot();
    let read_only = token.session();
    let login = |session, user| token.login_as(session, user, b"wrong PIN");
    report.note("CKU_SO with a read-only session", login(read_only, CKU_SO));
    report.note(
        "CKU_CONTEXT_SPECIFIC",
        login(read_only, CKU_CONTEXT_SPECIFIC),
    );
    report.note("an unknown user", login(read_only, 99));
    token.login(read_only);
    report.note("CKU_SO beside the user", login(read_only, CKU_SO));
    report.note(
        "CKU_CONTEXT_SPECIFIC beside the user",
        login(read_only, CKU_CONTEXT_SPECIFIC),
    );
    token.close(read_only);
    let read_write = token
        .open(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION)
        .unwrap();
    report.note("CKU_SO with a wrong PIN", login(read_write, CKU_SO));
    report.note("state", state(token, read_write));
}

fn logout(token: &Token, report: &mut Report) {
    let session = token.session();
    report.note("before login", token.logout(session));
    token.login(session);
    report.note("once", token.logout(session));
    report.note("twice", token.logout(session));
    report.note("login again", token.login(session));
    report.note("state", state(token, session));
}

/// Handles of private objects and operations with them (PKCS #11 3.2, section 5.6.10).
fn taken_away(token: &Token, report: &mut Report) {
    let session = token.user_session();
    let private = token.object(session, CKO_PRIVATE_KEY, "demo/rsa-2048");
    let public = token.object(session, CKO_PUBLIC_KEY, "demo/rsa-2048");
    let mechanism = Mechanism::new(CKM_SHA256_RSA_PKCS);
    report.note(
        "C_SignInit before",
        token.sign_init(session, &mechanism, private),
    );
    token.find_init(session, &[(CKA_CLASS, ulong(CKO_PRIVATE_KEY))]);
    report.note("C_Logout", token.logout(session));
    report.note(
        "the signature",
        format!("{:?}", token.sign(session, b"data").map(|_| ())),
    );
    let found = token.find_next(session, 100);
    report.fetched("the search", found, |found| found.len().to_string());
    report.note("the end of the search", token.find_final(session));
    let label = |object| token.attribute(session, object, CKA_LABEL).map(|_| ());
    report.note("the private key", format!("{:?}", label(private)));
    report.note("the public key", format!("{:?}", label(public)));
    report.note("C_SignInit", token.sign_init(session, &mechanism, private));
    token.login(session);
    report.note(
        "the private key after login",
        format!("{:?}", label(private)),
    );
    report.note(
        "C_SignInit after login",
        token.sign_init(session, &mechanism, private),
    );
    let again = token.object(session, CKO_PUBLIC_KEY, "demo/rsa-2048");
    report.note("the public key has the same handle", again == public);
}
