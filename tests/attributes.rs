//! Attributes that PKCS #11 3.0 and 3.2 added, which SoftHSM does not know.

mod common;

use common::raw::{self, Raw};
use common::{environment, in_child, service};
use cryptoki_sys::*;

const FALSE: Option<&[u8]> = Some(&[CK_FALSE]);
const EMPTY: Option<&[u8]> = Some(&[]);
const NONE: Option<&[u8]> = Some(&(0 as CK_ULONG).to_ne_bytes());
const ABSENT: Option<&[u8]> = None;

/// What goes with this token (PKCS #11 3.2, section 4): it neither encapsulates nor restricts by
/// templates, and no key has been validated. No object has a CRC of its key.
const EXPECTED: &[(CK_OBJECT_CLASS, CK_ATTRIBUTE_TYPE, Option<&[u8]>)] = &[
    (CKO_PUBLIC_KEY, CKA_ENCAPSULATE, FALSE),
    (CKO_PUBLIC_KEY, CKA_DECAPSULATE, ABSENT),
    (CKO_PUBLIC_KEY, CKA_WRAP_TEMPLATE, EMPTY),
    (CKO_PUBLIC_KEY, CKA_ENCAPSULATE_TEMPLATE, EMPTY),
    (CKO_PUBLIC_KEY, CKA_DECAPSULATE_TEMPLATE, ABSENT),
    (CKO_PUBLIC_KEY, CKA_OBJECT_VALIDATION_FLAGS, NONE),
    (CKO_PUBLIC_KEY, CKA_PUBLIC_CRC64_VALUE, ABSENT),
    (CKO_PUBLIC_KEY, CKA_PARAMETER_SET, ABSENT),
    (CKO_PUBLIC_KEY, CKA_PROFILE_ID, ABSENT),
    (CKO_PRIVATE_KEY, CKA_DECAPSULATE, FALSE),
    (CKO_PRIVATE_KEY, CKA_ENCAPSULATE, ABSENT),
    (CKO_PRIVATE_KEY, CKA_UNWRAP_TEMPLATE, EMPTY),
    (CKO_PRIVATE_KEY, CKA_DECAPSULATE_TEMPLATE, EMPTY),
    (CKO_PRIVATE_KEY, CKA_DERIVE_TEMPLATE, EMPTY),
    (CKO_PRIVATE_KEY, CKA_OBJECT_VALIDATION_FLAGS, NONE),
    (CKO_PRIVATE_KEY, CKA_PUBLIC_CRC64_VALUE, ABSENT),
    (CKO_CERTIFICATE, CKA_ENCAPSULATE, ABSENT),
    (CKO_CERTIFICATE, CKA_PROFILE_ID, ABSENT),
];

#[test]
fn attributes_of_newer_versions_have_the_value_that_goes_with_the_token_or_are_absent() {
    let prepare = || {
        let service = service();
        let environment = environment(&service, &[]);
        (service, environment)
    };
    let child = || {
        let raw = Raw::load();
        let session = raw::logged_in(&raw);
        for label in ["demo/rsa-3072", "demo/p-256"] {
            for (class, id, expected) in EXPECTED {
                let object = raw::object(&raw, session, *class, label);
                let value = raw::value(&raw, session, object, *id);
                let place = format!("{id:#x} of class {class} of {label}");
                assert_eq!(value.as_deref(), *expected, "{place}");
            }
        }
    };
    let Some((_, run)) = in_child(test_name!(), prepare, child) else {
        return;
    };
    run.assert_silent();
}
