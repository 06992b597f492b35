//! Digests, public keys, X.509 certificates, and signature verification. No I/O and no PKCS #11.
//!
//! [`HashAlgorithm`] makes a [`Digest`], or [`parse_digest_info`] takes one out of what CKM_RSA_PKCS signs.
//! A [`PublicKey`] comes from a [`Certificate`], from a SubjectPublicKeyInfo, or from its numbers, and
//! verifies signatures in a [`Scheme`]. ECDSA signatures are r‖s; [`ieee_from_asn1`] and
//! [`asn1_from_ieee`] convert them.
//!
//! ```
//! use signpath_crypto::{HashAlgorithm, ieee_from_asn1, asn1_from_ieee, parse_digest_info};
//!
//! let digest = HashAlgorithm::Sha256.digest(b"abc");
//! assert_eq!(digest.value.len(), 32);
//!
//! // The DigestInfo of SHA-256 (RFC 8017, section 9.2, note 1) with that digest.
//! let prefix = b"\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20";
//! let digest_info = [&prefix[..], &digest.value].concat();
//! assert_eq!(parse_digest_info(&digest_info)?, digest);
//!
//! let signature = [[1; 32], [2; 32]].concat();
//! let der = asn1_from_ieee(&signature).ok_or("not r and s")?;
//! assert_eq!(ieee_from_asn1(&der, 32).as_deref(), Some(&signature[..]));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![forbid(unsafe_code)]

mod certificate;
mod digest_info;
mod ecdsa_signature;
mod hash;
mod ml_dsa;
mod public_key;
mod shake;

pub use certificate::Certificate;
pub use digest_info::parse_digest_info;
pub use ecdsa_signature::{asn1_from_ieee, ieee_from_asn1};
pub use hash::{HashAlgorithm, Hasher};
pub use ml_dsa::MlDsa;
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
#[derive(Debug, Clone, PartialEq, Eq)]
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
    /// ML-DSA (FIPS 204, section 5.2) of a message, or HashML-DSA (section 5.4) of a digest.
    MlDsa {
        /// The digest's algorithm. [`None`] if the message itself is signed.
        pre_hash: Option<HashAlgorithm>,
        /// What the signature is bound to besides the message; at most [`MlDsa::MAX_CONTEXT`] bytes.
        context: Vec<u8>,
    },
}

impl SignatureAlgorithm {
    /// All algorithms.
    pub const ALL: [Self; 3] = [Self::RsaPkcs1, Self::RsaPss, Self::Ecdsa];

    /// SignPath's name (REST documentation, "Signing a hash: first generation").
    pub const fn name(self) -> &'static str {
        match self {
            Self::RsaPkcs1 => "RsaPkcs1",
            Self::RsaPss => "RsaPss",
            Self::Ecdsa => "Ecdsa",
        }
    }

    /// The algorithm with SignPath's name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }

    /// The scheme with which to verify the service's signature of `digest`. [`None`] if that
    /// depends on the digest's algorithm and it is unknown.
    pub fn scheme(self, digest: &Digest) -> Option<Scheme> {
        match self {
            Self::RsaPkcs1 => digest.algorithm.map(Scheme::RsaPkcs1),
            Self::RsaPss => digest
                .algorithm
                .map(|hash| Scheme::RsaPss { hash, salt_length: hash.digest_length() }),
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

/// The same random cases in each run.
#[cfg(test)]
fn same_cases() -> proptest::prelude::ProptestConfig {
    proptest::prelude::ProptestConfig {
        rng_seed: proptest::test_runner::RngSeed::Fixed(1),
        failure_persistence: None,
        ..Default::default()
    }
}
