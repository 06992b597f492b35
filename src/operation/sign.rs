//! Signature operations: from the caller's data to the digest that SignPath signs.

use std::sync::Arc;

use signpath_client::{Cancellation, SigningPolicy, has_supported_size};
use signpath_crypto::{Digest, HashAlgorithm, PublicKey, SignatureAlgorithm, parse_digest_info};

use super::data::Limit;
use super::{Data, Functions, InParts, Operation};
use crate::error::{Error, Kind, Result};
use crate::mechanism::{self, Input, Mechanism, Parameter, Signature};
use crate::object::{Class, Object};

/// The maximum length of data where a digest is expected, in bytes: more than the longest
/// DigestInfo. Longer data is refused right away.
const MAX_DIGEST_INPUT: usize = 1024;

/// The minimum overhead of PKCS #1 v1.5 in bytes (RFC 8017, section 9.2).
pub(super) const PKCS1_OVERHEAD: usize = 11;

/// The digest lengths accepted by CKM_ECDSA: SHA-1, SHA-256, SHA-384 and SHA-512.
const BARE_DIGEST_LENGTHS: [usize; 4] = [20, 32, 48, 64];

/// Signs with the private keys of signing policies.
pub trait SigningService: Send + Sync {
    /// Signs `digest` with the key of `policy`, in one signing request. The signature has been
    /// verified with the public key of `policy`. ECDSA signatures are r‖s.
    ///
    /// # Errors
    /// Those of [`Client::sign`](signpath_client::Client::sign), and the reason for the
    /// cancellation.
    fn sign(
        &self,
        policy: &SigningPolicy,
        algorithm: SignatureAlgorithm,
        digest: &Digest,
        cancellation: &Cancellation,
    ) -> Result<Vec<u8>>;
}

/// A private key and how to sign with it.
pub struct Signer {
    service: Arc<dyn SigningService>,
    policy: Arc<SigningPolicy>,
    key: PublicKey,
    mechanism: &'static Mechanism,
    signature: Signature,
    algorithm: SignatureAlgorithm,
    /// The hash algorithm, unless it is named by the data or unknown.
    hash: Option<HashAlgorithm>,
}

/// An initialized signature operation.
pub struct Sign {
    /// The key and mechanism.
    pub signer: Signer,
    /// The data to sign.
    pub data: Data,
}

impl Operation for Sign {
    const WHAT: &'static str = "signature";
    const INIT: &'static str = "C_SignInit";
    const END: &'static str = "C_Sign or C_SignFinal";
}

impl InParts for Sign {
    fn functions(&self) -> &'static Functions {
        &Functions { only: "C_Sign", update: "C_SignUpdate", last: "C_SignFinal" }
    }

    fn data(&mut self) -> &mut Data {
        &mut self.data
    }
}

impl Signer {
    /// Prepares signing with the key `object`; `service` signs if the key belongs to a policy.
    ///
    /// # Errors
    /// [`Kind::KeyType`] and [`Kind::KeySize`] if the mechanism does not support this key,
    /// [`Kind::KeyFunction`] if the key cannot sign, [`Kind::MechanismParameter`] if the parameter
    /// is not supported.
    pub fn new(
        service: Option<Arc<dyn SigningService>>,
        object: &Object,
        (mechanism, signature, algorithm): (&'static Mechanism, Signature, SignatureAlgorithm),
        parameter: &Parameter,
    ) -> Result<Self> {
        let name = mechanism.name;
        let whose =
            object.policy().map_or_else(String::new, |policy| format!(" of {}", policy.name));
        // Problems with the key take precedence over missing permissions (PKCS #11 3.2, section
        // 5.1.6).
        let key = object
            .public_key()
            .filter(|key| mechanism::key_type(key) == signature.key_type())
            .ok_or_else(|| {
                let reason = format!(
                    "{name} requires {}, but the key{whose} is not one",
                    mechanism::key_name(signature.key_type())
                );
                Error::new(Kind::KeyType, reason)
            })?;
        if !has_supported_size(key) {
            let reason = format!(
                "{name}: the key{whose} has {} bits, which SignPath does not support",
                key.bits()
            );
            return Err(Error::new(Kind::KeySize, reason));
        }
        let (Some(service), Some(policy), Class::PrivateKey) =
            (service, object.policy(), object.class)
        else {
            return Err(Error::new(
                Kind::KeyFunction,
                "a public key cannot sign; use the private key",
            ));
        };
        Ok(Self {
            service,
            policy: policy.clone(),
            key: key.clone(),
            hash: signature.hash_to_sign(mechanism.name, parameter)?,
            mechanism,
            signature,
            algorithm,
        })
    }

    /// Creates an empty buffer for the data to sign.
    pub fn data(&self) -> Data {
        Data::of(self.mechanism, self.signature, Limit::AtMost(MAX_DIGEST_INPUT))
    }

    /// The length of signatures in bytes.
    pub fn signature_length(&self) -> usize {
        self.key.signature_length()
    }

    /// Requests a signature from SignPath.
    ///
    /// # Errors
    /// [`Kind::Data`] or [`Kind::DataLength`] for data that the mechanism cannot sign; those of
    /// [`SigningService::sign`]; [`Kind::SignatureInvalid`].
    pub fn sign(&self, data: Data, cancellation: &Cancellation) -> Result<Vec<u8>> {
        let digest = self.digest(data.finish())?;
        self.service.sign(&self.policy, self.algorithm, &digest, cancellation)
    }

    fn digest(&self, data: Vec<u8>) -> Result<Digest> {
        match self.signature.input {
            Input::DigestInfo if data.len() + PKCS1_OVERHEAD > self.signature_length() => Err(self
                .wrong_length(&format!(
                    "{} bytes long, too long for the key; pass a DigestInfo",
                    data.len()
                ))),
            Input::DigestInfo => parse_digest_info(&data).map_err(|reason| {
                Error::new(
                    Kind::Data,
                    format!("{}: the {} bytes of data {reason}", self.mechanism.name, data.len()),
                )
            }),
            Input::BareDigest if !BARE_DIGEST_LENGTHS.contains(&data.len()) => Err(self
                .wrong_length(&format!(
                    "{} bytes long; pass a SHA-1, SHA-256, SHA-384 or SHA-512 digest",
                    data.len()
                ))),
            _ => match self.hash {
                Some(hash) if hash.digest_length() != data.len() => {
                    Err(self.wrong_length(&format!(
                        "{} bytes long; a {} digest is {}",
                        data.len(),
                        hash,
                        hash.digest_length()
                    )))
                }
                hash => Ok(Digest { algorithm: hash, value: data }),
            },
        }
    }

    fn wrong_length(&self, reason: &str) -> Error {
        Error::new(Kind::DataLength, format!("{}: the data is {reason}", self.mechanism.name))
    }
}
