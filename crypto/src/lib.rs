//! Digests, public keys, X.509 certificates, and the verification of signatures. No I/O and no PKCS #11.

#![forbid(unsafe_code)]

mod certificate;
mod digest_info;
mod ecdsa_signature;
mod hash;
mod public_key;

pub use certificate::Certificate;
pub use digest_info::parse_digest_info;
pub use ecdsa_signature::{asn1_from_ieee, ieee_from_asn1};
pub use hash::{HashAlgorithm, Hasher};
pub use public_key::{Curve, PublicKey, PublicKeyError};

/// How a digest becomes a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignatureAlgorithm {
    /// RSASSA-PKCS1-v1_5 (RFC 8017, section 8.2).
    RsaPkcs1,
    /// RSASSA-PSS (RFC 8017, section 8.1), MGF1 with the digest's algorithm and a salt as long as
    /// the digest.
    RsaPss,
    /// ECDSA (FIPS 186-5, section 6); the signature is r‖s, each as long as the curve's order.
    Ecdsa,
}

/// What a signature is verified as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// The padding of RSASSA-PKCS1-v1_5 (RFC 8017, section 9.2) around any bytes, which take the
    /// place of the DigestInfo.
    RsaPkcs1Raw,
    /// RSASSA-PKCS1-v1_5 of a digest.
    RsaPkcs1(HashAlgorithm),
    /// RSASSA-PSS of a digest, MGF1 with the digest's algorithm.
    RsaPss {
        /// What made the digest.
        hash: HashAlgorithm,
        /// The length of the salt in bytes.
        salt_length: usize,
    },
    /// ECDSA of a digest of any length.
    Ecdsa,
}

impl SignatureAlgorithm {
    /// As what a signature of `digest` by the service verifies; none where the algorithm needs to
    /// know what made the digest.
    pub fn scheme(self, digest: &Digest) -> Option<Scheme> {
        match self {
            Self::RsaPkcs1 => digest.algorithm.map(Scheme::RsaPkcs1),
            Self::RsaPss => digest.algorithm.map(|hash| Scheme::RsaPss {
                hash,
                salt_length: hash.digest_length(),
            }),
            Self::Ecdsa => Some(Scheme::Ecdsa),
        }
    }
}

/// A digest that is to be signed, or was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digest {
    /// What made it. [`None`] where the caller handed over a bare digest, as for CKM_ECDSA.
    pub algorithm: Option<HashAlgorithm>,
    /// Its bytes.
    pub value: Vec<u8>,
}
