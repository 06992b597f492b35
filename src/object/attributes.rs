//! The attributes of each class of objects (PKCS #11 3.2, section 4).

use cryptoki_sys::*;
use sha1::{Digest, Sha1};
use spki::der::Encode;
use spki::der::asn1::OctetStringRef;

use super::{Certificate, Class};
use crate::mechanism;
use signpath_crypto::{MlDsa, PublicKey};
use signpath_platform::date::day;

/// The value of an attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value<B = Vec<u8>> {
    /// What C_GetAttributeValue returns.
    Bytes(B),
    /// Part of a private key, which is never revealed.
    Sensitive,
}

impl<B: AsRef<[u8]>> Value<B> {
    /// Whether the value can be read and equals `bytes`.
    pub fn is(&self, bytes: &[u8]) -> bool {
        matches!(self, Self::Bytes(value) if value.as_ref() == bytes)
    }
}

/// The attributes of an object, without duplicates.
pub(super) type Attributes = Vec<(CK_ATTRIBUTE_TYPE, Value)>;

/// The names of an object and its key pair.
#[derive(Clone, Copy, Default)]
pub(super) struct Names<'a> {
    /// CKA_LABEL.
    pub label: &'a [u8],
    /// CKA_ID.
    pub id: &'a [u8],
    /// CKA_SUBJECT of keys.
    pub subject: &'a [u8],
}

/// The attributes of a certificate object.
pub(super) fn certificate(
    names: Names,
    certificate: &Certificate,
    category: CK_CERTIFICATE_CATEGORY,
) -> Attributes {
    let (start, end) = certificate.validity();
    // CK_DATE consists of eight digits (section 3.1).
    let ck_date = |time| bytes(day(time).replace('-', "").as_bytes());
    let fingerprint = Sha1::digest(certificate.der());
    let mut attributes = storage(Class::Certificate, names.label, false);
    attributes.extend([
        (CKA_CERTIFICATE_TYPE, number(CKC_X_509)),
        (CKA_TRUSTED, boolean(false)),
        (CKA_CERTIFICATE_CATEGORY, number(category)),
        // The first three bytes of the certificate's SHA-1 (section 4.6.2).
        (CKA_CHECK_VALUE, bytes(fingerprint.get(..3).unwrap_or_default())),
        (CKA_START_DATE, ck_date(start)),
        (CKA_END_DATE, ck_date(end)),
        (CKA_PUBLIC_KEY_INFO, bytes(certificate.subject_public_key_info())),
        (CKA_SUBJECT, bytes(certificate.subject())),
        (CKA_ID, bytes(names.id)),
        (CKA_ISSUER, bytes(certificate.issuer())),
        (CKA_SERIAL_NUMBER, bytes(certificate.serial_number())),
        (CKA_VALUE, bytes(certificate.der())),
        // The hashes are only needed for a certificate stored elsewhere.
        (CKA_URL, bytes(b"")),
        (CKA_HASH_OF_SUBJECT_PUBLIC_KEY, bytes(b"")),
        (CKA_HASH_OF_ISSUER_PUBLIC_KEY, bytes(b"")),
        (CKA_JAVA_MIDP_SECURITY_DOMAIN, number(CK_SECURITY_DOMAIN_UNSPECIFIED)),
        (CKA_NAME_HASH_ALGORITHM, number(CKM_SHA_1)),
    ]);
    attributes
}

/// The attributes of a profile object (section 4.14).
pub(super) fn profile(label: &[u8], id: CK_PROFILE_ID) -> Attributes {
    let mut attributes = storage(Class::Profile, label, false);
    attributes.push((CKA_PROFILE_ID, number(id)));
    attributes
}

/// The attributes of a public key object.
pub(super) fn public_key(names: Names, key: &PublicKey) -> Attributes {
    let mut attributes = storage(Class::PublicKey, names.label, false);
    attributes.extend(common_key(names, key));
    attributes.extend([
        (CKA_ENCRYPT, boolean(false)),
        (CKA_VERIFY, boolean(true)),
        (CKA_VERIFY_RECOVER, boolean(false)),
        (CKA_WRAP, boolean(false)),
        (CKA_ENCAPSULATE, boolean(false)),
        (CKA_TRUSTED, boolean(false)),
        (CKA_WRAP_TEMPLATE, bytes(b"")),
        (CKA_ENCAPSULATE_TEMPLATE, bytes(b"")),
    ]);
    if key.is_rsa() {
        attributes.push((CKA_MODULUS_BITS, number(key.bits() as CK_ULONG)));
    }
    if let Some((_, point)) = key.ec() {
        attributes.push((CKA_EC_POINT, der(OctetStringRef::new(&point))));
    }
    attributes
}

/// The attributes of a private key object. `is_private` hides it until a user is logged in.
pub(super) fn private_key(names: Names, key: &PublicKey, is_private: bool) -> Attributes {
    let mut attributes = storage(Class::PrivateKey, names.label, is_private);
    attributes.extend(common_key(names, key));
    attributes.extend([
        (CKA_SENSITIVE, boolean(true)),
        (CKA_ALWAYS_SENSITIVE, boolean(true)),
        (CKA_EXTRACTABLE, boolean(false)),
        (CKA_NEVER_EXTRACTABLE, boolean(true)),
        (CKA_SIGN, boolean(true)),
        (CKA_SIGN_RECOVER, boolean(false)),
        (CKA_DECRYPT, boolean(false)),
        (CKA_UNWRAP, boolean(false)),
        (CKA_DECAPSULATE, boolean(false)),
        (CKA_UNWRAP_TEMPLATE, bytes(b"")),
        (CKA_DECAPSULATE_TEMPLATE, bytes(b"")),
        (CKA_DERIVE_TEMPLATE, bytes(b"")),
        (CKA_WRAP_WITH_TRUSTED, boolean(false)),
        (CKA_ALWAYS_AUTHENTICATE, boolean(false)),
    ]);
    let sensitive: &[CK_ATTRIBUTE_TYPE] = match key.is_rsa() {
        true => &[
            CKA_PRIVATE_EXPONENT,
            CKA_PRIME_1,
            CKA_PRIME_2,
            CKA_EXPONENT_1,
            CKA_EXPONENT_2,
            CKA_COEFFICIENT,
        ],
        false => &[CKA_VALUE],
    };
    attributes.extend(sensitive.iter().map(|id| (*id, Value::Sensitive)));
    attributes
}

/// The attributes of all token objects (section 4.4). They cannot be copied; saying so saves the
/// OpenSSL provider an attempt.
fn storage(class: Class, label: &[u8], is_private: bool) -> Attributes {
    vec![
        (CKA_CLASS, number(class.id())),
        (CKA_TOKEN, boolean(true)),
        (CKA_PRIVATE, boolean(is_private)),
        (CKA_MODIFIABLE, boolean(false)),
        (CKA_COPYABLE, boolean(false)),
        (CKA_DESTROYABLE, boolean(false)),
        (CKA_LABEL, bytes(label)),
    ]
}

/// The attributes common to public and private keys (section 4), including the public key, which
/// applications read from both.
fn common_key(names: Names, key: &PublicKey) -> Attributes {
    let mut attributes = vec![
        (CKA_ID, bytes(names.id)),
        (CKA_START_DATE, bytes(b"")),
        (CKA_END_DATE, bytes(b"")),
        (CKA_DERIVE, boolean(false)),
        // SignPath knows where the key was generated; the module cannot vouch for it.
        (CKA_LOCAL, boolean(false)),
        (CKA_KEY_GEN_MECHANISM, number(CK_UNAVAILABLE_INFORMATION)),
        (CKA_OBJECT_VALIDATION_FLAGS, number(0)),
        (CKA_SUBJECT, bytes(names.subject)),
        (CKA_PUBLIC_KEY_INFO, bytes(key.subject_public_key_info())),
    ];
    let allowed: Vec<_> =
        mechanism::allowed_for(key).flat_map(|mechanism| ulong(mechanism.id)).collect();
    // Applications disagree on the meaning of an empty list. A key without mechanisms has a size
    // outside the range reported by C_GetMechanismInfo.
    if !allowed.is_empty() {
        attributes.push((CKA_ALLOWED_MECHANISMS, Value::Bytes(allowed)));
    }
    if let Some((modulus, public_exponent)) = key.rsa() {
        attributes.extend([
            (CKA_KEY_TYPE, number(CKK_RSA)),
            (CKA_MODULUS, Value::Bytes(modulus)),
            (CKA_PUBLIC_EXPONENT, Value::Bytes(public_exponent)),
        ]);
    }
    if let Some((curve, _)) = key.ec() {
        attributes.extend([(CKA_KEY_TYPE, number(CKK_EC)), (CKA_EC_PARAMS, der(Ok(curve.oid())))]);
    }
    if let Some((parameter_set, value)) = key.ml_dsa() {
        attributes.extend([
            (CKA_KEY_TYPE, number(CKK_ML_DSA)),
            (CKA_PARAMETER_SET, number(parameter_set_id(parameter_set))),
            (CKA_VALUE, bytes(value)),
        ]);
    }
    attributes
}

/// The value of CKA_PARAMETER_SET (PKCS #11 3.2, section 6.67.2).
pub(super) const fn parameter_set_id(parameter_set: MlDsa) -> CK_ML_DSA_PARAMETER_SET_TYPE {
    match parameter_set {
        MlDsa::MlDsa44 => CKP_ML_DSA_44,
        MlDsa::MlDsa65 => CKP_ML_DSA_65,
        MlDsa::MlDsa87 => CKP_ML_DSA_87,
    }
}

/// A CK_ULONG in native byte order.
pub(super) fn ulong(value: CK_ULONG) -> Vec<u8> {
    value.to_ne_bytes().to_vec()
}

fn number(value: CK_ULONG) -> Value {
    Value::Bytes(ulong(value))
}

pub(super) fn boolean(value: bool) -> Value {
    Value::Bytes(vec![if value { CK_TRUE } else { CK_FALSE }])
}

pub(super) fn bytes(value: &[u8]) -> Value {
    Value::Bytes(value.to_vec())
}

fn der(value: spki::der::Result<impl Encode>) -> Value {
    Value::Bytes(value.and_then(|value| value.to_der()).unwrap_or_default())
}
