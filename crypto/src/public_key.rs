//! Public keys: parsing, encoding, and signature verification.

use std::fmt;

use p256::ecdsa::signature::hazmat::PrehashVerifier;
use rsa::traits::PublicKeyParts;
use rsa::{BigUint, Pkcs1v15Sign, Pss, RsaPublicKey};
use spki::der::asn1::{AnyRef, BitStringRef, UintRef};
use spki::der::{Decode, Encode};
use spki::{AlgorithmIdentifierRef, ObjectIdentifier, SubjectPublicKeyInfoRef};

use super::hash::with_type;
use super::{HashAlgorithm, MlDsa, Scheme};

/// The object identifier of elliptic curve keys (RFC 5480, section 2.1.1).
const ID_EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
/// The object identifier of RSA keys (RFC 8017, appendix A.1).
const RSA_ENCRYPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
/// The largest accepted modulus, in bits.
const MAX_MODULUS_BITS: usize = 16_384;

/// A named curve (FIPS 186-5, SP 800-186).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Curve {
    /// secp256r1.
    P256,
    /// secp384r1.
    P384,
    /// secp521r1.
    P521,
}

impl Curve {
    /// All curves.
    pub const ALL: [Self; 3] = [Self::P256, Self::P384, Self::P521];

    /// The object identifier (RFC 5480, section 2.1.1.1).
    pub const fn oid(self) -> ObjectIdentifier {
        ObjectIdentifier::new_unwrap(match self {
            Self::P256 => "1.2.840.10045.3.1.7",
            Self::P384 => "1.3.132.0.34",
            Self::P521 => "1.3.132.0.35",
        })
    }

    /// The size of the field and of the order, in bits.
    pub const fn bits(self) -> usize {
        match self {
            Self::P256 => 256,
            Self::P384 => 384,
            Self::P521 => 521,
        }
    }

    /// The length of a field element, and of r and s in a signature, in bytes.
    pub const fn field_length(self) -> usize {
        self.bits().div_ceil(8)
    }
}

/// A public key for signature verification.
#[derive(Clone)]
pub struct PublicKey {
    key: Key,
    subject_public_key_info: Vec<u8>,
}

#[derive(Clone)]
enum Key {
    Rsa(RsaPublicKey),
    P256(p256::ecdsa::VerifyingKey),
    P384(p384::ecdsa::VerifyingKey),
    P521(p521::ecdsa::VerifyingKey),
    /// Its bytes are the last ones of the SubjectPublicKeyInfo.
    MlDsa(MlDsa),
}

/// Why a [`PublicKey`] cannot be created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PublicKeyError {
    /// The key's type, curve or size is not supported. The text names it.
    Unsupported(String),
    /// The bytes do not encode a key.
    Malformed,
}

impl PublicKey {
    /// Reads a DER `SubjectPublicKeyInfo` (RFC 5280, section 4.1.2.7).
    ///
    /// # Errors
    /// See [`PublicKeyError`].
    pub fn from_subject_public_key_info(der: &[u8]) -> Result<Self, PublicKeyError> {
        let info = SubjectPublicKeyInfoRef::from_der(der).map_err(malformed)?;
        let key_bytes = info.subject_public_key.as_bytes().ok_or(PublicKeyError::Malformed)?;
        let key = match info.algorithm.oid {
            RSA_ENCRYPTION => Key::rsa(key_bytes)?,
            ID_EC_PUBLIC_KEY => {
                let parameters = info.algorithm.parameters.ok_or(PublicKeyError::Malformed)?;
                Key::ec(named_curve(parameters)?, key_bytes)?
            }
            other => match MlDsa::ALL.into_iter().find(|set| set.oid() == other) {
                Some(set) if info.algorithm.parameters.is_none() => Key::ml_dsa(set, key_bytes)?,
                // RFC 9881, section 2: the parameters are absent.
                Some(_) => return Err(PublicKeyError::Malformed),
                None => return Err(PublicKeyError::Unsupported(other.to_string())),
            },
        };
        Ok(Self { key, subject_public_key_info: der.to_vec() })
    }

    /// The RSA key with this modulus and public exponent, both big-endian.
    ///
    /// # Errors
    /// See [`PublicKeyError`].
    pub fn from_rsa(modulus: &[u8], public_exponent: &[u8]) -> Result<Self, PublicKeyError> {
        let key = rsa::pkcs1::RsaPublicKey {
            modulus: UintRef::new(modulus).map_err(malformed)?,
            public_exponent: UintRef::new(public_exponent).map_err(malformed)?,
        };
        Self::from_rsa_public_key(&key.to_der().map_err(malformed)?)
    }

    /// Reads a PKCS #1 `RSAPublicKey` (RFC 8017, appendix A.1.1).
    ///
    /// # Errors
    /// See [`PublicKeyError`].
    pub fn from_rsa_public_key(der: &[u8]) -> Result<Self, PublicKeyError> {
        Self::from_parts(RSA_ENCRYPTION, Some(AnyRef::NULL), der)
    }

    /// Reads a point on `curve` (SEC 1, section 2.3.3).
    ///
    /// # Errors
    /// See [`PublicKeyError`].
    pub fn from_ec_point(curve: Curve, point: &[u8]) -> Result<Self, PublicKeyError> {
        let oid = curve.oid();
        Self::from_parts(ID_EC_PUBLIC_KEY, Some(AnyRef::from(&oid)), point)
    }

    /// Reads an ML-DSA public key (FIPS 204, section 7.2).
    ///
    /// # Errors
    /// See [`PublicKeyError`].
    pub fn from_ml_dsa(parameter_set: MlDsa, key: &[u8]) -> Result<Self, PublicKeyError> {
        Self::from_parts(parameter_set.oid(), None, key)
    }

    fn from_parts(
        algorithm: ObjectIdentifier,
        parameters: Option<AnyRef<'_>>,
        key: &[u8],
    ) -> Result<Self, PublicKeyError> {
        let info = SubjectPublicKeyInfoRef {
            algorithm: AlgorithmIdentifierRef { oid: algorithm, parameters },
            subject_public_key: BitStringRef::from_bytes(key).map_err(malformed)?,
        };
        Self::from_subject_public_key_info(&info.to_der().map_err(malformed)?)
    }

    /// The DER `SubjectPublicKeyInfo`.
    pub fn subject_public_key_info(&self) -> &[u8] {
        &self.subject_public_key_info
    }

    /// The big-endian modulus and public exponent of an RSA key. [`None`] for other keys.
    pub fn rsa(&self) -> Option<(Vec<u8>, Vec<u8>)> {
        match &self.key {
            Key::Rsa(key) => Some((key.n().to_bytes_be(), key.e().to_bytes_be())),
            _ => None,
        }
    }

    /// Whether this is an RSA key.
    pub const fn is_rsa(&self) -> bool {
        matches!(self.key, Key::Rsa(_))
    }

    /// The curve and the uncompressed point (SEC 1, section 2.3.3) of an EC key. [`None`] for other
    /// keys.
    pub fn ec(&self) -> Option<(Curve, Vec<u8>)> {
        let point = match &self.key {
            Key::Rsa(_) | Key::MlDsa(_) => return None,
            Key::P256(key) => (Curve::P256, key.to_encoded_point(false).as_bytes().to_vec()),
            Key::P384(key) => (Curve::P384, key.to_encoded_point(false).as_bytes().to_vec()),
            Key::P521(key) => (Curve::P521, key.to_encoded_point(false).as_bytes().to_vec()),
        };
        Some(point)
    }

    /// The parameter set and the bytes (FIPS 204, section 7.2) of an ML-DSA key. [`None`] for other keys.
    pub fn ml_dsa(&self) -> Option<(MlDsa, &[u8])> {
        let Key::MlDsa(set) = self.key else {
            return None;
        };
        let before = self.subject_public_key_info.len().checked_sub(set.key_length())?;
        Some((set, self.subject_public_key_info.get(before..)?))
    }

    /// The size of the modulus, of the curve, or of the ML-DSA public key, in bits.
    pub fn bits(&self) -> usize {
        match &self.key {
            Key::Rsa(key) => key.n().bits(),
            Key::P256(_) => Curve::P256.bits(),
            Key::P384(_) => Curve::P384.bits(),
            Key::P521(_) => Curve::P521.bits(),
            Key::MlDsa(set) => 8 * set.key_length(),
        }
    }

    /// The length of signatures with this key, in bytes.
    pub fn signature_length(&self) -> usize {
        match &self.key {
            Key::Rsa(key) => key.size(),
            Key::P256(_) => 2 * Curve::P256.field_length(),
            Key::P384(_) => 2 * Curve::P384.field_length(),
            Key::P521(_) => 2 * Curve::P521.field_length(),
            Key::MlDsa(set) => set.signature_length(),
        }
    }

    /// The longest possible PSS salt with this key and digests of `hash`, in bytes (RFC 8017,
    /// section 9.1.1). [`None`] if not even the digest fits, or if this is not an RSA key.
    pub fn longest_salt(&self, hash: HashAlgorithm) -> Option<usize> {
        let Key::Rsa(key) = &self.key else {
            return None;
        };
        let encoded_length = (key.n().bits().checked_sub(1)?).div_ceil(8);
        encoded_length.checked_sub(hash.digest_length() + 2)
    }

    /// Whether `signature` is a valid signature of `data` with this key and scheme. `data` is a
    /// digest, or for [`Scheme::RsaPkcs1Raw`] the bytes to pad, or for ML-DSA without a digest the message. An ECDSA
    /// signature is r‖s.
    pub fn verifies(&self, scheme: &Scheme, data: &[u8], signature: &[u8]) -> bool {
        match (&self.key, scheme) {
            // RSAVP1 refuses these (RFC 8017, section 5.2.2). The rsa crate does so for PKCS #1
            // only.
            (Key::Rsa(key), _) if BigUint::from_bytes_be(signature) >= *key.n() => false,
            (Key::Rsa(key), Scheme::RsaPkcs1Raw) => {
                let padding = Pkcs1v15Sign::new_unprefixed();
                key.verify(padding, data, signature).is_ok()
            }
            (Key::Rsa(key), &Scheme::RsaPkcs1(hash)) => {
                let padding = with_type!(hash, Hash => Pkcs1v15Sign::new::<Hash>());
                key.verify(padding, data, signature).is_ok()
            }
            (Key::Rsa(key), &Scheme::RsaPss { hash, salt_length }) => {
                let padding = with_type!(hash, Hash => Pss::new_with_salt::<Hash>(salt_length));
                self.longest_salt(hash) >= Some(salt_length)
                    && key.verify(padding, data, signature).is_ok()
                    && fits_encoded_message(key, signature)
            }
            (Key::P256(key), Scheme::Ecdsa) => {
                ecdsa_verifies::<_, p256::ecdsa::Signature>(key, Curve::P256, data, signature)
            }
            (Key::P384(key), Scheme::Ecdsa) => {
                ecdsa_verifies::<_, p384::ecdsa::Signature>(key, Curve::P384, data, signature)
            }
            (Key::P521(key), Scheme::Ecdsa) => {
                ecdsa_verifies::<_, p521::ecdsa::Signature>(key, Curve::P521, data, signature)
            }
            (Key::MlDsa(set), Scheme::MlDsa { pre_hash, context }) => {
                let key = self.ml_dsa().map_or(&[][..], |(_, key)| key);
                set.verifies(key, (context, *pre_hash), data, signature)
            }
            _ => false,
        }
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("PublicKey").field("bits", &self.bits()).finish_non_exhaustive()
    }
}

impl Key {
    fn rsa(der: &[u8]) -> Result<Self, PublicKeyError> {
        let key = rsa::pkcs1::RsaPublicKey::from_der(der).map_err(malformed)?;
        let modulus = BigUint::from_bytes_be(key.modulus.as_bytes());
        let exponent = BigUint::from_bytes_be(key.public_exponent.as_bytes());
        let (bits, exponent_bits) = (modulus.bits(), exponent.bits());
        RsaPublicKey::new_with_max_size(modulus, exponent, MAX_MODULUS_BITS).map(Self::Rsa).map_err(
            |error| match error {
                rsa::Error::ModulusTooLarge | rsa::Error::PublicExponentTooLarge => {
                    PublicKeyError::Unsupported(format!(
                        "RSA with {bits} bits and a public exponent of {exponent_bits} bits"
                    ))
                }
                _ => PublicKeyError::Malformed,
            },
        )
    }

    fn ec(curve: Curve, point: &[u8]) -> Result<Self, PublicKeyError> {
        match curve {
            Curve::P256 => p256::ecdsa::VerifyingKey::from_sec1_bytes(point).map(Self::P256),
            Curve::P384 => p384::ecdsa::VerifyingKey::from_sec1_bytes(point).map(Self::P384),
            Curve::P521 => p521::ecdsa::VerifyingKey::from_sec1_bytes(point).map(Self::P521),
        }
        .map_err(malformed)
    }

    /// Any bytes of the right length are a key.
    fn ml_dsa(parameter_set: MlDsa, key: &[u8]) -> Result<Self, PublicKeyError> {
        match key.len() == parameter_set.key_length() {
            true => Ok(Self::MlDsa(parameter_set)),
            false => Err(PublicKeyError::Malformed),
        }
    }
}

/// The named curve in ECParameters. Explicit parameters (SEC 1, appendix C.2) are not allowed in
/// certificates (RFC 5480, section 2.1.1), but such keys exist.
fn named_curve(parameters: AnyRef<'_>) -> Result<Curve, PublicKeyError> {
    let unsupported = |what: String| PublicKeyError::Unsupported(format!("EC, {what}"));
    let oid = parameters
        .decode_as::<ObjectIdentifier>()
        .map_err(|_| unsupported("explicit curve parameters".to_owned()))?;
    Curve::ALL
        .into_iter()
        .find(|curve| curve.oid() == oid)
        .ok_or_else(|| unsupported(format!("curve {oid}")))
}

fn malformed<E>(_: E) -> PublicKeyError {
    PublicKeyError::Malformed
}

/// Whether a PSS signature is one of a number that fits the encoded message (RFC 8017, section 8.1.2, step 2c). If the bits of
/// the modulus are one more than whole bytes, the encoded message lacks its first byte, which the rsa crate ignores.
fn fits_encoded_message(key: &RsaPublicKey, signature: &[u8]) -> bool {
    let encoded_bits = key.n().bits().saturating_sub(1);
    let number = || BigUint::from_bytes_be(signature).modpow(key.e(), key.n());
    encoded_bits % 8 != 0 || number().bits() <= encoded_bits
}

fn ecdsa_verifies<'a, K, S>(key: &K, curve: Curve, digest: &[u8], signature: &'a [u8]) -> bool
where
    K: PrehashVerifier<S>,
    S: TryFrom<&'a [u8]>,
{
    let number = leftmost_bits(curve, digest);
    S::try_from(signature).is_ok_and(|signature| key.verify_prehash(&number, &signature).is_ok())
}

/// The integer that ECDSA signs, as long as a field element: as many leftmost bits of the digest as
/// the order has (FIPS 186-5, section 6.4.1). The ECDSA crates leave this to the caller for P-521
/// and for digests shorter than half the order.
fn leftmost_bits(curve: Curve, digest: &[u8]) -> Vec<u8> {
    let length = curve.field_length();
    let Some(digest) = digest.get(..length) else {
        let mut number = vec![0; length.saturating_sub(digest.len())];
        number.extend_from_slice(digest);
        return number;
    };
    let shift = 8 * length - curve.bits();
    let mut carry = 0;
    digest
        .iter()
        .map(|byte| {
            let shifted = (carry | u16::from(*byte)) >> shift;
            carry = u16::from(*byte) << 8;
            (shifted & 0xFF) as u8
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn truncates_digests_longer_than_the_order_of_p_521() {
        let digest: Vec<u8> = [vec![0xFF; 66], vec![0x55; 10]].concat();
        let number = leftmost_bits(Curve::P521, &digest);
        assert_eq!(number, [vec![0x01], vec![0xFF; 65]].concat());
        let digest: Vec<u8> = [vec![0x80], vec![0; 64], vec![0x80]].concat();
        let number = leftmost_bits(Curve::P521, &digest);
        assert_eq!(number, [vec![0x01], vec![0; 64], vec![0x01]].concat());
    }

    #[test]
    fn pads_short_digests_and_truncates_long_ones_for_p_256() {
        assert_eq!(
            leftmost_bits(Curve::P256, b"\x12\x34"),
            [vec![0; 30], vec![0x12, 0x34]].concat()
        );
        assert_eq!(leftmost_bits(Curve::P256, &[0xA5; 40]), [0xA5; 32]);
    }
}
