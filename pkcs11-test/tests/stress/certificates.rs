//! The certificates of the keys, with which OpenSSL verifies.

use std::process::Command;

use cryptoki_sys::*;
use openssl::bn::BigNum;
use openssl::ecdsa::EcdsaSig;
use openssl::hash::MessageDigest;
use openssl::pkey::{Id, PKey, Public};
use openssl::sign::Verifier;
use openssl::x509::X509;
use pkcs11_test::Service;

/// The keys that sign, and the mechanism of each.
const KEYS: [(&str, &str, CK_MECHANISM_TYPE); 4] = [
    ("demo", "rsa-2048", CKM_SHA256_RSA_PKCS),
    ("demo", "p-256", CKM_ECDSA_SHA256),
    ("demo", "p-384", CKM_ECDSA_SHA384),
    ("demo", "rsa-3072", CKM_SHA512_RSA_PKCS),
];

/// Hands them from one process to the other.
const VARIABLE: &str = "SIGNPATH_STRESS_CERTIFICATES";

pub struct Certificates(Vec<Certificate>);

/// A key as SignPath's certificate has it.
pub struct Certificate {
    pub id: String,
    pub mechanism: CK_MECHANISM_TYPE,
    key: PKey<Public>,
}

impl Certificates {
    pub fn of(service: &Service) -> Self {
        let certificates = KEYS.map(|(project, policy, mechanism)| Certificate {
            id: format!("{project}/{policy}"),
            mechanism,
            key: X509::from_der(service.certificate_der(project, policy).unwrap())
                .and_then(|certificate| certificate.public_key())
                .unwrap(),
        });
        Self(certificates.into())
    }

    pub fn hand_over(&self, command: &mut Command) {
        let keys = self.0.iter().map(|certificate| certificate.key.public_key_to_pem());
        let keys: Vec<_> = keys.map(|pem| String::from_utf8(pem.unwrap()).unwrap()).collect();
        command.env(VARIABLE, keys.join("|"));
    }

    pub fn read() -> Self {
        let pems = std::env::var(VARIABLE).unwrap();
        let keys = KEYS.iter().zip(pems.split('|'));
        let certificates = keys.map(|((project, policy, mechanism), pem)| Certificate {
            id: format!("{project}/{policy}"),
            mechanism: *mechanism,
            key: PKey::public_key_from_pem(pem.as_bytes()).unwrap(),
        });
        Self(certificates.collect())
    }

    pub fn all(&self) -> &[Certificate] {
        &self.0
    }
}

impl Certificate {
    /// Whether OpenSSL accepts a signature of `data`.
    pub fn verifies(&self, data: &[u8], signature: &[u8]) -> bool {
        let digest = match self.mechanism {
            CKM_ECDSA_SHA384 => MessageDigest::sha384(),
            CKM_SHA512_RSA_PKCS => MessageDigest::sha512(),
            _ => MessageDigest::sha256(),
        };
        let signature = match self.key.id() {
            Id::EC => der(signature),
            _ => Some(signature.to_vec()),
        };
        let mut verifier = Verifier::new(digest, &self.key).unwrap();
        signature
            .is_some_and(|signature| verifier.verify_oneshot(&signature, data).unwrap_or(false))
    }
}

/// PKCS #11 has r and s side by side (PKCS #11 3.2, section 6.3.1), OpenSSL wants DER.
fn der(signature: &[u8]) -> Option<Vec<u8>> {
    let (r, s) = signature.split_at_checked(signature.len() / 2)?;
    let numbers = (BigNum::from_slice(r).ok()?, BigNum::from_slice(s).ok()?);
    let signature = EcdsaSig::from_private_components(numbers.0, numbers.1);
    signature.ok()?.to_der().ok()
}
