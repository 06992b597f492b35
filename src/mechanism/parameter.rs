//! The parameters of signature mechanisms, and what they mean for signing and verifying.

use cryptoki_sys::*;
use signpath_crypto::HashAlgorithm::{
    self, Md5, Sha1, Sha3_224, Sha3_256, Sha3_384, Sha3_512, Sha224, Sha256, Sha384, Sha512,
};
use signpath_crypto::SignatureAlgorithm::{Ecdsa, RsaPss};
use signpath_crypto::{PublicKey, Scheme};

use super::{Algorithm, Function, Input, Mechanism, Signature};
use crate::constant_names;
use crate::error::{Error, Kind, Result};

/// The mask generation functions of CK_RSA_PKCS_PSS_PARAMS, and the digest each of them uses
/// (PKCS #11 3.2, section 6.1.7).
const MASK_GENERATION: [(CK_RSA_PKCS_MGF_TYPE, HashAlgorithm); 9] = [
    (CKG_MGF1_SHA1, Sha1),
    (CKG_MGF1_SHA224, Sha224),
    (CKG_MGF1_SHA256, Sha256),
    (CKG_MGF1_SHA384, Sha384),
    (CKG_MGF1_SHA512, Sha512),
    (CKG_MGF1_SHA3_224, Sha3_224),
    (CKG_MGF1_SHA3_256, Sha3_256),
    (CKG_MGF1_SHA3_384, Sha3_384),
    (CKG_MGF1_SHA3_512, Sha3_512),
];

/// The parameter of a mechanism.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Parameter {
    /// No parameter.
    None,
    /// CK_RSA_PKCS_PSS_PARAMS.
    Pss {
        /// The mechanism of the digest.
        hash: CK_MECHANISM_TYPE,
        /// The mask generation function.
        mgf: CK_RSA_PKCS_MGF_TYPE,
        /// The length of the salt in bytes.
        salt_length: CK_ULONG,
    },
    /// CK_SIGN_ADDITIONAL_CONTEXT or CK_HASH_SIGN_ADDITIONAL_CONTEXT (PKCS #11 3.2, section 6.67). The hedge variant, which
    /// only concerns who signs, is not kept.
    AdditionalContext {
        /// What the signature is bound to besides the message.
        context: Vec<u8>,
        /// The mechanism of the digest; only in CK_HASH_SIGN_ADDITIONAL_CONTEXT.
        hash: Option<CK_MECHANISM_TYPE>,
    },
    /// A parameter that no mechanism here supports.
    Other,
}

impl Signature {
    /// The hash algorithm, if it is known before the data is. `name` is the name of the mechanism.
    ///
    /// # Errors
    /// [`Kind::MechanismParameter`] for an unexpected parameter, and for PSS parameters that
    /// SignPath cannot sign with, because it derives all of them from the digest.
    pub fn hash_to_sign(&self, name: &str, parameter: &Parameter) -> Result<Option<HashAlgorithm>> {
        let Some(pss) = self.pss(name, parameter)? else {
            return Ok(self.input.hash());
        };
        let expected = pss.hash.digest_length();
        if !HashAlgorithm::SIGNED.contains(&pss.hash) {
            return Err(parameter_error(
                name,
                &format!(
                    "SignPath cannot sign {} digests; use SHA-256, SHA-384 or SHA-512",
                    pss.hash
                ),
            ));
        }
        if pss.salt_length != expected as CK_ULONG {
            return Err(parameter_error(
                name,
                &format!(
                    "SignPath only supports salts as long as the digest, {expected} bytes, not {} \
                     (openssl: rsa_pss_saltlen:digest)",
                    pss.salt_length
                ),
            ));
        }
        Ok(Some(pss.hash))
    }

    /// The scheme for verifying signatures made with that parameter and `key`. `name` is the name
    /// of the mechanism.
    ///
    /// # Errors
    /// [`Kind::MechanismParameter`] if the mechanism or the key does not support the parameter.
    pub fn scheme(&self, name: &str, parameter: &Parameter, key: &PublicKey) -> Result<Scheme> {
        if self.algorithm == Algorithm::MlDsa {
            return self.ml_dsa(name, parameter);
        }
        if let Some(pss) = self.pss(name, parameter)? {
            let salt_length = usize::try_from(pss.salt_length).unwrap_or(usize::MAX);
            if key.longest_salt(pss.hash) < Some(salt_length) {
                let reason = format!("the key is too small for a salt of {salt_length} bytes");
                return Err(parameter_error(name, &reason));
            }
            return Ok(Scheme::RsaPss { hash: pss.hash, salt_length });
        }
        Ok(match (self.algorithm, self.input.hash()) {
            (Algorithm::OfService(Ecdsa), _) => Scheme::Ecdsa,
            (_, Some(hash)) => Scheme::RsaPkcs1(hash),
            (_, None) => Scheme::RsaPkcs1Raw,
        })
    }

    /// The PSS parameters; `None` if the mechanism takes none.
    fn pss(&self, name: &str, parameter: &Parameter) -> Result<Option<Pss>> {
        let refuse = |reason: &str| Err(parameter_error(name, reason));
        if self.algorithm != Algorithm::OfService(RsaPss) {
            return match parameter {
                Parameter::None => Ok(None),
                _ => refuse("takes no parameter"),
            };
        }
        let &Parameter::Pss { hash, mgf, salt_length } = parameter else {
            return refuse("needs CK_RSA_PKCS_PSS_PARAMS as its parameter");
        };
        let known = digest_mechanism(hash)
            .and_then(|hash| MASK_GENERATION.iter().find(|(_, known)| *known == hash));
        let Some((expected_mgf, hash)) = known.copied() else {
            return refuse(&format!(
                "{} is not supported for PSS; use SHA-256, SHA-384 or SHA-512",
                constant_names::mechanism(hash)
            ));
        };
        if let Some(fixed) = self.input.hash().filter(|fixed| *fixed != hash) {
            return refuse(&format!(
                "hashAlg is {}, but the mechanism hashes with {}",
                hash, fixed
            ));
        }
        if mgf != expected_mgf {
            return refuse(&format!(
                "mgf is {}, but must be {}, since hashAlg is {}",
                constant_names::mask_generation_function(mgf),
                constant_names::mask_generation_function(expected_mgf),
                hash
            ));
        }
        Ok(Some(Pss { hash, salt_length }))
    }

    /// The scheme of an ML-DSA mechanism (PKCS #11 3.2, section 6.67). Without a parameter, the context is empty.
    fn ml_dsa(&self, name: &str, parameter: &Parameter) -> Result<Scheme> {
        let refuse = |reason: &str| Err(parameter_error(name, reason));
        let (context, pre_hash) = match (parameter, self.input) {
            (
                Parameter::AdditionalContext { context, hash: Some(hash) },
                Input::DigestByParameter,
            ) => {
                let Some(known) =
                    digest_mechanism(*hash).filter(|hash| ![Md5, Sha1].contains(hash))
                else {
                    return refuse(&format!(
                        "hash is {}, but must be SHA-2 or SHA-3",
                        constant_names::mechanism(*hash)
                    ));
                };
                (context.clone(), Some(known))
            }
            (_, Input::DigestByParameter) => {
                return refuse("needs CK_HASH_SIGN_ADDITIONAL_CONTEXT as its parameter");
            }
            (Parameter::AdditionalContext { context, hash: None }, input) => {
                (context.clone(), input.hash())
            }
            (Parameter::None, input) => (Vec::new(), input.hash()),
            _ => return refuse("takes CK_SIGN_ADDITIONAL_CONTEXT as its parameter, or none"),
        };
        Ok(Scheme::MlDsa { pre_hash, context })
    }
}

/// The hash algorithm of a digest mechanism.
fn digest_mechanism(id: CK_MECHANISM_TYPE) -> Option<HashAlgorithm> {
    match Mechanism::find(id)?.function {
        Function::Digest(hash) => Some(hash),
        Function::Signature(_) => None,
    }
}

/// CK_RSA_PKCS_PSS_PARAMS with MGF1 of the same digest.
struct Pss {
    hash: HashAlgorithm,
    salt_length: CK_ULONG,
}

impl Input {
    /// The hash algorithm named by the mechanism itself.
    const fn hash(self) -> Option<HashAlgorithm> {
        match self {
            Self::Message(hash) => Some(hash),
            Self::DigestInfo | Self::DigestByParameter | Self::BareDigest | Self::WholeMessage => {
                None
            }
        }
    }
}

pub(super) fn parameter_error(name: &str, reason: &str) -> Error {
    Error::new(Kind::MechanismParameter, format!("{name}: {reason}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash_to_sign(id: CK_MECHANISM_TYPE, parameter: Parameter) -> Result<Option<HashAlgorithm>> {
        let (mechanism, signature, _) = Mechanism::for_signing(id).unwrap();
        signature.hash_to_sign(mechanism.name, &parameter)
    }

    fn pss(hash: CK_ULONG, mgf: CK_ULONG, salt_length: CK_ULONG) -> Parameter {
        Parameter::Pss { hash, mgf, salt_length }
    }

    #[test]
    fn pss_requires_one_digest_and_a_salt_of_its_length() {
        for (hash, mgf, length, expected) in [
            (CKM_SHA_1, CKG_MGF1_SHA1, 20, Sha1),
            (CKM_SHA256, CKG_MGF1_SHA256, 32, Sha256),
            (CKM_SHA384, CKG_MGF1_SHA384, 48, Sha384),
            (CKM_SHA512, CKG_MGF1_SHA512, 64, Sha512),
        ] {
            assert_eq!(
                hash_to_sign(CKM_RSA_PKCS_PSS, pss(hash, mgf, length)).unwrap(),
                Some(expected)
            );
        }
    }

    #[test]
    fn refuses_other_pss_parameters() {
        let (raw, hashing) = (CKM_RSA_PKCS_PSS, CKM_SHA256_RSA_PKCS_PSS);
        for (mechanism, parameter, expected) in [
            (raw, Parameter::None, "needs CK_RSA_PKCS_PSS_PARAMS"),
            (raw, Parameter::Other, "needs CK_RSA_PKCS_PSS_PARAMS"),
            (raw, pss(CKM_MD5, CKG_MGF1_SHA1, 16), "CKM_MD5 is not supported for PSS"),
            (raw, pss(CKM_SHA224, CKG_MGF1_SHA224, 28), "cannot sign SHA-224 digests"),
            (raw, pss(CKM_SHA256, CKG_MGF1_SHA1, 32), "must be CKG_MGF1_SHA256"),
            (raw, pss(CKM_SHA256, CKG_MGF1_SHA256, 350), "32 bytes, not 350"),
            (raw, pss(CKM_SHA256, CKG_MGF1_SHA256, CK_ULONG::MAX - 2), "32 bytes, not 18"),
            (
                hashing,
                pss(CKM_SHA384, CKG_MGF1_SHA384, 48),
                "hashAlg is SHA-384, but the mechanism hashes with SHA-256",
            ),
        ] {
            let error = hash_to_sign(mechanism, parameter).unwrap_err();
            assert_eq!(error.kind, Kind::MechanismParameter);
            assert!(error.reason.contains(expected), "{}", error.reason);
        }
    }

    #[test]
    fn refuses_an_unexpected_parameter() {
        for id in [CKM_RSA_PKCS, CKM_SHA256_RSA_PKCS, CKM_ECDSA, CKM_ECDSA_SHA256] {
            assert!(hash_to_sign(id, Parameter::None).is_ok());
            let error = hash_to_sign(id, Parameter::Other).unwrap_err();
            assert_eq!(error.kind, Kind::MechanismParameter);
        }
    }
}
