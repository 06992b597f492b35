//! C_GetAttributeValue.

use cryptoki_sys::*;
use pkcs11_test::call;
use pkcs11_test::harness::{Module, null, place};

use crate::report::{Report, Script};
use crate::{EC, EC_LABELS, NO, RSA, RSA_LABELS};

/// What signing tools ask for, and what else the standard gives to the three classes.
const ATTRIBUTES: &[(&str, CK_ATTRIBUTE_TYPE)] = named![
    CKA_CLASS CKA_TOKEN CKA_PRIVATE CKA_LABEL CKA_UNIQUE_ID CKA_APPLICATION CKA_VALUE CKA_OBJECT_ID CKA_CERTIFICATE_TYPE CKA_ISSUER
    CKA_SERIAL_NUMBER CKA_OWNER CKA_ATTR_TYPES CKA_TRUSTED CKA_CERTIFICATE_CATEGORY CKA_JAVA_MIDP_SECURITY_DOMAIN CKA_URL
    CKA_HASH_OF_SUBJECT_PUBLIC_KEY CKA_HASH_OF_ISSUER_PUBLIC_KEY CKA_NAME_HASH_ALGORITHM CKA_CHECK_VALUE CKA_KEY_TYPE CKA_SUBJECT
    CKA_ID CKA_SENSITIVE CKA_ENCRYPT CKA_DECRYPT CKA_WRAP CKA_UNWRAP CKA_SIGN CKA_SIGN_RECOVER CKA_VERIFY CKA_VERIFY_RECOVER
    CKA_DERIVE CKA_START_DATE CKA_END_DATE CKA_MODULUS CKA_MODULUS_BITS CKA_PUBLIC_EXPONENT CKA_PRIVATE_EXPONENT CKA_PRIME_1
    CKA_PRIME_2 CKA_EXPONENT_1 CKA_EXPONENT_2 CKA_COEFFICIENT CKA_PUBLIC_KEY_INFO CKA_VALUE_LEN CKA_EXTRACTABLE CKA_LOCAL
    CKA_NEVER_EXTRACTABLE CKA_ALWAYS_SENSITIVE CKA_KEY_GEN_MECHANISM CKA_MODIFIABLE CKA_COPYABLE CKA_DESTROYABLE CKA_EC_PARAMS
    CKA_EC_POINT CKA_ALWAYS_AUTHENTICATE CKA_WRAP_WITH_TRUSTED CKA_WRAP_TEMPLATE CKA_UNWRAP_TEMPLATE CKA_DERIVE_TEMPLATE
    CKA_ALLOWED_MECHANISMS CKA_VENDOR_DEFINED
];

/// Every attribute of every key, by a question for its size and a buffer of that size.
fn all(t: &Module, class: CK_OBJECT_CLASS, r: &mut Report) {
    let session = t.user();
    answers! { r;
        "* CKA_UNIQUE_ID" => "CKR_OK, *": NEWER;
        "* CKA_PUBLIC_KEY_INFO" => "CKR_OK, * bytes 30*": FROM_CERTIFICATE;
        "* CKA_MODIFIABLE" => "CKR_OK, 1 bytes 00": READ_ONLY;
        "* CKA_COPYABLE" => "CKR_OK, 1 bytes 00": READ_ONLY;
        "* CKA_DESTROYABLE" => "CKR_OK, 1 bytes 00": READ_ONLY;
    }
    match class {
        CKO_CERTIFICATE => answers! { r;
            "* CKA_START_DATE" => "CKR_OK, \"20*": FROM_CERTIFICATE;
            "* CKA_END_DATE" => "CKR_OK, \"20*": FROM_CERTIFICATE;
            "* CKA_CERTIFICATE_CATEGORY" => "CKR_OK, 8 bytes 0100000000000000": CATEGORY;
        },
        _ => answers! { r;
            "* CKA_SUBJECT" => "CKR_OK, * bytes 30*": FROM_CERTIFICATE;
            "* CKA_LOCAL" => "CKR_OK, 1 bytes 00": LOCAL;
            "* CKA_KEY_GEN_MECHANISM" => "CKR_OK, 8 bytes ffffffffffffffff": LOCAL;
            "* CKA_ALLOWED_MECHANISMS" => "CKR_OK, * bytes *": ALLOWED;
        },
    }
    match class {
        CKO_PUBLIC_KEY => {
            answers! { r; "* CKA_VERIFY_RECOVER" => "CKR_OK, 1 bytes 00": READ_ONLY; }
        }
        CKO_PRIVATE_KEY => answers! { r;
            "* CKA_DERIVE_TEMPLATE" => "CKR_OK, no bytes": NEWER;
            "* CKA_SIGN_RECOVER" => "CKR_OK, 1 bytes 00": READ_ONLY;
        },
        _ => (),
    }
    for label in RSA_LABELS.into_iter().chain(EC_LABELS) {
        let object = session.object(class, label);
        for (name, id) in ATTRIBUTES {
            rows! { r; format!("{label} {name}") => session.attribute(object, *id); }
        }
    }
}

pub const SCRIPTS: &[Script] = &[
    ("certificate", |t, r| all(t, CKO_CERTIFICATE, r)),
    ("public key", |t, r| all(t, CKO_PUBLIC_KEY, r)),
    ("private key", |t, r| all(t, CKO_PRIVATE_KEY, r)),
    // `tests/objects` has the entries of any template; here are the return values where several apply.
    ("mixed templates", |t, r| {
        const UNKNOWN: CK_ATTRIBUTE_TYPE = CKA_VENDOR_DEFINED;
        let s = t.user();
        let [rsa, ec] = [RSA, EC].map(|label| s.private(label));
        let read = |object, wanted: &[_]| s.attributes_into(object, wanted).0;
        let of = |object, ids: &[_]| {
            let wanted: Vec<_> = ids.iter().map(|id| (*id, Some(256))).collect();
            read(object, &wanted)
        };
        let (exponent, few) = ((CKA_PRIVATE_EXPONENT, Some(256)), (CKA_ID, Some(3)));
        rows! { r;
            "none" => of(rsa, &[]) => CKR_OK;
            "duplicate attribute" => of(rsa, &[CKA_ID, CKA_ID]) => CKR_OK;
            "sizes and values" => read(rsa, &[(CKA_ID, None), (CKA_ID, Some(256)), (CKA_MODULUS, None)]) => CKR_OK;
            "unknown between" => of(rsa, &[CKA_ID, UNKNOWN, CKA_LABEL]) => CKR_ATTRIBUTE_TYPE_INVALID;
            "sensitive" => of(rsa, &[CKA_ID, CKA_PRIVATE_EXPONENT, CKA_LABEL]) => CKR_ATTRIBUTE_SENSITIVE;
            "too small" => read(rsa, &[few, (CKA_LABEL, Some(256))]) => CKR_BUFFER_TOO_SMALL;
            "sensitive and too small" => read(rsa, &[exponent, few]) => CKR_ATTRIBUTE_SENSITIVE;
            "too small and sensitive" => read(rsa, &[few, exponent]) => CKR_BUFFER_TOO_SMALL: SEVERAL;
            "unknown and sensitive" => of(rsa, &[UNKNOWN, CKA_PRIVATE_EXPONENT]) => CKR_ATTRIBUTE_TYPE_INVALID: SEVERAL;
            "as requested by pkcs11-provider for an EC key" => of(ec, &[CKA_EC_PARAMS, CKA_EC_POINT, CKA_ALWAYS_AUTHENTICATE, CKA_ID])
                => CKR_ATTRIBUTE_TYPE_INVALID;
        }
    }),
    ("arguments", |t, r| {
        let session = t.user();
        let (key, size, s) = (session.private(RSA), place(0), session.handle);
        let no_template = |object, count| call!(t, C_GetAttributeValue(s, object, null(), count));
        let id = |object| session.attributes_into(object, &[(CKA_ID, Some(16))]).0;
        let of = |object, place| call!(t, C_GetObjectSize(s, object, place));
        rows! { r;
            "NULL pTemplate with 1 attribute" => no_template(key, 1) => CKR_ARGUMENTS_BAD;
            "NULL pTemplate with 0 attributes" => no_template(key, 0) => CKR_ARGUMENTS_BAD;
            "CK_INVALID_HANDLE" => id(CK_INVALID_HANDLE) => CKR_OBJECT_HANDLE_INVALID;
            "CK_INVALID_HANDLE, NULL" => no_template(CK_INVALID_HANDLE, 1) => CKR_ARGUMENTS_BAD;
            "unknown object handle" => id(NO) => CKR_OBJECT_HANDLE_INVALID;
            "unknown object handle, NULL" => no_template(NO, 1) => CKR_ARGUMENTS_BAD;
            "C_GetObjectSize of a certificate" => of(session.certificate(RSA), size) => CKR_OK;
            "C_GetObjectSize with NULL pulSize" => of(key, null()) => CKR_ARGUMENTS_BAD;
            "C_GetObjectSize unknown object handle" => of(NO, size) => CKR_OBJECT_HANDLE_INVALID;
        }
    }),
];
