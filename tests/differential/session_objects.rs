//! Objects that a program creates, copies, changes and destroys.

use std::ptr;

use cryptoki_sys::*;

use crate::names::Rv;
use crate::report::{Report, Script};
use crate::token::{Token, boolean, call, ulong};
use crate::{EC_LABELS, RSA_LABELS};

type Template = Vec<(CK_ATTRIBUTE_TYPE, Vec<u8>)>;

pub const SCRIPTS: &[Script] = &[
    ("public keys", public_keys),
    ("certificates", certificates),
    ("other objects", others),
    ("token objects", token_objects),
    ("before login", before_login),
    ("the life of a session object", life),
    ("copies", copies),
    ("changes", changes),
    ("objects of the token", of_the_token),
];

/// Calls `function` with a template.
fn with<T>(template: &Template, function: impl FnOnce(*mut CK_ATTRIBUTE, CK_ULONG) -> T) -> T {
    let mut values: Vec<_> = template.iter().map(|(_, value)| value.clone()).collect();
    let mut attributes: Vec<_> = template
        .iter()
        .zip(&mut values)
        .map(|((id, _), value)| CK_ATTRIBUTE {
            type_: *id,
            pValue: value.as_mut_ptr().cast(),
            ulValueLen: value.len() as CK_ULONG,
        })
        .collect();
    function(attributes.as_mut_ptr(), template.len() as CK_ULONG)
}

fn create(token: &Token, session: CK_SESSION_HANDLE, template: &Template) -> (Rv, CK_ULONG) {
    let mut object = 0;
    let rv = with(template, |template, count| {
        call!(token, C_CreateObject(session, template, count, &mut object))
    });
    (rv, object)
}

/// Notes what becomes of a template, and destroys the object if one does.
fn created(
    token: &Token,
    session: CK_SESSION_HANDLE,
    report: &mut Report,
    rows: Vec<(&str, Template)>,
) {
    for (case, template) in rows {
        let (rv, object) = create(token, session, &template);
        report.note(case, rv);
        call!(token, C_DestroyObject(session, object));
    }
}

fn copy(
    token: &Token,
    session: CK_SESSION_HANDLE,
    object: CK_OBJECT_HANDLE,
    changes: &Template,
) -> (Rv, CK_OBJECT_HANDLE) {
    let mut new = 0;
    let rv = with(changes, |changes, count| {
        call!(
            token,
            C_CopyObject(session, object, changes, count, &mut new)
        )
    });
    (rv, new)
}

fn change(
    token: &Token,
    session: CK_SESSION_HANDLE,
    object: CK_OBJECT_HANDLE,
    changes: &Template,
) -> Rv {
    with(changes, |changes, count| {
        call!(token, C_SetAttributeValue(session, object, changes, count))
    })
}

/// An attribute of an object that both sides have.
fn of(
    token: &Token,
    session: CK_SESSION_HANDLE,
    class: CK_OBJECT_CLASS,
    label: &str,
    id: CK_ATTRIBUTE_TYPE,
) -> Vec<u8> {
    let object = token.object(session, class, label);
    token.attribute(session, object, id).unwrap()
}

fn rsa(token: &Token, session: CK_SESSION_HANDLE) -> Template {
    let public = |id| (id, of(token, session, CKO_PUBLIC_KEY, RSA_LABELS[0], id));
    vec![
        (CKA_CLASS, ulong(CKO_PUBLIC_KEY)),
        (CKA_KEY_TYPE, ulong(CKK_RSA)),
        public(CKA_MODULUS),
        public(CKA_PUBLIC_EXPONENT),
    ]
}

fn ec(token: &Token, session: CK_SESSION_HANDLE) -> Template {
    let public = |id| (id, of(token, session, CKO_PUBLIC_KEY, EC_LABELS[0], id));
    vec![
        (CKA_CLASS, ulong(CKO_PUBLIC_KEY)),
        (CKA_KEY_TYPE, ulong(CKK_EC)),
        public(CKA_EC_PARAMS),
        public(CKA_EC_POINT),
    ]
}

fn certificate(token: &Token, session: CK_SESSION_HANDLE) -> Template {
    let own = |id| (id, of(token, session, CKO_CERTIFICATE, RSA_LABELS[0], id));
    vec![
        (CKA_CLASS, ulong(CKO_CERTIFICATE)),
        (CKA_CERTIFICATE_TYPE, ulong(CKC_X_509)),
        own(CKA_SUBJECT),
        own(CKA_VALUE),
    ]
}

/// A template with one more attribute, or another value for one that it has.
fn and(template: &Template, id: CK_ATTRIBUTE_TYPE, value: impl Into<Vec<u8>>) -> Template {
    let mut template = without(template, id);
    template.push((id, value.into()));
    template
}

fn without(template: &Template, id: CK_ATTRIBUTE_TYPE) -> Template {
    template
        .iter()
        .filter(|(known, _)| *known != id)
        .cloned()
        .collect()
}

/// An EC key with another point: its form, and as many bytes of the coordinates in the other order.
fn with_point(template: &Template, form: &[u8], length: usize) -> Template {
    let point = template.iter().find(|(id, _)| *id == CKA_EC_POINT);
    let mut coordinates = point.unwrap().1[3..].to_vec();
    if length > 32 {
        coordinates.reverse();
    }
    let length = length as u8;
    let point = [&[4, length + 1], form, &coordinates[..length.into()]].concat();
    and(template, CKA_EC_POINT, point)
}

fn public_keys(token: &Token, report: &mut Report) {
    let session = token.user_session();
    let (rsa, ec) = (rsa(token, session), ec(token, session));
    let mut reversed = ec.clone();
    reversed.reverse();
    let mut two_classes = rsa.clone();
    two_classes.push((CKA_CLASS, ulong(CKO_CERTIFICATE)));
    let rows = vec![
        ("RSA", rsa.clone()),
        ("EC", ec.clone()),
        ("EC, the other way round", reversed),
        ("with a label", and(&rsa, CKA_LABEL, "mine")),
        ("with an empty label", and(&rsa, CKA_LABEL, "")),
        ("session object", and(&rsa, CKA_TOKEN, boolean(false))),
        ("that verifies", and(&ec, CKA_VERIFY, boolean(true))),
        ("that does not verify", and(&ec, CKA_VERIFY, boolean(false))),
        ("that encrypts", and(&rsa, CKA_ENCRYPT, boolean(true))),
        ("private", and(&rsa, CKA_PRIVATE, boolean(true))),
        ("with dates", and(&rsa, CKA_START_DATE, "20260101")),
        ("with an empty date", and(&rsa, CKA_START_DATE, "")),
        ("with half a date", and(&rsa, CKA_START_DATE, "2026")),
        ("without class", without(&rsa, CKA_CLASS)),
        ("without type", without(&rsa, CKA_KEY_TYPE)),
        ("without modulus", without(&rsa, CKA_MODULUS)),
        ("without exponent", without(&rsa, CKA_PUBLIC_EXPONENT)),
        ("without parameters", without(&ec, CKA_EC_PARAMS)),
        ("without point", without(&ec, CKA_EC_POINT)),
        ("with two classes", two_classes),
        (
            "with CKA_MODULUS_BITS",
            and(&rsa, CKA_MODULUS_BITS, ulong(2048)),
        ),
        ("with CKA_LOCAL", and(&rsa, CKA_LOCAL, boolean(true))),
        (
            "with CKA_KEY_GEN_MECHANISM",
            and(
                &rsa,
                CKA_KEY_GEN_MECHANISM,
                ulong(CKM_RSA_PKCS_KEY_PAIR_GEN),
            ),
        ),
        ("with CKA_UNIQUE_ID", and(&rsa, CKA_UNIQUE_ID, "mine")),
        ("trusted", and(&rsa, CKA_TRUSTED, boolean(true))),
        ("that signs", and(&rsa, CKA_SIGN, boolean(true))),
        (
            "with a private exponent",
            and(&rsa, CKA_PRIVATE_EXPONENT, [3]),
        ),
        (
            "with a certificate's issuer",
            and(&rsa, CKA_ISSUER, [0x30, 0]),
        ),
        (
            "with a vendor's attribute",
            and(&rsa, CKA_VENDOR_DEFINED | 1, [1]),
        ),
        ("with an unknown attribute", and(&rsa, 0x7000_0000, [1])),
        (
            "with a class of 4 bytes",
            and(&rsa, CKA_CLASS, [2, 0, 0, 0]),
        ),
        ("with a boolean of 2", and(&rsa, CKA_VERIFY, [2])),
        ("with a boolean of 8 bytes", and(&rsa, CKA_VERIFY, ulong(1))),
        ("with a boolean of no bytes", and(&rsa, CKA_VERIFY, [])),
        ("with a modulus of no bytes", and(&rsa, CKA_MODULUS, [])),
        (
            "with a point that is none",
            and(&ec, CKA_EC_POINT, [4, 2, 4, 1]),
        ),
        ("with a point of no bytes", and(&ec, CKA_EC_POINT, [])),
        (
            "on secp256k1",
            and(&ec, CKA_EC_PARAMS, [6, 5, 0x2b, 0x81, 4, 0, 10]),
        ),
        (
            "with parameters that are none",
            and(&ec, CKA_EC_PARAMS, [1]),
        ),
        (
            "with explicit parameters",
            and(&ec, CKA_EC_PARAMS, [0x30, 0]),
        ),
        (
            "with the name of a curve",
            and(&ec, CKA_EC_PARAMS, *b"\x13\x09secp256r1"),
        ),
        ("with a compressed point", with_point(&ec, &[2], 32)),
        ("with a compact point", with_point(&ec, &[5], 32)),
        ("with a point off the curve", with_point(&ec, &[4], 64)),
        ("of another type", and(&rsa, CKA_KEY_TYPE, ulong(CKK_AES))),
        ("of no type", and(&rsa, CKA_KEY_TYPE, ulong(0x7000_0000))),
        ("of the wrong type", and(&rsa, CKA_KEY_TYPE, ulong(CKK_EC))),
    ];
    created(token, session, report, rows);
}

fn certificates(token: &Token, report: &mut Report) {
    let session = token.user_session();
    let certificate = certificate(token, session);
    let rows = vec![
        ("X.509", certificate.clone()),
        ("with an ID", and(&certificate, CKA_ID, "mine")),
        (
            "with a serial number",
            and(&certificate, CKA_SERIAL_NUMBER, [2, 1, 1]),
        ),
        ("with an issuer", and(&certificate, CKA_ISSUER, [0x30, 0])),
        ("with CKA_URL", and(&certificate, CKA_URL, "")),
        (
            "of an authority",
            and(
                &certificate,
                CKA_CERTIFICATE_CATEGORY,
                ulong(CK_CERTIFICATE_CATEGORY_AUTHORITY),
            ),
        ),
        ("trusted", and(&certificate, CKA_TRUSTED, boolean(true))),
        (
            "not trusted",
            and(&certificate, CKA_TRUSTED, boolean(false)),
        ),
        ("without type", without(&certificate, CKA_CERTIFICATE_TYPE)),
        ("without subject", without(&certificate, CKA_SUBJECT)),
        ("without value", without(&certificate, CKA_VALUE)),
        (
            "with a value that is none",
            and(&certificate, CKA_VALUE, [0x30, 0]),
        ),
        (
            "with another subject",
            and(&certificate, CKA_SUBJECT, [0x30, 0]),
        ),
        (
            "with a wrong checksum",
            and(&certificate, CKA_CHECK_VALUE, [1, 2, 3]),
        ),
        ("with a modulus", and(&certificate, CKA_MODULUS, [1])),
        (
            "WTLS",
            and(&certificate, CKA_CERTIFICATE_TYPE, ulong(CKC_WTLS)),
        ),
        (
            "of no type",
            and(&certificate, CKA_CERTIFICATE_TYPE, ulong(99)),
        ),
    ];
    created(token, session, report, rows);
}

fn others(token: &Token, report: &mut Report) {
    let session = token.user_session();
    let class = |class| vec![(CKA_CLASS, ulong(class))];
    let rows = vec![
        ("nothing", vec![]),
        ("data", and(&class(CKO_DATA), CKA_VALUE, "data")),
        (
            "an AES key",
            vec![
                (CKA_CLASS, ulong(CKO_SECRET_KEY)),
                (CKA_KEY_TYPE, ulong(CKK_AES)),
                (CKA_VALUE, vec![7; 16]),
            ],
        ),
        (
            "a private key",
            vec![
                (CKA_CLASS, ulong(CKO_PRIVATE_KEY)),
                (CKA_KEY_TYPE, ulong(CKK_RSA)),
                (CKA_MODULUS, vec![7; 256]),
                (CKA_PUBLIC_EXPONENT, vec![1, 0, 1]),
                (CKA_PRIVATE_EXPONENT, vec![7; 256]),
            ],
        ),
        (
            "a private key with all its parts",
            [
                CKA_MODULUS,
                CKA_PUBLIC_EXPONENT,
                CKA_PRIVATE_EXPONENT,
                CKA_PRIME_1,
                CKA_PRIME_2,
                CKA_EXPONENT_1,
                CKA_EXPONENT_2,
                CKA_COEFFICIENT,
            ]
            .into_iter()
            .fold(
                and(&class(CKO_PRIVATE_KEY), CKA_KEY_TYPE, ulong(CKK_RSA)),
                |template, id| and(&template, id, [7; 128]),
            ),
        ),
        ("domain parameters", class(CKO_DOMAIN_PARAMETERS)),
        ("a hardware feature", class(CKO_HW_FEATURE)),
        ("a mechanism", class(CKO_MECHANISM)),
        (
            "a profile",
            and(&class(CKO_PROFILE), CKA_PROFILE_ID, ulong(1)),
        ),
        ("an unknown class", class(0x7000_0000)),
        ("a vendor's class", class(CKO_VENDOR_DEFINED | 1)),
    ];
    created(token, session, report, rows);
    let template = rsa(token, session);
    report.note("in no session", create(token, 9999, &template).0);
    let no_object = with(&template, |template, count| {
        call!(
            token,
            C_CreateObject(session, template, count, ptr::null_mut())
        )
    });
    report.note("nowhere", no_object);
    let mut object = 0;
    report.note(
        "NULL of 1",
        call!(
            token,
            C_CreateObject(session, ptr::null_mut(), 1, &mut object)
        ),
    );
}

fn token_objects(token: &Token, report: &mut Report) {
    let read_only = token.user_session();
    let template = and(&rsa(token, read_only), CKA_TOKEN, boolean(true));
    created(
        token,
        read_only,
        report,
        vec![("read-only", template.clone())],
    );
    let read_write = token
        .open(token.slot(), CKF_SERIAL_SESSION | CKF_RW_SESSION)
        .unwrap();
    created(token, read_write, report, vec![("read/write", template)]);
}

fn before_login(token: &Token, report: &mut Report) {
    let session = token.session();
    let template = rsa(token, session);
    let rows = vec![
        ("public", and(&template, CKA_PRIVATE, boolean(false))),
        ("private", and(&template, CKA_PRIVATE, boolean(true))),
    ];
    created(token, session, report, rows);
}

fn life(token: &Token, report: &mut Report) {
    let (session, other) = (token.user_session(), token.session());
    let mine = [(CKA_LABEL, b"mine".to_vec())];
    let count = |session| token.find(session, &mine).unwrap().len();
    let template = and(&rsa(token, session), CKA_LABEL, "mine");
    let (_, object) = create(token, session, &template);
    report.note("seen by its session", count(session));
    report.note("seen by another", count(other));
    let in_session = [(CKA_TOKEN, boolean(false)), (CKA_LABEL, b"mine".to_vec())];
    report.note(
        "as a session object",
        token.find(other, &in_session).unwrap() == [object],
    );
    for (name, id) in [
        ("CKA_CLASS", CKA_CLASS),
        ("CKA_TOKEN", CKA_TOKEN),
        ("CKA_PRIVATE", CKA_PRIVATE),
        ("CKA_MODIFIABLE", CKA_MODIFIABLE),
        ("CKA_COPYABLE", CKA_COPYABLE),
        ("CKA_DESTROYABLE", CKA_DESTROYABLE),
        ("CKA_LABEL", CKA_LABEL),
        ("CKA_ID", CKA_ID),
        ("CKA_SUBJECT", CKA_SUBJECT),
        ("CKA_START_DATE", CKA_START_DATE),
        ("CKA_LOCAL", CKA_LOCAL),
        ("CKA_KEY_GEN_MECHANISM", CKA_KEY_GEN_MECHANISM),
        ("CKA_MODULUS", CKA_MODULUS),
        ("CKA_MODULUS_BITS", CKA_MODULUS_BITS),
        ("CKA_VERIFY", CKA_VERIFY),
    ] {
        let value = token.attribute(session, object, id);
        report.fetched(name, value, |value| format!("{value:02x?}"));
    }
    report.note("closed", token.close(other));
    report.note("after another was closed", count(session));
    let public = and(&template, CKA_PRIVATE, boolean(false));
    create(token, session, &public);
    create(token, session, &and(&template, CKA_PRIVATE, boolean(true)));
    let other = token.session();
    token.logout(session);
    report.note(
        "private ones after logout",
        token
            .find(
                other,
                &[(CKA_LABEL, b"mine".to_vec()), (CKA_PRIVATE, boolean(true))],
            )
            .unwrap()
            .len(),
    );
    token.close(session);
    report.note("after its session was closed", count(other));
    let label = token.attribute(other, object, CKA_LABEL).map(|_| ());
    report.note("its handle", format!("{label:?}"));
}

fn copies(token: &Token, report: &mut Report) {
    let session = token.user_session();
    let template = and(&rsa(token, session), CKA_LABEL, "mine");
    let (_, object) = create(token, session, &template);
    for (case, changes) in [
        ("as it is", vec![]),
        ("with a label", vec![(CKA_LABEL, b"copy".to_vec())]),
        ("that does not verify", vec![(CKA_VERIFY, boolean(false))]),
        ("private", vec![(CKA_PRIVATE, boolean(true))]),
        ("on the token", vec![(CKA_TOKEN, boolean(true))]),
        (
            "of another class",
            vec![(CKA_CLASS, ulong(CKO_CERTIFICATE))],
        ),
        ("with a modulus", vec![(CKA_MODULUS, vec![7; 256])]),
        ("with an issuer", vec![(CKA_ISSUER, vec![0x30, 0])]),
    ] {
        let (rv, new) = copy(token, session, object, &changes);
        report.note(case, rv);
        if rv.0 == CKR_OK {
            let label = token.attribute(session, new, CKA_LABEL);
            report.fetched(format!("{case}, its label"), label, |label| {
                String::from_utf8_lossy(label).into_owned()
            });
        }
    }
    let (_, fixed) = create(
        token,
        session,
        &and(&template, CKA_COPYABLE, boolean(false)),
    );
    report.note(
        "one that is not copyable",
        copy(token, session, fixed, &vec![]).0,
    );
    report.note("no object", copy(token, session, 9999, &vec![]).0);
}

fn changes(token: &Token, report: &mut Report) {
    let session = token.user_session();
    let template = and(&rsa(token, session), CKA_LABEL, "mine");
    let (_, object) = create(token, session, &template);
    for (case, changes) in [
        ("label", vec![(CKA_LABEL, b"other".to_vec())]),
        ("ID", vec![(CKA_ID, b"other".to_vec())]),
        ("verify", vec![(CKA_VERIFY, boolean(false))]),
        ("class", vec![(CKA_CLASS, ulong(CKO_CERTIFICATE))]),
        ("token", vec![(CKA_TOKEN, boolean(true))]),
        ("modulus", vec![(CKA_MODULUS, vec![7; 256])]),
        ("a boolean of 3", vec![(CKA_VERIFY, vec![3])]),
        ("an issuer", vec![(CKA_ISSUER, vec![0x30, 0])]),
        ("unique ID", vec![(CKA_UNIQUE_ID, b"x".to_vec())]),
        ("an unknown attribute", vec![(0x7000_0000, vec![1])]),
    ] {
        report.note(case, change(token, session, object, &changes));
    }
    let label = token.attribute(session, object, CKA_LABEL).unwrap();
    report.note("the label", String::from_utf8_lossy(&label));
    let fixed = and(&template, CKA_MODIFIABLE, boolean(false));
    let (_, fixed) = create(token, session, &fixed);
    let label = vec![(CKA_LABEL, b"other".to_vec())];
    report.note(
        "one that is not modifiable",
        change(token, session, fixed, &label),
    );
    report.note("no object", change(token, session, 9999, &label));
    let kept = and(&template, CKA_DESTROYABLE, boolean(false));
    let (_, kept) = create(token, session, &kept);
    report.note(
        "destroy one that is kept",
        call!(token, C_DestroyObject(session, kept)),
    );
    report.note("destroy", call!(token, C_DestroyObject(session, object)));
    report.note(
        "destroy again",
        call!(token, C_DestroyObject(session, object)),
    );
}

fn of_the_token(token: &Token, report: &mut Report) {
    let session = token.user_session();
    let certificate = token.object(session, CKO_CERTIFICATE, RSA_LABELS[0]);
    let key = token.object(session, CKO_PRIVATE_KEY, RSA_LABELS[0]);
    let label = vec![(CKA_LABEL, b"other".to_vec())];
    for (name, object) in [("certificate", certificate), ("private key", key)] {
        report.note(
            format!("change the {name}"),
            change(token, session, object, &label),
        );
        report.note(
            format!("destroy the {name}"),
            call!(token, C_DestroyObject(session, object)),
        );
    }
    let in_session = vec![(CKA_TOKEN, boolean(false))];
    report.note(
        "copy the private key",
        copy(token, session, key, &in_session).0,
    );
    report.note(
        "copy the certificate",
        copy(token, session, certificate, &in_session).0,
    );
    let found = token.find(
        session,
        &[
            (CKA_CLASS, ulong(CKO_CERTIFICATE)),
            (CKA_TOKEN, boolean(true)),
        ],
    );
    report.fetched("nothing has changed", found, |found| {
        found.len().to_string()
    });
}
