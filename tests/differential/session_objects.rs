//! Objects that a program creates, copies, changes and destroys.

use std::cell::Cell;

use cryptoki_sys::*;
use pkcs11_test::call;
use pkcs11_test::harness::{Answer, Session, Template, boolean, called, null, ulong, with};

use crate::report::{Script, count};
use crate::{EC, RSA};

/// A template of values of an object that both sides have.
fn like(object: CK_OBJECT_HANDLE, session: Session, ids: &[CK_ATTRIBUTE_TYPE]) -> Template {
    let value = |id: &CK_ATTRIBUTE_TYPE| (*id, session.attribute(object, *id).unwrap());
    ids.iter().map(value).collect()
}

fn rsa(session: Session) -> Template {
    like(
        session.public(RSA),
        session,
        &[CKA_CLASS, CKA_KEY_TYPE, CKA_MODULUS, CKA_PUBLIC_EXPONENT],
    )
}

fn ec(session: Session) -> Template {
    like(
        session.public(EC),
        session,
        &[CKA_CLASS, CKA_KEY_TYPE, CKA_EC_PARAMS, CKA_EC_POINT],
    )
}

fn certificate(session: Session) -> Template {
    like(
        session.certificate(RSA),
        session,
        &[CKA_CLASS, CKA_CERTIFICATE_TYPE, CKA_SUBJECT, CKA_VALUE],
    )
}

/// A template with one more attribute, or another value for one that it has.
fn and(template: &Template, id: CK_ATTRIBUTE_TYPE, value: impl Into<Vec<u8>>) -> Template {
    let mut template = without(template, id);
    template.push((id, value.into()));
    template
}

fn without(template: &Template, id: CK_ATTRIBUTE_TYPE) -> Template {
    template
        .iter()
        .filter(|(known, _)| *known != id)
        .cloned()
        .collect()
}

/// An EC key with another point: its form, and as many bytes of the coordinates in the other order.
fn with_point(template: &Template, form: u8, length: usize) -> Template {
    let point = template.iter().find(|(id, _)| *id == CKA_EC_POINT);
    let mut coordinates = point.unwrap().1[3..].to_vec();
    if length > 32 {
        coordinates.reverse();
    }
    coordinates.truncate(length);
    let header = [4, length as u8 + 1, form];
    and(template, CKA_EC_POINT, [&header[..], &coordinates].concat())
}

/// What becomes of a template, whose object is destroyed if there is one.
fn created(session: Session, template: &Template) -> Answer<()> {
    let object = session.create(template)?;
    session.destroy(object);
    called("C_CreateObject");
    Ok(())
}

pub const SCRIPTS: &[Script] = &[
    ("public keys", |t, r| {
        let session = t.user();
        let (rsa, ec) = (rsa(session), ec(session));
        let mut two_classes = rsa.clone();
        two_classes.push((CKA_CLASS, ulong(CKO_CERTIFICATE)));
        let create = |template: &Template| created(session, template);
        let mut reversed = ec.clone();
        reversed.reverse();
        rows! { r;
            "RSA" => create(&rsa) => CKR_OK;
            "EC" => create(&ec) => CKR_OK;
            "EC, attributes in reverse order" => create(&reversed) => CKR_OK;
            "with a label" => create(&and(&rsa, CKA_LABEL, "mine")) => CKR_OK;
            "with an empty label" => create(&and(&rsa, CKA_LABEL, "")) => CKR_OK;
            "session object" => create(&and(&rsa, CKA_TOKEN, boolean(false))) => CKR_OK;
            "that verifies" => create(&and(&ec, CKA_VERIFY, boolean(true))) => CKR_OK;
            "that does not verify" => create(&and(&ec, CKA_VERIFY, boolean(false))) => CKR_OK;
            "that encrypts" => create(&and(&rsa, CKA_ENCRYPT, boolean(true))) => CKR_OK;
            "private" => create(&and(&rsa, CKA_PRIVATE, boolean(true))) => CKR_OK;
            "with dates" => create(&and(&rsa, CKA_START_DATE, "20260101")) => CKR_OK;
            "with an empty date" => create(&and(&rsa, CKA_START_DATE, "")) => CKR_OK;
            "with half a date" => create(&and(&rsa, CKA_START_DATE, "2026")) => CKR_ATTRIBUTE_VALUE_INVALID;
            "without class" => create(&without(&rsa, CKA_CLASS)) => CKR_TEMPLATE_INCOMPLETE;
            "without type" => create(&without(&rsa, CKA_KEY_TYPE)) => CKR_TEMPLATE_INCOMPLETE;
            "without modulus" => create(&without(&rsa, CKA_MODULUS)) => CKR_TEMPLATE_INCOMPLETE;
            "without exponent" => create(&without(&rsa, CKA_PUBLIC_EXPONENT)) => CKR_TEMPLATE_INCOMPLETE;
            "without parameters" => create(&without(&ec, CKA_EC_PARAMS)) => CKR_TEMPLATE_INCOMPLETE;
            "without point" => create(&without(&ec, CKA_EC_POINT)) => CKR_TEMPLATE_INCOMPLETE;
            "with two classes" => create(&two_classes) => CKR_TEMPLATE_INCONSISTENT | CKR_TEMPLATE_INCOMPLETE: OTHER_CLASS;
            "with CKA_MODULUS_BITS" => create(&and(&rsa, CKA_MODULUS_BITS, ulong(2048))) => CKR_ATTRIBUTE_READ_ONLY;
            "with CKA_LOCAL" => create(&and(&rsa, CKA_LOCAL, boolean(true))) => CKR_ATTRIBUTE_READ_ONLY;
            "with CKA_KEY_GEN_MECHANISM" => create(&and(&rsa, CKA_KEY_GEN_MECHANISM, ulong(CKM_RSA_PKCS_KEY_PAIR_GEN)))
                => CKR_ATTRIBUTE_READ_ONLY;
            "with CKA_UNIQUE_ID" => create(&and(&rsa, CKA_UNIQUE_ID, "mine"))
                => CKR_ATTRIBUTE_READ_ONLY | CKR_ATTRIBUTE_TYPE_INVALID: NEWER;
            "trusted" => create(&and(&rsa, CKA_TRUSTED, boolean(true))) => CKR_ATTRIBUTE_READ_ONLY;
            "that signs" => create(&and(&rsa, CKA_SIGN, boolean(true)))
                => CKR_TEMPLATE_INCONSISTENT | CKR_ATTRIBUTE_TYPE_INVALID: OTHER_CLASS;
            "with a private exponent" => create(&and(&rsa, CKA_PRIVATE_EXPONENT, [3]))
                => CKR_TEMPLATE_INCONSISTENT | CKR_ATTRIBUTE_TYPE_INVALID: OTHER_CLASS;
            "with a certificate's issuer" => create(&and(&rsa, CKA_ISSUER, [0x30, 0]))
                => CKR_TEMPLATE_INCONSISTENT | CKR_ATTRIBUTE_TYPE_INVALID: OTHER_CLASS;
            "with a vendor's attribute" => create(&and(&rsa, CKA_VENDOR_DEFINED | 1, [1])) => CKR_ATTRIBUTE_TYPE_INVALID;
            "with an unknown attribute" => create(&and(&rsa, 0x7000_0000, [1])) => CKR_ATTRIBUTE_TYPE_INVALID;
            "with a class of 4 bytes" => create(&and(&rsa, CKA_CLASS, [2, 0, 0, 0]))
                => CKR_ATTRIBUTE_VALUE_INVALID | CKR_TEMPLATE_INCOMPLETE: VALUES;
            "with a boolean of 2" => create(&and(&rsa, CKA_VERIFY, [2])) => CKR_ATTRIBUTE_VALUE_INVALID | CKR_OK: VALUES;
            "with a boolean of 8 bytes" => create(&and(&rsa, CKA_VERIFY, ulong(1))) => CKR_ATTRIBUTE_VALUE_INVALID;
            "with a boolean of no bytes" => create(&and(&rsa, CKA_VERIFY, [])) => CKR_ATTRIBUTE_VALUE_INVALID;
            "with a modulus of no bytes" => create(&and(&rsa, CKA_MODULUS, [])) => CKR_ATTRIBUTE_VALUE_INVALID | CKR_OK: VALUES;
            "with an invalid point" => create(&and(&ec, CKA_EC_POINT, [4, 2, 4, 1])) => CKR_ATTRIBUTE_VALUE_INVALID | CKR_OK: VALUES;
            "with a point of no bytes" => create(&and(&ec, CKA_EC_POINT, [])) => CKR_ATTRIBUTE_VALUE_INVALID | CKR_OK: VALUES;
            "on secp256k1" => create(&and(&ec, CKA_EC_PARAMS, [6, 5, 0x2b, 0x81, 4, 0, 10])) => CKR_CURVE_NOT_SUPPORTED | CKR_OK: CURVES;
            "with invalid parameters" => create(&and(&ec, CKA_EC_PARAMS, [1])) => CKR_DOMAIN_PARAMS_INVALID | CKR_OK: EC_KEYS;
            "with explicit parameters" => create(&and(&ec, CKA_EC_PARAMS, [0x30, 0])) => CKR_DOMAIN_PARAMS_INVALID | CKR_OK: EC_KEYS;
            "with the name of a curve" => create(&and(&ec, CKA_EC_PARAMS, *b"\x13\x09secp256r1"))
                => CKR_DOMAIN_PARAMS_INVALID | CKR_OK: EC_KEYS;
            "with a compressed point" => create(&with_point(&ec, 2, 32)) => CKR_TEMPLATE_INCONSISTENT | CKR_OK: EC_KEYS;
            "with a compact point" => create(&with_point(&ec, 5, 32)) => CKR_ATTRIBUTE_VALUE_INVALID | CKR_OK: VALUES;
            "with a point off the curve" => create(&with_point(&ec, 4, 64)) => CKR_PUBLIC_KEY_INVALID | CKR_OK: EC_KEYS;
            "of another type" => create(&and(&rsa, CKA_KEY_TYPE, ulong(CKK_AES)))
                => CKR_TEMPLATE_INCONSISTENT | CKR_ATTRIBUTE_VALUE_INVALID: ONLY_VERIFIED;
            "of an invalid type" => create(&and(&rsa, CKA_KEY_TYPE, ulong(0x7000_0000))) => CKR_ATTRIBUTE_VALUE_INVALID;
            "of the wrong type" => create(&and(&rsa, CKA_KEY_TYPE, ulong(CKK_EC)))
                => CKR_TEMPLATE_INCONSISTENT | CKR_ATTRIBUTE_TYPE_INVALID: OTHER_CLASS;
        }
    }),
    ("certificates", |t, r| {
        let session = t.user();
        let certificate = certificate(session);
        let create = |template: &Template| created(session, template);
        let with = |id, value: Vec<u8>| create(&and(&certificate, id, value));
        rows! { r;
            "X.509" => create(&certificate) => CKR_OK;
            "with an ID" => with(CKA_ID, b"mine".to_vec()) => CKR_OK;
            "with a serial number" => with(CKA_SERIAL_NUMBER, vec![2, 1, 1]) => CKR_OK;
            "with an issuer" => with(CKA_ISSUER, vec![0x30, 0]) => CKR_OK;
            "with CKA_URL" => with(CKA_URL, vec![]) => CKR_OK;
            "of a CA" => with(CKA_CERTIFICATE_CATEGORY, ulong(CK_CERTIFICATE_CATEGORY_AUTHORITY)) => CKR_OK;
            "trusted" => with(CKA_TRUSTED, boolean(true)) => CKR_ATTRIBUTE_READ_ONLY;
            "not trusted" => with(CKA_TRUSTED, boolean(false)) => CKR_OK;
            "without type" => create(&without(&certificate, CKA_CERTIFICATE_TYPE)) => CKR_TEMPLATE_INCOMPLETE;
            "without subject" => create(&without(&certificate, CKA_SUBJECT)) => CKR_TEMPLATE_INCOMPLETE;
            "without value" => create(&without(&certificate, CKA_VALUE)) => CKR_TEMPLATE_INCOMPLETE;
            "with an invalid value" => with(CKA_VALUE, vec![0x30, 0]) => CKR_ATTRIBUTE_VALUE_INVALID | CKR_OK: VALUES;
            "with another subject" => with(CKA_SUBJECT, vec![0x30, 0]) => CKR_TEMPLATE_INCONSISTENT | CKR_OK: VALUES;
            "with a wrong checksum" => with(CKA_CHECK_VALUE, vec![1, 2, 3]) => CKR_ATTRIBUTE_VALUE_INVALID | CKR_GENERAL_ERROR: VALUES;
            "with a modulus" => with(CKA_MODULUS, vec![1]) => CKR_TEMPLATE_INCONSISTENT | CKR_ATTRIBUTE_TYPE_INVALID: OTHER_CLASS;
            "WTLS" => with(CKA_CERTIFICATE_TYPE, ulong(CKC_WTLS)) => CKR_TEMPLATE_INCONSISTENT | CKR_ATTRIBUTE_VALUE_INVALID: ONLY_VERIFIED;
            "of an invalid type" => with(CKA_CERTIFICATE_TYPE, ulong(99)) => CKR_ATTRIBUTE_VALUE_INVALID;
        }
    }),
    ("other objects", |t, r| {
        let session = t.user();
        let (s, mut object, template) = (session.handle, 0, rsa(session));
        let class = |class| vec![(CKA_CLASS, ulong(class))];
        let create = |template: &Template| created(session, template);
        let private = and(&class(CKO_PRIVATE_KEY), CKA_KEY_TYPE, ulong(CKK_RSA));
        let numbers = |template: &Template, ids: &[_], length| {
            ids.iter().fold(template.clone(), |template, id| {
                and(&template, *id, vec![7; length])
            })
        };
        let small = numbers(
            &and(&private, CKA_PUBLIC_EXPONENT, [1, 0, 1]),
            &[CKA_MODULUS, CKA_PRIVATE_EXPONENT],
            256,
        );
        const EXPONENTS: [CK_ATTRIBUTE_TYPE; 3] =
            [CKA_MODULUS, CKA_PUBLIC_EXPONENT, CKA_PRIVATE_EXPONENT];
        const PARTS: [CK_ATTRIBUTE_TYPE; 5] = [
            CKA_PRIME_1,
            CKA_PRIME_2,
            CKA_EXPONENT_1,
            CKA_EXPONENT_2,
            CKA_COEFFICIENT,
        ];
        let all_parts = numbers(&numbers(&private, &EXPONENTS, 128), &PARTS, 128);
        let aes = and(&class(CKO_SECRET_KEY), CKA_KEY_TYPE, ulong(CKK_AES));
        rows! { r;
            "nothing" => create(&vec![]) => CKR_TEMPLATE_INCOMPLETE;
            "data" => create(&and(&class(CKO_DATA), CKA_VALUE, "data")) => CKR_TEMPLATE_INCONSISTENT | CKR_OK: ONLY_VERIFIED;
            "an AES key" => create(&and(&aes, CKA_VALUE, vec![7; 16])) => CKR_TEMPLATE_INCONSISTENT | CKR_OK: ONLY_VERIFIED;
            "a private key" => create(&small) => CKR_TEMPLATE_INCONSISTENT | CKR_OK: ONLY_VERIFIED;
            "a private key with all its parts" => create(&all_parts) => CKR_TEMPLATE_INCONSISTENT | CKR_OK: ONLY_VERIFIED;
            "domain parameters" => create(&class(CKO_DOMAIN_PARAMETERS))
                => CKR_TEMPLATE_INCONSISTENT | CKR_ATTRIBUTE_VALUE_INVALID: ONLY_VERIFIED;
            "a hardware feature" => create(&class(CKO_HW_FEATURE))
                => CKR_TEMPLATE_INCONSISTENT | CKR_ATTRIBUTE_VALUE_INVALID: ONLY_VERIFIED;
            "a mechanism" => create(&class(CKO_MECHANISM)) => CKR_TEMPLATE_INCONSISTENT | CKR_ATTRIBUTE_VALUE_INVALID: ONLY_VERIFIED;
            "a profile" => create(&and(&class(CKO_PROFILE), CKA_PROFILE_ID, ulong(1)))
                => CKR_TEMPLATE_INCONSISTENT | CKR_ATTRIBUTE_VALUE_INVALID: ONLY_VERIFIED;
            "an unknown class" => create(&class(0x7000_0000)) => CKR_ATTRIBUTE_VALUE_INVALID;
            "a vendor's class" => create(&class(CKO_VENDOR_DEFINED | 1)) => CKR_ATTRIBUTE_VALUE_INVALID;
            "with an invalid session handle" => t.at(9999).create(&template).map(drop) => CKR_SESSION_HANDLE_INVALID;
            "NULL result pointer" => with(&template, |template, n| call!(t, C_CreateObject(s, template, n, null()))) => CKR_ARGUMENTS_BAD;
            "NULL with 1 attribute" => call!(t, C_CreateObject(s, null(), 1, &mut object)) => CKR_ARGUMENTS_BAD;
        }
    }),
    ("token objects", |t, r| {
        let (read_only, read_write) = (t.user(), t.read_write());
        let template = and(&rsa(read_only), CKA_TOKEN, boolean(true));
        rows! { r;
            "read-only" => created(read_only, &template) => CKR_TOKEN_WRITE_PROTECTED | CKR_SESSION_READ_ONLY: NOT_WRITTEN;
            "read/write" => created(read_write, &template) => CKR_TOKEN_WRITE_PROTECTED | CKR_OK: NOT_WRITTEN;
        }
    }),
    ("before login", |t, r| {
        let session = t.session();
        let template = rsa(session);
        rows! { r;
            "public" => created(session, &and(&template, CKA_PRIVATE, boolean(false))) => CKR_OK;
            "private" => created(session, &and(&template, CKA_PRIVATE, boolean(true))) => CKR_USER_NOT_LOGGED_IN;
        }
    }),
    ("lifetime of a session object", |t, r| {
        let (session, other) = (t.user(), t.session());
        let mine = (CKA_LABEL, b"mine".to_vec());
        let seen = |session: Session, more: &[_]| {
            session
                .find(&[std::slice::from_ref(&mine), more].concat())
                .unwrap()
                .len()
        };
        let template = and(&rsa(session), CKA_LABEL, "mine");
        let object = session.create(&template).unwrap();
        rows! { r;
            "seen by its session" => seen(session, &[]) => 1;
            "seen by another" => seen(other, &[]) => 1;
            "as a session object" => other.find(&[(CKA_TOKEN, boolean(false)), mine.clone()]).unwrap() == [object] => true;
            "CKA_CLASS" => session.attribute(object, CKA_CLASS) => "CKR_OK, 8 bytes 0200000000000000";
            "CKA_TOKEN" => session.attribute(object, CKA_TOKEN) => "CKR_OK, 1 bytes 00";
            "CKA_PRIVATE" => session.attribute(object, CKA_PRIVATE) => "CKR_OK, 1 bytes 00";
            "CKA_MODIFIABLE" => session.attribute(object, CKA_MODIFIABLE) => "CKR_OK, 1 bytes 01";
            "CKA_COPYABLE" => session.attribute(object, CKA_COPYABLE) => "CKR_OK, 1 bytes 01";
            "CKA_DESTROYABLE" => session.attribute(object, CKA_DESTROYABLE) => "CKR_OK, 1 bytes 01";
            "CKA_LABEL" => session.attribute(object, CKA_LABEL) => "CKR_OK, \"mine\"";
            "CKA_ID" => session.attribute(object, CKA_ID) => "CKR_OK, no bytes";
            "CKA_SUBJECT" => session.attribute(object, CKA_SUBJECT) => "CKR_OK, no bytes";
            "CKA_START_DATE" => session.attribute(object, CKA_START_DATE) => "CKR_OK, no bytes";
            "CKA_LOCAL" => session.attribute(object, CKA_LOCAL) => "CKR_OK, 1 bytes 00";
            "CKA_KEY_GEN_MECHANISM" => session.attribute(object, CKA_KEY_GEN_MECHANISM) => "CKR_OK, 8 bytes ffffffffffffffff";
            "CKA_MODULUS" => session.attribute(object, CKA_MODULUS) => "CKR_OK, 256 bytes *";
            "CKA_MODULUS_BITS" => session.attribute(object, CKA_MODULUS_BITS) => "CKR_OK, 8 bytes 0008000000000000";
            "CKA_VERIFY" => session.attribute(object, CKA_VERIFY) => "CKR_OK, 1 bytes 01";
            "closed" => other.close() => CKR_OK;
            "after another was closed" => seen(session, &[]) => 1;
        }
        for private in [false, true] {
            session
                .create(&and(&template, CKA_PRIVATE, boolean(private)))
                .unwrap();
        }
        let other = t.session();
        rows! { r;
            @ session.logout();
            "private ones after logout" => seen(other, &[(CKA_PRIVATE, boolean(true))]) => 0;
            @ session.close();
            "after its session was closed" => seen(other, &[]) => 0;
            "its handle" => other.attribute(object, CKA_LABEL).map(drop) => CKR_OBJECT_HANDLE_INVALID;
        }
    }),
    ("copies", |t, r| {
        let session = t.user();
        let template = and(&rsa(session), CKA_LABEL, "mine");
        let object = session.create(&template).unwrap();
        let fixed = session
            .create(&and(&template, CKA_COPYABLE, boolean(false)))
            .unwrap();
        let copied = Cell::new(0);
        let copy = |changes: &[_]| session.copy(object, changes).map(|copy| copied.set(copy));
        let label = || session.attribute(copied.get(), CKA_LABEL);
        rows! { r;
            "unchanged" => copy(&[]) => CKR_OK;
            "unchanged, its label" => label() => "CKR_OK, \"mine\"";
            "with a label" => copy(&[(CKA_LABEL, b"copy".to_vec())]) => CKR_OK;
            "with a label, its label" => label() => "CKR_OK, \"copy\"";
            "that does not verify" => copy(&[(CKA_VERIFY, boolean(false))]) => CKR_OK;
            "that does not verify, its label" => label() => "CKR_OK, \"mine\"";
            "private" => copy(&[(CKA_PRIVATE, boolean(true))]) => CKR_OK;
            "private, its label" => label() => "CKR_OK, \"mine\"";
            "on the token" => copy(&[(CKA_TOKEN, boolean(true))]) => CKR_TOKEN_WRITE_PROTECTED | CKR_SESSION_READ_ONLY: NOT_WRITTEN;
            "of another class" => copy(&[(CKA_CLASS, ulong(CKO_CERTIFICATE))]) => CKR_ATTRIBUTE_READ_ONLY;
            "with a modulus" => copy(&[(CKA_MODULUS, vec![7; 256])]) => CKR_ATTRIBUTE_READ_ONLY;
            "with an issuer" => copy(&[(CKA_ISSUER, vec![0x30, 0])]) => CKR_TEMPLATE_INCONSISTENT | CKR_ATTRIBUTE_TYPE_INVALID: OTHER_CLASS;
            "one with CKA_COPYABLE false" => session.copy(fixed, &[]).map(drop) => CKR_ACTION_PROHIBITED;
            "unknown object handle" => session.copy(9999, &[]).map(drop) => CKR_OBJECT_HANDLE_INVALID;
        }
    }),
    ("changes", |t, r| {
        let session = t.user();
        let template = and(&rsa(session), CKA_LABEL, "mine");
        let object = session.create(&template).unwrap();
        let fixed = session
            .create(&and(&template, CKA_MODIFIABLE, boolean(false)))
            .unwrap();
        let kept = session
            .create(&and(&template, CKA_DESTROYABLE, boolean(false)))
            .unwrap();
        let change = |object, id, value: Vec<u8>| session.change(object, &[(id, value)]);
        rows! { r;
            "label" => change(object, CKA_LABEL, b"other".to_vec()) => CKR_OK;
            "ID" => change(object, CKA_ID, b"other".to_vec()) => CKR_OK;
            "verify" => change(object, CKA_VERIFY, boolean(false)) => CKR_OK;
            "class" => change(object, CKA_CLASS, ulong(CKO_CERTIFICATE)) => CKR_ATTRIBUTE_READ_ONLY;
            "token" => change(object, CKA_TOKEN, boolean(true)) => CKR_ATTRIBUTE_READ_ONLY;
            "modulus" => change(object, CKA_MODULUS, vec![7; 256]) => CKR_ATTRIBUTE_READ_ONLY;
            "a boolean of 3" => change(object, CKA_VERIFY, vec![3]) => CKR_ATTRIBUTE_VALUE_INVALID | CKR_OK: VALUES;
            "an issuer" => change(object, CKA_ISSUER, vec![0x30, 0]) => CKR_TEMPLATE_INCONSISTENT | CKR_ATTRIBUTE_TYPE_INVALID: OTHER_CLASS;
            "unique ID" => change(object, CKA_UNIQUE_ID, b"x".to_vec()) => CKR_ATTRIBUTE_READ_ONLY | CKR_ATTRIBUTE_TYPE_INVALID: NEWER;
            "an unknown attribute" => change(object, 0x7000_0000, vec![1]) => CKR_ATTRIBUTE_TYPE_INVALID;
            "the label" => String::from_utf8(session.attribute(object, CKA_LABEL).unwrap()).unwrap() => other;
            "one with CKA_MODIFIABLE false" => change(fixed, CKA_LABEL, b"other".to_vec()) => CKR_ACTION_PROHIBITED;
            "unknown object handle" => change(9999, CKA_LABEL, b"other".to_vec()) => CKR_OBJECT_HANDLE_INVALID;
            "destroy one with CKA_DESTROYABLE false" => session.destroy(kept) => CKR_ACTION_PROHIBITED;
            "destroy" => session.destroy(object) => CKR_OK;
            "destroy again" => session.destroy(object) => CKR_OBJECT_HANDLE_INVALID;
        }
    }),
    ("objects on the token", |t, r| {
        let session = t.user();
        let (certificate, key) = (session.certificate(RSA), session.private(RSA));
        let label = [(CKA_LABEL, b"other".to_vec())];
        let copy = |object| {
            session
                .copy(object, &[(CKA_TOKEN, boolean(false))])
                .map(drop)
        };
        let all = [
            (CKA_CLASS, ulong(CKO_CERTIFICATE)),
            (CKA_TOKEN, boolean(true)),
        ];
        rows! { r;
            "change the certificate" => session.change(certificate, &label) => CKR_ACTION_PROHIBITED | CKR_SESSION_READ_ONLY: FIXED;
            "destroy the certificate" => session.destroy(certificate) => CKR_ACTION_PROHIBITED | CKR_SESSION_READ_ONLY: FIXED;
            "change the private key" => session.change(key, &label) => CKR_ACTION_PROHIBITED | CKR_SESSION_READ_ONLY: FIXED;
            "destroy the private key" => session.destroy(key) => CKR_ACTION_PROHIBITED | CKR_SESSION_READ_ONLY: FIXED;
            "copy the private key" => copy(key) => CKR_ACTION_PROHIBITED | CKR_OK: FIXED;
            "copy the certificate" => copy(certificate) => CKR_ACTION_PROHIBITED | CKR_OK: FIXED;
            "nothing has changed" => count(session.find(&all)) => "CKR_OK, 6";
        }
    }),
];
