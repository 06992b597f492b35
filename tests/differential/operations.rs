//! The order of the calls that sign, and the buffers they fill.

use cryptoki_sys::*;
use pkcs11_test::call;
use pkcs11_test::harness::{mechanism_name, null};

use crate::report::{Script, count, length};
use crate::signing::initialized;
use crate::verification::SHA256;
use crate::{EC, EC_LABELS, RSA};

pub const SCRIPTS: &[Script] = &[
    ("order of calls", |t, r| {
        let s = t.user();
        let key = s.private(RSA);
        let init = || s.sign_init(CKM_SHA256_RSA_PKCS, key);
        let sign = || length(s.sign(b"data"));
        let update = || s.sign_update(b"data");
        let finish = || length(s.sign_final());
        rows! { r;
            "C_Sign without C_SignInit" => sign() => CKR_OPERATION_NOT_INITIALIZED;
            "C_SignUpdate without C_SignInit" => update() => CKR_OPERATION_NOT_INITIALIZED;
            "C_SignFinal without C_SignInit" => finish() => CKR_OPERATION_NOT_INITIALIZED;
            "C_SignInit" => init() => CKR_OK;
            "C_SignInit, twice" => init() => CKR_OPERATION_ACTIVE;
            "C_Sign after both" => sign() => "CKR_OK, 256 bytes";
            "C_Sign, twice" => sign() => CKR_OPERATION_NOT_INITIALIZED;
            "C_SignInit again" => init() => CKR_OK;
            "C_SignUpdate" => update() => CKR_OK;
            "C_SignInit after a part" => init() => CKR_OPERATION_ACTIVE;
            "C_SignUpdate, twice" => update() => CKR_OK;
            "C_SignFinal" => finish() => "CKR_OK, 256 bytes";
            "C_SignFinal, twice" => finish() => CKR_OPERATION_NOT_INITIALIZED;
            "C_SignUpdate after C_SignFinal" => update() => CKR_OPERATION_NOT_INITIALIZED;
        }
    }),
    ("buffers", |t, r| {
        let s = t.user();
        let (digest, digest_info) = (SHA256.digest(b"message"), SHA256.digest_info(b"message"));
        for (label, mechanism, data, exact) in [
            (RSA, CKM_RSA_PKCS.into(), &digest_info[..], 256),
            (RSA, SHA256.pss(CKM_SHA256_RSA_PKCS_PSS), b"message", 256),
            (EC_LABELS[2], CKM_ECDSA.into(), &digest, 132),
        ] {
            let (name, key) = (mechanism_name(mechanism.id), s.private(label));
            let init = || s.sign_init(&mechanism, key);
            rows! { r;
                @ init(); format!("{name}, NULL") => s.sign_into(data, None);
                format!("{name}, NULL, twice") => s.sign_into(data, None);
                format!("{name}, no bytes") => s.sign_into(data, 0);
                format!("{name}, a byte too few") => s.sign_into(data, exact - 1);
                format!("{name}, exact") => s.sign_into(data, exact);
                format!("{name}, after the signature") => s.sign_into(data, exact);
                @ init(); format!("{name}, more than enough") => s.sign_into(data, exact + 100);
            }
        }
        // A question for the length may come without the data, which is not signed yet.
        rows! { r;
            @ s.sign_init(CKM_RSA_PKCS, s.private(RSA)); "NULL, and no data" => s.sign_into(b"", None)
                => "CKR_OK, length 256, nothing written";
            "the signature after it" => s.sign_into(&SHA256.digest_info(b""), 256) => "CKR_OK, length 256, written";
        }
    }),
    ("buffers of C_SignFinal", |t, r| {
        let s = t.user();
        let key = s.private(RSA);
        let init = || {
            (
                s.sign_init(CKM_SHA256_RSA_PKCS, key),
                s.sign_update(b"data"),
            )
        };
        rows! { r;
            @ init(); "NULL" => s.sign_final_into(None) => "CKR_OK, length 256, nothing written";
            "a byte too few" => s.sign_final_into(255) => "CKR_BUFFER_TOO_SMALL, length 256, nothing written";
            "exact" => s.sign_final_into(256) => "CKR_OK, length 256, written";
            "after the signature" => s.sign_final_into(256) => "CKR_OPERATION_NOT_INITIALIZED, length 256, nothing written";
            @ init(); "NULL in between" => s.sign_final_into(None) => "CKR_OK, length 256, nothing written";
            "C_SignUpdate after NULL" => s.sign_update(b"data") => CKR_OK;
            "the end" => length(s.sign_final()) => "CKR_OK, 256 bytes";
        }
    }),
    ("mixing C_Sign and C_SignUpdate", |t, r| {
        let key = t.user().private(RSA);
        let begun = || initialized(t, CKM_SHA256_RSA_PKCS, key);
        let s = begun();
        rows! { r;
            @ s.sign_update(b"data"); "C_Sign after C_SignUpdate" => length(s.sign(b"data"))
                => CKR_OPERATION_ACTIVE | CKR_OPERATION_NOT_INITIALIZED: FORMS;
            "C_SignFinal after it" => length(s.sign_final()) => "CKR_OK, 256 bytes" | CKR_OPERATION_NOT_INITIALIZED: FORMS;
        }
        for (case, room) in [("NULL", None), ("a byte too few", Some(255))] {
            let s = begun();
            s.sign_update(b"data");
            let case = format!("C_Sign after C_SignUpdate, {case}");
            rows! { r; case => s.sign_into(b"data", room).rv => CKR_OPERATION_ACTIVE | CKR_OPERATION_NOT_INITIALIZED: FORMS; }
        }
        let s = begun();
        rows! { r;
            "C_SignFinal without C_SignUpdate" => length(begun().sign_final()) => "CKR_OK, 256 bytes";
            "C_SignUpdate of nothing" => s.sign_update(b"") => CKR_OK;
            "C_SignFinal of nothing" => length(s.sign_final()) => "CKR_OK, 256 bytes";
        }
        for (case, room) in [("NULL", None), ("a byte too few", Some(255))] {
            let (s, other) = (begun(), begun());
            let (update, after) = (
                format!("C_SignUpdate after C_Sign, {case}"),
                format!("C_SignFinal after C_Sign, {case}"),
            );
            let finish = format!("C_SignFinal after C_SignUpdate after C_Sign, {case}");
            let sign = format!("C_Sign after C_SignFinal after C_Sign, {case}");
            rows! { r;
                @ s.sign_into(b"data", room);
                update => s.sign_update(b"data") => CKR_OPERATION_ACTIVE | CKR_OK: FORMS;
                finish => length(s.sign_final()) => CKR_OPERATION_ACTIVE | "CKR_OK, 256 bytes": FORMS;
                @ other.sign_into(b"data", room);
                after => length(other.sign_final()) => CKR_OPERATION_ACTIVE | "CKR_OK, 256 bytes": FORMS;
                sign => length(other.sign(b"data")) => "CKR_OK, 256 bytes" | CKR_OPERATION_NOT_INITIALIZED: FORMS;
            }
        }
        let s = begun();
        rows! { r; @ s.sign_final_into(None); "C_Sign after asking C_SignFinal for the length" => length(s.sign(b"data")) => "CKR_OK, 256 bytes"; }
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
            let (s, other) = (
                initialized(t, &mechanism, key),
                initialized(t, &mechanism, key),
            );
            rows! { r;
                format!("{name}, C_SignUpdate") => s.sign_update(&data) => CKR_OK | CKR_OPERATION_NOT_INITIALIZED: SINGLE_PART;
                format!("{name}, C_SignFinal") => length(s.sign_final())
                    => "CKR_OK, * bytes" | CKR_OPERATION_NOT_INITIALIZED: SINGLE_PART;
                format!("{name}, C_SignFinal alone") => length(other.sign_final())
                    => "CKR_DATA_*" | CKR_OPERATION_NOT_INITIALIZED: SINGLE_PART;
            }
        }
    }),
    ("arguments", |t, r| {
        let key = t.user().private(RSA);
        let mut buffer = [0; 256];
        let (data, buffer, room) = (
            b"data".as_ptr().cast_mut(),
            buffer.as_mut_ptr(),
            &raw mut *Box::leak(Box::new(256)),
        );
        let begun = || initialized(t, CKM_SHA256_RSA_PKCS, key);
        let sessions = [begun(), begun(), begun(), begun(), begun()];
        let [cancelled, sign, no_length, update, finish] = sessions.map(|session| session.handle);
        rows! { r;
            "C_SignInit with a NULL mechanism" => call!(t, C_SignInit(t.session().handle, null(), key)) => CKR_ARGUMENTS_BAD;
            "C_SignInit with a NULL mechanism while signing" => call!(t, C_SignInit(cancelled, null(), key))
                => CKR_OK | CKR_ARGUMENTS_BAD: SIGN_CANCELS;
            "C_Sign after it" => length(t.at(cancelled).sign(b"data")) => CKR_OPERATION_NOT_INITIALIZED | "CKR_OK, 256 bytes": SIGN_CANCELS;
            "C_Sign, NULL with 4 bytes" => call!(t, C_Sign(sign, null(), 4, buffer, room)) => CKR_ARGUMENTS_BAD;
            "C_Sign after NULL" => length(t.at(sign).sign(b"data")) => CKR_OPERATION_NOT_INITIALIZED | "CKR_OK, 256 bytes": SIGN_ENDS;
            "C_Sign with a NULL length" => call!(t, C_Sign(no_length, data, 4, buffer, null())) => CKR_ARGUMENTS_BAD;
            "C_Sign after NULL length" => length(t.at(no_length).sign(b"data"))
                => CKR_OPERATION_NOT_INITIALIZED | "CKR_OK, 256 bytes": SIGN_ENDS;
            "C_SignUpdate, NULL with 4 bytes" => call!(t, C_SignUpdate(update, null(), 4)) => CKR_ARGUMENTS_BAD;
            "C_SignUpdate after NULL" => t.at(update).sign_update(b"data") => CKR_OPERATION_NOT_INITIALIZED | CKR_OK: SIGN_ENDS;
            @ t.at(finish).sign_update(b"data");
            "C_SignFinal with a NULL length" => call!(t, C_SignFinal(finish, buffer, null())) => CKR_ARGUMENTS_BAD;
            "C_SignFinal after NULL length" => length(t.at(finish).sign_final())
                => CKR_OPERATION_NOT_INITIALIZED | "CKR_OK, 256 bytes": SIGN_ENDS;
        }
    }),
    ("two sessions", |t, r| {
        let (first, second) = (t.user(), t.session());
        rows! { r;
            "first, C_SignInit" => first.sign_init(CKM_SHA256_RSA_PKCS, first.private(RSA)) => CKR_OK;
            "second, C_SignInit" => second.sign_init(CKM_ECDSA, second.private(EC)) => CKR_OK;
            "second, C_Sign" => length(second.sign(&[0x5a; 32])) => "CKR_OK, 64 bytes";
            "first, C_Sign" => length(first.sign(b"data")) => "CKR_OK, 256 bytes";
        }
    }),
    // Tools read CKA_ALWAYS_AUTHENTICATE between C_SignInit and C_Sign, and search.
    ("searching while signing", |t, r| {
        let s = t.user();
        let key = s.private(RSA);
        s.sign_init(CKM_SHA256_RSA_PKCS, key);
        rows! { r;
            "C_GetAttributeValue" => s.attribute(key, CKA_ALWAYS_AUTHENTICATE) => "CKR_OK, 1 bytes 00";
            "C_Login for the operation" => s.login_as(CKU_CONTEXT_SPECIFIC, &t.pin) => CKR_OPERATION_NOT_INITIALIZED;
            "C_FindObjectsInit" => s.find_init(&[]) => CKR_OK | CKR_OPERATION_ACTIVE: SEARCHES;
            "C_FindObjects" => count(s.find_next(100)).unwrap_or_default() => 22 | 0: SEARCHES;
            "C_FindObjectsFinal" => s.find_final() => CKR_OK | CKR_OPERATION_NOT_INITIALIZED: SEARCHES;
            "C_Sign" => length(s.sign(b"data")) => "CKR_OK, 256 bytes";
            @ s.find_init(&[]); "C_SignInit while searching" => s.sign_init(CKM_SHA256_RSA_PKCS, key)
                => CKR_OK | CKR_OPERATION_ACTIVE: SEARCHES;
            "C_Sign while searching" => length(s.sign(b"data")) => "CKR_OK, 256 bytes" | CKR_OPERATION_NOT_INITIALIZED: SEARCHES;
        }
    }),
    ("closing while signing", |t, r| {
        let s = t.user();
        rows! { r;
            @ s.sign_init(CKM_SHA256_RSA_PKCS, s.private(RSA)); "C_CloseSession" => s.close() => CKR_OK;
            "C_Sign in a new session" => length(t.user().sign(b"data")) => CKR_OPERATION_NOT_INITIALIZED;
        }
    }),
];
