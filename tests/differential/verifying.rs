//! Verification, of signatures that SoftHSM made: also of those that SignPath makes none of.

use std::sync::OnceLock;

use cryptoki_sys::*;
use pkcs11_test::call;
use pkcs11_test::harness::{Mechanism, Module, Rv, called, mechanism_name, null};

use crate::report::Script;
use crate::verification::{Hash, MD5, SHA1, SHA256, SHA384, SHA512};
use crate::{EC, EC_LABELS, NO, RSA, RSA_LABELS};

const MESSAGE: &[u8] = b"What is verified here is the signature of this message.\n";

/// A signature that SoftHSM made.
struct Made {
    case: String,
    label: &'static str,
    mechanism: Mechanism,
    data: Vec<u8>,
    signature: Vec<u8>,
}

/// What is signed with which mechanism.
fn inputs() -> Vec<Made> {
    let mut inputs = Vec::new();
    let mut add = |case: &str, label, mechanism: Mechanism, data: &[u8]| {
        let case = format!("{label} {} {case}", mechanism_name(mechanism.id));
        let (data, signature) = (data.to_vec(), Vec::new());
        inputs.push(Made {
            case,
            label,
            mechanism,
            data,
            signature,
        });
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
            add("of a message", label, hashing.into(), MESSAGE);
        }
        add(
            hash.name,
            RSA,
            CKM_RSA_PKCS.into(),
            &hash.digest_info(MESSAGE),
        );
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
            add(&case, RSA, pss(CKM_RSA_PKCS_PSS), &hash.digest(MESSAGE));
            add(&case, RSA, pss(hashing), MESSAGE);
        }
    }
    let sha224 = Mechanism::pss(CKM_RSA_PKCS_PSS, CKM_SHA224, CKG_MGF1_SHA224, 28);
    add("sha224", RSA, sha224, &[0x24; 28]);
    for label in EC_LABELS {
        for length in [1, 16, 20, 28, 31, 32, 33, 48, 64, 65, 66, 67, 100, 2000] {
            let data: Vec<u8> = (0..length).map(|index| 0xff - (index as u8)).collect();
            add(
                &format!("of {length} bytes"),
                label,
                CKM_ECDSA.into(),
                &data,
            );
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
        answers! { r; "* CKM_RSA_PKCS_PSS *, shorter data" => CKR_DATA_LEN_RANGE | CKR_SIGNATURE_INVALID: LENGTH_CODE; }
        let made = made();
        let session = t.session();
        for Made {
            case,
            label,
            mechanism,
            data,
            signature,
        } in made
        {
            let key = session.public(label);
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
    ("before login", |t, r| {
        let made = &made()[0];
        let session = t.session();
        let key = session.public(made.label);
        session.verify_init(&made.mechanism, key);
        rows! { r;
            "C_Verify" => session.verify(&made.data, &made.signature) => CKR_OK;
            "unknown object handle" => session.verify_init(&made.mechanism, NO) => CKR_KEY_HANDLE_INVALID | CKR_OBJECT_HANDLE_INVALID: VERIFY_HANDLE;
        }
    }),
    ("order of verify calls", |t, r| {
        let Made {
            mechanism,
            label,
            data,
            signature,
            ..
        } = &made()[0];
        let s = t.session();
        let key = s.public(label);
        let init = || s.verify_init(mechanism, key);
        let verify = || s.verify(data, signature);
        let update = || s.verify_update(data);
        let finish = || s.verify_final(signature);
        rows! { r;
            "C_Verify without C_VerifyInit" => verify() => CKR_OPERATION_NOT_INITIALIZED;
            "C_VerifyUpdate without C_VerifyInit" => update() => CKR_OPERATION_NOT_INITIALIZED;
            "C_VerifyFinal without C_VerifyInit" => finish() => CKR_OPERATION_NOT_INITIALIZED;
            "C_VerifyInit" => init() => CKR_OK;
            "C_VerifyInit, twice" => init() => CKR_OPERATION_ACTIVE;
            "C_Verify after both" => verify() => CKR_OK;
            "C_Verify, twice" => verify() => CKR_OPERATION_NOT_INITIALIZED;
            @ init(); "C_VerifyUpdate" => update() => CKR_OK;
            "C_VerifyInit after a part" => init() => CKR_OPERATION_ACTIVE;
            "C_VerifyFinal" => finish() => CKR_OK;
            "C_VerifyFinal, twice" => finish() => CKR_OPERATION_NOT_INITIALIZED;
            @ init(); "a wrong signature" => s.verify(b"x", signature) => CKR_SIGNATURE_INVALID;
            "C_Verify after it" => verify() => CKR_OPERATION_NOT_INITIALIZED;
            @ init(); "a short signature" => s.verify(data, b"x") => CKR_SIGNATURE_LEN_RANGE;
            "C_Verify after that" => verify() => CKR_OPERATION_NOT_INITIALIZED;
        }
    }),
    ("mixing C_Verify and C_VerifyUpdate", |t, r| {
        let Made {
            mechanism,
            label,
            data,
            signature,
            ..
        } = &made()[0];
        let s = t.session();
        let key = s.public(label);
        s.verify_init(mechanism, key);
        for part in data.chunks(7) {
            assert_eq!(s.verify_update(part), CKR_OK);
        }
        rows! { r;
            "in parts" => s.verify_final(signature) => CKR_OK;
            @ s.verify_init(mechanism, key); "no parts" => s.verify_final(signature) => CKR_SIGNATURE_INVALID;
            @ s.verify_init(mechanism, key); @ s.verify_update(b"");
            "C_Verify after C_VerifyUpdate" => s.verify(data, signature) => CKR_OPERATION_ACTIVE | CKR_OPERATION_NOT_INITIALIZED: FORMS;
            "C_VerifyFinal after both" => s.verify_final(signature) => CKR_SIGNATURE_INVALID | CKR_OPERATION_NOT_INITIALIZED: FORMS;
        }
    }),
    ("verification keys", |t, r| {
        let s = t.user();
        let (public, hashing) = (s.public(RSA), CKM_SHA256_RSA_PKCS);
        rows! { r;
            "private key" => init(t, hashing, s.private(RSA)) => CKR_KEY_FUNCTION_NOT_PERMITTED;
            "certificate" => init(t, hashing, s.certificate(RSA)) => CKR_KEY_HANDLE_INVALID | CKR_KEY_FUNCTION_NOT_PERMITTED: VERIFY_HANDLE;
            "unknown object handle" => init(t, hashing, NO) => CKR_KEY_HANDLE_INVALID | CKR_OBJECT_HANDLE_INVALID: VERIFY_HANDLE;
            "CK_INVALID_HANDLE" => init(t, hashing, CK_INVALID_HANDLE) => CKR_KEY_HANDLE_INVALID | CKR_OBJECT_HANDLE_INVALID: VERIFY_HANDLE;
            "EC key for RSA" => init(t, hashing, s.public(EC)) => CKR_KEY_TYPE_INCONSISTENT | CKR_OK: KEY_TYPE;
            "RSA key for EC" => init(t, CKM_ECDSA, public) => CKR_KEY_TYPE_INCONSISTENT | CKR_OK: KEY_TYPE;
            "an unknown mechanism" => init(t, 0x7fff_0000, public) => CKR_MECHANISM_INVALID;
            "a digest mechanism" => init(t, CKM_SHA256, public) => CKR_MECHANISM_INVALID;
            "CKM_SHA224_RSA_PKCS" => init(t, CKM_SHA224_RSA_PKCS, public) => CKR_MECHANISM_INVALID | CKR_OK: NOT_A_MECHANISM;
            "CKM_RSA_X_509" => init(t, CKM_RSA_X_509, public) => CKR_MECHANISM_INVALID | CKR_OK: NOT_A_MECHANISM;
        }
    }),
    ("verification parameters", |t, r| {
        let key = t.session().public(RSA);
        let some = |id, length| {
            init(
                t,
                Mechanism {
                    id,
                    parameter: vec![0; length],
                },
                key,
            )
        };
        let pss = |hash, mgf, salt| init(t, Mechanism::pss(CKM_RSA_PKCS_PSS, hash, mgf, salt), key);
        let salt = |salt| pss(CKM_SHA256, CKG_MGF1_SHA256, salt);
        let hashing = |hash, mgf| {
            init(
                t,
                Mechanism::pss(CKM_SHA256_RSA_PKCS_PSS, hash, mgf, 32),
                key,
            )
        };
        rows! { r;
            "unexpected for CKM_RSA_PKCS" => some(CKM_RSA_PKCS, 4) => CKR_MECHANISM_PARAM_INVALID | CKR_OK: PARAMETER_IGNORED;
            "unexpected for CKM_SHA256_RSA_PKCS" => some(CKM_SHA256_RSA_PKCS, 4) => CKR_MECHANISM_PARAM_INVALID | CKR_OK: PARAMETER_IGNORED;
            "PSS, 0 bytes of zeros" => some(CKM_RSA_PKCS_PSS, 0) => CKR_MECHANISM_PARAM_INVALID | CKR_ARGUMENTS_BAD: PARAMETER_CODE;
            "PSS, 1 bytes of zeros" => some(CKM_RSA_PKCS_PSS, 1) => CKR_MECHANISM_PARAM_INVALID | CKR_ARGUMENTS_BAD: PARAMETER_CODE;
            "PSS, 23 bytes of zeros" => some(CKM_RSA_PKCS_PSS, 23) => CKR_MECHANISM_PARAM_INVALID | CKR_ARGUMENTS_BAD: PARAMETER_CODE;
            "PSS, 24 bytes of zeros" => some(CKM_RSA_PKCS_PSS, 24) => CKR_MECHANISM_PARAM_INVALID | CKR_ARGUMENTS_BAD: PARAMETER_CODE;
            "PSS, 25 bytes of zeros" => some(CKM_RSA_PKCS_PSS, 25) => CKR_MECHANISM_PARAM_INVALID | CKR_ARGUMENTS_BAD: PARAMETER_CODE;
            "PSS, 48 bytes of zeros" => some(CKM_RSA_PKCS_PSS, 48) => CKR_MECHANISM_PARAM_INVALID | CKR_ARGUMENTS_BAD: PARAMETER_CODE;
            "PSS, salt: longest" => salt(222) => CKR_OK;
            "PSS, salt: a byte too long" => salt(223) => CKR_MECHANISM_PARAM_INVALID | CKR_OK: LONG_SALT;
            "PSS, salt: as long as the modulus" => salt(256) => CKR_MECHANISM_PARAM_INVALID | CKR_OK: LONG_SALT;
            "PSS, salt: 2^31" => salt(1 << 31) => CKR_MECHANISM_PARAM_INVALID | CKR_OK: LONG_SALT;
            "PSS, salt: 2^63" => salt(1 << 63) => CKR_MECHANISM_PARAM_INVALID | CKR_OK: LONG_SALT;
            "PSS, salt: -3" => salt(CK_ULONG::MAX - 2) => CKR_MECHANISM_PARAM_INVALID | CKR_OK: LONG_SALT;
            "PSS, salt: -1" => salt(CK_ULONG::MAX) => CKR_MECHANISM_PARAM_INVALID | CKR_OK: LONG_SALT;
            "PSS, other MGF" => pss(CKM_SHA256, CKG_MGF1_SHA1, 32) => CKR_MECHANISM_PARAM_INVALID | CKR_ARGUMENTS_BAD: PARAMETER_CODE;
            "PSS, no MGF" => pss(CKM_SHA256, 0, 32) => CKR_MECHANISM_PARAM_INVALID | CKR_ARGUMENTS_BAD: PARAMETER_CODE;
            "PSS, MD5" => pss(CKM_MD5, CKG_MGF1_SHA1, 16) => CKR_MECHANISM_PARAM_INVALID | CKR_ARGUMENTS_BAD: PARAMETER_CODE;
            "PSS, SHA3-256" => pss(CKM_SHA3_256, CKG_MGF1_SHA3_256, 32) => CKR_OK | CKR_ARGUMENTS_BAD: NO_SHA3;
            "PSS, hashing" => hashing(CKM_SHA256, CKG_MGF1_SHA256) => CKR_OK;
            "PSS, hashing, other" => hashing(CKM_SHA384, CKG_MGF1_SHA384)
                => CKR_MECHANISM_PARAM_INVALID | CKR_ARGUMENTS_BAD: PARAMETER_CODE;
        }
    }),
    ("arguments of C_Verify", |t, r| {
        let Made {
            mechanism,
            label,
            data,
            signature,
            ..
        } = &made()[0];
        let (session, other) = (t.session(), t.session());
        let (s, key) = (session.handle, session.public(label));
        let (d, length) = (data.as_ptr().cast_mut(), data.len() as CK_ULONG);
        let (v, size) = (signature.as_ptr().cast_mut(), signature.len() as CK_ULONG);
        let init = || session.verify_init(mechanism, key);
        rows! { r;
            "NULL mechanism" => call!(t, C_VerifyInit(s, null(), key)) => CKR_ARGUMENTS_BAD;
            @ init(); "C_Verify, NULL data" => call!(t, C_Verify(s, null(), length, v, size)) => CKR_ARGUMENTS_BAD;
            "C_Verify, NULL data, after it" => session.verify(data, signature) => CKR_OPERATION_NOT_INITIALIZED | CKR_OK: ENDS;
            @ init(); "C_Verify, NULL signature" => call!(t, C_Verify(s, d, length, null(), size)) => CKR_ARGUMENTS_BAD;
            "C_Verify, NULL signature, after it" => call!(t, C_Verify(s, d, length, null(), size))
                => CKR_OPERATION_NOT_INITIALIZED | CKR_ARGUMENTS_BAD: ENDS;
            @ init(); "NULL part" => call!(t, C_VerifyUpdate(s, null(), length)) => CKR_ARGUMENTS_BAD;
            @ other.verify_init(mechanism, key);
            "C_VerifyFinal, NULL signature" => call!(t, C_VerifyFinal(other.handle, null(), size)) => CKR_ARGUMENTS_BAD;
            "invalid session handle" => t.at(NO).verify_update(data) => CKR_SESSION_HANDLE_INVALID;
        }
    }),
];
