//! ML-DSA (FIPS 204): parameter sets and the verification of signatures.

use fips204::traits::{SerDes, Verifier};
use fips204::{ml_dsa_44, ml_dsa_65, ml_dsa_87};
use spki::ObjectIdentifier;
use spki::der::Encode;

use super::HashAlgorithm;

/// A parameter set of ML-DSA (FIPS 204, section 4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MlDsa {
    /// ML-DSA-44.
    MlDsa44,
    /// ML-DSA-65.
    MlDsa65,
    /// ML-DSA-87.
    MlDsa87,
}

impl MlDsa {
    /// All parameter sets.
    pub const ALL: [Self; 3] = [Self::MlDsa44, Self::MlDsa65, Self::MlDsa87];

    /// The longest context, in bytes (FIPS 204, section 5.2).
    pub const MAX_CONTEXT: usize = 255;

    /// The name (FIPS 204, section 4).
    pub const fn name(self) -> &'static str {
        match self {
            Self::MlDsa44 => "ML-DSA-44",
            Self::MlDsa65 => "ML-DSA-65",
            Self::MlDsa87 => "ML-DSA-87",
        }
    }

    /// The object identifier (RFC 9881, section 2).
    pub const fn oid(self) -> ObjectIdentifier {
        ObjectIdentifier::new_unwrap(match self {
            Self::MlDsa44 => "2.16.840.1.101.3.4.3.17",
            Self::MlDsa65 => "2.16.840.1.101.3.4.3.18",
            Self::MlDsa87 => "2.16.840.1.101.3.4.3.19",
        })
    }

    /// The length of a public key, in bytes (FIPS 204, table 2).
    pub const fn key_length(self) -> usize {
        match self {
            Self::MlDsa44 => ml_dsa_44::PK_LEN,
            Self::MlDsa65 => ml_dsa_65::PK_LEN,
            Self::MlDsa87 => ml_dsa_87::PK_LEN,
        }
    }

    /// The length of a signature, in bytes (FIPS 204, table 2).
    pub const fn signature_length(self) -> usize {
        match self {
            Self::MlDsa44 => ml_dsa_44::SIG_LEN,
            Self::MlDsa65 => ml_dsa_65::SIG_LEN,
            Self::MlDsa87 => ml_dsa_87::SIG_LEN,
        }
    }

    /// How much stack [`PublicKey::verifies`](super::PublicKey::verifies) needs with such a key, in bytes, with a reserve;
    /// optimized code takes 310 000.
    pub const STACK: usize = 512 << 10;

    /// Whether `signature` is one of `data` in this context, made with `key`: of the message itself, or of its digest if
    /// HashML-DSA (FIPS 204, section 5.4) signed it with the digest's algorithm.
    pub(super) fn verifies(
        self,
        key: &[u8],
        (context, pre_hash): (&[u8], Option<HashAlgorithm>),
        data: &[u8],
        signature: &[u8],
    ) -> bool {
        match self {
            Self::MlDsa44 => verifies::<
                ml_dsa_44::PublicKey,
                { ml_dsa_44::PK_LEN },
                { ml_dsa_44::SIG_LEN },
            >(key, (context, pre_hash), data, signature),
            Self::MlDsa65 => verifies::<
                ml_dsa_65::PublicKey,
                { ml_dsa_65::PK_LEN },
                { ml_dsa_65::SIG_LEN },
            >(key, (context, pre_hash), data, signature),
            Self::MlDsa87 => verifies::<
                ml_dsa_87::PublicKey,
                { ml_dsa_87::PK_LEN },
                { ml_dsa_87::SIG_LEN },
            >(key, (context, pre_hash), data, signature),
        }
    }
}

/// Not inlined, since other algorithms do with much less stack.
#[inline(never)]
fn verifies<K, const KEY: usize, const SIGNATURE: usize>(
    key: &[u8],
    (context, pre_hash): (&[u8], Option<HashAlgorithm>),
    data: &[u8],
    signature: &[u8],
) -> bool
where
    K: SerDes<ByteArray = [u8; KEY]> + Verifier<Signature = [u8; SIGNATURE]>,
{
    let (Ok(key), Ok(signature)) = (key.try_into(), signature.try_into()) else {
        return false;
    };
    let Ok(key) = K::try_from_bytes(key) else {
        return false;
    };
    match pre_hash.map(|hash| hash.oid().to_der()) {
        None => key.verify(data, signature, context),
        Some(Ok(oid)) => key.hash_verify(data, signature, context, &oid),
        Some(Err(_)) => false,
    }
}
