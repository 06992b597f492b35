//! Objects that a program creates, copies, changes and destroys.

use std::cell::Cell;

use cryptoki_sys::*;
use pkcs11_test::call;
use pkcs11_test::harness::{Answer, Session, Template, boolean, called, null, place, ulong, with};

use crate::report::{Script, count};
use crate::{EC, RSA};

/// A template of values of an object that both sides have.
fn like(session: Session, object: CK_OBJECT_HANDLE, ids: &[CK_ATTRIBUTE_TYPE]) -> Template {
    let value = |id: &CK_ATTRIBUTE_TYPE| (*id, session.attribute(object, *id).unwrap());
    ids.iter().map(value).collect()
}

pub fn rsa(s: Session) -> Template {
    let ids = [CKA_CLASS, CKA_KEY_TYPE, CKA_MODULUS, CKA_PUBLIC_EXPONENT];
    like(s, s.public(RSA), &ids)
}

pub fn ec(s: Session) -> Template {
    let ids = [CKA_CLASS, CKA_KEY_TYPE, CKA_EC_PARAMS, CKA_EC_POINT];
    like(s, s.public(EC), &ids)
}

/// A template with one more attribute, or another value for one that it has.
pub fn and(template: &Template, id: CK_ATTRIBUTE_TYPE, value: impl Into<Vec<u8>>) -> Template {
    let mut template = without(template, id);
    template.push((id, value.into()));
    template
}

fn without(template: &Template, id: CK_ATTRIBUTE_TYPE) -> Template {
    let others = template.iter().filter(|(known, _)| *known != id);
    others.cloned().collect()
}

/// Another point for an EC key: its form, and as many bytes of the coordinates in the other order.
fn point(template: &Template, form: u8, length: usize) -> Vec<u8> {
    let point = template.iter().find(|(id, _)| *id == CKA_EC_POINT);
    let mut coordinates = point.unwrap().1[3..].to_vec();
    if length > 32 {
        coordinates.reverse();
    }
    coordinates.truncate(length);
    [&[4, length as u8 + 1, form], &coordinates[..]].concat()
}

/// What becomes of a template, whose object is destroyed if there is one.
fn created(session: Session, template: &Template) -> Answer<()> {
    let object = session.create(template)?;
    session.destroy(object);
    called("C_CreateObject");
    Ok(())
}

/// Calls with attributes, by their answers: `(answer): "case" ID value, ...;`, with a reason as in [`rows`].
macro_rules! attributes {
    ($r:ident, $act:expr; $($answer:tt: $($case:literal $id:ident $value:expr),+ $(,)?;)*) => {
        $($(attributes!(@ $r $case ($act)($id, Vec::from($value)), $answer);)+)*
    };
    (@ $r:ident $case:literal $call:expr, ($ours:tt $(: $reason:ident)?)) => {
        rows! { $r; $case => $call => $ours $(: $reason)?; }
    };
}

pub const SCRIPTS: &[Script] = &[
    ("public keys", |t, r| {
        let session = t.user();
        let (rsa, ec) = (rsa(session), ec(session));
        let create = |template: &Template| created(session, template);
        let with_rsa = |id, value: Vec<u8>| create(&and(&rsa, id, value));
        let with_ec = |id, value: Vec<u8>| create(&and(&ec, id, value));
        let reversed = ec.iter().rev().cloned().collect();
        let two_classes = [&rsa[..], &[(CKA_CLASS, ulong(CKO_CERTIFICATE))]].concat();
        rows! { r;
            "RSA" => create(&rsa) => CKR_OK;
            "EC" => create(&ec) => CKR_OK;
            "EC, attributes in reverse order" => create(&reversed) => CKR_OK;
            "without class" => create(&without(&rsa, CKA_CLASS)) => CKR_TEMPLATE_INCOMPLETE;
            "without type" => create(&without(&rsa, CKA_KEY_TYPE)) => CKR_TEMPLATE_INCOMPLETE;
            "without modulus" => create(&without(&rsa, CKA_MODULUS)) => CKR_TEMPLATE_INCOMPLETE;
            "without exponent" => create(&without(&rsa, CKA_PUBLIC_EXPONENT)) => CKR_TEMPLATE_INCOMPLETE;
            "without parameters" => create(&without(&ec, CKA_EC_PARAMS)) => CKR_TEMPLATE_INCOMPLETE;
            "without point" => create(&without(&ec, CKA_EC_POINT)) => CKR_TEMPLATE_INCOMPLETE;
            "with two classes" => create(&two_classes) => CKR_TEMPLATE_INCONSISTENT: OTHER_CLASS;
        }
        attributes! { r, with_rsa;
            (CKR_OK): "with a label" CKA_LABEL "mine", "with an empty label" CKA_LABEL "", "session object" CKA_TOKEN boolean(false),
                "that encrypts" CKA_ENCRYPT boolean(true), "private" CKA_PRIVATE boolean(true), "with dates" CKA_START_DATE "20260101",
                "with an empty date" CKA_START_DATE "";
            (CKR_ATTRIBUTE_READ_ONLY): "with CKA_MODULUS_BITS" CKA_MODULUS_BITS ulong(2048), "with CKA_LOCAL" CKA_LOCAL boolean(true),
                "with CKA_KEY_GEN_MECHANISM" CKA_KEY_GEN_MECHANISM ulong(CKM_RSA_PKCS_KEY_PAIR_GEN), "trusted" CKA_TRUSTED boolean(true);
            (CKR_ATTRIBUTE_READ_ONLY: NEWER): "with CKA_UNIQUE_ID" CKA_UNIQUE_ID "mine";
            (CKR_TEMPLATE_INCONSISTENT: OTHER_CLASS): "that signs" CKA_SIGN boolean(true), "with an issuer" CKA_ISSUER [0x30, 0],
                "with a private exponent" CKA_PRIVATE_EXPONENT [3], "of the wrong type" CKA_KEY_TYPE ulong(CKK_EC);
            (CKR_TEMPLATE_INCONSISTENT: ONLY_VERIFIED): "of another type" CKA_KEY_TYPE ulong(CKK_AES);
            (CKR_ATTRIBUTE_VALUE_INVALID): "of an invalid type" CKA_KEY_TYPE ulong(0x7000_0000), "with half a date" CKA_START_DATE "2026",
                "with a boolean of 8 bytes" CKA_VERIFY ulong(1), "with a boolean of no bytes" CKA_VERIFY [];
            (CKR_ATTRIBUTE_VALUE_INVALID: VALUES): "with a class of 4 bytes" CKA_CLASS [2, 0, 0, 0], "with a boolean of 2" CKA_VERIFY [2],
                "with a modulus of no bytes" CKA_MODULUS [];
        }
        let vendor = CKA_VENDOR_DEFINED | 1;
        rows! { r;
            "with a vendor's attribute" => with_rsa(vendor, vec![1]) => CKR_ATTRIBUTE_TYPE_INVALID;
            "with an unknown attribute" => with_rsa(0x7000_0000, vec![1]) => CKR_ATTRIBUTE_TYPE_INVALID;
        }
        attributes! { r, with_ec;
            (CKR_OK): "that verifies" CKA_VERIFY boolean(true), "that does not verify" CKA_VERIFY boolean(false);
            (CKR_ATTRIBUTE_VALUE_INVALID: VALUES): "with an invalid point" CKA_EC_POINT [4, 2, 4, 1], "with a point of no bytes" CKA_EC_POINT [],
                "with a compact point" CKA_EC_POINT point(&ec, 5, 32);
            (CKR_CURVE_NOT_SUPPORTED: CURVES): "on secp256k1" CKA_EC_PARAMS [6, 5, 0x2b, 0x81, 4, 0, 10];
            (CKR_DOMAIN_PARAMS_INVALID: EC_KEYS): "with invalid parameters" CKA_EC_PARAMS [1],
                "with explicit parameters" CKA_EC_PARAMS [0x30, 0], "with the name of a curve" CKA_EC_PARAMS *b"\x13\x09secp256r1";
            (CKR_TEMPLATE_INCONSISTENT: EC_KEYS): "with a compressed point" CKA_EC_POINT point(&ec, 2, 32);
            (CKR_PUBLIC_KEY_INVALID: EC_KEYS): "with a point off the curve" CKA_EC_POINT point(&ec, 4, 64);
        }
    }),
    ("certificates", |t, r| {
        let s = t.user();
        let ids = [CKA_CLASS, CKA_CERTIFICATE_TYPE, CKA_SUBJECT, CKA_VALUE];
        let certificate = like(s, s.certificate(RSA), &ids);
        let create = |template: &Template| created(s, template);
        let with = |id, value: Vec<u8>| create(&and(&certificate, id, value));
        rows! { r;
            "X.509" => create(&certificate) => CKR_OK;
            "without type" => create(&without(&certificate, CKA_CERTIFICATE_TYPE)) => CKR_TEMPLATE_INCOMPLETE;
            "without subject" => create(&without(&certificate, CKA_SUBJECT)) => CKR_TEMPLATE_INCOMPLETE;
            "without value" => create(&without(&certificate, CKA_VALUE)) => CKR_TEMPLATE_INCOMPLETE;
        }
        attributes! { r, with;
            (CKR_OK): "with an ID" CKA_ID "mine", "with a serial number" CKA_SERIAL_NUMBER [2, 1, 1], "with an issuer" CKA_ISSUER [0x30, 0],
                "with CKA_URL" CKA_URL [], "not trusted" CKA_TRUSTED boolean(false),
                "of a CA" CKA_CERTIFICATE_CATEGORY ulong(CK_CERTIFICATE_CATEGORY_AUTHORITY);
            (CKR_ATTRIBUTE_READ_ONLY): "trusted" CKA_TRUSTED boolean(true);
            (CKR_ATTRIBUTE_VALUE_INVALID): "of an invalid type" CKA_CERTIFICATE_TYPE ulong(99);
            (CKR_ATTRIBUTE_VALUE_INVALID: VALUES): "with an invalid value" CKA_VALUE [0x30, 0], "with a wrong checksum" CKA_CHECK_VALUE [1, 2, 3],
                "of an unknown category" CKA_CERTIFICATE_CATEGORY ulong(4), "with an unknown domain" CKA_JAVA_MIDP_SECURITY_DOMAIN ulong(4);
            (CKR_TEMPLATE_INCONSISTENT: VALUES): "with another subject" CKA_SUBJECT [0x30, 0];
            (CKR_TEMPLATE_INCONSISTENT: OTHER_CLASS): "with a modulus" CKA_MODULUS [1];
            (CKR_TEMPLATE_INCONSISTENT: ONLY_VERIFIED): "WTLS" CKA_CERTIFICATE_TYPE ulong(CKC_WTLS);
        }
        let object = s.create(&certificate).unwrap();
        let change = |id, value: Vec<u8>| s.change(object, &[(id, value)]);
        attributes! { r, change;
            (CKR_OK): "changed: ID" CKA_ID "other";
            (CKR_ATTRIBUTE_READ_ONLY): "changed: start date" CKA_START_DATE "20260101", "changed: end date" CKA_END_DATE "20260101";
        }
    }),
    ("other objects", |t, r| {
        let session = t.user();
        let (s, object, template) = (session.handle, place(0), rsa(session));
        let create = |template: &Template| created(session, template);
        let class = |class| vec![(CKA_CLASS, ulong(class))];
        let of = |id| create(&class(id));
        let key = |of, kind| and(&class(of), CKA_KEY_TYPE, ulong(kind));
        let numbers = |length: usize, ids: &[_]| {
            let numbers = ids.iter().map(|id| (*id, vec![7; length]));
            key(CKO_PRIVATE_KEY, CKK_RSA).into_iter().chain(numbers).collect()
        };
        let small = numbers(256, &[CKA_MODULUS, CKA_PRIVATE_EXPONENT]);
        let small = and(&small, CKA_PUBLIC_EXPONENT, [1, 0, 1]);
        let (public, primes) = ([CKA_MODULUS, CKA_PUBLIC_EXPONENT], [CKA_PRIME_1, CKA_PRIME_2]);
        let private = [CKA_PRIVATE_EXPONENT, CKA_EXPONENT_1, CKA_EXPONENT_2, CKA_COEFFICIENT];
        let all_parts = numbers(128, &[&public[..], &primes, &private].concat());
        let aes = and(&key(CKO_SECRET_KEY, CKK_AES), CKA_VALUE, vec![7; 16]);
        rows! { r;
            "nothing" => create(&vec![]) => CKR_TEMPLATE_INCOMPLETE;
            "data" => create(&and(&class(CKO_DATA), CKA_VALUE, "data")) => CKR_TEMPLATE_INCONSISTENT: ONLY_VERIFIED;
            "an AES key" => create(&aes) => CKR_TEMPLATE_INCONSISTENT: ONLY_VERIFIED;
            "a private key" => create(&small) => CKR_TEMPLATE_INCONSISTENT: ONLY_VERIFIED;
            "a private key with all its parts" => create(&all_parts) => CKR_TEMPLATE_INCONSISTENT: ONLY_VERIFIED;
            "domain parameters" => of(CKO_DOMAIN_PARAMETERS) => CKR_TEMPLATE_INCONSISTENT: ONLY_VERIFIED;
            "a hardware feature" => of(CKO_HW_FEATURE) => CKR_TEMPLATE_INCONSISTENT: ONLY_VERIFIED;
            "a mechanism" => of(CKO_MECHANISM) => CKR_TEMPLATE_INCONSISTENT: ONLY_VERIFIED;
            "a profile" => create(&and(&class(CKO_PROFILE), CKA_PROFILE_ID, ulong(1))) => CKR_TEMPLATE_INCONSISTENT: ONLY_VERIFIED;
            "an unknown class" => of(0x7000_0000) => CKR_ATTRIBUTE_VALUE_INVALID;
            "a vendor's class" => of(CKO_VENDOR_DEFINED | 1) => CKR_ATTRIBUTE_VALUE_INVALID;
            "NULL phObject" => with(&template, |template, n| call!(t, C_CreateObject(s, template, n, null()))) => CKR_ARGUMENTS_BAD;
            "NULL pTemplate with 1 attribute" => call!(t, C_CreateObject(s, null(), 1, object)) => CKR_ARGUMENTS_BAD;
        }
    }),
    ("where and when", |t, r| {
        let (public, write) = (t.session(), t.read_write());
        let template = rsa(public);
        let with = |id| and(&template, id, boolean(true));
        let (on_token, private) = (with(CKA_TOKEN), with(CKA_PRIVATE));
        rows! { r;
            "public, before login" => created(public, &and(&template, CKA_PRIVATE, boolean(false))) => CKR_OK;
            "private, before login" => created(public, &private) => CKR_USER_NOT_LOGGED_IN;
            @ public.login(); "on the token, read-only" => created(public, &on_token) => CKR_TOKEN_WRITE_PROTECTED: NOT_WRITTEN;
            "on the token, read/write" => created(write, &on_token) => CKR_TOKEN_WRITE_PROTECTED: NOT_WRITTEN;
        }
    }),
    ("lifetime of a session object", |t, r| {
        let (session, other) = (t.user(), t.session());
        let mine = (CKA_LABEL, b"mine".to_vec());
        let find = |session: Session, more: &[_]| {
            let template = [std::slice::from_ref(&mine), more].concat();
            session.find(&template).unwrap()
        };
        let seen = |session, more: &[_]| find(session, more).len();
        let template = and(&rsa(session), CKA_LABEL, "mine");
        let object = session.create(&template).unwrap();
        answers! { r;
            "CKA_CLASS" => "CKR_OK, 8 bytes 0200000000000000"; "CKA_LABEL" => "CKR_OK, \"mine\"";
            "CKA_TOKEN" => "CKR_OK, 1 bytes 00"; "CKA_PRIVATE" => "CKR_OK, 1 bytes 00"; "CKA_LOCAL" => "CKR_OK, 1 bytes 00";
            "CKA_*ABLE" => "CKR_OK, 1 bytes 01"; "CKA_VERIFY" => "CKR_OK, 1 bytes 01";
            "CKA_KEY_GEN_MECHANISM" => "CKR_OK, 8 bytes ffffffffffffffff"; "CKA_MODULUS" => "CKR_OK, 256 bytes *";
            "CKA_MODULUS_BITS" => "CKR_OK, 8 bytes 0008000000000000"; "CKA_*" => "CKR_OK, no bytes";
        }
        for (name, id) in named![
            CKA_CLASS CKA_TOKEN CKA_PRIVATE CKA_MODIFIABLE CKA_COPYABLE CKA_DESTROYABLE CKA_LABEL CKA_ID CKA_SUBJECT CKA_START_DATE
            CKA_LOCAL CKA_KEY_GEN_MECHANISM CKA_MODULUS CKA_MODULUS_BITS CKA_VERIFY
        ] {
            rows! { r; *name => session.attribute(object, *id); }
        }
        rows! { r;
            "seen by its session" => seen(session, &[]) => 1;
            "seen by another" => seen(other, &[]) => 1;
            "as a session object" => find(other, &[(CKA_TOKEN, boolean(false))]) == [object] => true;
            "closed" => other.close() => CKR_OK;
            "after another was closed" => seen(session, &[]) => 1;
        }
        for private in [false, true] {
            let template = and(&template, CKA_PRIVATE, boolean(private));
            session.create(&template).unwrap();
        }
        let other = t.session();
        rows! { r;
            @ session.logout(); "private ones after logout" => seen(other, &[(CKA_PRIVATE, boolean(true))]) => 0;
            @ session.login(); "private ones after the next login" => seen(other, &[(CKA_PRIVATE, boolean(true))]) => 0;
            @ session.close(); "after its session was closed" => seen(other, &[]) => 0;
            "its handle" => other.attribute(object, CKA_LABEL).map(drop) => CKR_OBJECT_HANDLE_INVALID;
            @ other.create(&template); "of a new one" => seen(other, &[]) => 1;
            @ call!(t, C_CloseAllSessions(t.slot())); "after C_CloseAllSessions" => seen(t.session(), &[]) => 0;
        }
    }),
    ("copies", |t, r| {
        let session = t.user();
        let template = and(&rsa(session), CKA_LABEL, "mine");
        let object = session.create(&template).unwrap();
        let fixed = and(&template, CKA_COPYABLE, boolean(false));
        let fixed = session.create(&fixed).unwrap();
        let copied = Cell::new(0);
        let copy = |id, value: Vec<u8>| {
            let copy = session.copy(object, &[(id, value)]);
            copy.map(|copy| copied.set(copy))
        };
        let label = || session.attribute(copied.get(), CKA_LABEL);
        rows! { r;
            "unchanged" => session.copy(object, &[]).map(|copy| copied.set(copy)) => CKR_OK;
            "unchanged, its label" => label() => "CKR_OK, \"mine\"";
            "with a label" => copy(CKA_LABEL, b"copy".to_vec()) => CKR_OK;
            "with a label, its label" => label() => "CKR_OK, \"copy\"";
            "one with CKA_COPYABLE false" => session.copy(fixed, &[]).map(drop) => CKR_ACTION_PROHIBITED;
            "unknown object handle" => session.copy(9999, &[]).map(drop) => CKR_OBJECT_HANDLE_INVALID;
        }
        attributes! { r, copy;
            (CKR_OK): "that does not verify" CKA_VERIFY boolean(false), "private" CKA_PRIVATE boolean(true);
            (CKR_TOKEN_WRITE_PROTECTED: NOT_WRITTEN): "on the token" CKA_TOKEN boolean(true);
            (CKR_ATTRIBUTE_READ_ONLY): "of another class" CKA_CLASS ulong(CKO_CERTIFICATE), "with a modulus" CKA_MODULUS [7; 256];
            (CKR_TEMPLATE_INCONSISTENT: OTHER_CLASS): "with an issuer" CKA_ISSUER [0x30, 0];
        }
        rows! { r; "private, its label" => label() => "CKR_OK, \"mine\""; }
    }),
    ("changes", |t, r| {
        let session = t.user();
        let template = and(&rsa(session), CKA_LABEL, "mine");
        let object = session.create(&template).unwrap();
        let with_false = |id| session.create(&and(&template, id, boolean(false))).unwrap();
        let (fixed, kept) = (with_false(CKA_MODIFIABLE), with_false(CKA_DESTROYABLE));
        let change = |id, value: Vec<u8>| session.change(object, &[(id, value)]);
        let label = [(CKA_LABEL, b"other".to_vec())];
        attributes! { r, change;
            (CKR_OK): "label" CKA_LABEL "other", "ID" CKA_ID "other", "verify" CKA_VERIFY boolean(false), "start date" CKA_START_DATE "20260101";
            (CKR_ATTRIBUTE_READ_ONLY): "class" CKA_CLASS ulong(CKO_CERTIFICATE), "token" CKA_TOKEN boolean(true), "modulus" CKA_MODULUS [7; 256];
            (CKR_ATTRIBUTE_READ_ONLY: NEWER): "unique ID" CKA_UNIQUE_ID "x";
            (CKR_ATTRIBUTE_VALUE_INVALID: VALUES): "a boolean of 3" CKA_VERIFY [3];
            (CKR_TEMPLATE_INCONSISTENT: OTHER_CLASS): "an issuer" CKA_ISSUER [0x30, 0];
        }
        rows! { r;
            "an unknown attribute" => change(0x7000_0000, vec![1]) => CKR_ATTRIBUTE_TYPE_INVALID;
            "the label" => session.attribute(object, CKA_LABEL) => "CKR_OK, \"other\"";
            "one with CKA_MODIFIABLE false" => session.change(fixed, &label) => CKR_ACTION_PROHIBITED;
            "unknown object handle" => session.change(9999, &label) => CKR_OBJECT_HANDLE_INVALID;
            "destroy one with CKA_DESTROYABLE false" => session.destroy(kept) => CKR_ACTION_PROHIBITED;
            "destroy" => session.destroy(object) => CKR_OK;
            "destroy again" => session.destroy(object) => CKR_OBJECT_HANDLE_INVALID;
        }
    }),
    ("objects on the token", |t, r| {
        let s = t.user();
        let label = [(CKA_LABEL, b"other".to_vec())];
        let all = [(CKA_CLASS, ulong(CKO_CERTIFICATE)), (CKA_TOKEN, boolean(true))];
        for (name, object) in [("certificate", s.certificate(RSA)), ("private key", s.private(RSA))]
        {
            let copy = || s.copy(object, &[(CKA_TOKEN, boolean(false))]).map(drop);
            rows! { r;
                format!("change the {name}") => s.change(object, &label) => CKR_ACTION_PROHIBITED: FIXED;
                format!("destroy the {name}") => s.destroy(object) => CKR_ACTION_PROHIBITED: FIXED;
                format!("copy the {name}") => copy() => CKR_ACTION_PROHIBITED: FIXED;
            }
        }
        rows! { r; "nothing has changed" => count(s.find(&all)) => "CKR_OK, 6"; }
    }),
];
