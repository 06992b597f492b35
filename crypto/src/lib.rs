//! Digests, public keys, X.509 certificates, and signature verification. No I/O and no PKCS #11.

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

/// The algorithm with which a digest is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignatureAlgorithm {
    /// RSASSA-PKCS1-v1_5 (RFC 8017, section 8.2).
    RsaPkcs1,
    /// RSASSA-PSS (RFC 8017, section 8.1), with MGF1 of the digest's algorithm and a salt as long
    /// as the digest.
    RsaPss,
    /// ECDSA (FIPS 186-5, section 6). The signature is r‖s, each as long as the curve's order.
    Ecdsa,
}

/// The scheme with which a signature is verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// RSASSA-PKCS1-v1_5 padding (RFC 8017, section 9.2) of arbitrary bytes in place of a
    /// DigestInfo.
    RsaPkcs1Raw,
    /// RSASSA-PKCS1-v1_5 of a digest.
    RsaPkcs1(HashAlgorithm),
    /// RSASSA-PSS of a digest, with MGF1 of the digest's algorithm.
    RsaPss {
        /// The digest's algorithm.
        hash: HashAlgorithm,
        /// The salt length, in bytes.
        salt_length: usize,
    },
    /// ECDSA of a digest of any length.
    Ecdsa,
}

impl SignatureAlgorithm {
    /// The scheme with which to verify the service's signature of `digest`. [`None`] if that
    /// depends on the digest's algorithm and it is unknown.
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

/// A digest to sign or verify.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digest {
    /// Its algorithm. [`None`] if the caller passed a bare digest, as with CKM_ECDSA.
    pub algorithm: Option<HashAlgorithm>,
    /// The digest itself.
    pub value: Vec<u8>,
}
