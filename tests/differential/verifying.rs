//! Verification, of signatures that SoftHSM made: also of those that SignPath makes none of.

use std::sync::OnceLock;

use cryptoki_sys::*;
use pkcs11_test::call;
use pkcs11_test::harness::{Mechanism, Module, Rv, boolean, called, mechanism_name, null, ulong};

use crate::report::Script;
use crate::session_objects::{and, ec, rsa};
use crate::verification::{SHA1, SHA256, SHA384, SHA512};
use crate::{EC, EC_LABELS, NO, RSA, places};

const MESSAGE: &[u8] = b"What is verified here is the signature of this message.\n";

/// A signature that SoftHSM made.
struct Made {
    case: String,
    label: &'static str,
    mechanism: Mechanism,
    data: Vec<u8>,
    signature: Vec<u8>,
}

/// What is signed with which mechanism; `tests/verification` has messages that openssl signed.
fn inputs() -> Vec<Made> {
    let mut inputs = Vec::new();
    let mut add = |case: &str, label, mechanism: Mechanism, data: &[u8]| {
        let case = format!("{label} {} {case}", mechanism_name(mechanism.id));
        inputs.push(Made { case, label, mechanism, data: data.to_vec(), signature: vec![] });
    };
    for (hash, pkcs1, hashing) in [
        (&SHA1, CKM_SHA1_RSA_PKCS, CKM_SHA1_RSA_PKCS_PSS),
        (&SHA256, CKM_SHA256_RSA_PKCS, CKM_SHA256_RSA_PKCS_PSS),
        (&SHA384, CKM_SHA384_RSA_PKCS, CKM_SHA384_RSA_PKCS_PSS),
        (&SHA512, CKM_SHA512_RSA_PKCS, CKM_SHA512_RSA_PKCS_PSS),
    ] {
        add("of a message", RSA, pkcs1.into(), MESSAGE);
        add(hash.name, RSA, CKM_RSA_PKCS.into(), &hash.digest_info(MESSAGE));
        for salt in [0, 1, 21, hash.length, 254 - hash.length] {
            let pss = |id| Mechanism::pss(id, hash.mechanism, hash.mgf, salt as CK_ULONG);
            let case = format!("{}, a salt of {salt}", hash.name);
            add(&case, RSA, pss(CKM_RSA_PKCS_PSS), &hash.digest(MESSAGE));
            add(&case, RSA, pss(hashing), MESSAGE);
        }
    }
    for (case, data) in [
        ("of nothing", vec![]),
        ("of a byte", vec![7]),
        ("of a bare digest", SHA256.digest(MESSAGE)),
        ("of zeros", vec![0; 100]),
        ("of the maximum length", vec![0x5a; 245]),
    ] {
        add(case, RSA, CKM_RSA_PKCS.into(), &data);
    }
    let sha224 = Mechanism::pss(CKM_RSA_PKCS_PSS, CKM_SHA224, CKG_MGF1_SHA224, 28);
    add("sha224", RSA, sha224, &[0x24; 28]);
    for label in EC_LABELS {
        for length in [1, 16, 20, 28, 31, 32, 33, 48, 64, 65, 66, 67, 100, 2000] {
            let data: Vec<u8> = (0..length).map(|index| 0xff - (index as u8)).collect();
            let case = format!("of {length} bytes");
            add(&case, label, CKM_ECDSA.into(), &data);
        }
    }
    inputs
}

/// Made once, by SoftHSM, for both sides.
fn made() -> &'static [Made] {
    static MADE: OnceLock<Vec<Made>> = OnceLock::new();
    MADE.get_or_init(|| {
        let softhsm = crate::softhsm();
        let module = Module::load(&softhsm.module).with_pin(&softhsm.user_pin);
        // It may be the side whose turn it is.
        let initialized = module.initialize();
        let session = module.user();
        let mut made = inputs();
        for input in &mut made {
            let key = session.key(input.label);
            input.signature = key.sign(&input.mechanism, &input.data).unwrap();
        }
        session.close();
        if initialized == CKR_OK {
            module.finalize();
        }
        made
    })
}

/// C_VerifyInit, in a session of its own.
fn init(t: &Module, mechanism: impl Into<Mechanism>, key: CK_OBJECT_HANDLE) -> Rv {
    let session = t.session();
    let rv = session.verify_init(mechanism, key);
    session.close();
    called("C_VerifyInit");
    rv
}

pub const SCRIPTS: &[Script] = &[
    ("signatures made by SoftHSM", |t, r| {
        answers! { r; "* CKM_RSA_PKCS_PSS *, shorter data" => CKR_DATA_LEN_RANGE: LENGTH_CODE; }
        let session = t.session();
        for made in made() {
            let (case, mechanism) = (&made.case, &made.mechanism);
            let (data, signature) = (&made.data, &made.signature);
            let key = session.public(made.label);
            let verify = |data: &[u8], signature: &[u8]| match session.verify_init(mechanism, key) {
                Rv(CKR_OK) => session.verify(data, signature),
                rv => rv,
            };
            let last = signature.len() - 1;
            let mut other = signature.clone();
            other[signature.len() / 2] ^= 1;
            rows! { r;
                case => verify(data, signature) => CKR_OK;
                format!("{case}, another signature") => verify(data, &other) => CKR_SIGNATURE_INVALID;
                format!("{case}, a longer one") => verify(data, &[&signature[..], &[0]].concat()) => CKR_SIGNATURE_LEN_RANGE;
                format!("{case}, a shorter one") => verify(data, &signature[..last]) => CKR_SIGNATURE_LEN_RANGE;
                format!("{case}, none") => verify(data, &[]) => CKR_SIGNATURE_LEN_RANGE;
                format!("{case}, zeros") => verify(data, &vec![0; last + 1]) => CKR_SIGNATURE_INVALID;
                format!("{case}, the largest value") => verify(data, &vec![0xff; last + 1]) => CKR_SIGNATURE_INVALID;
            }
            if let Some(last) = data.len().checked_sub(1) {
                let mut data = data.clone();
                data[0] ^= 1;
                rows! { r;
                    format!("{case}, other data") => verify(&data, signature);
                    format!("{case}, shorter data") => verify(&data[..last], signature);
                }
            }
        }
    }),
    ("verification keys", |t, r| {
        let s = t.user();
        let (public, hashing) = (s.public(RSA), CKM_SHA256_RSA_PKCS);
        rows! { r;
            "private key" => init(t, hashing, s.private(RSA)) => CKR_KEY_FUNCTION_NOT_PERMITTED;
            "certificate" => init(t, hashing, s.certificate(RSA)) => CKR_KEY_HANDLE_INVALID: KEY_HANDLE;
            "unknown object handle" => init(t, hashing, NO) => CKR_KEY_HANDLE_INVALID: KEY_HANDLE;
            "CK_INVALID_HANDLE" => init(t, hashing, CK_INVALID_HANDLE) => CKR_KEY_HANDLE_INVALID: KEY_HANDLE;
            "EC key for RSA" => init(t, hashing, s.public(EC)) => CKR_KEY_TYPE_INCONSISTENT: KEY_TYPE;
            "RSA key for EC" => init(t, CKM_ECDSA, public) => CKR_KEY_TYPE_INCONSISTENT: KEY_TYPE;
            "an unknown mechanism" => init(t, 0x7fff_0000, public) => CKR_MECHANISM_INVALID;
            "a digest mechanism" => init(t, CKM_SHA256, public) => CKR_MECHANISM_INVALID;
            "CKM_SHA224_RSA_PKCS" => init(t, CKM_SHA224_RSA_PKCS, public) => CKR_MECHANISM_INVALID: NOT_A_MECHANISM;
            "CKM_RSA_X_509" => init(t, CKM_RSA_X_509, public) => CKR_MECHANISM_INVALID: NOT_A_MECHANISM;
        }
    }),
    ("verification parameters", |t, r| {
        let key = t.session().public(RSA);
        let some = |id, length| {
            let parameter = vec![0; length];
            init(t, Mechanism { id, parameter }, key)
        };
        let pss = |id, hash, mgf, salt| init(t, Mechanism::pss(id, hash, mgf, salt), key);
        let raw = |hash, mgf, salt| pss(CKM_RSA_PKCS_PSS, hash, mgf, salt);
        let hashing = |hash, mgf| pss(CKM_SHA256_RSA_PKCS_PSS, hash, mgf, 32);
        rows! { r;
            "unexpected for CKM_RSA_PKCS" => some(CKM_RSA_PKCS, 4) => CKR_MECHANISM_PARAM_INVALID: PARAMETER_IGNORED;
            "unexpected for CKM_SHA256_RSA_PKCS" => some(CKM_SHA256_RSA_PKCS, 4) => CKR_MECHANISM_PARAM_INVALID: PARAMETER_IGNORED;
        }
        for length in [0, 1, 23, 24, 25, 48] {
            let case = format!("PSS, {length} bytes of zeros");
            rows! { r; case => some(CKM_RSA_PKCS_PSS, length) => CKR_MECHANISM_PARAM_INVALID: PARAMETER_CODE; }
        }
        for (case, salt) in [
            ("a byte too long", 223),
            ("as long as the modulus", 256),
            ("2^31", 1 << 31),
            ("2^63", 1 << 63),
            ("-3", CK_ULONG::MAX - 2),
            ("-1", CK_ULONG::MAX),
        ] {
            let case = format!("PSS, salt: {case}");
            rows! { r; case => raw(CKM_SHA256, CKG_MGF1_SHA256, salt) => CKR_MECHANISM_PARAM_INVALID: LONG_SALT; }
        }
        rows! { r;
            "PSS, salt: longest" => raw(CKM_SHA256, CKG_MGF1_SHA256, 222) => CKR_OK;
            "PSS, other MGF" => raw(CKM_SHA256, CKG_MGF1_SHA1, 32) => CKR_MECHANISM_PARAM_INVALID: PARAMETER_CODE;
            "PSS, no MGF" => raw(CKM_SHA256, 0, 32) => CKR_MECHANISM_PARAM_INVALID: PARAMETER_CODE;
            "PSS, MD5" => raw(CKM_MD5, CKG_MGF1_SHA1, 16) => CKR_MECHANISM_PARAM_INVALID: PARAMETER_CODE;
            "PSS, SHA3-256" => raw(CKM_SHA3_256, CKG_MGF1_SHA3_256, 32) => CKR_OK: NO_SHA512T;
            "PSS, hashing" => hashing(CKM_SHA256, CKG_MGF1_SHA256) => CKR_OK;
            "PSS, hashing, other" => hashing(CKM_SHA384, CKG_MGF1_SHA384) => CKR_MECHANISM_PARAM_INVALID: PARAMETER_CODE;
        }
    }),
    // The type of the key is the first reason, its size the second (PKCS #11 3.2, section 5.1.6).
    ("keys that a program creates", |t, r| {
        let s = t.user();
        let rsa = |id, value| s.create(&and(&rsa(s), id, value)).unwrap();
        let [free, mute] = [true, false].map(|value| rsa(CKA_VERIFY, boolean(value)));
        let allowed = [CKM_SHA256_RSA_PKCS, CKM_RSA_PKCS].map(ulong).concat();
        let choosy = rsa(CKA_ALLOWED_MECHANISMS, allowed);
        let ec = s.create(&ec(s)).unwrap();
        answers! { r; "another type" => CKR_KEY_TYPE_INCONSISTENT: KEY_TYPE; "*, * for *" => CKR_KEY_TYPE_INCONSISTENT: KEY_TYPE;
        "C_SignInit, *" => CKR_KEY_FUNCTION_NOT_PERMITTED: KEY_TYPE; }
        rows! { r;
            "any mechanism" => init(t, CKM_SHA256_RSA_PKCS, free) => CKR_OK;
            "another type" => init(t, CKM_ECDSA, free);
            "CKA_VERIFY false" => init(t, CKM_SHA256_RSA_PKCS, mute) => CKR_KEY_FUNCTION_NOT_PERMITTED;
            "an allowed mechanism" => init(t, CKM_SHA256_RSA_PKCS, choosy) => CKR_OK;
            "another allowed mechanism" => init(t, CKM_RSA_PKCS, choosy) => CKR_OK;
            "a mechanism that is not allowed" => init(t, CKM_SHA512_RSA_PKCS, choosy) => CKR_MECHANISM_INVALID;
            "C_SignInit, RSA for CKM_ECDSA" => s.sign_init(CKM_ECDSA, free);
            "C_SignInit, RSA" => s.sign_init(CKM_RSA_PKCS, free);
            "C_SignInit, EC for CKM_RSA_PKCS" => s.sign_init(CKM_RSA_PKCS, ec);
            "C_SignInit, EC" => s.sign_init(CKM_ECDSA, ec);
        }
    }),
    ("arguments of C_Verify", |t, r| {
        let key = t.session().public(RSA);
        let (b, ..) = places();
        let begun = || {
            let session = t.session();
            session.verify_init(CKM_SHA256_RSA_PKCS, key);
            session
        };
        let [data, signature] = [begun(), begun()];
        let null_signature = || call!(t, C_Verify(signature.handle, b, 4, null(), 256));
        rows! { r;
            "NULL pMechanism" => call!(t, C_VerifyInit(t.session().handle, null(), key)) => CKR_ARGUMENTS_BAD;
            "C_Verify, NULL pData" => call!(t, C_Verify(data.handle, null(), 4, b, 256)) => CKR_ARGUMENTS_BAD;
            "C_Verify after NULL data" => data.verify(b"data", &[1; 256]) => CKR_OPERATION_NOT_INITIALIZED: ENDS;
            "C_Verify, NULL pSignature" => null_signature() => CKR_ARGUMENTS_BAD;
            "C_Verify after NULL signature" => null_signature() => CKR_OPERATION_NOT_INITIALIZED: ENDS;
            "NULL pPart" => call!(t, C_VerifyUpdate(begun().handle, null(), 4)) => CKR_ARGUMENTS_BAD;
            "C_VerifyFinal, NULL pSignature" => call!(t, C_VerifyFinal(begun().handle, null(), 256)) => CKR_ARGUMENTS_BAD;
        }
    }),
];
