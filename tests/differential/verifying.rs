//! Verification, of signatures that SoftHSM made: also of those that SignPath makes none of.

use std::ptr;
use std::sync::OnceLock;

use cryptoki_sys::*;

use crate::names::{Rv, mechanism_name};
use crate::report::{Report, Script};
use crate::token::{Mechanism, Token, call};
use crate::verification::{Hash, MD5, SHA1, SHA256, SHA384, SHA512};
use crate::{EC_LABELS, RSA_LABELS};

pub const SCRIPTS: &[Script] = &[
    ("signatures of SoftHSM", signatures),
    ("before login", before_login),
    ("order of verify calls", order),
    ("parts and one part of verify", parts),
    ("keys to verify with", keys),
    ("parameters to verify with", parameters),
    ("arguments of verify", arguments),
];

const MESSAGE: &[u8] = b"What is verified here is the signature of this message.\n";
const RSA: &str = RSA_LABELS[0];

/// A signature that SoftHSM made.
struct Made {
    case: String,
    label: &'static str,
    mechanism: Mechanism,
    data: Vec<u8>,
    signature: Vec<u8>,
}

/// What is signed with which mechanism.
fn inputs() -> Vec<(String, &'static str, Mechanism, Vec<u8>)> {
    let mut inputs = Vec::new();
    let mut add = |case: &str, label, mechanism: Mechanism, data: &[u8]| {
        let case = format!("{label} {} {case}", mechanism_name(mechanism.id));
        inputs.push((case, label, mechanism, data.to_vec()));
    };
    let hashes: [&Hash; 5] = [&MD5, &SHA1, &SHA256, &SHA384, &SHA512];
    let hashing = [
        CKM_MD5_RSA_PKCS,
        CKM_SHA1_RSA_PKCS,
        CKM_SHA256_RSA_PKCS,
        CKM_SHA384_RSA_PKCS,
        CKM_SHA512_RSA_PKCS,
    ];
    for (hash, hashing) in hashes.into_iter().zip(hashing) {
        for label in [RSA_LABELS[0], RSA_LABELS[2]] {
            add("of a message", label, Mechanism::new(hashing), MESSAGE);
        }
        let (name, digest_info) = (hash.name, hash.digest_info(MESSAGE));
        add(name, RSA, Mechanism::new(CKM_RSA_PKCS), &digest_info);
    }
    for (case, data) in [
        ("of nothing", vec![]),
        ("of a byte", vec![7]),
        ("of a bare digest", SHA256.digest(MESSAGE)),
        ("of zeros", vec![0; 100]),
        ("of as much as there is room for", vec![0x5a; 245]),
    ] {
        add(case, RSA, Mechanism::new(CKM_RSA_PKCS), &data);
    }
    let hashing = [
        CKM_SHA1_RSA_PKCS_PSS,
        CKM_SHA256_RSA_PKCS_PSS,
        CKM_SHA384_RSA_PKCS_PSS,
        CKM_SHA512_RSA_PKCS_PSS,
    ];
    for (hash, hashing) in hashes.into_iter().skip(1).zip(hashing) {
        let longest = 256 - 2 - hash.length;
        for salt in [0, 1, 21, hash.length, longest] {
            let pss = |id| Mechanism::pss(id, hash.mechanism, hash.mgf, salt as CK_ULONG);
            let case = format!("{}, a salt of {salt}", hash.name);
            let digest = hash.digest(MESSAGE);
            add(&case, RSA, pss(CKM_RSA_PKCS_PSS), &digest);
            add(&case, RSA, pss(hashing), MESSAGE);
        }
    }
    let sha224 = Mechanism::pss(CKM_RSA_PKCS_PSS, CKM_SHA224, CKG_MGF1_SHA224, 28);
    add("sha224", RSA, sha224, &[0x24; 28]);
    for label in EC_LABELS {
        for length in [1, 16, 20, 28, 31, 32, 33, 48, 64, 65, 66, 67, 100, 2000] {
            let data: Vec<u8> = (0..length).map(|index| 0xff - (index as u8)).collect();
            let case = format!("of {length} bytes");
            add(&case, label, Mechanism::new(CKM_ECDSA), &data);
        }
    }
    inputs
}

/// Made once, by SoftHSM, for both sides.
fn made() -> &'static [Made] {
    static MADE: OnceLock<Vec<Made>> = OnceLock::new();
    MADE.get_or_init(|| {
        let softhsm = crate::softhsm();
        let token = Token::load(&softhsm.module, &softhsm.user_pin);
        // It may be the side whose turn it is.
        let initialized = token.initialize();
        let session = token.user_session();
        let made = inputs()
            .into_iter()
            .map(|(case, label, mechanism, data)| {
                let key = token.object(session, CKO_PRIVATE_KEY, label);
                assert_eq!(token.sign_init(session, &mechanism, key), Rv(CKR_OK));
                let signature = token.sign(session, &data).unwrap();
                Made {
                    case,
                    label,
                    mechanism,
                    data,
                    signature,
                }
            })
            .collect();
        token.close(session);
        if initialized == Rv(CKR_OK) {
            token.finalize();
        }
        made
    })
}

fn signatures(token: &Token, report: &mut Report) {
    let made = made();
    let session = token.session();
    for Made {
        case,
        label,
        mechanism,
        data,
        signature,
    } in made
    {
        let key = token.object(session, CKO_PUBLIC_KEY, label);
        let verify =
            |data: &[u8], signature: &[u8]| token.verify(session, mechanism, key, data, signature);
        report.note(case, verify(data, signature));
        let mut other = signature.clone();
        other[signature.len() / 2] ^= 1;
        report.note(format!("{case}, another signature"), verify(data, &other));
        let mut longer = signature.clone();
        longer.push(0);
        report.note(format!("{case}, a longer one"), verify(data, &longer));
        let shorter = &signature[..signature.len() - 1];
        report.note(format!("{case}, a shorter one"), verify(data, shorter));
        report.note(format!("{case}, none"), verify(data, &[]));
        let zeros = vec![0; signature.len()];
        report.note(format!("{case}, zeros"), verify(data, &zeros));
        let highest = vec![0xff; signature.len()];
        report.note(format!("{case}, the highest"), verify(data, &highest));
        if let Some(last) = data.len().checked_sub(1) {
            let mut data = data.clone();
            data[0] ^= 1;
            report.note(format!("{case}, other data"), verify(&data, signature));
            let shorter = verify(&data[..last], signature);
            report.note(format!("{case}, shorter data"), shorter);
        }
    }
}

fn before_login(token: &Token, report: &mut Report) {
    let made = &made()[0];
    let session = token.session();
    let key = token.object(session, CKO_PUBLIC_KEY, made.label);
    report.note(
        "C_Verify",
        token.verify(session, &made.mechanism, key, &made.data, &made.signature),
    );
    let no_object = token.verify_init(session, &made.mechanism, 0x7fff_fff0);
    report.note("no object", no_object);
}

fn order(token: &Token, report: &mut Report) {
    let Made {
        mechanism,
        label,
        data,
        signature,
        ..
    } = &made()[0];
    let session = token.session();
    let key = token.object(session, CKO_PUBLIC_KEY, label);
    let init = || token.verify_init(session, mechanism, key);
    let verify = || token.verified(session, data, signature);
    let update = || token.verify_update(session, data);
    let finish = || token.verify_final(session, signature);
    report.note("C_Verify without C_VerifyInit", verify());
    report.note("C_VerifyUpdate without C_VerifyInit", update());
    report.note("C_VerifyFinal without C_VerifyInit", finish());
    report.note("C_VerifyInit", init());
    report.note("C_VerifyInit, twice", init());
    report.note("C_Verify after both", verify());
    report.note("C_Verify, twice", verify());
    init();
    report.note("C_VerifyUpdate", update());
    report.note("C_VerifyInit while there are parts", init());
    report.note("C_VerifyFinal", finish());
    report.note("C_VerifyFinal, twice", finish());
    init();
    report.note(
        "a wrong signature",
        token.verified(session, b"x", signature),
    );
    report.note("C_Verify after it", verify());
    init();
    report.note("a short signature", token.verified(session, data, b"x"));
    report.note("C_Verify after that", verify());
}

fn parts(token: &Token, report: &mut Report) {
    let Made {
        mechanism,
        label,
        data,
        signature,
        ..
    } = &made()[0];
    let session = token.session();
    let key = token.object(session, CKO_PUBLIC_KEY, label);
    token.verify_init(session, mechanism, key);
    for part in data.chunks(7) {
        assert_eq!(token.verify_update(session, part), Rv(CKR_OK));
    }
    report.note("in parts", token.verify_final(session, signature));
    token.verify_init(session, mechanism, key);
    report.note("no parts", token.verify_final(session, signature));
    token.verify_init(session, mechanism, key);
    token.verify_update(session, b"");
    report.note(
        "C_Verify behind C_VerifyUpdate",
        token.verified(session, data, signature),
    );
    report.note(
        "C_VerifyFinal behind both",
        token.verify_final(session, signature),
    );
}

fn keys(token: &Token, report: &mut Report) {
    let session = token.user_session();
    let mut note = |case: &str, id, key| {
        let session = token.session();
        report.note(case, token.verify_init(session, &Mechanism::new(id), key));
        token.close(session);
    };
    let object = |class, label| token.object(session, class, label);
    let rsa = CKM_SHA256_RSA_PKCS;
    note("private key", rsa, object(CKO_PRIVATE_KEY, RSA));
    note("certificate", rsa, object(CKO_CERTIFICATE, RSA));
    note("no object", rsa, 0x7fff_fff0);
    note("CK_INVALID_HANDLE", rsa, CK_INVALID_HANDLE);
    note("EC key for RSA", rsa, object(CKO_PUBLIC_KEY, EC_LABELS[0]));
    note("RSA key for EC", CKM_ECDSA, object(CKO_PUBLIC_KEY, RSA));
    let public = object(CKO_PUBLIC_KEY, RSA);
    for (case, id) in [
        ("an unknown mechanism", 0x7fff_0000),
        ("a digest mechanism", CKM_SHA256),
        ("CKM_SHA224_RSA_PKCS", CKM_SHA224_RSA_PKCS),
        ("CKM_RSA_X_509", CKM_RSA_X_509),
    ] {
        note(case, id, public);
    }
}

fn parameters(token: &Token, report: &mut Report) {
    let session = token.session();
    let key = token.object(session, CKO_PUBLIC_KEY, RSA);
    let mut note = |case: &str, mechanism: Mechanism| {
        let session = token.session();
        report.note(case, token.verify_init(session, &mechanism, key));
        token.close(session);
    };
    let some = |id, length| Mechanism {
        id,
        parameter: vec![0; length],
    };
    note("some for CKM_RSA_PKCS", some(CKM_RSA_PKCS, 4));
    note("some for CKM_SHA256_RSA_PKCS", some(CKM_SHA256_RSA_PKCS, 4));
    for length in [0, 1, 23, 24, 25, 48] {
        let case = format!("PSS, {length} bytes of zeros");
        note(&case, some(CKM_RSA_PKCS_PSS, length));
    }
    let pss = |hash, mgf, salt| Mechanism::pss(CKM_RSA_PKCS_PSS, hash, mgf, salt);
    for (case, salt) in [
        ("longest", 222),
        ("a byte too long", 223),
        ("as long as the modulus", 256),
        ("2^31", 1 << 31),
        ("2^63", 1 << 63),
        ("-3", CK_ULONG::MAX - 2),
        ("-1", CK_ULONG::MAX),
    ] {
        let case = format!("PSS, salt: {case}");
        note(&case, pss(CKM_SHA256, CKG_MGF1_SHA256, salt));
    }
    note("PSS, other MGF", pss(CKM_SHA256, CKG_MGF1_SHA1, 32));
    note("PSS, no MGF", pss(CKM_SHA256, 0, 32));
    note("PSS, MD5", pss(CKM_MD5, CKG_MGF1_SHA1, 16));
    note("PSS, SHA3-256", pss(CKM_SHA3_256, CKG_MGF1_SHA3_256, 32));
    let hashing = |hash, mgf| Mechanism::pss(CKM_SHA256_RSA_PKCS_PSS, hash, mgf, 32);
    note("PSS, hashing", hashing(CKM_SHA256, CKG_MGF1_SHA256));
    note("PSS, hashing, other", hashing(CKM_SHA384, CKG_MGF1_SHA384));
}

fn arguments(token: &Token, report: &mut Report) {
    let Made {
        mechanism,
        label,
        data,
        signature,
        ..
    } = &made()[0];
    let session = token.session();
    let key = token.object(session, CKO_PUBLIC_KEY, label);
    let (mut bytes, mut signature) = (data.clone(), signature.clone());
    let (bytes, length) = (bytes.as_mut_ptr(), data.len() as CK_ULONG);
    let (signature, signature_length) = (signature.as_mut_ptr(), signature.len() as CK_ULONG);
    let none = ptr::null_mut();
    report.note(
        "no mechanism",
        call!(token, C_VerifyInit(session, ptr::null_mut(), key)),
    );
    for (case, data, signature) in [("no data", none, signature), ("no signature", bytes, none)] {
        token.verify_init(session, mechanism, key);
        let answer = call!(
            token,
            C_Verify(session, data, length, signature, signature_length)
        );
        report.note(format!("C_Verify, {case}"), answer);
        report.note(
            format!("C_Verify, {case}, after it"),
            call!(
                token,
                C_Verify(session, bytes, length, signature, signature_length)
            ),
        );
    }
    token.verify_init(session, mechanism, key);
    report.note(
        "no part",
        call!(token, C_VerifyUpdate(session, none, length)),
    );
    let other = token.session();
    token.verify_init(other, mechanism, key);
    report.note(
        "C_VerifyFinal, no signature",
        call!(token, C_VerifyFinal(other, none, signature_length)),
    );
    report.note(
        "no session",
        call!(token, C_VerifyUpdate(0x7fff_fff0, bytes, length)),
    );
}
