//! C_FindObjects.

use cryptoki_sys::*;
use pkcs11_test::call;
use pkcs11_test::harness::{Answer, Session, Template, boolean, called, null, place, ulong};

use crate::report::{Report, Script, count, shown};
use crate::{EC, EC_LABELS, RSA, RSA_LABELS};

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

fn templates(session: Session, r: &mut Report) {
    const P_256: &[u8] = b"\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07";
    let class = |class| (CKA_CLASS, ulong(class));
    let id = |id: &str| (CKA_ID, id.into());
    let label = |label: &str| (CKA_LABEL, label.into());
    let number = |id, value| (id, ulong(value));
    let (vendor, sign) = (CKA_VENDOR_DEFINED | 0x1234, (CKA_SIGN, boolean(true)));
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
        "label and id" => find(&[label(RSA), id(RSA)]);
        "id of one and label of another" => find(&[id(RSA), label(EC)]) => "CKR_OK, none";
        "part of an id" => find(&[id("demo/rsa")]) => "CKR_OK, none";
        "empty id" => find(&[id("")]) => "CKR_OK, none";
        "unknown label" => find(&[label("demo/none")]) => "CKR_OK, none";
        "class and id" => find(&[class(CKO_PRIVATE_KEY), id(RSA)]);
        "class, id and sign" => find(&[class(CKO_PRIVATE_KEY), id(RSA), sign.clone()]);
        "token and class" => find(&[(CKA_TOKEN, boolean(true)), class(CKO_CERTIFICATE)]);
        "RSA keys" => find(&[number(CKA_KEY_TYPE, CKK_RSA)]);
        "EC keys" => find(&[number(CKA_KEY_TYPE, CKK_EC)]);
        "AES keys" => find(&[number(CKA_KEY_TYPE, CKK_AES)]) => "CKR_OK, none";
        "X.509 certificates" => find(&[number(CKA_CERTIFICATE_TYPE, CKC_X_509)]);
        "WTLS certificates" => find(&[number(CKA_CERTIFICATE_TYPE, CKC_WTLS)]) => "CKR_OK, none";
        "vendor's attribute" => find(&[(vendor, b"x".to_vec())]) => "CKR_OK, none";
        "empty vendor's attribute" => find(&[(vendor, vec![])]) => "CKR_OK, none";
        "the same attribute twice" => find(&[class(CKO_CERTIFICATE), class(CKO_CERTIFICATE)]);
        "two classes" => find(&[class(CKO_CERTIFICATE), class(CKO_PUBLIC_KEY)]) => "CKR_OK, none";
        "class in 4 bytes" => find(&[(CKA_CLASS, 1_u32.to_ne_bytes().to_vec())]) => "CKR_OK, none";
        "curve P-256" => find(&[(CKA_EC_PARAMS, P_256.to_vec())]);
        "exponent 65537" => find(&[(CKA_PUBLIC_EXPONENT, vec![1, 0, 1])]);
        "private exponent" => find(&[(CKA_PRIVATE_EXPONENT, vec![1])]) => "CKR_OK, none";
        "modulus bits" => find(&[number(CKA_MODULUS_BITS, 3072)]);
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
    ("by values of the certificate", |t, r| {
        let session = t.session();
        let certificate = session.certificate(EC_LABELS[1]);
        let value = |id| session.attribute(certificate, id).unwrap();
        let class = (CKA_CLASS, ulong(CKO_CERTIFICATE));
        let of_issuer = [CKA_ISSUER, CKA_SERIAL_NUMBER];
        let of_nss =
            [&[CKA_CERTIFICATE_TYPE, CKA_ID, CKA_VALUE][..], &of_issuer, &[CKA_SUBJECT]].concat();
        for (case, ids) in [
            ("CKA_SUBJECT", &[CKA_SUBJECT][..]),
            ("CKA_ISSUER", &[CKA_ISSUER]),
            ("CKA_VALUE", &[CKA_VALUE]),
            ("CKA_ISSUER and CKA_SERIAL_NUMBER", &of_issuer),
            ("as requested by NSS", &of_nss),
        ] {
            let mut template: Template = ids.iter().map(|id| (*id, value(*id))).collect();
            template.push(class.clone());
            rows! { r;
                case => found(session, &template);
                @ template[0].1.pop(); format!("{case}, cut short") => found(session, &template) => "CKR_OK, none";
            }
        }
        let bare = value(CKA_SERIAL_NUMBER)[2..].to_vec();
        rows! { r;
            "bare serial number" => found(session, &[(CKA_SERIAL_NUMBER, bare)]) => "CKR_OK, none";
            "certificate of the issuer" => found(session, &[class, (CKA_SUBJECT, value(CKA_ISSUER))]) => "CKR_OK, none";
        }
    }),
    ("by values of the key", |t, r| {
        let session = t.user();
        let find = |label, id| {
            let value = session.attribute(session.public(label), id).unwrap();
            found(session, &[(id, value)])
        };
        rows! { r;
            "CKA_MODULUS" => find(RSA_LABELS[1], CKA_MODULUS) => "CKR_OK, CKO_PRIVATE_KEY \"demo/rsa-3072\", CKO_PUBLIC_KEY \"demo/rsa-3072\"";
            "CKA_EC_POINT" => find(EC_LABELS[2], CKA_EC_POINT) => "CKR_OK, CKO_PUBLIC_KEY \"demo/p-521\"";
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
        let next = || count(session.find_next(1));
        rows! { r;
            "C_FindObjects without C_FindObjectsInit" => next() => CKR_OPERATION_NOT_INITIALIZED;
            "C_FindObjectsFinal without C_FindObjectsInit" => session.find_final() => CKR_OPERATION_NOT_INITIALIZED;
            "C_FindObjectsInit" => session.find_init(&[]) => CKR_OK;
            "C_FindObjectsInit, twice" => session.find_init(&[]) => CKR_OPERATION_ACTIVE;
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
    // Attributes can be read and keys used while a search is active.
    ("during a search", |t, r| {
        let session = t.user();
        session.find_init(&[(CKA_CLASS, ulong(CKO_PRIVATE_KEY))]);
        let key = session.find_next(1).unwrap()[0];
        rows! { r;
            "C_GetAttributeValue" => session.attribute(key, CKA_CLASS) => "CKR_OK, 8 bytes 0300000000000000";
            "the search goes on" => count(session.find_next(100)) => "CKR_OK, 5";
            "C_FindObjectsFinal" => session.find_final() => CKR_OK;
        }
    }),
];
