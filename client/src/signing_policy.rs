//! A signing policy with its parsed key and certificate.

use std::time::SystemTime;

use signpath_crypto::{Certificate, Curve, MlDsa, PublicKey, PublicKeyError};

use crate::listed::Listed;
use crate::policy_name::PolicyName;

/// The smallest and the largest RSA modulus that SignPath supports, in bits.
pub const RSA_KEY_SIZES: (usize, usize) = (2048, 4096);

/// Whether SignPath supports keys of this size.
pub fn has_supported_size(key: &PublicKey) -> bool {
    !key.is_rsa() || (RSA_KEY_SIZES.0..=RSA_KEY_SIZES.1).contains(&key.bits())
}

/// A signing policy for which the user is a Submitter.
#[derive(Debug)]
pub struct SigningPolicy {
    /// Its name.
    pub name: PolicyName,
    /// Its X.509 certificate.
    pub certificate: Option<Certificate>,
    /// Its public key. [`None`] if this version does not support it.
    pub public_key: Option<PublicKey>,
    /// Why [`Self::public_key`] is [`None`].
    key_problem: Option<String>,
}

impl SigningPolicy {
    /// Parses the certificate and the key. If there is a certificate, its key is used.
    ///
    /// # Errors
    /// Why the policy cannot be used, as a sentence.
    pub(crate) fn read(mut policy: Listed) -> Result<Self, String> {
        let name = policy.name.clone();
        let certificate = policy
            .certificate
            .take()
            .map(Certificate::from_der)
            .transpose()
            .map_err(|reason| {
                format!("signing policy {name}: its certificate is not a valid X.509 certificate ({reason})")
            })?;
        let key = match &certificate {
            Some(certificate) => {
                PublicKey::from_subject_public_key_info(certificate.subject_public_key_info())
            }
            None => listed_key(&policy),
        };
        let (public_key, key_problem) = match key {
            Ok(key) => (Some(key), None),
            Err(PublicKeyError::Unsupported(key_type)) => (None, Some(key_type)),
            // The certificate is shown even if its key is malformed.
            Err(PublicKeyError::Malformed) if certificate.is_some() => {
                let problem = "the key in its certificate is malformed";
                (None, Some(problem.to_owned()))
            }
            Err(PublicKeyError::Malformed) => {
                return Err(format!("signing policy {name}: its public key is malformed"));
            }
        };
        Ok(Self { certificate, name, public_key, key_problem })
    }

    /// Why nothing can be signed with it, as the rest of a sentence about the policy. [`None`] if something can.
    pub fn why_not_signing(&self) -> Option<String> {
        if let Some(problem) = &self.key_problem {
            return Some(format!("its key is not supported ({problem})"));
        }
        let (parameter_set, _) = self.public_key.as_ref()?.ml_dsa()?;
        Some(format!(
            "its {} key can verify, but not sign: SignPath does not document yet how it signs with ML-DSA",
            parameter_set.name()
        ))
    }

    /// Whether its certificate has expired.
    pub fn has_expired(&self) -> bool {
        let certificate = self.certificate.as_ref();
        certificate.is_some_and(|certificate| certificate.has_expired(SystemTime::now()))
    }
}

/// The key of a policy without a certificate, from `publicKeyBytes`.
fn listed_key(policy: &Listed) -> Result<PublicKey, PublicKeyError> {
    let unsupported = || Err(PublicKeyError::Unsupported(policy.key_type.clone()));
    let Some(bytes) = policy.public_key.as_deref() else {
        return unsupported();
    };
    match PublicKey::from_subject_public_key_info(bytes) {
        Err(PublicKeyError::Malformed) => {}
        known => return known,
    }
    match policy.key_type.to_ascii_lowercase().as_str() {
        "rsa" => PublicKey::from_rsa_public_key(bytes),
        "ec" | "ecdsa" => {
            let bits = policy.key_size_in_bits.unwrap_or_default() as usize;
            match Curve::ALL.into_iter().find(|curve| curve.bits() == bits) {
                Some(curve) => PublicKey::from_ec_point(curve, bytes),
                None => unsupported(),
            }
        }
        "mldsa" => {
            let mut sets = MlDsa::ALL.into_iter();
            let set = sets.find(|set| set.key_length() == bytes.len());
            PublicKey::from_ml_dsa(set.ok_or(PublicKeyError::Malformed)?, bytes)
        }
        _ => unsupported(),
    }
}
