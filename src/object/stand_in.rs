//! Placeholder certificates for keys that have none, for applications that find keys by
//! certificate.

use sha1::{Digest, Sha1};
use spki::ObjectIdentifier;
use spki::der::asn1::{BitString, GeneralizedTime, SetOfVec, UtcTime, Utf8StringRef};
use spki::der::{DateTime, Decode, Encode, Result};
use spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned};
use x509_cert::attr::AttributeTypeAndValue;
use x509_cert::certificate::{Certificate as X509Certificate, TbsCertificate, Version};
use x509_cert::name::{RdnSequence, RelativeDistinguishedName};
use x509_cert::serial_number::SerialNumber;
use x509_cert::time::{Time, Validity};

use signpath_crypto::{Certificate, PublicKey};

/// id-at-commonName (RFC 5280, appendix A.1).
const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");
/// id-alg-unsigned (RFC 9925, section 3).
const UNSIGNED: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.6.36");

/// Creates a certificate with the key of a signing policy, and its name as the subject. It is
/// reproducible, unsigned, and never expires.
pub(super) fn certificate(name: &str, key: &PublicKey) -> Option<Certificate> {
    Certificate::from_der(der(name, key).ok()?).ok()
}

fn der(name: &str, key: &PublicKey) -> Result<Vec<u8>> {
    let key = key.subject_public_key_info();
    let fingerprint = Sha1::digest(key);
    // Positive, and of the same length for all keys.
    let serial_number: Vec<u8> = [1].into_iter().chain(fingerprint.into_iter().take(15)).collect();
    let common_name =
        AttributeTypeAndValue { oid: COMMON_NAME, value: Utf8StringRef::new(name)?.into() };
    let name = RdnSequence(vec![RelativeDistinguishedName(SetOfVec::try_from(vec![common_name])?)]);
    let unsigned = AlgorithmIdentifierOwned { oid: UNSIGNED, parameters: None };
    let tbs_certificate = TbsCertificate {
        version: Version::V3,
        serial_number: SerialNumber::new(&serial_number)?,
        signature: unsigned.clone(),
        issuer: name.clone(),
        validity: Validity {
            not_before: Time::UtcTime(UtcTime::from_date_time(DateTime::new(
                1970, 1, 1, 0, 0, 0,
            )?)?),
            // No well-defined expiration date (RFC 5280, section 4.1.2.5).
            not_after: Time::GeneralTime(GeneralizedTime::from_date_time(DateTime::new(
                9999, 12, 31, 23, 59, 59,
            )?)),
        },
        subject: name,
        subject_public_key_info: SubjectPublicKeyInfoOwned::from_der(key)?,
        issuer_unique_id: None,
        subject_unique_id: None,
        extensions: None,
    };
    let certificate = X509Certificate {
        tbs_certificate,
        signature_algorithm: unsigned,
        signature: BitString::from_bytes(&[])?,
    };
    certificate.to_der()
}
