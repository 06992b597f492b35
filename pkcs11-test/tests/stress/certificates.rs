//! The certificates of the keys, with which OpenSSL verifies.

use cryptoki_sys::*;
use openssl::bn::BigNum;
use openssl::ecdsa::EcdsaSig;
use openssl::hash::MessageDigest;
use openssl::pkey::{Id, PKey, Public};
use openssl::sign::Verifier;
use openssl::x509::X509;

/// The keys that sign, and the mechanism of each.
const KEYS: [(&str, CK_MECHANISM_TYPE); 4] = [
    ("demo/rsa-2048", CKM_SHA256_RSA_PKCS),
    ("demo/p-256", CKM_ECDSA_SHA256),
    ("demo/p-384", CKM_ECDSA_SHA384),
    ("demo/rsa-3072", CKM_SHA512_RSA_PKCS),
];

/// A key as SignPath's certificate has it.
pub struct Certificate {
    pub id: &'static str,
    pub mechanism: CK_MECHANISM_TYPE,
    key: PKey<Public>,
}

/// The service keeps its keys there for the next run, with a file for each certificate.
pub const STATE: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/service");

/// The certificates of a service that has started.
pub fn read() -> Vec<Certificate> {
    let certificates = KEYS.map(|(id, mechanism)| {
        let pem = std::fs::read(format!("{STATE}/certificates/{id}.pem")).unwrap();
        let key = X509::from_pem(&pem).and_then(|certificate| certificate.public_key()).unwrap();
        Certificate { id, mechanism, key }
    });
    certificates.into()
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
