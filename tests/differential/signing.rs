//! Which keys, mechanisms, parameters and data sign, and what else a session does meanwhile.

use cryptoki_sys::*;
use pkcs11_test::call;
use pkcs11_test::harness::{Mechanism, Module, Rv, Session, called, mechanism_name, null, place};

use crate::report::{Report, Script, count, length};
use crate::verification::{SHA1, SHA256, SHA384};
use crate::{EC, NO, RSA, places};

/// A session of its own, in which a signature has been initialized.
fn initialized<'a>(
    t: &'a Module,
    mechanism: impl Into<Mechanism>,
    key: CK_OBJECT_HANDLE,
) -> Session<'a> {
    let session = t.session();
    assert_eq!(session.sign_init(mechanism, key), CKR_OK);
    session
}

/// C_SignInit, in a session of its own.
fn init(t: &Module, mechanism: impl Into<Mechanism>, key: CK_OBJECT_HANDLE) -> Rv {
    let session = t.session();
    let rv = session.sign_init(mechanism, key);
    session.close();
    called("C_SignInit");
    rv
}

/// Signs data that may not be right, and notes whether the operation is over.
macro_rules! data {
    ($t:ident, $r:ident, $label:ident, $mechanism:expr; $($case:literal: $data:expr => $ours:tt $(: $reason:ident)?;)*) => {
        let key = $t.user().private($label);
        $(
            let (session, data) = (initialized($t, $mechanism, key), $data);
            rows! { $r;
                $case => length(session.sign(&data)) => $ours $(: $reason)?;
                concat!($case, ", again") => length(session.sign(&data)) => CKR_OPERATION_NOT_INITIALIZED;
            }
        )*
    };
}

pub const SCRIPTS: &[Script] = &[
    ("keys", |t, r| {
        let s = t.user();
        let (rsa, ec, hashing) = (s.private(RSA), s.private(EC), CKM_SHA256_RSA_PKCS);
        rows! { r;
            "public key" => init(t, hashing, s.public(RSA)) => CKR_KEY_FUNCTION_NOT_PERMITTED;
            "certificate" => init(t, hashing, s.certificate(RSA)) => CKR_KEY_HANDLE_INVALID: KEY_HANDLE;
            "unknown object handle" => init(t, hashing, NO) => CKR_KEY_HANDLE_INVALID: KEY_HANDLE;
            "CK_INVALID_HANDLE" => init(t, hashing, CK_INVALID_HANDLE) => CKR_KEY_HANDLE_INVALID: KEY_HANDLE;
            "EC key for CKM_RSA_PKCS" => init(t, CKM_RSA_PKCS, ec) => CKR_KEY_TYPE_INCONSISTENT: KEY_TYPE;
            "EC key for CKM_SHA256_RSA_PKCS" => init(t, hashing, ec) => CKR_KEY_TYPE_INCONSISTENT: KEY_TYPE;
            "EC key for CKM_RSA_PKCS_PSS" => init(t, SHA256.pss(CKM_RSA_PKCS_PSS), ec) => CKR_KEY_TYPE_INCONSISTENT: KEY_TYPE;
            "EC key for CKM_SHA256_RSA_PKCS_PSS" => init(t, SHA256.pss(CKM_SHA256_RSA_PKCS_PSS), ec) => CKR_KEY_TYPE_INCONSISTENT: KEY_TYPE;
            "RSA key for CKM_ECDSA" => init(t, CKM_ECDSA, rsa) => CKR_KEY_TYPE_INCONSISTENT: KEY_TYPE;
            "C_SignInit again, unknown object handle" => s.sign_init(hashing, NO) => CKR_KEY_HANDLE_INVALID: KEY_HANDLE;
            "nothing is active after it" => length(s.sign(b"data")) => CKR_OPERATION_NOT_INITIALIZED;
        }
    }),
    ("mechanisms", |t, r| {
        let key = t.user().private(RSA);
        rows! { r;
            "unknown" => init(t, 0x7fff_0000, key) => CKR_MECHANISM_INVALID;
            "a vendor's" => init(t, CKM_VENDOR_DEFINED | 1, key) => CKR_MECHANISM_INVALID;
            "CKM_SHA256" => init(t, CKM_SHA256, key) => CKR_MECHANISM_INVALID;
            "CKM_AES_CBC" => init(t, CKM_AES_CBC, key) => CKR_MECHANISM_INVALID;
            "CKM_RSA_PKCS_OAEP" => init(t, CKM_RSA_PKCS_OAEP, key) => CKR_MECHANISM_INVALID;
            "CKM_RSA_PKCS_KEY_PAIR_GEN" => init(t, CKM_RSA_PKCS_KEY_PAIR_GEN, key) => CKR_MECHANISM_INVALID;
            "CKM_SHA3_256_RSA_PKCS" => init(t, CKM_SHA3_256_RSA_PKCS, key) => CKR_MECHANISM_INVALID;
            "CKM_RSA_X_509" => init(t, CKM_RSA_X_509, key) => CKR_MECHANISM_INVALID: NOT_A_MECHANISM;
            "CKM_SHA224_RSA_PKCS" => init(t, CKM_SHA224_RSA_PKCS, key) => CKR_MECHANISM_INVALID: NOT_A_MECHANISM;
            "unknown, and no key" => init(t, 0x7fff_0000, NO) => CKR_MECHANISM_INVALID: TWO_ERRORS;
        }
    }),
    ("parameters", |t, r| {
        let session = t.user();
        let (rsa, ec) = (session.private(RSA), session.private(EC));
        let some = |id| Mechanism { id, parameter: vec![7; 16] };
        let (raw, hashing) = (CKM_RSA_PKCS_PSS, CKM_SHA256_RSA_PKCS_PSS);
        let (sha1, sha256, mgf1, mgf256) = (CKM_SHA_1, CKM_SHA256, CKG_MGF1_SHA1, CKG_MGF1_SHA256);
        let pss = |id, hash, mgf, salt| init(t, Mechanism::pss(id, hash, mgf, salt), rsa);
        let salt = |id, salt| pss(id, sha256, mgf256, salt);
        let no_bytes =
            place(CK_MECHANISM { mechanism: raw, pParameter: null(), ulParameterLen: 24 });
        rows! { r;
            "unexpected for CKM_RSA_PKCS" => init(t, some(CKM_RSA_PKCS), rsa) => CKR_MECHANISM_PARAM_INVALID: PARAMETER_IGNORED;
            "unexpected for CKM_SHA256_RSA_PKCS" => init(t, some(CKM_SHA256_RSA_PKCS), rsa) => CKR_MECHANISM_PARAM_INVALID: PARAMETER_IGNORED;
            "unexpected for CKM_ECDSA" => init(t, some(CKM_ECDSA), ec) => CKR_MECHANISM_PARAM_INVALID: PARAMETER_IGNORED;
            "PSS, none" => init(t, raw, rsa) => CKR_MECHANISM_PARAM_INVALID: PARAMETER_CODE;
            "PSS, wrong length" => init(t, some(raw), rsa) => CKR_MECHANISM_PARAM_INVALID: PARAMETER_CODE;
            "PSS, SHA-1" => pss(raw, sha1, mgf1, 20) => CKR_OK;
            "PSS, MD5" => pss(raw, CKM_MD5, mgf1, 16) => CKR_MECHANISM_PARAM_INVALID: PARAMETER_CODE;
            "PSS, SHA-224" => pss(raw, CKM_SHA224, CKG_MGF1_SHA224, 28) => CKR_MECHANISM_PARAM_INVALID: NOT_A_MECHANISM;
            "PSS, unknown hash" => pss(raw, 0x7fff_0000, mgf256, 32) => CKR_MECHANISM_PARAM_INVALID: PARAMETER_CODE;
            "PSS, a signature mechanism as the hash" => pss(raw, CKM_SHA256_RSA_PKCS, mgf256, 32) => CKR_MECHANISM_PARAM_INVALID: PARAMETER_CODE;
            "PSS, MGF of another hash" => pss(raw, sha256, mgf1, 32) => CKR_MECHANISM_PARAM_INVALID: PARAMETER_CODE;
            "PSS, unknown MGF" => pss(raw, sha256, 0x99, 32) => CKR_MECHANISM_PARAM_INVALID: PARAMETER_CODE;
            "PSS, SHA-256" => salt(raw, 32) => CKR_OK;
            "PSS, no salt" => salt(raw, 0) => CKR_MECHANISM_PARAM_INVALID: SALT;
            "PSS, a salt of 20 bytes" => salt(raw, 20) => CKR_MECHANISM_PARAM_INVALID: SALT;
            "PSS, the longest salt" => salt(raw, 222) => CKR_MECHANISM_PARAM_INVALID: SALT;
            "PSS, a salt one byte too long" => salt(raw, 223) => CKR_MECHANISM_PARAM_INVALID: SALT;
            "PSS, a salt of 2^63 bytes" => salt(raw, 1 << 63) => CKR_MECHANISM_PARAM_INVALID: SALT;
            "PSS, a salt of -3 bytes" => salt(raw, CK_ULONG::MAX - 2) => CKR_MECHANISM_PARAM_INVALID: SALT;
            "PSS, hashing, none" => init(t, hashing, rsa) => CKR_MECHANISM_PARAM_INVALID: PARAMETER_CODE;
            "PSS, hashing, SHA-384" => pss(hashing, CKM_SHA384, CKG_MGF1_SHA384, 48) => CKR_MECHANISM_PARAM_INVALID: PARAMETER_CODE;
            "PSS, hashing, MGF of another hash" => pss(hashing, sha256, mgf1, 32) => CKR_MECHANISM_PARAM_INVALID: PARAMETER_CODE;
            "PSS, hashing, SHA-256" => salt(hashing, 32) => CKR_OK;
            "PSS, hashing, no salt" => salt(hashing, 0) => CKR_MECHANISM_PARAM_INVALID: SALT;
            "PSS, hashing, a salt that is too long" => salt(hashing, 300) => CKR_MECHANISM_PARAM_INVALID: PARAMETER_CODE;
            "PSS, NULL pParameter" => call!(t, C_SignInit(session.handle, no_bytes, rsa)) => CKR_MECHANISM_PARAM_INVALID: PARAMETER_CODE;
        }
    }),
    ("before login", |t, r| {
        let (s, mechanism) = (t.session(), CKM_SHA256_RSA_PKCS);
        rows! { r;
            "public key" => init(t, mechanism, s.public(RSA)) => CKR_KEY_FUNCTION_NOT_PERMITTED;
            "certificate" => init(t, mechanism, s.certificate(RSA)) => CKR_KEY_HANDLE_INVALID: BEFORE_LOGIN;
            "unknown object handle" => init(t, mechanism, NO) => CKR_USER_NOT_LOGGED_IN: BEFORE_LOGIN;
        }
        s.login();
        let key = s.private(RSA);
        s.logout();
        rows! { r;
            "private key of an earlier login" => init(t, mechanism, key) => CKR_USER_NOT_LOGGED_IN: BEFORE_LOGIN;
            "C_Sign" => length(s.sign(b"data")) => CKR_OPERATION_NOT_INITIALIZED;
        }
    }),
    ("data for CKM_RSA_PKCS", for_rsa_pkcs),
    ("data for CKM_RSA_PKCS_PSS", |t, r| {
        data! { t, r, RSA, &SHA384.pss(CKM_RSA_PKCS_PSS);
            "digest": SHA384.digest(b"message") => "CKR_OK, 256 bytes";
            "none": [] => CKR_DATA_LEN_RANGE: LENGTH_CODE;
            "a byte too few": [0x5a; 47] => CKR_DATA_LEN_RANGE: LENGTH_CODE;
            "a byte too many": [0x5a; 49] => CKR_DATA_LEN_RANGE: LENGTH_CODE;
            "digest of SHA-256": SHA256.digest(b"message") => CKR_DATA_LEN_RANGE: LENGTH_CODE;
            "DigestInfo": SHA384.digest_info(b"message") => CKR_DATA_LEN_RANGE: LENGTH_CODE;
            "as long as the modulus": [0x5a; 256] => CKR_DATA_LEN_RANGE: LENGTH_CODE;
            "2000 bytes": [0x5a; 2000] => CKR_DATA_LEN_RANGE: LENGTH_CODE;
        }
    }),
    ("data for CKM_ECDSA", |t, r| {
        data! { t, r, EC, CKM_ECDSA;
            "digest as long as the order": [0x5a; 32] => "CKR_OK, 64 bytes";
            "shorter digest": [0x5a; 20] => "CKR_OK, 64 bytes";
            "longer digest": [0x5a; 64] => "CKR_OK, 64 bytes";
            "none": [] => CKR_DATA_LEN_RANGE: EC_DIGESTS;
            "a byte": [1] => CKR_DATA_LEN_RANGE: EC_DIGESTS;
            "28 bytes": [0x5a; 28] => CKR_DATA_LEN_RANGE: EC_DIGESTS;
            "31 bytes": [0x5a; 31] => CKR_DATA_LEN_RANGE: EC_DIGESTS;
            "33 bytes": [0x5a; 33] => CKR_DATA_LEN_RANGE: EC_DIGESTS;
            "128 bytes": [0x5a; 128] => CKR_DATA_LEN_RANGE: EC_DIGESTS;
            "2000 bytes": [0x5a; 2000] => CKR_DATA_LEN_RANGE: EC_DIGESTS;
            "zeros": [0; 32] => "CKR_OK, 64 bytes";
        }
    }),
    // The mechanisms that sign a digest are for one part only (PKCS #11 3.2, sections 6.1 and 6.3).
    ("several parts for a single-part mechanism", |t, r| {
        let user = t.user();
        let digest = SHA256.digest(b"message");
        for (label, mechanism, data) in [
            (RSA, CKM_RSA_PKCS.into(), SHA256.digest_info(b"message")),
            (RSA, SHA256.pss(CKM_RSA_PKCS_PSS), digest.clone()),
            (EC, CKM_ECDSA.into(), digest.clone()),
        ] {
            let (name, key) = (mechanism_name(mechanism.id), user.private(label));
            let (s, other) = (initialized(t, &mechanism, key), initialized(t, &mechanism, key));
            rows! { r;
                format!("{name}, C_SignUpdate") => s.sign_update(&data) => CKR_OK: SINGLE_PART;
                format!("{name}, C_SignFinal") => length(s.sign_final()) => "CKR_OK, * bytes": SINGLE_PART;
                format!("{name}, C_SignFinal alone") => length(other.sign_final()) => "CKR_DATA_*": SINGLE_PART;
            }
        }
    }),
    ("arguments", |t, r| {
        let key = t.user().private(RSA);
        let (b, l, ..) = places();
        let begun = || initialized(t, CKM_SHA256_RSA_PKCS, key);
        let [cancelled, sign, no_length, update, finish, no_data] =
            [begun(), begun(), begun(), begun(), begun(), begun()];
        let after = |session: Session| length(session.sign(b"data"));
        rows! { r;
            "C_SignInit with NULL pMechanism" => call!(t, C_SignInit(t.session().handle, null(), key)) => CKR_ARGUMENTS_BAD;
            "C_SignInit with a NULL mechanism while signing" => call!(t, C_SignInit(cancelled.handle, null(), key)) => CKR_OK: CANCELS;
            "C_Sign after it" => after(cancelled) => CKR_OPERATION_NOT_INITIALIZED: CANCELS;
            "C_Sign, NULL pData" => call!(t, C_Sign(sign.handle, null(), 4, b, l)) => CKR_ARGUMENTS_BAD;
            "C_Sign after NULL" => after(sign) => CKR_OPERATION_NOT_INITIALIZED: ENDS;
            "C_Sign with NULL pulSignatureLen" => call!(t, C_Sign(no_length.handle, b, 4, b, null())) => CKR_ARGUMENTS_BAD;
            "C_Sign after NULL length" => after(no_length) => CKR_OPERATION_NOT_INITIALIZED: ENDS;
            "C_SignUpdate, NULL pPart" => call!(t, C_SignUpdate(update.handle, null(), 4)) => CKR_ARGUMENTS_BAD;
            "C_SignUpdate after NULL" => update.sign_update(b"data") => CKR_OPERATION_NOT_INITIALIZED: ENDS;
            @ finish.sign_update(b"data");
            "C_SignFinal with NULL pulSignatureLen" => call!(t, C_SignFinal(finish.handle, b, null())) => CKR_ARGUMENTS_BAD;
            "C_SignFinal after NULL length" => length(finish.sign_final()) => CKR_OPERATION_NOT_INITIALIZED: ENDS;
            // A question for the length may come without the data, which is not signed yet.
            "C_Sign for the length, without data" => no_data.sign_into(b"", None) => "CKR_OK, length 256, nothing written";
            "the signature after it" => after(no_data) => "CKR_OK, 256 bytes";
        }
    }),
    // Tools read CKA_ALWAYS_AUTHENTICATE between C_SignInit and C_Sign, and search.
    ("while signing", |t, r| {
        let (s, other) = (t.user(), t.session());
        let (key, public) = (s.private(RSA), s.public(RSA));
        s.sign_init(CKM_SHA256_RSA_PKCS, key);
        rows! { r;
            "another session, C_SignInit" => other.sign_init(CKM_ECDSA, other.private(EC)) => CKR_OK;
            "another session, C_Sign" => length(other.sign(&[0x5a; 32])) => "CKR_OK, 64 bytes";
            "C_GetAttributeValue" => s.attribute(key, CKA_ALWAYS_AUTHENTICATE) => "CKR_OK, 1 bytes 00";
            "C_Login for the operation" => s.login_as(CKU_CONTEXT_SPECIFIC, &t.pin) => CKR_OPERATION_NOT_INITIALIZED;
            "C_FindObjectsInit" => s.find_init(&[]) => CKR_OK: SIDE_BY_SIDE;
            "C_FindObjects" => count(s.find_next(100)).unwrap_or_default() => 22: SIDE_BY_SIDE;
            "C_FindObjectsFinal" => s.find_final() => CKR_OK: SIDE_BY_SIDE;
            "C_DigestInit" => s.digest_init(CKM_SHA256) => CKR_OK: SIDE_BY_SIDE;
            "C_VerifyInit" => s.verify_init(CKM_SHA256_RSA_PKCS, public) => CKR_OK: SIDE_BY_SIDE;
            "C_Sign" => length(s.sign(b"data")) => "CKR_OK, 256 bytes";
            @ s.find_init(&[]); "C_SignInit while searching" => s.sign_init(CKM_SHA256_RSA_PKCS, key) => CKR_OK: SIDE_BY_SIDE;
            "C_Sign while searching" => length(s.sign(b"data")) => "CKR_OK, 256 bytes": SIDE_BY_SIDE;
            @ other.sign_init(CKM_SHA256_RSA_PKCS, key); "C_CloseSession" => other.close() => CKR_OK;
            "C_Sign in a new session" => length(t.session().sign(b"data")) => CKR_OPERATION_NOT_INITIALIZED;
        }
    }),
];

fn for_rsa_pkcs(t: &Module, r: &mut Report) {
    const WITHOUT_NULL: &[u8] =
        b"\x30\x2f\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x04\x20";
    let (digest, digest_info) = (SHA256.digest(b"message"), SHA256.digest_info(b"message"));
    let mut of_sha224 = digest_info.clone();
    of_sha224[14] = 4;
    data! { t, r, RSA, CKM_RSA_PKCS;
        "DigestInfo": digest_info.clone() => "CKR_OK, 256 bytes";
        "none": [] => CKR_DATA_INVALID: DIGEST_INFO;
        "a byte": [1] => CKR_DATA_INVALID: DIGEST_INFO;
        "bare SHA-256 digest": digest.clone() => CKR_DATA_INVALID: DIGEST_INFO;
        "bare SHA-1 digest": SHA1.digest(b"message") => CKR_DATA_INVALID: DIGEST_INFO;
        "MD5 and SHA-1 digests (TLS 1.0)": [0x5a; 36] => CKR_DATA_INVALID: DIGEST_INFO;
        "DigestInfo with a trailing byte": [&digest_info[..], &[0]].concat() => CKR_DATA_INVALID: DIGEST_INFO;
        "DigestInfo cut short": &digest_info[..50] => CKR_DATA_INVALID: DIGEST_INFO;
        "DigestInfo without NULL": [WITHOUT_NULL, &digest].concat() => CKR_DATA_INVALID: DIGEST_INFO;
        "DigestInfo of SHA-224 with 32 bytes": of_sha224.clone() => CKR_DATA_INVALID: DIGEST_INFO;
        "the longest that fits PKCS #1": [0x5a; 245] => CKR_DATA_INVALID: DIGEST_INFO;
        "a byte more": [0x5a; 246] => CKR_DATA_LEN_RANGE: LENGTH_CODE;
        "as long as the modulus": [0x5a; 256] => CKR_DATA_LEN_RANGE: LENGTH_CODE;
        "longer than the modulus": [0x5a; 257] => CKR_DATA_LEN_RANGE: LENGTH_CODE;
        "2000 bytes": [0x5a; 2000] => CKR_DATA_LEN_RANGE: LENGTH_CODE;
    }
}
