//! C_FindObjects.

use cryptoki_sys::*;
use pkcs11_test::call;
use pkcs11_test::harness::{Answer, Session, boolean, called, null, place, ulong};

use crate::report::{Report, Script, count, shown};
use crate::{EC, RSA};

/// What is found: class and label of each object, in one order for both sides.
fn found(session: Session, template: &[(CK_ATTRIBUTE_TYPE, Vec<u8>)]) -> Answer<String> {
    let named = |object: &CK_OBJECT_HANDLE| {
        let of_object = session.attribute(*object, CKA_CLASS).unwrap();
        let mut classes = named![CKO_CERTIFICATE CKO_PUBLIC_KEY CKO_PRIVATE_KEY CKO_PROFILE].iter();
        let (class, _) = classes.find(|(_, class)| ulong(*class) == of_object).unwrap();
        let label = session.attribute(*object, CKA_LABEL).unwrap();
        format!("{class} {}", shown(&label))
    };
    let mut names: Vec<_> = session.find(template)?.iter().map(named).collect();
    // SoftHSM has none.
    names.retain(|name| !name.starts_with("CKO_PROFILE"));
    names.sort();
    called("C_FindObjects");
    Ok(match names.is_empty() {
        true => "none".to_owned(),
        false => names.join(", "),
    })
}

/// `tests/objects` searches for each value of each object.
fn templates(session: Session, r: &mut Report) {
    let class = |class| (CKA_CLASS, ulong(class));
    let id = |id: &str| (CKA_ID, id.into());
    let label = |label: &str| (CKA_LABEL, label.into());
    let number = |id, value| (id, ulong(value));
    let vendor = CKA_VENDOR_DEFINED | 0x1234;
    let find = |template: &[_]| found(session, template);
    for (name, id) in named![CKO_CERTIFICATE CKO_PUBLIC_KEY CKO_PRIVATE_KEY] {
        rows! { r; *name => find(&[class(*id)]); }
    }
    for (name, id) in named![CKO_SECRET_KEY CKO_DATA CKO_HW_FEATURE CKO_DOMAIN_PARAMETERS CKO_MECHANISM CKO_PROFILE CKO_VENDOR_DEFINED]
    {
        rows! { r; *name => find(&[class(*id)]) => "CKR_OK, none"; }
    }
    for (name, id) in
        named![CKA_SIGN CKA_VERIFY CKA_TOKEN CKA_PRIVATE CKA_SENSITIVE CKA_EXTRACTABLE CKA_TRUSTED]
    {
        for value in [true, false] {
            rows! { r; format!("{name} {value}") => find(&[(*id, boolean(value))]); }
        }
    }
    rows! { r;
        "all" => find(&[]);
        "id" => find(&[id(RSA)]);
        "label" => find(&[label(RSA)]);
        "id and label" => find(&[id(RSA), label(RSA)]);
        "id of one and label of another" => find(&[id(RSA), label(EC)]) => "CKR_OK, none";
        "part of an id" => find(&[id("demo/rsa")]) => "CKR_OK, none";
        "empty id" => find(&[id("")]) => "CKR_OK, none";
        "unknown label" => find(&[label("demo/none")]) => "CKR_OK, none";
        "class and id" => find(&[class(CKO_PRIVATE_KEY), id(RSA)]);
        "RSA keys" => find(&[number(CKA_KEY_TYPE, CKK_RSA)]);
        "AES keys" => find(&[number(CKA_KEY_TYPE, CKK_AES)]) => "CKR_OK, none";
        "WTLS certificates" => find(&[number(CKA_CERTIFICATE_TYPE, CKC_WTLS)]) => "CKR_OK, none";
        "vendor's attribute" => find(&[(vendor, b"x".to_vec())]) => "CKR_OK, none";
        "empty vendor's attribute" => find(&[(vendor, vec![])]) => "CKR_OK, none";
        "the same attribute twice" => find(&[class(CKO_CERTIFICATE), class(CKO_CERTIFICATE)]);
        "two classes" => find(&[class(CKO_CERTIFICATE), class(CKO_PUBLIC_KEY)]) => "CKR_OK, none";
        "class in 4 bytes" => find(&[(CKA_CLASS, 1_u32.to_ne_bytes().to_vec())]) => "CKR_OK, none";
        "private exponent" => find(&[(CKA_PRIVATE_EXPONENT, vec![1])]) => "CKR_OK, none";
    }
}

pub const SCRIPTS: &[Script] = &[
    ("before login", |t, r| templates(t.session(), r)),
    ("after login", |t, r| templates(t.user(), r)),
    ("in a read/write session", |t, r| {
        let session = t.read_write();
        rows! { r;
            "before login" => found(session, &[]);
            @ session.login(); "after login" => found(session, &[]);
        }
    }),
    // Sizes of the answers until there are no more, and that nothing comes twice.
    ("batches", |t, r| {
        let session = t.user();
        for limit in [1, 2, 4, 5, 6, 100] {
            session.find_init(&[(CKA_CLASS, ulong(CKO_CERTIFICATE))]);
            let (mut sizes, mut objects) = (Vec::new(), std::collections::BTreeSet::new());
            while sizes.last() != Some(&0) {
                let batch = session.find_next(limit).unwrap();
                sizes.push(batch.len());
                objects.extend(batch);
            }
            rows! { r;
                format!("of {limit}") => format!("{sizes:?}");
                format!("of {limit}, different objects") => objects.len() => 6;
                format!("of {limit}, after the end") => count(session.find_next(limit)) => "CKR_OK, 0";
                format!("of {limit}, C_FindObjectsFinal") => session.find_final() => CKR_OK;
            }
        }
    }),
    ("order of calls", |t, r| {
        let (session, other) = (t.session(), t.session());
        let certificate = session.certificate(RSA);
        let next = || count(session.find_next(1));
        rows! { r;
            "C_FindObjects without C_FindObjectsInit" => next() => CKR_OPERATION_NOT_INITIALIZED;
            "C_FindObjectsFinal without C_FindObjectsInit" => session.find_final() => CKR_OPERATION_NOT_INITIALIZED;
            "C_FindObjectsInit" => session.find_init(&[]) => CKR_OK;
            "C_FindObjectsInit, twice" => session.find_init(&[]) => CKR_OPERATION_ACTIVE;
            "C_GetAttributeValue during a search" => session.attribute(certificate, CKA_ID) => "CKR_OK, \"demo/rsa-2048\"";
            "the first search goes on" => next() => "CKR_OK, 1";
            "C_FindObjectsInit in another session" => other.find_init(&[]) => CKR_OK;
            "C_FindObjectsFinal" => session.find_final() => CKR_OK;
            "C_FindObjectsFinal, twice" => session.find_final() => CKR_OPERATION_NOT_INITIALIZED;
            "C_FindObjects after C_FindObjectsFinal" => next() => CKR_OPERATION_NOT_INITIALIZED;
            "C_FindObjectsFinal in another session" => other.find_final() => CKR_OK;
        }
    }),
    ("arguments", |t, r| {
        let session = t.session();
        let (s, object, count) = (session.handle, place(0), place(0));
        let no_value = place(CK_ATTRIBUTE { type_: CKA_LABEL, pValue: null(), ulValueLen: 4 });
        rows! { r;
            "C_FindObjectsInit, NULL pTemplate with 1 attribute" => call!(t, C_FindObjectsInit(s, null(), 1)) => CKR_ARGUMENTS_BAD;
            "C_FindObjectsFinal after it" => session.find_final() => CKR_OPERATION_NOT_INITIALIZED;
            "C_FindObjectsInit, NULL with 0 attributes" => call!(t, C_FindObjectsInit(s, null(), 0)) => CKR_OK;
            "C_FindObjects with NULL phObject" => call!(t, C_FindObjects(s, null(), 1, count)) => CKR_ARGUMENTS_BAD;
            "C_FindObjects with NULL pulObjectCount" => call!(t, C_FindObjects(s, object, 1, null())) => CKR_ARGUMENTS_BAD;
            "C_FindObjects, none wanted" => call!(t, C_FindObjects(s, object, 0, count)) => CKR_OK;
            "C_FindObjectsFinal" => session.find_final() => CKR_OK;
            "C_FindObjectsInit, NULL pValue" => call!(t, C_FindObjectsInit(s, no_value, 1)) => CKR_ARGUMENTS_BAD: NO_VALUE;
        }
    }),
];
