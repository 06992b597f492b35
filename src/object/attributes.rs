//! The attributes of the three classes (PKCS #11 3.2, section 4).

use cryptoki_sys::*;
use rsa::traits::PublicKeyParts;
use sha1::{Digest, Sha1};
use spki::der::Encode;
use spki::der::asn1::OctetStringRef;

use super::{Certificate, Class, Policy};
use crate::crypto::PublicKey;
use crate::mechanism;

/// The value of an attribute.
#[derive(Debug, PartialEq, Eq)]
pub enum Value {
    /// What C_GetAttributeValue returns.
    Bytes(Vec<u8>),
    /// A part of a private key: it exists and is never shown.
    Sensitive,
}

type Attributes = Vec<(CK_ATTRIBUTE_TYPE, Value)>;

/// The attributes of a certificate object.
pub(super) fn certificate(policy: &Policy, certificate: &Certificate) -> Attributes {
    let (start, end) = certificate.validity();
    let fingerprint = Sha1::digest(certificate.der());
    let mut attributes = storage(policy, Class::Certificate);
    attributes.extend([
        (CKA_CERTIFICATE_TYPE, Value::Bytes(ulong(CKC_X_509))),
        (CKA_TRUSTED, boolean(false)),
        (
            CKA_CERTIFICATE_CATEGORY,
            Value::Bytes(ulong(CK_CERTIFICATE_CATEGORY_TOKEN_USER)),
        ),
        // The first three bytes of the SHA-1 of the certificate (section 4.6.2).
        (
            CKA_CHECK_VALUE,
            bytes(fingerprint.get(..3).unwrap_or_default()),
        ),
        (CKA_START_DATE, bytes(start.as_bytes())),
        (CKA_END_DATE, bytes(end.as_bytes())),
        (
            CKA_PUBLIC_KEY_INFO,
            bytes(certificate.subject_public_key_info()),
        ),
        (CKA_SUBJECT, bytes(certificate.subject())),
        (CKA_ID, bytes(policy.name.to_string().as_bytes())),
        (CKA_ISSUER, bytes(certificate.issuer())),
        (CKA_SERIAL_NUMBER, bytes(certificate.serial_number())),
        (CKA_VALUE, bytes(certificate.der())),
        (CKA_URL, bytes(b"")),
        (CKA_HASH_OF_SUBJECT_PUBLIC_KEY, bytes(b"")),
        (CKA_HASH_OF_ISSUER_PUBLIC_KEY, bytes(b"")),
        (
            CKA_JAVA_MIDP_SECURITY_DOMAIN,
            Value::Bytes(ulong(CK_SECURITY_DOMAIN_UNSPECIFIED)),
        ),
        (CKA_NAME_HASH_ALGORITHM, Value::Bytes(ulong(CKM_SHA_1))),
    ]);
    attributes
}

/// The attributes of a public key object.
pub(super) fn public_key(policy: &Policy, key: &PublicKey) -> Attributes {
    let mut attributes = storage(policy, Class::PublicKey);
    attributes.extend(common_key(policy, key));
    attributes.extend([
        (CKA_ENCRYPT, boolean(false)),
        (CKA_VERIFY, boolean(true)),
        (CKA_VERIFY_RECOVER, boolean(false)),
        (CKA_WRAP, boolean(false)),
        (CKA_TRUSTED, boolean(false)),
    ]);
    if let Some(rsa) = key.rsa() {
        attributes.push((
            CKA_MODULUS_BITS,
            Value::Bytes(ulong(rsa.n().bits() as CK_ULONG)),
        ));
    }
    if let Some((_, point)) = key.ec() {
        attributes.push((CKA_EC_POINT, der(OctetStringRef::new(&point))));
    }
    attributes
}

/// The attributes of a private key object.
pub(super) fn private_key(policy: &Policy, key: &PublicKey) -> Attributes {
    let mut attributes = storage(policy, Class::PrivateKey);
    attributes.extend(common_key(policy, key));
    attributes.extend([
        (CKA_SENSITIVE, boolean(true)),
        (CKA_ALWAYS_SENSITIVE, boolean(true)),
        (CKA_EXTRACTABLE, boolean(false)),
        (CKA_NEVER_EXTRACTABLE, boolean(true)),
        (CKA_SIGN, boolean(true)),
        (CKA_SIGN_RECOVER, boolean(false)),
        (CKA_DECRYPT, boolean(false)),
        (CKA_UNWRAP, boolean(false)),
        (CKA_WRAP_WITH_TRUSTED, boolean(false)),
        (CKA_ALWAYS_AUTHENTICATE, boolean(false)),
    ]);
    let sensitive: &[CK_ATTRIBUTE_TYPE] = match key.rsa() {
        Some(_) => &[
            CKA_PRIVATE_EXPONENT,
            CKA_PRIME_1,
            CKA_PRIME_2,
            CKA_EXPONENT_1,
            CKA_EXPONENT_2,
            CKA_COEFFICIENT,
        ],
        None => &[CKA_VALUE],
    };
    attributes.extend(sensitive.iter().map(|id| (*id, Value::Sensitive)));
    attributes
}

/// What all token objects have (section 4.4). Copies are refused, which spares the OpenSSL
/// provider an attempt.
fn storage(policy: &Policy, class: Class) -> Attributes {
    vec![
        (CKA_CLASS, Value::Bytes(ulong(class.id()))),
        (CKA_TOKEN, boolean(true)),
        (CKA_PRIVATE, boolean(class == Class::PrivateKey)),
        (CKA_MODIFIABLE, boolean(false)),
        (CKA_COPYABLE, boolean(false)),
        (CKA_DESTROYABLE, boolean(false)),
        (CKA_LABEL, bytes(policy.name.to_string().as_bytes())),
    ]
}

/// What public and private keys share (section 4), and the public parts of the key,
/// which tools read from both.
fn common_key(policy: &Policy, key: &PublicKey) -> Attributes {
    let allowed = mechanism::allowed_for(key)
        .flat_map(|mechanism| ulong(mechanism.id))
        .collect();
    let subject = policy
        .certificate
        .as_ref()
        .map_or(&[][..], Certificate::subject);
    let mut attributes = vec![
        (CKA_ID, bytes(policy.name.to_string().as_bytes())),
        (CKA_START_DATE, bytes(b"")),
        (CKA_END_DATE, bytes(b"")),
        (CKA_DERIVE, boolean(false)),
        // Where the key was made is SignPath's affair; the module cannot vouch for it.
        (CKA_LOCAL, boolean(false)),
        (
            CKA_KEY_GEN_MECHANISM,
            Value::Bytes(ulong(CK_UNAVAILABLE_INFORMATION)),
        ),
        (CKA_ALLOWED_MECHANISMS, Value::Bytes(allowed)),
        (CKA_SUBJECT, bytes(subject)),
        (CKA_PUBLIC_KEY_INFO, bytes(key.subject_public_key_info())),
    ];
    if let Some(rsa) = key.rsa() {
        attributes.extend([
            (CKA_KEY_TYPE, Value::Bytes(ulong(CKK_RSA))),
            (CKA_MODULUS, Value::Bytes(rsa.n().to_bytes_be())),
            (CKA_PUBLIC_EXPONENT, Value::Bytes(rsa.e().to_bytes_be())),
        ]);
    }
    if let Some((curve, _)) = key.ec() {
        attributes.extend([
            (CKA_KEY_TYPE, Value::Bytes(ulong(CKK_EC))),
            (CKA_EC_PARAMS, der(Ok(curve.oid()))),
        ]);
    }
    attributes
}

/// A CK_ULONG in the memory layout of the caller.
pub(super) fn ulong(value: CK_ULONG) -> Vec<u8> {
    value.to_ne_bytes().to_vec()
}

fn boolean(value: bool) -> Value {
    Value::Bytes(vec![if value { CK_TRUE } else { CK_FALSE }])
}

fn bytes(value: &[u8]) -> Value {
    Value::Bytes(value.to_vec())
}

fn der(value: spki::der::Result<impl Encode>) -> Value {
    Value::Bytes(value.and_then(|value| value.to_der()).unwrap_or_default())
}
