//! A signature in the making: from the caller's data to the digest that the service signs.

use std::sync::Arc;

use crate::crypto::{Digest, HashAlgorithm, Hasher, parse_digest_info};
use crate::error::{Error, Kind, Result};
use crate::mechanism::{Input, Mechanism, Parameter};
use crate::object::Policy;
use crate::signpath::Service;

/// The most bytes that a caller can hand over where a digest is expected: more than the longest
/// DigestInfo. Beyond it the data is wrong whatever follows.
const MAX_DIGEST_INPUT: usize = 1024;

/// What PKCS #1 v1.5 adds to the data, at least, in bytes (RFC 8017, section 9.2).
const PKCS1_OVERHEAD: usize = 11;

/// The lengths of digests that CKM_ECDSA signs: those of SHA-1, SHA-256, SHA-384 and SHA-512.
const BARE_DIGEST_LENGTHS: [usize; 4] = [20, 32, 48, 64];

/// An initialized signature operation.
pub struct Sign {
    /// Signs the digest.
    pub service: Arc<dyn Service>,
    /// Whose key signs.
    pub policy: Arc<Policy>,
    /// How it signs.
    pub mechanism: &'static Mechanism,
    /// The length of the signature to come, in bytes.
    pub signature_length: usize,
    /// Whether C_SignUpdate has been called.
    pub is_multi_part: bool,
    /// Known beforehand unless the data names it or nothing does.
    hash: Option<HashAlgorithm>,
    data: Data,
}

enum Data {
    Hashed(Hasher),
    Collected(Vec<u8>),
}

impl Sign {
    /// Starts a signature with the key of `policy`.
    ///
    /// # Errors
    /// [`Kind::KeyType`] when the mechanism is not for this key, [`Kind::MechanismParameter`] for
    /// a parameter that it cannot have.
    pub fn new(
        service: Arc<dyn Service>,
        policy: Arc<Policy>,
        mechanism: &'static Mechanism,
        parameter: Parameter,
    ) -> Result<Self> {
        let allowed = policy
            .public_key
            .as_ref()
            .filter(|key| crate::mechanism::allowed_for(key).any(|allowed| allowed == mechanism));
        let Some(key) = allowed else {
            return Err(Error::new(
                Kind::KeyType,
                format!(
                    "{} does not go with the key of {}",
                    mechanism.name, policy.name
                ),
            ));
        };
        let signature_length = key.signature_length();
        let hash = mechanism.hash(parameter)?;
        let data = match mechanism.input {
            Input::Message(hash) => Data::Hashed(hash.hasher()),
            _ => Data::Collected(Vec::new()),
        };
        Ok(Self {
            service,
            policy,
            mechanism,
            signature_length,
            is_multi_part: false,
            hash,
            data,
        })
    }

    /// Adds a part of the data.
    ///
    /// # Errors
    /// [`Kind::DataLength`] when it is too much to be a digest.
    pub fn update(&mut self, part: &[u8]) -> Result<()> {
        match &mut self.data {
            Data::Hashed(hasher) => hasher.update(part),
            Data::Collected(data) if data.len() + part.len() > MAX_DIGEST_INPUT => {
                return Err(self.wrong_length(&format!(
                    "more than {MAX_DIGEST_INPUT} bytes; it signs a digest, not the message"
                )));
            }
            Data::Collected(data) => data.extend_from_slice(part),
        }
        Ok(())
    }

    /// The digest of all data.
    ///
    /// # Errors
    /// [`Kind::Data`] or [`Kind::DataLength`] for data that the mechanism does not sign.
    pub fn digest(&mut self) -> Result<Digest> {
        let data = match std::mem::replace(&mut self.data, Data::Collected(Vec::new())) {
            Data::Hashed(hasher) => hasher.finish(),
            Data::Collected(data) => data,
        };
        match self.mechanism.input {
            Input::DigestInfo if data.len() + PKCS1_OVERHEAD > self.signature_length => Err(self
                .wrong_length(&format!(
                    "{} bytes, more than the key has room for; it signs a DigestInfo",
                    data.len()
                ))),
            Input::DigestInfo => parse_digest_info(&data).map_err(|reason| {
                Error::new(
                    Kind::Data,
                    format!(
                        "{}: the {} bytes of data {reason}",
                        self.mechanism.name,
                        data.len()
                    ),
                )
            }),
            Input::BareDigest if !BARE_DIGEST_LENGTHS.contains(&data.len()) => Err(self
                .wrong_length(&format!(
                    "{} bytes; a digest of SHA-1, SHA-256, SHA-384 or SHA-512 is expected",
                    data.len()
                ))),
            _ => match self.hash {
                Some(hash) if hash.digest_length() != data.len() => {
                    Err(self.wrong_length(&format!(
                        "{} bytes; a digest of {hash:?} has {}",
                        data.len(),
                        hash.digest_length()
                    )))
                }
                hash => Ok(Digest {
                    algorithm: hash,
                    value: data,
                }),
            },
        }
    }

    fn wrong_length(&self, reason: &str) -> Error {
        Error::new(
            Kind::DataLength,
            format!("{}: the data has {reason}", self.mechanism.name),
        )
    }
}
