//! The order of the calls that sign, and the buffers they fill.

use std::ptr;

use cryptoki_sys::*;

use crate::EC_LABELS;
use crate::names::{Rv, mechanism_name};
use crate::report::{Report, Script};
use crate::signing::{EC, RSA, initialized, length, private_key};
use crate::token::{Mechanism, Token, call};
use crate::verification::SHA256;

pub const SCRIPTS: &[Script] = &[
    ("order of calls", order),
    ("buffers", buffers),
    ("buffers of C_SignFinal", final_buffers),
    ("parts and one part", parts_and_one_part),
    ("parts where one is due", parts_of_a_digest),
    ("arguments", arguments),
    ("two sessions", two_sessions),
    ("searching while signing", searching_while_signing),
    ("closing while signing", closing),
];

fn order(token: &Token, report: &mut Report) {
    let session = token.user_session();
    let key = private_key(token, session, RSA);
    let mechanism = Mechanism::new(CKM_SHA256_RSA_PKCS);
    let init = || token.sign_init(session, &mechanism, key);
    let sign = || length(token.sign(session, b"data"));
    let update = || token.sign_update(session, b"data");
    let finish = || length(token.sign_final(session));
    report.note("C_Sign without C_SignInit", sign());
    report.note("C_SignUpdate without C_SignInit", update());
    report.note("C_SignFinal without C_SignInit", finish());
    report.note("C_SignInit", init());
    report.note("C_SignInit, twice", init());
    report.note("C_Sign after both", sign());
    report.note("C_Sign, twice", sign());
    report.note("C_SignInit again", init());
    report.note("C_SignUpdate", update());
    report.note("C_SignInit while there are parts", init());
    report.note("C_SignUpdate, twice", update());
    report.note("C_SignFinal", finish());
    report.note("C_SignFinal, twice", finish());
    report.note("C_SignUpdate after C_SignFinal", update());
}

/// What a call with a buffer of some size gives.
pub fn buffer_answer((rv, length, buffer): (Rv, CK_ULONG, Vec<u8>)) -> String {
    let untouched = buffer.iter().all(|byte| *byte == 0);
    let written = if untouched {
        "nothing written"
    } else {
        "written"
    };
    format!("{rv}, length {length}, {written}")
}

fn buffers(token: &Token, report: &mut Report) {
    let session = token.user_session();
    for (label, mechanism, data, exact) in [
        (
            RSA,
            Mechanism::new(CKM_RSA_PKCS),
            SHA256.digest_info(b"message"),
            256,
        ),
        (
            RSA,
            SHA256.pss(CKM_SHA256_RSA_PKCS_PSS),
            b"message".to_vec(),
            256,
        ),
        (
            EC_LABELS[2],
            Mechanism::new(CKM_ECDSA),
            SHA256.digest(b"message"),
            132,
        ),
    ] {
        let key = private_key(token, session, label);
        token.sign_init(session, &mechanism, key);
        let name = mechanism_name(mechanism.id);
        for (case, room) in [
            ("NULL", None),
            ("NULL, twice", None),
            ("no bytes", Some(0)),
            ("a byte too few", Some(exact - 1)),
            ("exact", Some(exact)),
            ("after the signature", Some(exact)),
        ] {
            let answer = buffer_answer(token.sign_into(session, &data, room));
            report.note(format!("{name}, {case}"), answer);
        }
        token.sign_init(session, &mechanism, key);
        let answer = buffer_answer(token.sign_into(session, &data, Some(exact + 100)));
        report.note(format!("{name}, more than enough"), answer);
    }
    // A question for the length may come without the data, which is not signed yet.
    let key = private_key(token, session, RSA);
    token.sign_init(session, &Mechanism::new(CKM_RSA_PKCS), key);
    let answer = buffer_answer(token.sign_into(session, b"", None));
    report.note("NULL, and no data", answer);
    let answer = buffer_answer(token.sign_into(session, &SHA256.digest_info(b""), Some(256)));
    report.note("the signature after it", answer);
}

fn final_buffers(token: &Token, report: &mut Report) {
    let session = token.user_session();
    let mechanism = Mechanism::new(CKM_SHA256_RSA_PKCS);
    let key = private_key(token, session, RSA);
    token.sign_init(session, &mechanism, key);
    token.sign_update(session, b"data");
    for (case, room) in [
        ("NULL", None),
        ("a byte too few", Some(255)),
        ("exact", Some(256)),
        ("after the signature", Some(256)),
    ] {
        report.note(case, buffer_answer(token.sign_final_into(session, room)));
    }
    token.sign_init(session, &mechanism, key);
    token.sign_update(session, b"data");
    report.note(
        "NULL in between",
        buffer_answer(token.sign_final_into(session, None)),
    );
    report.note(
        "C_SignUpdate after NULL",
        token.sign_update(session, b"data"),
    );
    report.note("the end", length(token.sign_final(session)));
}

fn parts_and_one_part(token: &Token, report: &mut Report) {
    let session = token.user_session();
    let key = private_key(token, session, RSA);
    let initialized = || initialized(token, &Mechanism::new(CKM_SHA256_RSA_PKCS), key);
    let session = initialized();
    token.sign_update(session, b"data");
    report.note(
        "C_Sign after C_SignUpdate",
        length(token.sign(session, b"data")),
    );
    report.note("C_SignFinal after it", length(token.sign_final(session)));
    for (case, room) in [("NULL", None), ("a byte too few", Some(255))] {
        let session = initialized();
        token.sign_update(session, b"data");
        let (rv, ..) = token.sign_into(session, b"data", room);
        report.note(format!("C_Sign after C_SignUpdate, {case}"), rv);
    }
    let session = initialized();
    report.note(
        "C_SignFinal without C_SignUpdate",
        length(token.sign_final(session)),
    );
    let session = initialized();
    report.note("C_SignUpdate of nothing", token.sign_update(session, b""));
    report.note("C_SignFinal of nothing", length(token.sign_final(session)));
    for (case, room) in [("NULL", None), ("a byte too few", Some(255))] {
        let session = initialized();
        token.sign_into(session, b"data", room);
        report.note(
            format!("C_SignUpdate after C_Sign, {case}"),
            token.sign_update(session, b"data"),
        );
        report.note(
            format!("C_SignFinal after C_SignUpdate after C_Sign, {case}"),
            length(token.sign_final(session)),
        );
        let session = initialized();
        token.sign_into(session, b"data", room);
        report.note(
            format!("C_SignFinal after C_Sign, {case}"),
            length(token.sign_final(session)),
        );
        report.note(
            format!("C_Sign after C_SignFinal after C_Sign, {case}"),
            length(token.sign(session, b"data")),
        );
    }
    let session = initialized();
    token.sign_final_into(session, None);
    report.note(
        "C_Sign after a question of C_SignFinal",
        length(token.sign(session, b"data")),
    );
}

/// The mechanisms that sign a digest are for one part only (PKCS #11 3.2, sections 6.1 and 6.3).
fn parts_of_a_digest(token: &Token, report: &mut Report) {
    let user = token.user_session();
    for (name, label, mechanism, data) in [
        (
            "CKM_RSA_PKCS",
            RSA,
            Mechanism::new(CKM_RSA_PKCS),
            SHA256.digest_info(b"message"),
        ),
        (
            "CKM_RSA_PKCS_PSS",
            RSA,
            SHA256.pss(CKM_RSA_PKCS_PSS),
            SHA256.digest(b"message"),
        ),
        (
            "CKM_ECDSA",
            EC,
            Mechanism::new(CKM_ECDSA),
            SHA256.digest(b"message"),
        ),
    ] {
        let key = private_key(token, user, label);
        let session = initialized(token, &mechanism, key);
        report.note(
            format!("{name}, C_SignUpdate"),
            token.sign_update(session, &data),
        );
        report.note(
            format!("{name}, C_SignFinal"),
            length(token.sign_final(session)),
        );
        let session = initialized(token, &mechanism, key);
        report.note(
            format!("{name}, C_SignFinal alone"),
            length(token.sign_final(session)),
        );
    }
}

fn arguments(token: &Token, report: &mut Report) {
    let session = token.user_session();
    let key = private_key(token, session, RSA);
    let none = ptr::null_mut();
    report.note(
        "C_SignInit without a mechanism",
        call!(token, C_SignInit(session, none, key)),
    );
    let initialized = || initialized(token, &Mechanism::new(CKM_SHA256_RSA_PKCS), key);
    let session = initialized();
    report.note(
        "C_SignInit without a mechanism while signing",
        call!(token, C_SignInit(session, ptr::null_mut(), key)),
    );
    report.note("C_Sign after it", length(token.sign(session, b"data")));

    let (mut data, mut buffer, mut room) = (*b"data", [0; 256], 256);
    let (data, buffer) = (data.as_mut_ptr(), buffer.as_mut_ptr());
    let session = initialized();
    report.note(
        "C_Sign, NULL of 4 bytes",
        call!(
            token,
            C_Sign(session, ptr::null_mut(), 4, buffer, &mut room)
        ),
    );
    report.note("C_Sign after NULL", length(token.sign(session, b"data")));
    let session = initialized();
    report.note(
        "C_Sign without a length",
        call!(token, C_Sign(session, data, 4, buffer, ptr::null_mut())),
    );
    report.note(
        "C_Sign after no length",
        length(token.sign(session, b"data")),
    );
    let session = initialized();
    report.note(
        "C_SignUpdate, NULL of 4 bytes",
        call!(token, C_SignUpdate(session, ptr::null_mut(), 4)),
    );
    report.note(
        "C_SignUpdate after NULL",
        token.sign_update(session, b"data"),
    );
    let session = initialized();
    token.sign_update(session, b"data");
    report.note(
        "C_SignFinal without a length",
        call!(token, C_SignFinal(session, buffer, ptr::null_mut())),
    );
    report.note(
        "C_SignFinal after no length",
        length(token.sign_final(session)),
    );
}

fn two_sessions(token: &Token, report: &mut Report) {
    let (first, second) = (token.user_session(), token.session());
    let rsa = private_key(token, first, RSA);
    let ec = private_key(token, second, EC);
    let (rsa_mechanism, ec_mechanism) = (
        Mechanism::new(CKM_SHA256_RSA_PKCS),
        Mechanism::new(CKM_ECDSA),
    );
    report.note(
        "first, C_SignInit",
        token.sign_init(first, &rsa_mechanism, rsa),
    );
    report.note(
        "second, C_SignInit",
        token.sign_init(second, &ec_mechanism, ec),
    );
    report.note("second, C_Sign", length(token.sign(second, &[0x5a; 32])));
    report.note("first, C_Sign", length(token.sign(first, b"data")));
}

/// Tools read CKA_ALWAYS_AUTHENTICATE between C_SignInit and C_Sign, and search.
fn searching_while_signing(token: &Token, report: &mut Report) {
    let session = token.user_session();
    let key = private_key(token, session, RSA);
    token.sign_init(session, &Mechanism::new(CKM_SHA256_RSA_PKCS), key);
    let attribute = token.attribute(session, key, CKA_ALWAYS_AUTHENTICATE);
    report.note("C_GetAttributeValue", format!("{attribute:?}"));
    report.note(
        "C_Login for the operation",
        token.login_as(session, CKU_CONTEXT_SPECIFIC, &token.pin),
    );
    report.note("C_FindObjectsInit", token.find_init(session, &[]));
    let found = token.find_next(session, 100);
    report.note("C_FindObjects", found.map_or(0, |found| found.len()));
    report.note("C_FindObjectsFinal", token.find_final(session));
    report.note("C_Sign", length(token.sign(session, b"data")));
    token.find_init(session, &[]);
    let init = token.sign_init(session, &Mechanism::new(CKM_SHA256_RSA_PKCS), key);
    report.note("C_SignInit while searching", init);
    report.note(
        "C_Sign while searching",
        length(token.sign(session, b"data")),
    );
}

fn closing(token: &Token, report: &mut Report) {
    let session = token.user_session();
    let key = private_key(token, session, RSA);
    token.sign_init(session, &Mechanism::new(CKM_SHA256_RSA_PKCS), key);
    report.note("C_CloseSession", token.close(session));
    let session = token.user_session();
    report.note(
        "C_Sign in a new session",
        length(token.sign(session, b"data")),
    );
}
