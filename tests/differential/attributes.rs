//! C_GetAttributeValue.

use std::ptr;

use cryptoki_sys::*;

use crate::report::{Report, Script, shown};
use crate::token::{Token, call};
use crate::{EC_LABELS, RSA_LABELS};

pub const SCRIPTS: &[Script] = &[
    ("certificate", certificates),
    ("public key", public_keys),
    ("private key", private_keys),
    ("before login", before_login),
    ("sizes", sizes),
    ("mixed templates", mixed),
    ("arguments", arguments),
    ("size of an object", object_size),
];

macro_rules! attributes {
    ($($name:ident)*) => { &[$(($name, stringify!($name))),*] };
}

/// What signing tools ask for, and what else the standard gives to the three classes.
const ATTRIBUTES: &[(CK_ATTRIBUTE_TYPE, &str)] = attributes![
    CKA_CLASS CKA_TOKEN CKA_PRIVATE CKA_LABEL CKA_UNIQUE_ID CKA_APPLICATION CKA_VALUE CKA_OBJECT_ID
    CKA_CERTIFICATE_TYPE CKA_ISSUER CKA_SERIAL_NUMBER CKA_OWNER CKA_ATTR_TYPES CKA_TRUSTED
    CKA_CERTIFICATE_CATEGORY CKA_JAVA_MIDP_SECURITY_DOMAIN CKA_URL CKA_HASH_OF_SUBJECT_PUBLIC_KEY
    CKA_HASH_OF_ISSUER_PUBLIC_KEY CKA_NAME_HASH_ALGORITHM CKA_CHECK_VALUE CKA_KEY_TYPE CKA_SUBJECT
    CKA_ID CKA_SENSITIVE CKA_ENCRYPT CKA_DECRYPT CKA_WRAP CKA_UNWRAP CKA_SIGN CKA_SIGN_RECOVER
    CKA_VERIFY CKA_VERIFY_RECOVER CKA_DERIVE CKA_START_DATE CKA_END_DATE CKA_MODULUS CKA_MODULUS_BITS
    CKA_PUBLIC_EXPONENT CKA_PRIVATE_EXPONENT CKA_PRIME_1 CKA_PRIME_2 CKA_EXPONENT_1 CKA_EXPONENT_2
    CKA_COEFFICIENT CKA_PUBLIC_KEY_INFO CKA_VALUE_LEN CKA_EXTRACTABLE CKA_LOCAL CKA_NEVER_EXTRACTABLE
    CKA_ALWAYS_SENSITIVE CKA_KEY_GEN_MECHANISM CKA_MODIFIABLE CKA_COPYABLE CKA_DESTROYABLE
    CKA_EC_PARAMS CKA_EC_POINT CKA_ALWAYS_AUTHENTICATE CKA_WRAP_WITH_TRUSTED CKA_WRAP_TEMPLATE
    CKA_UNWRAP_TEMPLATE CKA_DERIVE_TEMPLATE CKA_ALLOWED_MECHANISMS CKA_VENDOR_DEFINED
];

fn certificates(token: &Token, report: &mut Report) {
    all(token, token.user_session(), CKO_CERTIFICATE, report);
}

fn public_keys(token: &Token, report: &mut Report) {
    all(token, token.user_session(), CKO_PUBLIC_KEY, report);
}

fn private_keys(token: &Token, report: &mut Report) {
    all(token, token.user_session(), CKO_PRIVATE_KEY, report);
}

/// Every attribute of every key, by a question for its size and a buffer of that size.
fn all(token: &Token, session: CK_SESSION_HANDLE, class: CK_OBJECT_CLASS, report: &mut Report) {
    for label in RSA_LABELS.into_iter().chain(EC_LABELS) {
        let object = token.object(session, class, label);
        for (id, name) in ATTRIBUTES {
            let value = token.attribute(session, object, *id);
            report.fetched(format!("{label} {name}"), value, |value| shown(value));
        }
    }
}

fn before_login(token: &Token, report: &mut Report) {
    let session = token.session();
    for class in [CKO_CERTIFICATE, CKO_PUBLIC_KEY] {
        let object = token.object(session, class, EC_LABELS[0]);
        let value = token.attribute(session, object, CKA_ID);
        report.fetched(format!("CKA_ID of class {class}"), value, |value| {
            shown(value)
        });
    }
}

/// What comes back for buffers of other sizes: the length, and whether the buffer was left alone.
fn sizes(token: &Token, report: &mut Report) {
    let session = token.user_session();
    for (name, class, label, id) in [
        ("CKA_LABEL", CKO_CERTIFICATE, RSA_LABELS[0], CKA_LABEL),
        ("CKA_VALUE", CKO_CERTIFICATE, RSA_LABELS[0], CKA_VALUE),
        ("CKA_CLASS", CKO_PRIVATE_KEY, RSA_LABELS[0], CKA_CLASS),
        ("CKA_SIGN", CKO_PRIVATE_KEY, RSA_LABELS[0], CKA_SIGN),
        ("CKA_MODULUS", CKO_PRIVATE_KEY, RSA_LABELS[2], CKA_MODULUS),
        (
            "CKA_PRIVATE_EXPONENT",
            CKO_PRIVATE_KEY,
            RSA_LABELS[0],
            CKA_PRIVATE_EXPONENT,
        ),
        (
            "CKA_VALUE of an EC key",
            CKO_PRIVATE_KEY,
            EC_LABELS[0],
            CKA_VALUE,
        ),
        ("CKA_EC_POINT", CKO_PUBLIC_KEY, EC_LABELS[1], CKA_EC_POINT),
        ("CKA_URL", CKO_CERTIFICATE, RSA_LABELS[0], CKA_URL),
        (
            "a vendor's attribute",
            CKO_PUBLIC_KEY,
            EC_LABELS[1],
            CKA_VENDOR_DEFINED,
        ),
    ] {
        let object = token.object(session, class, label);
        let (_, asked) = token.attributes_into(session, object, &[(id, None)]);
        let exact = match asked[0].0 {
            CK_UNAVAILABLE_INFORMATION => 32,
            length => length as usize,
        };
        for (size, room) in [
            ("NULL", None),
            ("no bytes", Some(0)),
            ("a byte too few", Some(exact.saturating_sub(1))),
            ("exact", Some(exact)),
            ("a byte more", Some(exact + 1)),
        ] {
            let (rv, read) = token.attributes_into(session, object, &[(id, room)]);
            let (length, buffer) = &read[0];
            let untouched = buffer.iter().all(|byte| *byte == 0);
            let written = if untouched {
                "nothing written"
            } else {
                "written"
            };
            let outcome = format!("{rv}, {}, {written}", length_shown(*length));
            report.note(format!("{name}, {size}"), outcome);
        }
    }
}

fn length_shown(length: CK_ULONG) -> String {
    match length {
        CK_UNAVAILABLE_INFORMATION => "CK_UNAVAILABLE_INFORMATION".to_owned(),
        length => format!("length {length}"),
    }
}

/// One entry that fails leaves the others as they would be alone (PKCS #11 3.2, section 5.7.5).
fn mixed(token: &Token, report: &mut Report) {
    let session = token.user_session();
    let rsa = token.object(session, CKO_PRIVATE_KEY, RSA_LABELS[0]);
    let ec = token.object(session, CKO_PRIVATE_KEY, EC_LABELS[0]);
    let certificate = token.object(session, CKO_CERTIFICATE, RSA_LABELS[0]);
    const UNKNOWN: CK_ATTRIBUTE_TYPE = CKA_VENDOR_DEFINED;
    let mut note = |case: &str, object, wanted: &[(CK_ATTRIBUTE_TYPE, Option<usize>)]| {
        let (rv, read) = token.attributes_into(session, object, wanted);
        let entries: Vec<_> = read
            .iter()
            .zip(wanted)
            .map(|((length, buffer), (_, room))| match (length, room) {
                (&CK_UNAVAILABLE_INFORMATION, _) | (_, None) => length_shown(*length),
                _ => shown(&buffer[..*length as usize]),
            })
            .collect();
        report.note(case, format!("{rv}: {}", entries.join("; ")));
    };
    let room = Some(256);
    note("none", rsa, &[]);
    note(
        "known",
        rsa,
        &[(CKA_CLASS, room), (CKA_ID, room), (CKA_KEY_TYPE, room)],
    );
    note("one twice", rsa, &[(CKA_ID, room), (CKA_ID, room)]);
    note(
        "sizes and values",
        rsa,
        &[(CKA_ID, None), (CKA_ID, room), (CKA_MODULUS, None)],
    );
    note("unknown first", rsa, &[(UNKNOWN, room), (CKA_ID, room)]);
    note(
        "unknown between",
        rsa,
        &[(CKA_ID, room), (UNKNOWN, room), (CKA_LABEL, room)],
    );
    note("unknown last", rsa, &[(CKA_ID, room), (UNKNOWN, room)]);
    note(
        "sensitive",
        rsa,
        &[
            (CKA_ID, room),
            (CKA_PRIVATE_EXPONENT, room),
            (CKA_LABEL, room),
        ],
    );
    note("too small", rsa, &[(CKA_ID, Some(3)), (CKA_LABEL, room)]);
    note(
        "sensitive and too small",
        rsa,
        &[(CKA_PRIVATE_EXPONENT, room), (CKA_ID, Some(3))],
    );
    note(
        "too small and sensitive",
        rsa,
        &[(CKA_ID, Some(3)), (CKA_PRIVATE_EXPONENT, room)],
    );
    note(
        "unknown and sensitive",
        rsa,
        &[(UNKNOWN, room), (CKA_PRIVATE_EXPONENT, room)],
    );
    note(
        "sensitive and unknown",
        rsa,
        &[(CKA_PRIVATE_EXPONENT, room), (UNKNOWN, room)],
    );
    note(
        "as pkcs11-provider asks of an EC key",
        ec,
        &[
            (CKA_EC_PARAMS, room),
            (CKA_EC_POINT, room),
            (CKA_ALWAYS_AUTHENTICATE, room),
            (CKA_ID, room),
            (CKA_LABEL, room),
        ],
    );
    note(
        "as Java asks",
        rsa,
        &[
            (CKA_TOKEN, room),
            (CKA_SENSITIVE, room),
            (CKA_EXTRACTABLE, room),
        ],
    );
    note(
        "key type of a certificate",
        certificate,
        &[(CKA_KEY_TYPE, room), (CKA_ID, room)],
    );
    note(
        "as python-pkcs11 asks",
        rsa,
        &[
            (CKA_ENCRYPT, Some(1)),
            (CKA_DECRYPT, Some(1)),
            (CKA_SIGN, Some(1)),
            (CKA_VERIFY, Some(1)),
            (CKA_WRAP, Some(1)),
            (CKA_UNWRAP, Some(1)),
            (CKA_DERIVE, Some(1)),
        ],
    );
}

fn arguments(token: &Token, report: &mut Report) {
    let session = token.user_session();
    let object = token.object(session, CKO_PRIVATE_KEY, RSA_LABELS[0]);
    let null = |object, count| {
        call!(
            token,
            C_GetAttributeValue(session, object, ptr::null_mut(), count)
        )
    };
    report.note("NULL of 1 attribute", null(object, 1));
    report.note("NULL of no attributes", null(object, 0));
    for (case, object) in [
        ("CK_INVALID_HANDLE", CK_INVALID_HANDLE),
        ("no object", 0x7fff_fff0),
    ] {
        let (rv, _) = token.attributes_into(session, object, &[(CKA_ID, Some(16))]);
        report.note(case, rv);
        report.note(format!("{case}, NULL"), null(object, 1));
    }
}

fn object_size(token: &Token, report: &mut Report) {
    let session = token.user_session();
    let object = token.object(session, CKO_CERTIFICATE, RSA_LABELS[0]);
    let mut size = 0;
    report.note(
        "of a certificate",
        call!(token, C_GetObjectSize(session, object, &mut size)),
    );
    report.note("without a place", {
        call!(token, C_GetObjectSize(session, object, ptr::null_mut()))
    });
    report.note(
        "of no object",
        call!(token, C_GetObjectSize(session, 0x7fff_fff0, &mut size)),
    );
}
