//! X.509 certificates and their issuers.

use std::ops::Range;
use std::time::{SystemTime, UNIX_EPOCH};

use sha1::{Digest, Sha1};
use spki::der::asn1::AnyRef;
use spki::der::{Encode, Tag};
use time::OffsetDateTime;
use x509_parser::pem::Pem;
use x509_parser::prelude::{FromDer, ParsedExtension, X509Certificate, X509Error, X509Extension};

/// An X.509 certificate (RFC 5280). It is kept as DER only, since there may be many.
#[derive(Debug)]
pub struct Certificate {
    der: Box<[u8]>,
    subject: Range<usize>,
    issuer: Range<usize>,
    subject_public_key_info: Range<usize>,
    serial_number: Box<[u8]>,
    not_before: OffsetDateTime,
    not_after: OffsetDateTime,
}

impl Certificate {
    /// Prepares [`Self::from_der`], whose first call makes a table that all threads wait for. A process that is forked while another
    /// thread makes it would wait forever.
    pub fn prepare() {
        // Basic constraints that are empty (RFC 5280, section 4.2.1.9).
        let _ = X509Extension::from_der(b"\x30\x09\x06\x03\x55\x1d\x13\x04\x02\x30\x00");
    }

    /// Parses a DER certificate.
    ///
    /// # Errors
    /// A description of what is wrong with it.
    pub fn from_der(der: impl Into<Box<[u8]>>) -> Result<Self, String> {
        let der = der.into();
        let (rest, certificate) =
            X509Certificate::from_der(&der).map_err(|_| "malformed DER".to_owned())?;
        if !rest.is_empty() {
            return Err("trailing data".to_owned());
        }
        let serial_number = AnyRef::new(Tag::Integer, certificate.raw_serial())
            .and_then(|serial_number| serial_number.to_der())
            .map_err(|_| "invalid serial number".to_owned())?;
        let validity = certificate.validity();
        Ok(Self {
            subject: place(certificate.subject().as_raw(), &der),
            issuer: place(certificate.issuer().as_raw(), &der),
            subject_public_key_info: place(certificate.public_key().raw, &der),
            serial_number: serial_number.into(),
            not_before: validity.not_before.to_datetime(),
            not_after: validity.not_after.to_datetime(),
            der,
        })
    }

    /// The certificates of a PEM text, each block whatever its label (RFC 7468, and OpenSSL's older ones).
    ///
    /// # Errors
    /// What is wrong with a block, by its number from 1 on.
    pub fn from_pem(text: &[u8]) -> Result<Vec<Self>, String> {
        let blocks = Pem::iter_from_buffer(text).enumerate();
        let certificates = blocks.map(|(index, block)| {
            let certificate = block
                .map_err(|_| "malformed PEM".to_owned())
                .and_then(|block| Self::from_der(block.contents));
            certificate.map_err(|reason| {
                let number = index + 1;
                format!("PEM block {number} is not a valid X.509 certificate ({reason})")
            })
        });
        certificates.collect()
    }

    /// The whole certificate, as DER.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The subject's Name, as DER.
    pub fn subject(&self) -> &[u8] {
        self.part(&self.subject)
    }

    /// The issuer's Name, as DER.
    pub fn issuer(&self) -> &[u8] {
        self.part(&self.issuer)
    }

    /// The serial number, as a DER INTEGER.
    pub fn serial_number(&self) -> &[u8] {
        &self.serial_number
    }

    /// The SubjectPublicKeyInfo, as DER.
    pub fn subject_public_key_info(&self) -> &[u8] {
        self.part(&self.subject_public_key_info)
    }

    /// The subject's common name, or its whole Name if it has none.
    pub fn title(&self) -> String {
        self.parsed().as_ref().map(title).unwrap_or_default()
    }

    /// The subject key identifier. Without that extension, the SHA-1 digest of the public key (RFC
    /// 5280, section 4.2.1.2).
    pub fn key_identifier(&self) -> Vec<u8> {
        self.parsed().as_ref().map(key_identifier).unwrap_or_default()
    }

    /// Whether the certificate has expired at `time`.
    pub fn has_expired(&self, time: SystemTime) -> bool {
        let seconds = time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        i64::try_from(seconds).is_ok_and(|seconds| self.not_after.unix_timestamp() < seconds)
    }

    /// Whether this is the issuer's certificate of `other`: name and key identifier match, and the
    /// signature is valid or made with an algorithm that cannot be verified here.
    pub fn issued(&self, other: &Self) -> bool {
        if self.subject() != other.issuer() {
            return false;
        }
        let (Some(issuer), Some(other)) = (self.parsed(), other.parsed()) else {
            return false;
        };
        authority_key_identifier(&other).is_none_or(|id| id == key_identifier(&issuer))
            && matches!(
                other.verify_signature(Some(issuer.public_key())),
                Ok(()) | Err(X509Error::SignatureUnsupportedAlgorithm)
            )
    }

    fn part(&self, place: &Range<usize>) -> &[u8] {
        self.der.get(place.clone()).unwrap_or_default()
    }

    /// Parses it again.
    fn parsed(&self) -> Option<X509Certificate<'_>> {
        let (_, certificate) = X509Certificate::from_der(&self.der).ok()?;
        Some(certificate)
    }

    /// The start and end of the validity period, both inclusive (RFC 5280, section 4.1.2.5).
    pub const fn validity(&self) -> (OffsetDateTime, OffsetDateTime) {
        (self.not_before, self.not_after)
    }
}

/// Where a part of `whole` is in it.
fn place(part: &[u8], whole: &[u8]) -> Range<usize> {
    let start = part.as_ptr().addr().saturating_sub(whole.as_ptr().addr());
    start..start + part.len()
}

fn title(certificate: &X509Certificate) -> String {
    let subject = certificate.subject();
    let common_name = subject.iter_common_name().next();
    common_name
        .and_then(|name| name.as_str().ok())
        .map_or_else(|| subject.to_string(), str::to_owned)
}

fn key_identifier(certificate: &X509Certificate) -> Vec<u8> {
    let extension = |extension: &ParsedExtension| match extension {
        ParsedExtension::SubjectKeyIdentifier(id) => Some(id.0.to_vec()),
        _ => None,
    };
    let mut extensions = certificate.extensions().iter();
    extensions.find_map(|known| extension(known.parsed_extension())).unwrap_or_else(|| {
        let key = &certificate.public_key().subject_public_key;
        Sha1::digest(&key.data).to_vec()
    })
}

fn authority_key_identifier(certificate: &X509Certificate) -> Option<Vec<u8>> {
    let mut extensions = certificate.extensions().iter();
    extensions.find_map(|extension| match extension.parsed_extension() {
        ParsedExtension::AuthorityKeyIdentifier(id) => {
            id.key_identifier.as_ref().map(|id| id.0.to_vec())
        }
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made by openssl: two certificates with the same name and key but other subject key identifiers, and
    /// one that names the first of those.
    const SAME_ISSUER_KEY: &[u8] = include_bytes!("fixtures/same-issuer-key.pem");

    #[test]
    fn an_issuer_is_known_by_its_key_identifier_too() {
        let certificates = Certificate::from_pem(SAME_ISSUER_KEY).unwrap();
        let [issuer, other, leaf] = &certificates[..] else {
            panic!("{certificates:?}");
        };
        assert!(issuer.issued(leaf));
        assert!(!other.issued(leaf), "another key identifier");
        assert!(!leaf.issued(issuer), "another name");
    }
}
