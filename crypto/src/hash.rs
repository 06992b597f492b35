//! Hash algorithms.

use std::fmt;

use sha2::digest::const_oid::AssociatedOid;
use sha2::digest::{Digest, DynDigest};
use spki::ObjectIdentifier;

/// Evaluates an expression with the type that implements a [`HashAlgorithm`].
macro_rules! with_type {
    ($hash:expr, $type:ident => $value:expr) => {{
        macro_rules! arm {
            ($implementation:ty) => {{
                type $type = $implementation;
                $value
            }};
        }
        match $hash {
            HashAlgorithm::Md5 => arm!(md5::Md5),
            HashAlgorithm::Sha1 => arm!(sha1::Sha1),
            HashAlgorithm::Sha224 => arm!(sha2::Sha224),
            HashAlgorithm::Sha256 => arm!(sha2::Sha256),
            HashAlgorithm::Sha384 => arm!(sha2::Sha384),
            HashAlgorithm::Sha512 => arm!(sha2::Sha512),
            HashAlgorithm::Sha512_224 => arm!(sha2::Sha512_224),
            HashAlgorithm::Sha512_256 => arm!(sha2::Sha512_256),
            HashAlgorithm::Sha3_224 => arm!(sha3::Sha3_224),
            HashAlgorithm::Sha3_256 => arm!(sha3::Sha3_256),
            HashAlgorithm::Sha3_384 => arm!(sha3::Sha3_384),
            HashAlgorithm::Sha3_512 => arm!(sha3::Sha3_512),
            HashAlgorithm::Shake128 => arm!($crate::shake::Shake128),
            HashAlgorithm::Shake256 => arm!($crate::shake::Shake256),
        }
    }};
}
pub(super) use with_type;

/// A hash algorithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HashAlgorithm {
    /// RFC 1321.
    Md5,
    /// FIPS 180-4.
    Sha1,
    /// FIPS 180-4.
    Sha224,
    /// FIPS 180-4.
    Sha256,
    /// FIPS 180-4.
    Sha384,
    /// FIPS 180-4.
    Sha512,
    /// FIPS 180-4, SHA-512/224.
    Sha512_224,
    /// FIPS 180-4, SHA-512/256.
    Sha512_256,
    /// FIPS 202.
    Sha3_224,
    /// FIPS 202.
    Sha3_256,
    /// FIPS 202.
    Sha3_384,
    /// FIPS 202.
    Sha3_512,
    /// FIPS 202, with 256 bits of output.
    Shake128,
    /// FIPS 202, with 512 bits of output.
    Shake256,
}

/// The name that its standard gives it.
impl fmt::Display for HashAlgorithm {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Md5 => "MD5",
            Self::Sha1 => "SHA-1",
            Self::Sha224 => "SHA-224",
            Self::Sha256 => "SHA-256",
            Self::Sha384 => "SHA-384",
            Self::Sha512 => "SHA-512",
            Self::Sha512_224 => "SHA-512/224",
            Self::Sha512_256 => "SHA-512/256",
            Self::Sha3_224 => "SHA3-224",
            Self::Sha3_256 => "SHA3-256",
            Self::Sha3_384 => "SHA3-384",
            Self::Sha3_512 => "SHA3-512",
            Self::Shake128 => "SHAKE128",
            Self::Shake256 => "SHAKE256",
        })
    }
}

impl HashAlgorithm {
    /// The algorithms whose digests the service signs, weakest first.
    pub const SIGNED: [Self; 5] = [Self::Md5, Self::Sha1, Self::Sha256, Self::Sha384, Self::Sha512];

    /// The object identifier (RFC 8017, appendix B.1, and NIST's Computer Security Objects
    /// Register).
    pub fn oid(self) -> ObjectIdentifier {
        with_type!(self, Implementation => <Implementation as AssociatedOid>::OID)
    }

    /// The algorithm with this object identifier, if it is one of [`Self::SIGNED`].
    pub fn from_oid(oid: &ObjectIdentifier) -> Option<Self> {
        Self::SIGNED.into_iter().find(|hash| hash.oid() == *oid)
    }

    /// The algorithm that its standard names so, if it is one of [`Self::SIGNED`].
    pub fn from_name(name: &str) -> Option<Self> {
        Self::SIGNED.into_iter().find(|hash| hash.to_string() == name)
    }

    /// The digest of a message.
    pub fn digest(self, message: &[u8]) -> super::Digest {
        let mut hasher = self.hasher();
        hasher.update(message);
        super::Digest { algorithm: Some(self), value: hasher.finish() }
    }

    /// The length of a digest, in bytes.
    pub fn digest_length(self) -> usize {
        with_type!(self, Implementation => <Implementation as Digest>::output_size())
    }

    /// Starts a digest.
    pub fn hasher(self) -> Hasher {
        Hasher { state: with_type!(self, Implementation => Box::new(Implementation::default())) }
    }
}

/// Computes a digest incrementally.
pub struct Hasher {
    state: Box<dyn DynDigest + Send>,
}

impl Hasher {
    /// Adds the next part of the message.
    pub fn update(&mut self, part: &[u8]) {
        self.state.update(part);
    }

    /// The length of the digest, in bytes.
    pub fn digest_length(&self) -> usize {
        self.state.output_size()
    }

    /// The digest of all parts.
    pub fn finish(self) -> Vec<u8> {
        self.state.finalize().into_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_found_by_the_name_that_its_standard_has() {
        for (name, hash) in [
            ("SHA-1", Some(HashAlgorithm::Sha1)),
            ("SHA-256", Some(HashAlgorithm::Sha256)),
            ("SHA-512", Some(HashAlgorithm::Sha512)),
            ("SHA256", None),
        ] {
            assert_eq!(HashAlgorithm::from_name(name), hash, "{name}");
        }
    }

    /// The digests of "abc" are from RFC 1321, appendix A.5, and from NIST's examples for FIPS
    /// 180-4 and FIPS 202, those of SHAKE from openssl; the object identifiers are those that openssl shows.
    #[test]
    fn matches_the_test_vectors_of_the_standards() {
        for (hash, oid, expected) in [
            (HashAlgorithm::Md5, "1.2.840.113549.2.5", "900150983cd24fb0d6963f7d28e17f72"),
            (HashAlgorithm::Sha1, "1.3.14.3.2.26", "a9993e364706816aba3e25717850c26c9cd0d89d"),
            (
                HashAlgorithm::Sha224,
                "2.16.840.1.101.3.4.2.4",
                "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7",
            ),
            (
                HashAlgorithm::Sha256,
                "2.16.840.1.101.3.4.2.1",
                "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
            ),
            (
                HashAlgorithm::Sha384,
                "2.16.840.1.101.3.4.2.2",
                "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7",
            ),
            (
                HashAlgorithm::Sha512,
                "2.16.840.1.101.3.4.2.3",
                "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
            ),
            (
                HashAlgorithm::Sha512_224,
                "2.16.840.1.101.3.4.2.5",
                "4634270f707b6a54daae7530460842e20e37ed265ceee9a43e8924aa",
            ),
            (
                HashAlgorithm::Sha512_256,
                "2.16.840.1.101.3.4.2.6",
                "53048e2681941ef99b2e29b76b4c7dabe4c2d0c634fc6d46e0e2f13107e7af23",
            ),
            (
                HashAlgorithm::Sha3_224,
                "2.16.840.1.101.3.4.2.7",
                "e642824c3f8cf24ad09234ee7d3c766fc9a3a5168d0c94ad73b46fdf",
            ),
            (
                HashAlgorithm::Sha3_256,
                "2.16.840.1.101.3.4.2.8",
                "3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532",
            ),
            (
                HashAlgorithm::Sha3_384,
                "2.16.840.1.101.3.4.2.9",
                "ec01498288516fc926459f58e2c6ad8df9b473cb0fc08c2596da7cf0e49be4b298d88cea927ac7f539f1edf228376d25",
            ),
            (
                HashAlgorithm::Sha3_512,
                "2.16.840.1.101.3.4.2.10",
                "b751850b1a57168a5693cd924b6b096e08f621827444f70d884f5d0240d2712e10e116e9192af3c91a7ec57647e3934057340b4cf408d5a56592f8274eec53f0",
            ),
            (
                HashAlgorithm::Shake128,
                "2.16.840.1.101.3.4.2.11",
                "5881092dd818bf5cf8a3ddb793fbcba74097d5c526a6d35f97b83351940f2cc8",
            ),
            (
                HashAlgorithm::Shake256,
                "2.16.840.1.101.3.4.2.12",
                "483366601360a8771c6863080cc4114d8db44530f8f1e1ee4f94ea37e78b5739d5a15bef186a5386c75744c0527e1faa9f8726e462a12a4feb06bd8801e751e4",
            ),
        ] {
            let mut hasher = hash.hasher();
            hasher.update(b"a");
            hasher.update(b"bc");
            assert_eq!(hasher.digest_length(), hash.digest_length());
            let digest = hasher.finish();
            let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(hex, expected, "{hash:?}");
            assert_eq!(digest.len(), hash.digest_length());
            assert_eq!(hash.oid().to_string(), oid);
            let is_signed = HashAlgorithm::SIGNED.contains(&hash);
            assert_eq!(HashAlgorithm::from_oid(&hash.oid()), is_signed.then_some(hash));
        }
    }
}
