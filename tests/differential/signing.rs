//! What is refused: keys, mechanisms, parameters and data.

use std::ptr;

use cryptoki_sys::*;

use crate::names::{Rv, mechanism_name};
use crate::report::{Report, Script};
use crate::token::{Answer, Mechanism, Token, call};
use crate::verification::{SHA1, SHA256, SHA384};
use crate::{EC_LABELS, RSA_LABELS};

pub const SCRIPTS: &[Script] = &[
    ("keys", keys),
    ("mechanisms", mechanisms),
    ("parameters", parameters),
    ("before login", before_login),
    ("data for CKM_RSA_PKCS", data_for_rsa_pkcs),
    ("data for CKM_RSA_PKCS_PSS", data_for_pss),
    ("data for CKM_ECDSA", data_for_ecdsa),
];

/// The keys that stand for their kind.
pub const RSA: &str = RSA_LABELS[0];
pub const EC: &str = EC_LABELS[0];
const NO_OBJECT: CK_OBJECT_HANDLE = 0x7fff_fff0;

/// The private key of a label.
pub fn private_key(token: &Token, session: CK_SESSION_HANDLE, label: &str) -> CK_OBJECT_HANDLE {
    token.object(session, CKO_PRIVATE_KEY, label)
}

/// The end of a signature as far as both sides can agree on it: its length.
pub fn length(signature: Answer<Vec<u8>>) -> String {
    match signature {
        Ok(signature) => format!("CKR_OK, {} bytes", signature.len()),
        Err(rv) => rv.to_string(),
    }
}

/// Notes C_SignInit, in a session of its own.
fn note_init(
    token: &Token,
    report: &mut Report,
    case: &str,
    mechanism: &Mechanism,
    key: CK_OBJECT_HANDLE,
) {
    let session = token.session();
    report.note(case, token.sign_init(session, mechanism, key));
    token.close(session);
}

/// A session of its own, in which a signature has been initialized.
pub fn initialized(
    token: &Token,
    mechanism: &Mechanism,
    key: CK_OBJECT_HANDLE,
) -> CK_SESSION_HANDLE {
    let session = token.session();
    assert_eq!(token.sign_init(session, mechanism, key), Rv(CKR_OK));
    session
}

fn keys(token: &Token, report: &mut Report) {
    let session = token.user_session();
    let rsa = Mechanism::new(CKM_SHA256_RSA_PKCS);
    for (case, class) in [
        ("public key", CKO_PUBLIC_KEY),
        ("certificate", CKO_CERTIFICATE),
    ] {
        let object = token.object(session, class, RSA);
        note_init(token, report, case, &rsa, object);
    }
    note_init(token, report, "no object", &rsa, NO_OBJECT);
    note_init(token, report, "CK_INVALID_HANDLE", &rsa, CK_INVALID_HANDLE);
    let ec_key = private_key(token, session, EC);
    let rsa_key = private_key(token, session, RSA);
    for id in [CKM_RSA_PKCS, CKM_SHA256_RSA_PKCS] {
        let case = format!("EC key for {}", mechanism_name(id));
        note_init(token, report, &case, &Mechanism::new(id), ec_key);
    }
    let pss = SHA256.pss(CKM_RSA_PKCS_PSS);
    note_init(token, report, "EC key for CKM_RSA_PKCS_PSS", &pss, ec_key);
    let pss = SHA256.pss(CKM_SHA256_RSA_PKCS_PSS);
    note_init(
        token,
        report,
        "EC key for CKM_SHA256_RSA_PKCS_PSS",
        &pss,
        ec_key,
    );
    let ecdsa = Mechanism::new(CKM_ECDSA);
    note_init(token, report, "RSA key for CKM_ECDSA", &ecdsa, rsa_key);
    report.note(
        "C_SignInit with no object",
        token.sign_init(session, &rsa, NO_OBJECT),
    );
    report.note(
        "nothing is active after it",
        length(token.sign(session, b"data")),
    );
}

fn mechanisms(token: &Token, report: &mut Report) {
    let session = token.user_session();
    let key = private_key(token, session, RSA);
    for (case, id) in [
        ("unknown", 0x7fff_0000),
        ("a vendor's", CKM_VENDOR_DEFINED | 1),
        ("CKM_SHA256", CKM_SHA256),
        ("CKM_AES_CBC", CKM_AES_CBC),
        ("CKM_RSA_PKCS_OAEP", CKM_RSA_PKCS_OAEP),
        ("CKM_RSA_PKCS_KEY_PAIR_GEN", CKM_RSA_PKCS_KEY_PAIR_GEN),
        ("CKM_SHA3_256_RSA_PKCS", CKM_SHA3_256_RSA_PKCS),
        ("CKM_RSA_X_509", CKM_RSA_X_509),
        ("CKM_SHA224_RSA_PKCS", CKM_SHA224_RSA_PKCS),
    ] {
        note_init(token, report, case, &Mechanism::new(id), key);
    }
    let unknown = Mechanism::new(0x7fff_0000);
    note_init(token, report, "unknown, and no key", &unknown, NO_OBJECT);
}

fn parameters(token: &Token, report: &mut Report) {
    let session = token.user_session();
    let rsa = private_key(token, session, RSA);
    let ec = private_key(token, session, EC);
    let bytes = |id| Mechanism {
        id,
        parameter: b"0123456789abcdef".to_vec(),
    };
    for (case, mechanism, key) in [
        ("some for CKM_RSA_PKCS", bytes(CKM_RSA_PKCS), rsa),
        (
            "some for CKM_SHA256_RSA_PKCS",
            bytes(CKM_SHA256_RSA_PKCS),
            rsa,
        ),
        ("some for CKM_ECDSA", bytes(CKM_ECDSA), ec),
    ] {
        note_init(token, report, case, &mechanism, key);
    }
    let raw = CKM_RSA_PKCS_PSS;
    let hashing = CKM_SHA256_RSA_PKCS_PSS;
    let (sha1, sha256, sha384) = (CKM_SHA_1, CKM_SHA256, CKM_SHA384);
    let (mgf1, mgf256, mgf384) = (CKG_MGF1_SHA1, CKG_MGF1_SHA256, CKG_MGF1_SHA384);
    for (case, mechanism) in [
        ("none", Mechanism::new(raw)),
        ("of another length", bytes(raw)),
        ("SHA-256", Mechanism::pss(raw, sha256, mgf256, 32)),
        ("SHA-1", Mechanism::pss(raw, sha1, mgf1, 20)),
        ("MD5", Mechanism::pss(raw, CKM_MD5, mgf1, 16)),
        (
            "SHA-224",
            Mechanism::pss(raw, CKM_SHA224, CKG_MGF1_SHA224, 28),
        ),
        ("unknown hash", Mechanism::pss(raw, 0x7fff_0000, mgf256, 32)),
        (
            "a signature mechanism as the hash",
            Mechanism::pss(raw, CKM_SHA256_RSA_PKCS, mgf256, 32),
        ),
        ("MGF of another hash", Mechanism::pss(raw, sha256, mgf1, 32)),
        ("unknown MGF", Mechanism::pss(raw, sha256, 0x99, 32)),
        ("no salt", Mechanism::pss(raw, sha256, mgf256, 0)),
        (
            "a salt of 20 bytes",
            Mechanism::pss(raw, sha256, mgf256, 20),
        ),
        (
            "the longest salt",
            Mechanism::pss(raw, sha256, mgf256, 256 - 2 - 32),
        ),
        (
            "a salt too long by one",
            Mechanism::pss(raw, sha256, mgf256, 256 - 2 - 32 + 1),
        ),
        (
            "a salt of 2^63 bytes",
            Mechanism::pss(raw, sha256, mgf256, 1 << 63),
        ),
        (
            "a salt of -3 bytes",
            Mechanism::pss(raw, sha256, mgf256, CK_ULONG::MAX - 2),
        ),
        ("hashing, none", Mechanism::new(hashing)),
        (
            "hashing, SHA-256",
            Mechanism::pss(hashing, sha256, mgf256, 32),
        ),
        (
            "hashing, SHA-384",
            Mechanism::pss(hashing, sha384, mgf384, 48),
        ),
        (
            "hashing, MGF of another hash",
            Mechanism::pss(hashing, sha256, mgf1, 32),
        ),
        (
            "hashing, no salt",
            Mechanism::pss(hashing, sha256, mgf256, 0),
        ),
        (
            "hashing, too long a salt",
            Mechanism::pss(hashing, sha256, mgf256, 300),
        ),
    ] {
        note_init(token, report, &format!("PSS, {case}"), &mechanism, rsa);
    }
    let mut without_bytes = CK_MECHANISM {
        mechanism: raw,
        pParameter: ptr::null_mut(),
        ulParameterLen: size_of::<CK_RSA_PKCS_PSS_PARAMS>() as CK_ULONG,
    };
    report.note(
        "PSS, NULL",
        call!(token, C_SignInit(session, &mut without_bytes, rsa)),
    );
}

fn before_login(token: &Token, report: &mut Report) {
    let session = token.session();
    let mechanism = Mechanism::new(CKM_SHA256_RSA_PKCS);
    for (case, class) in [
        ("public key", CKO_PUBLIC_KEY),
        ("certificate", CKO_CERTIFICATE),
    ] {
        let object = token.object(session, class, RSA);
        note_init(token, report, case, &mechanism, object);
    }
    note_init(token, report, "no object", &mechanism, NO_OBJECT);
    token.login(session);
    let key = private_key(token, session, RSA);
    token.logout(session);
    note_init(
        token,
        report,
        "private key of an earlier login",
        &mechanism,
        key,
    );
    report.note("C_Sign", length(token.sign(session, b"data")));
}

/// Signs data that may not be right, and notes whether the operation is over.
fn note_data(
    token: &Token,
    report: &mut Report,
    label: &str,
    mechanism: &Mechanism,
    rows: &[(&str, Vec<u8>)],
) {
    let user = token.user_session();
    let key = private_key(token, user, label);
    for (case, data) in rows {
        let session = initialized(token, mechanism, key);
        report.note(case, length(token.sign(session, data)));
        report.note(format!("{case}, again"), length(token.sign(session, data)));
    }
}

fn data_for_rsa_pkcs(token: &Token, report: &mut Report) {
    let digest_info = SHA256.digest_info(b"message");
    let with = |at: usize, byte: u8| {
        let mut data = digest_info.clone();
        data[at] = byte;
        data
    };
    let without_null = [
        b"\x30\x2f\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x04\x20".as_slice(),
        &SHA256.digest(b"message"),
    ]
    .concat();
    let rows = [
        ("DigestInfo", digest_info.clone()),
        ("none", vec![]),
        ("a byte", vec![1]),
        ("bare SHA-256 digest", SHA256.digest(b"message")),
        ("bare SHA-1 digest", SHA1.digest(b"message")),
        ("MD5 and SHA-1 digests (TLS 1.0)", vec![0x5a; 36]),
        (
            "a byte behind a DigestInfo",
            [digest_info.as_slice(), &[0]].concat(),
        ),
        ("DigestInfo cut short", digest_info[..50].to_vec()),
        ("DigestInfo without NULL", without_null),
        ("DigestInfo of SHA-224 with 32 bytes", with(14, 4)),
        ("the most that PKCS #1 has room for", vec![0x5a; 256 - 11]),
        ("a byte more", vec![0x5a; 256 - 10]),
        ("as long as the modulus", vec![0x5a; 256]),
        ("longer than the modulus", vec![0x5a; 257]),
        ("2000 bytes", vec![0x5a; 2000]),
    ];
    note_data(token, report, RSA, &Mechanism::new(CKM_RSA_PKCS), &rows);
}

fn data_for_pss(token: &Token, report: &mut Report) {
    let rows = [
        ("digest", SHA384.digest(b"message")),
        ("none", vec![]),
        ("a byte too few", vec![0x5a; 47]),
        ("a byte too many", vec![0x5a; 49]),
        ("digest of SHA-256", SHA256.digest(b"message")),
        ("DigestInfo", SHA384.digest_info(b"message")),
        ("as long as the modulus", vec![0x5a; 256]),
        ("2000 bytes", vec![0x5a; 2000]),
    ];
    note_data(token, report, RSA, &SHA384.pss(CKM_RSA_PKCS_PSS), &rows);
}

fn data_for_ecdsa(token: &Token, report: &mut Report) {
    let rows = [
        ("digest as long as the order", vec![0x5a; 32]),
        ("shorter digest", vec![0x5a; 20]),
        ("longer digest", vec![0x5a; 64]),
        ("none", vec![]),
        ("a byte", vec![1]),
        ("28 bytes", vec![0x5a; 28]),
        ("31 bytes", vec![0x5a; 31]),
        ("33 bytes", vec![0x5a; 33]),
        ("128 bytes", vec![0x5a; 128]),
        ("2000 bytes", vec![0x5a; 2000]),
        ("zeros", vec![0; 32]),
    ];
    note_data(token, report, EC, &Mechanism::new(CKM_ECDSA), &rows);
}
