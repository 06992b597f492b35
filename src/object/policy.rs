//! A signing policy whose key and certificate have been understood.

use std::time::SystemTime;

use super::{Certificate, stand_in};
use crate::crypto::{Curve, PublicKey, PublicKeyError};
use crate::logging::FirstFew;
use crate::signpath::{PolicyName, SigningPolicy};

/// A signing policy that there are objects of.
#[derive(Debug)]
pub struct Policy {
    /// Its name, which is CKA_ID and CKA_LABEL of its objects.
    pub name: PolicyName,
    /// Its X.509 certificate, or what stands in for it.
    pub certificate: Option<Certificate>,
    /// Its public key; none if it is of a type that the module does not sign with.
    pub public_key: Option<PublicKey>,
    /// Why there is no public key.
    key_problem: Option<String>,
}

impl Policy {
    /// Those of the listed policies that there are objects of. One that cannot be used is left out
    /// with a warning, so that it hides no other; of many the first few have one. `masked` takes
    /// secrets out of what the service said.
    pub fn usable(
        listed: Vec<SigningPolicy>,
        may_stand_in: bool,
        masked: impl Fn(&str) -> String,
    ) -> Vec<Self> {
        let mut left_out = FirstFew::new("more signing policies that are left out");
        let mut without_key =
            FirstFew::new("more signing policies whose key this version cannot sign with");
        let usable = |policy| match Self::new(policy, may_stand_in) {
            Ok(policy) => {
                if let Some(reason) = &policy.key_problem {
                    without_key.warn(|| {
                        masked(&format!(
                            "signing policy {}: this version cannot sign with its key ({reason})",
                            policy.name
                        ))
                    });
                }
                Some(policy)
            }
            Err(reason) => {
                left_out.warn(|| format!("{}; it is left out", masked(&reason)));
                None
            }
        };
        listed.into_iter().filter_map(usable).collect()
    }

    /// Reads certificate and key. The certificate is the authority on the key. If there is none,
    /// another may stand in for it.
    ///
    /// # Errors
    /// Why the policy cannot be used, as a sentence.
    pub fn new(policy: SigningPolicy, may_stand_in: bool) -> Result<Self, String> {
        let name = policy.name.clone();
        let certificate = policy
            .certificate
            .as_deref()
            .map(Certificate::from_der)
            .transpose()
            .map_err(|reason| {
                format!("signing policy {name}: its certificate is no X.509 certificate ({reason})")
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
            // A certificate is worth showing whatever its key is.
            Err(PublicKeyError::Malformed) if certificate.is_some() => {
                let problem = "the one in its certificate is malformed";
                (None, Some(problem.to_owned()))
            }
            Err(PublicKeyError::Malformed) => {
                return Err(format!(
                    "signing policy {name}: its public key is malformed"
                ));
            }
        };
        let stand_in = || {
            let key = public_key.as_ref().filter(|_| may_stand_in)?;
            stand_in::certificate(&name.to_string(), key)
        };
        Ok(Self {
            certificate: certificate.or_else(stand_in),
            name,
            public_key,
            key_problem,
        })
    }

    /// Whether its certificate has expired.
    pub fn has_expired(&self) -> bool {
        let certificate = self.certificate.as_ref();
        certificate.is_some_and(|certificate| certificate.has_expired(SystemTime::now()))
    }
}

/// The key of a policy without certificate, from `publicKeyBytes`.
fn listed_key(policy: &SigningPolicy) -> Result<PublicKey, PublicKeyError> {
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
        _ => unsupported(),
    }
}
