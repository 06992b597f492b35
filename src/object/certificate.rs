//! The parts of an X.509 certificate that are attributes of its object.

use spki::der::asn1::AnyRef;
use spki::der::{Encode, Tag};
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::time::ASN1Time;

/// An X.509 certificate (RFC 5280). All parts are DER.
#[derive(Debug)]
pub struct Certificate {
    der: Vec<u8>,
    subject: Vec<u8>,
    issuer: Vec<u8>,
    serial_number: Vec<u8>,
    subject_public_key_info: Vec<u8>,
    not_before: String,
    not_after: String,
}

impl Certificate {
    /// Takes a certificate apart.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn from_der(der: &[u8]) -> Result<Self, String> {
        let (rest, certificate) =
            X509Certificate::from_der(der).map_err(|error| error.to_string())?;
        if !rest.is_empty() {
            return Err("there are bytes behind it".to_owned());
        }
        let serial_number = AnyRef::new(Tag::Integer, certificate.raw_serial())
            .and_then(|serial_number| serial_number.to_der())
            .map_err(|error| error.to_string())?;
        let validity = certificate.validity();
        Ok(Self {
            der: der.to_vec(),
            subject: certificate.subject().as_raw().to_vec(),
            issuer: certificate.issuer().as_raw().to_vec(),
            serial_number,
            subject_public_key_info: certificate.public_key().raw.to_vec(),
            not_before: date(&validity.not_before),
            not_after: date(&validity.not_after),
        })
    }

    /// The certificate itself.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The subject's Name.
    pub fn subject(&self) -> &[u8] {
        &self.subject
    }

    /// The issuer's Name.
    pub fn issuer(&self) -> &[u8] {
        &self.issuer
    }

    /// The serial number as INTEGER.
    pub fn serial_number(&self) -> &[u8] {
        &self.serial_number
    }

    /// The SubjectPublicKeyInfo.
    pub fn subject_public_key_info(&self) -> &[u8] {
        &self.subject_public_key_info
    }

    /// The first and the last day of its validity, each as the eight digits of CK_DATE.
    pub fn validity(&self) -> (&str, &str) {
        (&self.not_before, &self.not_after)
    }
}

fn date(time: &ASN1Time) -> String {
    let time = time.to_datetime();
    format!(
        "{:04}{:02}{:02}",
        time.year(),
        u8::from(time.month()),
        time.day()
    )
}
