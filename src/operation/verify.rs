//! Local verification of signatures with a public key.

use std::borrow::Cow;
use std::sync::Arc;

use cryptoki_sys::{CK_TRUE, CKA_ALLOWED_MECHANISMS, CKA_VERIFY};

use super::data::Limit;
use super::sign::PKCS1_OVERHEAD;
use super::{Data, Functions, InParts, Operation};
use crate::error::{Error, Kind, Result};
use crate::mechanism::{self, Mechanism, Parameter, Signature};
use crate::object::{Object, Value};
use signpath_client::{Threads, has_supported_size};
use signpath_crypto::{MlDsa, PublicKey, Scheme};
use signpath_platform::shortage::Shortage;
use signpath_platform::thread;

/// The maximum length of a digest in bytes.
const MAX_DIGEST_LENGTH: usize = 64;

/// A public key and a scheme for verifying signatures.
pub struct Verifier {
    object: Arc<Object>,
    mechanism: &'static Mechanism,
    signature: Signature,
    scheme: Scheme,
    threads: Threads,
}

/// An initialized verification.
pub struct Verify {
    /// The key and scheme.
    pub verifier: Verifier,
    /// The signed data.
    pub data: Data,
    /// The signature, if C_VerifySignatureInit was called. One of the wrong length is refused when
    /// the data is complete, and not worth copying.
    pub signature: Option<Result<Vec<u8>>>,
}

impl Operation for Verify {
    const WHAT: &'static str = "verification";
    const INIT: &'static str = "C_VerifyInit";
    const END: &'static str = "C_Verify or C_VerifyFinal";
}

impl InParts for Verify {
    fn functions(&self) -> &'static Functions {
        match self.signature {
            None => {
                &Functions { only: "C_Verify", update: "C_VerifyUpdate", last: "C_VerifyFinal" }
            }
            Some(_) => &Functions {
                only: "C_VerifySignature",
                update: "C_VerifySignatureUpdate",
                last: "C_VerifySignatureFinal",
            },
        }
    }

    fn data(&mut self) -> &mut Data {
        &mut self.data
    }
}

impl Verifier {
    /// Prepares verification with the key `object`. ML-DSA needs more stack than some applications' threads have, and so a
    /// thread if the application allows threads.
    ///
    /// # Errors
    /// [`Kind::KeyType`] and [`Kind::KeySize`] if the mechanism does not support this key,
    /// [`Kind::KeyFunction`] if the key must not verify, as is the case for private keys,
    /// [`Kind::Mechanism`] if its CKA_ALLOWED_MECHANISMS excludes the mechanism,
    /// [`Kind::MechanismParameter`].
    pub fn new(
        object: Arc<Object>,
        (mechanism, signature): (&'static Mechanism, Signature),
        parameter: &Parameter,
        threads: Threads,
    ) -> Result<Self> {
        let refuse =
            |kind, reason: &str| Err(Error::new(kind, format!("{}: {reason}", mechanism.name)));
        let Some(key) = object.public_key() else {
            return refuse(Kind::KeyType, "keys of this type are not supported");
        };
        if mechanism::key_type(key) != signature.key_type() {
            let reason = format!("the key is not {}", mechanism::key_name(signature.key_type()));
            return refuse(Kind::KeyType, &reason);
        }
        if !has_supported_size(key) {
            return refuse(
                Kind::KeySize,
                &format!("keys of {} bits are not supported", key.bits()),
            );
        }
        if object.attribute(CKA_VERIFY) != Some(Value::Bytes(&[CK_TRUE])) {
            return refuse(
                Kind::KeyFunction,
                "the key cannot verify: its CKA_VERIFY is not CK_TRUE",
            );
        }
        if !allows(&object, mechanism) {
            return refuse(
                Kind::Mechanism,
                "CKA_ALLOWED_MECHANISMS of the key does not contain the mechanism",
            );
        }
        let scheme = signature.scheme(mechanism.name, parameter, key)?;
        Ok(Self { object, mechanism, signature, scheme, threads })
    }

    /// Creates an empty buffer for the signed data.
    pub fn data(&self) -> Data {
        let length = self.signature_length();
        let limit = match &self.scheme {
            Scheme::RsaPkcs1Raw => Limit::AtMost(length.saturating_sub(PKCS1_OVERHEAD)),
            Scheme::RsaPkcs1(_) | Scheme::RsaPss { .. } => Limit::AtMost(MAX_DIGEST_LENGTH),
            // Only the leftmost bits of a digest are signed, as many as the order has (FIPS 186-5,
            // section 6.4.1); s is as long as the order.
            Scheme::Ecdsa => Limit::First(length / 2),
            Scheme::MlDsa { pre_hash: Some(_), .. } => Limit::AtMost(MAX_DIGEST_LENGTH),
            // The message itself, which can have any length.
            Scheme::MlDsa { pre_hash: None, .. } => Limit::AtMost(usize::MAX),
        };
        Data::of(self.mechanism, self.signature, limit)
    }

    /// Checks that a signature can have that length in bytes. ECDSA signatures may lack leading
    /// zeros of r and s, as long as both have the same length (section 6.3.1).
    ///
    /// # Errors
    /// [`Kind::SignatureLength`].
    pub fn check_length(&self, length: usize) -> Result<()> {
        let longest = self.signature_length();
        let is_possible = match &self.scheme {
            Scheme::Ecdsa => length > 0 && length <= longest && length % 2 == 0,
            _ => length == longest,
        };
        if is_possible {
            return Ok(());
        }
        let name = self.mechanism.name;
        let reason = format!(
            "{name}: the signature is {length} bytes long; signatures with this key are {longest}"
        );
        Err(Error::new(Kind::SignatureLength, reason))
    }

    fn signature_length(&self) -> usize {
        self.object.public_key().map_or(0, PublicKey::signature_length)
    }

    /// Verifies a signature.
    ///
    /// # Errors
    /// [`Kind::SignatureLength`], [`Kind::DataLength`], [`Kind::NotVerified`], [`Kind::ProcessLimit`].
    pub fn verify(&self, data: Data, signature: &[u8]) -> Result<()> {
        let refuse = |kind, reason: String| {
            Err(Error::new(kind, format!("{}: {reason}", self.mechanism.name)))
        };
        let longest = self.signature_length();
        self.check_length(signature.len())?;
        let data = data.finish();
        if let Scheme::RsaPss { hash, .. } | Scheme::MlDsa { pre_hash: Some(hash), .. } =
            &self.scheme
        {
            let (length, expected) = (data.len(), hash.digest_length());
            if length != expected {
                let reason =
                    format!("the data is {length} bytes long; a {} digest is {expected}", hash);
                return refuse(Kind::DataLength, reason);
            }
        }
        let verifies = || {
            let key = self.object.public_key();
            key.is_some_and(|key| key.verifies(&self.scheme, &data, &padded(signature, longest)))
        };
        let is_valid = match (&self.scheme, self.threads) {
            (Scheme::MlDsa { .. }, Threads::Allowed) => {
                thread::with_stack(MlDsa::STACK, "signpath-verify", verifies)
                    .map_err(|_| Shortage::threads())?
            }
            _ => verifies(),
        };
        if !is_valid {
            let reason = "the signature does not match the data and the key".to_owned();
            return refuse(Kind::NotVerified, reason);
        }
        Ok(())
    }
}

/// Whether CKA_ALLOWED_MECHANISMS permits the mechanism. An empty list permits all.
fn allows(object: &Object, mechanism: &Mechanism) -> bool {
    let Some(Value::Bytes(allowed)) = object.attribute(CKA_ALLOWED_MECHANISMS) else {
        return true;
    };
    let id = mechanism.id.to_ne_bytes();
    allowed.is_empty() || allowed.chunks(id.len()).any(|allowed| allowed == id)
}

/// Pads both halves of a shorter signature with leading zeros, to `length` bytes in total.
fn padded(signature: &[u8], length: usize) -> Cow<'_, [u8]> {
    if signature.len() == length {
        return Cow::Borrowed(signature);
    }
    let (r, s) = signature.split_at(signature.len() / 2);
    let zeros = vec![0; (length / 2).saturating_sub(r.len())];
    Cow::Owned([&zeros, r, &zeros, s].concat())
}
