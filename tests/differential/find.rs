//! C_FindObjects.

use std::ptr;

use cryptoki_sys::*;

use crate::report::{Report, Script, shown};
use crate::token::{Token, boolean, call, ulong};
use crate::{EC_LABELS, RSA_LABELS};

pub const SCRIPTS: &[Script] = &[
    ("before login", before_login),
    ("after login", after_login),
    ("in a read/write session", read_write),
    ("by values of the certificate", by_certificate),
    ("by values of the key", by_key),
    ("batches", batches),
    ("order of calls", order),
    ("arguments", arguments),
    ("during a search", during),
];

const VENDOR_ATTRIBUTE: CK_ATTRIBUTE_TYPE = CKA_VENDOR_DEFINED | 0x1234;

type Template = Vec<(CK_ATTRIBUTE_TYPE, Vec<u8>)>;

/// What is found: class and label of each object, in one order for both sides.
fn found(
    token: &Token,
    session: CK_SESSION_HANDLE,
    report: &mut Report,
    case: &str,
    template: &[(CK_ATTRIBUTE_TYPE, Vec<u8>)],
) {
    let objects = token.find(session, template);
    report.fetched(case, objects, |objects| described(token, session, objects));
}

fn described(token: &Token, session: CK_SESSION_HANDLE, objects: &[CK_OBJECT_HANDLE]) -> String {
    let class = |object| token.attribute(session, object, CKA_CLASS).unwrap();
    let mut names: Vec<_> = objects
        .iter()
        // SoftHSM has no profile objects.
        .filter(|object| class(**object) != ulong(CKO_PROFILE))
        .map(|object| {
            let class = [CKO_CERTIFICATE, CKO_PUBLIC_KEY, CKO_PRIVATE_KEY]
                .iter()
                .zip(["certificate", "public key", "private key"])
                .find(|(known, _)| ulong(**known) == class(*object));
            let label = token.attribute(session, *object, CKA_LABEL).unwrap();
            format!("{} {}", class.unwrap().1, shown(&label))
        })
        .collect();
    names.sort();
    match &names[..] {
        [] => "none".to_owned(),
        _ => names.join(", "),
    }
}

fn before_login(token: &Token, report: &mut Report) {
    templates(token, token.session(), report);
}

fn after_login(token: &Token, report: &mut Report) {
    templates(token, token.user_session(), report);
}

fn read_write(token: &Token, report: &mut Report) {
    let session = token
        .open(token.slot(), CKF_SERIAL_SESSION | CKF_RW_SESSION)
        .unwrap();
    found(token, session, report, "before login", &[]);
    token.login(session);
    found(token, session, report, "after login", &[]);
}

fn templates(token: &Token, session: CK_SESSION_HANDLE, report: &mut Report) {
    let rsa = RSA_LABELS[0];
    let class = |class| (CKA_CLASS, ulong(class));
    let id = |label: &str| (CKA_ID, label.into());
    let label = |label: &str| (CKA_LABEL, label.into());
    let token_object = |value| (CKA_TOKEN, boolean(value));
    let rows: Vec<(&str, Template)> = vec![
        ("all", vec![]),
        ("certificates", vec![class(CKO_CERTIFICATE)]),
        ("public keys", vec![class(CKO_PUBLIC_KEY)]),
        ("private keys", vec![class(CKO_PRIVATE_KEY)]),
        ("secret keys", vec![class(CKO_SECRET_KEY)]),
        ("data", vec![class(CKO_DATA)]),
        ("hardware features", vec![class(CKO_HW_FEATURE)]),
        ("domain parameters", vec![class(CKO_DOMAIN_PARAMETERS)]),
        ("mechanisms", vec![class(CKO_MECHANISM)]),
        ("profiles", vec![class(CKO_PROFILE)]),
        (
            "a vendor's class",
            vec![class(CKO_VENDOR_DEFINED | 0x4e53_4350)],
        ),
        ("id", vec![id(rsa)]),
        ("label", vec![label(rsa)]),
        ("id and label", vec![id(rsa), label(rsa)]),
        ("label and id", vec![label(rsa), id(rsa)]),
        (
            "id of one and label of another",
            vec![id(rsa), label(EC_LABELS[0])],
        ),
        ("part of an id", vec![id("demo/rsa")]),
        ("empty id", vec![id("")]),
        ("unknown label", vec![label("demo/none")]),
        ("class and id", vec![class(CKO_PRIVATE_KEY), id(rsa)]),
        (
            "class, id and sign",
            vec![class(CKO_PRIVATE_KEY), id(rsa), (CKA_SIGN, boolean(true))],
        ),
        ("sign", vec![(CKA_SIGN, boolean(true))]),
        ("no sign", vec![(CKA_SIGN, boolean(false))]),
        ("verify", vec![(CKA_VERIFY, boolean(true))]),
        ("token", vec![token_object(true)]),
        (
            "token and class",
            vec![token_object(true), class(CKO_CERTIFICATE)],
        ),
        ("session objects", vec![token_object(false)]),
        ("private", vec![(CKA_PRIVATE, boolean(true))]),
        ("public", vec![(CKA_PRIVATE, boolean(false))]),
        ("RSA keys", vec![(CKA_KEY_TYPE, ulong(CKK_RSA))]),
        ("EC keys", vec![(CKA_KEY_TYPE, ulong(CKK_EC))]),
        ("AES keys", vec![(CKA_KEY_TYPE, ulong(CKK_AES))]),
        (
            "X.509 certificates",
            vec![(CKA_CERTIFICATE_TYPE, ulong(CKC_X_509))],
        ),
        (
            "WTLS certificates",
            vec![(CKA_CERTIFICATE_TYPE, ulong(CKC_WTLS))],
        ),
        (
            "vendor's attribute",
            vec![(VENDOR_ATTRIBUTE, b"x".to_vec())],
        ),
        ("empty vendor's attribute", vec![(VENDOR_ATTRIBUTE, vec![])]),
        (
            "the same attribute twice",
            vec![class(CKO_CERTIFICATE), class(CKO_CERTIFICATE)],
        ),
        (
            "two classes",
            vec![class(CKO_CERTIFICATE), class(CKO_PUBLIC_KEY)],
        ),
        (
            "class in 4 bytes",
            vec![(CKA_CLASS, 1_u32.to_ne_bytes().to_vec())],
        ),
        ("sensitive", vec![(CKA_SENSITIVE, boolean(true))]),
        ("extractable", vec![(CKA_EXTRACTABLE, boolean(true))]),
        (
            "curve P-256",
            vec![(CKA_EC_PARAMS, hex("06082a8648ce3d030107"))],
        ),
        ("exponent 65537", vec![(CKA_PUBLIC_EXPONENT, vec![1, 0, 1])]),
        ("modulus bits", vec![(CKA_MODULUS_BITS, ulong(3072))]),
        ("trusted", vec![(CKA_TRUSTED, boolean(true))]),
    ];
    for (case, template) in rows {
        found(token, session, report, case, &template);
    }
}

fn by_certificate(token: &Token, report: &mut Report) {
    let session = token.session();
    let certificate = token.object(session, CKO_CERTIFICATE, EC_LABELS[1]);
    let value = |id| token.attribute(session, certificate, id).unwrap();
    let class = (CKA_CLASS, ulong(CKO_CERTIFICATE));
    for (case, ids) in [
        ("CKA_SUBJECT", vec![CKA_SUBJECT]),
        ("CKA_ISSUER", vec![CKA_ISSUER]),
        ("CKA_VALUE", vec![CKA_VALUE]),
        (
            "CKA_ISSUER and CKA_SERIAL_NUMBER",
            vec![CKA_ISSUER, CKA_SERIAL_NUMBER],
        ),
        (
            "all that NSS asks",
            vec![
                CKA_CERTIFICATE_TYPE,
                CKA_ID,
                CKA_VALUE,
                CKA_ISSUER,
                CKA_SERIAL_NUMBER,
                CKA_SUBJECT,
            ],
        ),
    ] {
        let mut template: Template = ids.iter().map(|id| (*id, value(*id))).collect();
        template.push(class.clone());
        found(token, session, report, case, &template);
        template[0].1.pop();
        found(
            token,
            session,
            report,
            &format!("{case}, cut short"),
            &template,
        );
    }
    let bare = value(CKA_SERIAL_NUMBER)[2..].to_vec();
    found(
        token,
        session,
        report,
        "bare serial number",
        &[(CKA_SERIAL_NUMBER, bare)],
    );
    let issuer_as_subject = (CKA_SUBJECT, value(CKA_ISSUER));
    found(
        token,
        session,
        report,
        "certificate of the issuer",
        &[class, issuer_as_subject],
    );
}

fn by_key(token: &Token, report: &mut Report) {
    let session = token.user_session();
    let rsa = token.object(session, CKO_PUBLIC_KEY, RSA_LABELS[1]);
    let modulus = token.attribute(session, rsa, CKA_MODULUS).unwrap();
    found(
        token,
        session,
        report,
        "CKA_MODULUS",
        &[(CKA_MODULUS, modulus)],
    );
    let ec = token.object(session, CKO_PUBLIC_KEY, EC_LABELS[2]);
    let point = token.attribute(session, ec, CKA_EC_POINT).unwrap();
    found(
        token,
        session,
        report,
        "CKA_EC_POINT",
        &[(CKA_EC_POINT, point)],
    );
}

/// Sizes of the answers until there are no more, and that nothing comes twice.
fn batches(token: &Token, report: &mut Report) {
    let session = token.user_session();
    for limit in [1, 2, 4, 5, 6, 100] {
        token.find_init(session, &[(CKA_CLASS, ulong(CKO_CERTIFICATE))]);
        let mut sizes = Vec::new();
        let mut objects = Vec::new();
        while sizes.last() != Some(&0) {
            let batch = token.find_next(session, limit).unwrap();
            sizes.push(batch.len());
            objects.extend(batch);
        }
        report.note(format!("of {limit}"), format!("{sizes:?}"));
        objects.sort_unstable();
        objects.dedup();
        report.note(format!("of {limit}, different objects"), objects.len());
        let after = token.find_next(session, limit);
        report.fetched(format!("of {limit}, after the end"), after, |found| {
            found.len().to_string()
        });
        report.note(
            format!("of {limit}, C_FindObjectsFinal"),
            token.find_final(session),
        );
    }
}

fn order(token: &Token, report: &mut Report) {
    let session = token.session();
    let next = || token.find_next(session, 1).map(|found| found.len());
    report.note(
        "C_FindObjects without C_FindObjectsInit",
        format!("{:?}", next()),
    );
    report.note(
        "C_FindObjectsFinal without C_FindObjectsInit",
        token.find_final(session),
    );
    report.note("C_FindObjectsInit", token.find_init(session, &[]));
    report.note("C_FindObjectsInit, twice", token.find_init(session, &[]));
    report.note("the first search goes on", format!("{:?}", next()));
    let other = token.session();
    report.note(
        "C_FindObjectsInit in another session",
        token.find_init(other, &[]),
    );
    report.note("C_FindObjectsFinal", token.find_final(session));
    report.note("C_FindObjectsFinal, twice", token.find_final(session));
    report.note(
        "C_FindObjects after C_FindObjectsFinal",
        format!("{:?}", next()),
    );
    report.note(
        "C_FindObjectsFinal in another session",
        token.find_final(other),
    );
}

fn arguments(token: &Token, report: &mut Report) {
    let session = token.session();
    report.note(
        "C_FindObjectsInit, NULL of 1 attribute",
        call!(token, C_FindObjectsInit(session, ptr::null_mut(), 1)),
    );
    report.note("C_FindObjectsFinal after it", token.find_final(session));
    report.note(
        "C_FindObjectsInit, NULL of no attributes",
        call!(token, C_FindObjectsInit(session, ptr::null_mut(), 0)),
    );
    let (mut object, mut count) = (0, 0);
    report.note(
        "C_FindObjects without a place for objects",
        call!(
            token,
            C_FindObjects(session, ptr::null_mut(), 1, &mut count)
        ),
    );
    report.note(
        "C_FindObjects without a place for the count",
        call!(
            token,
            C_FindObjects(session, &mut object, 1, ptr::null_mut())
        ),
    );
    report.note(
        "C_FindObjects, none wanted",
        call!(token, C_FindObjects(session, &mut object, 0, &mut count)),
    );
    report.note("C_FindObjectsFinal", token.find_final(session));
}

/// Attributes can be read and keys used while a search is active.
fn during(token: &Token, report: &mut Report) {
    let session = token.user_session();
    token.find_init(session, &[(CKA_CLASS, ulong(CKO_PRIVATE_KEY))]);
    let key = token.find_next(session, 1).unwrap()[0];
    let class = token.attribute(session, key, CKA_CLASS);
    report.fetched("C_GetAttributeValue", class, |class| shown(class));
    let rest = token.find_next(session, 100);
    report.fetched("the search goes on", rest, |rest| rest.len().to_string());
    report.note("C_FindObjectsFinal", token.find_final(session));
}

fn hex(digits: &str) -> Vec<u8> {
    (0..digits.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap())
        .collect()
}
