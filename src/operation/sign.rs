//! Signatures in the making: from the caller's data to the digest that the service signs.

use std::sync::Arc;

use signpath_client::{Cancellation, SigningPolicy, has_supported_size};
use signpath_crypto::{Digest, HashAlgorithm, PublicKey, SignatureAlgorithm, parse_digest_info};

use super::data::Limit;
use super::{Data, Functions, InParts, Operation};
use crate::error::{Error, Kind, Result};
use crate::mechanism::{self, Input, Mechanism, Parameter, Signature};
use crate::object::{Class, Object};

/// The most bytes that a caller can hand over where a digest is expected: more than the longest
/// DigestInfo. Beyond it the data is wrong whatever follows.
const MAX_DIGEST_INPUT: usize = 1024;

/// What PKCS #1 v1.5 adds to the data, at least, in bytes (RFC 8017, section 9.2).
pub(super) const PKCS1_OVERHEAD: usize = 11;

/// The lengths of digests that CKM_ECDSA signs: those of SHA-1, SHA-256, SHA-384 and SHA-512.
const BARE_DIGEST_LENGTHS: [usize; 4] = [20, 32, 48, 64];

/// What makes signatures with the private keys of signing policies.
pub trait SigningService: Send + Sync {
    /// A signature of `digest` with the key of `policy`, one signing request. It has been verified with
    /// the public key of `policy`. An ECDSA signature is r‖s.
    ///
    /// # Errors
    /// Those of [`Client::sign`](signpath_client::Client::sign), and the reason of the cancellation.
    fn sign(
        &self,
        policy: &SigningPolicy,
        algorithm: SignatureAlgorithm,
        digest: &Digest,
        cancellation: &Cancellation,
    ) -> Result<Vec<u8>>;
}

/// A private key and how it signs.
pub struct Signer {
    service: Arc<dyn SigningService>,
    policy: Arc<SigningPolicy>,
    key: PublicKey,
    mechanism: &'static Mechanism,
    signature: Signature,
    /// Known beforehand unless the data names it or nothing does.
    hash: Option<HashAlgorithm>,
}

/// An initialized signature operation.
pub struct Sign {
    /// What signs.
    pub signer: Signer,
    /// What is signed.
    pub data: Data,
}

impl Operation for Sign {
    const WHAT: &'static str = "a signature";
    const INIT: &'static str = "C_SignInit";
    const END: &'static str = "C_Sign or C_SignFinal";
}

impl InParts for Sign {
    fn functions(&self) -> &'static Functions {
        &Functions {
            only: "C_Sign",
            update: "C_SignUpdate",
            last: "C_SignFinal",
        }
    }

    fn data(&mut self) -> &mut Data {
        &mut self.data
    }
}

impl Signer {
    /// Makes ready to sign with the key `object`, which `service` has if it is that of a policy.
    ///
    /// # Errors
    /// [`Kind::KeyType`] and [`Kind::KeySize`] when the mechanism is not for this key,
    /// [`Kind::KeyFunction`] when the key cannot sign, [`Kind::MechanismParameter`] for a parameter
    /// that it cannot have.
    pub fn new(
        service: Option<Arc<dyn SigningService>>,
        object: &Object,
        (mechanism, signature): (&'static Mechanism, Signature),
        parameter: Parameter,
    ) -> Result<Self> {
        let name = mechanism.name;
        let whose = object
            .policy()
            .map_or_else(String::new, |policy| format!(" of {}", policy.name));
        // What is wrong with the key comes before what it may not do (PKCS #11 3.2, section 5.1.6).
        let key = object
            .public_key()
            .filter(|key| mechanism::key_type(key) == signature.key_type())
            .ok_or_else(|| {
                let reason = format!("{name} does not go with the key{whose}");
                Error::new(Kind::KeyType, reason)
            })?;
        if !has_supported_size(key) {
            let reason = format!("{name}: the key{whose} has {} bits", key.bits());
            return Err(Error::new(Kind::KeySize, reason));
        }
        let (Some(service), Some(policy), Class::PrivateKey) =
            (service, object.policy(), object.class)
        else {
            return Err(Error::new(Kind::KeyFunction, "a public key cannot sign"));
        };
        Ok(Self {
            service,
            policy: policy.clone(),
            key: key.clone(),
            hash: signature.hash_to_sign(mechanism.name, parameter)?,
            mechanism,
            signature,
        })
    }

    /// Room for what is to be signed.
    pub fn data(&self) -> Data {
        Data::of(
            self.mechanism,
            self.signature,
            Limit::AtMost(MAX_DIGEST_INPUT),
        )
    }

    /// The length of each signature in bytes.
    pub fn signature_length(&self) -> usize {
        self.key.signature_length()
    }

    /// Asks the service for a signature.
    ///
    /// # Errors
    /// [`Kind::Data`] or [`Kind::DataLength`] for data that the mechanism does not sign; those of
    /// the service; [`Kind::SignatureInvalid`].
    pub fn sign(&self, data: Data, cancellation: &Cancellation) -> Result<Vec<u8>> {
        let digest = self.digest(data.finish())?;
        let algorithm = self.signature.algorithm;
        self.service
            .sign(&self.policy, algorithm, &digest, cancellation)
    }

    fn digest(&self, data: Vec<u8>) -> Result<Digest> {
        match self.signature.input {
            Input::DigestInfo if data.len() + PKCS1_OVERHEAD > self.signature_length() => Err(self
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
