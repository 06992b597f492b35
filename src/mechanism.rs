//! The table of mechanisms, the only place where they are listed.

use cryptoki_sys::*;

use crate::constant_names;
use crate::error::{Error, Kind, Result};
use signpath_client::{RSA_KEY_SIZES, has_supported_size};
use signpath_crypto::HashAlgorithm::{
    self, Md5, Sha1, Sha3_224, Sha3_256, Sha3_384, Sha3_512, Sha224, Sha256, Sha384, Sha512,
    Sha512_224, Sha512_256, Shake128, Shake256,
};
use signpath_crypto::SignatureAlgorithm::{self, Ecdsa, RsaPkcs1, RsaPss};
use signpath_crypto::{Curve, MlDsa, PublicKey, Scheme};

/// A mechanism supported by the token.
#[derive(Debug, PartialEq, Eq)]
pub struct Mechanism {
    /// Its `CKM_` value.
    pub id: CK_MECHANISM_TYPE,
    /// Its name in the standard.
    pub name: &'static str,
    /// What it does.
    pub function: Function,
}

/// What a mechanism does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Function {
    /// Computes digests, locally.
    Digest(HashAlgorithm),
    /// Signs, in SignPath, and verifies, locally; or only verifies.
    Signature(Signature),
}

/// How a signature mechanism works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signature {
    /// The algorithm.
    pub algorithm: Algorithm,
    /// What the caller supplies.
    pub input: Input,
}

/// The algorithm of a signature mechanism.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// SignPath signs a digest with it.
    OfService(SignatureAlgorithm),
    /// ML-DSA. Its signatures are only verified: how SignPath signs with it is not documented.
    MlDsa,
}

/// What the caller of a signature mechanism supplies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// A DER-encoded DigestInfo, which names the hash algorithm.
    DigestInfo,
    /// A digest; the mechanism parameter names the hash algorithm.
    DigestByParameter,
    /// A digest of an unnamed hash algorithm.
    BareDigest,
    /// The message itself, which is hashed locally.
    Message(HashAlgorithm),
    /// The message itself, which is not hashed before it is verified.
    WholeMessage,
}

macro_rules! row {
    ($name:ident, $function:expr) => {
        Mechanism {
            id: $name,
            name: stringify!($name),
            function: $function,
        }
    };
    ($name:ident, $algorithm:expr, $input:expr) => {
        row!(
            $name,
            Function::Signature(Signature {
                algorithm: $algorithm,
                input: $input,
            })
        )
    };
}

/// A mechanism that SignPath signs with.
macro_rules! signs {
    ($name:ident, $algorithm:ident, $input:expr) => {
        row!($name, Algorithm::OfService($algorithm), $input)
    };
}

/// A mechanism of ML-DSA.
macro_rules! ml_dsa {
    ($name:ident, $input:expr) => {
        row!($name, Algorithm::MlDsa, $input)
    };
}

/// The mechanisms, in the order of C_GetMechanismList. CKM_RSA_PKCS comes first because pkcs11-tool
/// uses the first one that signs if the user names none.
///
/// For RSA and EC keys, only mechanisms that SignPath can sign with are listed. One that can only verify, such as
/// CKM_SHA224_RSA_PKCS, would be mistaken for one that signs by applications that only look at the list.
pub static MECHANISMS: &[Mechanism] = &[
    signs!(CKM_RSA_PKCS, RsaPkcs1, Input::DigestInfo),
    signs!(CKM_MD5_RSA_PKCS, RsaPkcs1, Input::Message(Md5)),
    signs!(CKM_SHA1_RSA_PKCS, RsaPkcs1, Input::Message(Sha1)),
    signs!(CKM_SHA256_RSA_PKCS, RsaPkcs1, Input::Message(Sha256)),
    signs!(CKM_SHA384_RSA_PKCS, RsaPkcs1, Input::Message(Sha384)),
    signs!(CKM_SHA512_RSA_PKCS, RsaPkcs1, Input::Message(Sha512)),
    signs!(CKM_RSA_PKCS_PSS, RsaPss, Input::DigestByParameter),
    signs!(CKM_SHA1_RSA_PKCS_PSS, RsaPss, Input::Message(Sha1)),
    signs!(CKM_SHA256_RSA_PKCS_PSS, RsaPss, Input::Message(Sha256)),
    signs!(CKM_SHA384_RSA_PKCS_PSS, RsaPss, Input::Message(Sha384)),
    signs!(CKM_SHA512_RSA_PKCS_PSS, RsaPss, Input::Message(Sha512)),
    signs!(CKM_ECDSA, Ecdsa, Input::BareDigest),
    signs!(CKM_ECDSA_SHA1, Ecdsa, Input::Message(Sha1)),
    signs!(CKM_ECDSA_SHA256, Ecdsa, Input::Message(Sha256)),
    signs!(CKM_ECDSA_SHA384, Ecdsa, Input::Message(Sha384)),
    signs!(CKM_ECDSA_SHA512, Ecdsa, Input::Message(Sha512)),
    ml_dsa!(CKM_ML_DSA, Input::WholeMessage),
    ml_dsa!(CKM_HASH_ML_DSA, Input::DigestByParameter),
    ml_dsa!(CKM_HASH_ML_DSA_SHA224, Input::Message(Sha224)),
    ml_dsa!(CKM_HASH_ML_DSA_SHA256, Input::Message(Sha256)),
    ml_dsa!(CKM_HASH_ML_DSA_SHA384, Input::Message(Sha384)),
    ml_dsa!(CKM_HASH_ML_DSA_SHA512, Input::Message(Sha512)),
    ml_dsa!(CKM_HASH_ML_DSA_SHA3_224, Input::Message(Sha3_224)),
    ml_dsa!(CKM_HASH_ML_DSA_SHA3_256, Input::Message(Sha3_256)),
    ml_dsa!(CKM_HASH_ML_DSA_SHA3_384, Input::Message(Sha3_384)),
    ml_dsa!(CKM_HASH_ML_DSA_SHA3_512, Input::Message(Sha3_512)),
    ml_dsa!(CKM_HASH_ML_DSA_SHAKE128, Input::Message(Shake128)),
    ml_dsa!(CKM_HASH_ML_DSA_SHAKE256, Input::Message(Shake256)),
    row!(CKM_MD5, Function::Digest(Md5)),
    row!(CKM_SHA_1, Function::Digest(Sha1)),
    row!(CKM_SHA224, Function::Digest(Sha224)),
    row!(CKM_SHA256, Function::Digest(Sha256)),
    row!(CKM_SHA384, Function::Digest(Sha384)),
    row!(CKM_SHA512, Function::Digest(Sha512)),
    row!(CKM_SHA512_224, Function::Digest(Sha512_224)),
    row!(CKM_SHA512_256, Function::Digest(Sha512_256)),
    row!(CKM_SHA3_224, Function::Digest(Sha3_224)),
    row!(CKM_SHA3_256, Function::Digest(Sha3_256)),
    row!(CKM_SHA3_384, Function::Digest(Sha3_384)),
    row!(CKM_SHA3_512, Function::Digest(Sha3_512)),
];

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

/// The functions that each signature mechanism supports, including message-based and multi-part
/// ones (PKCS #11 3.2, section 3.5).
const SIGNATURE_FLAGS: CK_FLAGS =
    CKF_HW | CKF_SIGN | CKF_VERIFY | CKF_MESSAGE_SIGN | CKF_MESSAGE_VERIFY | CKF_MULTI_MESSAGE;

/// A mechanism as passed to a C_…Init function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Its `CKM_` value.
    pub id: CK_MECHANISM_TYPE,
    /// Its parameter.
    pub parameter: Parameter,
}

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

impl Mechanism {
    /// Looks up a mechanism.
    pub fn find(id: CK_MECHANISM_TYPE) -> Option<&'static Self> {
        MECHANISMS.iter().find(|mechanism| mechanism.id == id)
    }

    /// Looks up a mechanism that SignPath signs with, and its name for the algorithm.
    ///
    /// # Errors
    /// [`Kind::Mechanism`] if there is none.
    pub fn for_signing(
        id: CK_MECHANISM_TYPE,
    ) -> Result<(&'static Self, Signature, SignatureAlgorithm)> {
        let (mechanism, signature) = Self::for_verification(id)?;
        match signature.algorithm {
            Algorithm::OfService(algorithm) => Ok((mechanism, signature, algorithm)),
            Algorithm::MlDsa => Err(Error::new(
                Kind::Mechanism,
                format!(
                    "{} can verify, but not sign: SignPath does not document yet how it signs with ML-DSA",
                    mechanism.name
                ),
            )),
        }
    }

    /// Looks up a signature mechanism.
    ///
    /// # Errors
    /// [`Kind::Mechanism`] if there is no such signature mechanism.
    pub fn for_verification(id: CK_MECHANISM_TYPE) -> Result<(&'static Self, Signature)> {
        Self::find(id)
            .and_then(|mechanism| Some((mechanism, mechanism.signature()?)))
            .ok_or_else(|| {
                Error::new(
                    Kind::Mechanism,
                    format!(
                        "SignPath cannot sign with {}; pkcs11-tool --list-mechanisms lists the \
                         supported mechanisms",
                        constant_names::mechanism(id)
                    ),
                )
            })
    }

    /// Checks that a mechanism verifies message by message (PKCS #11 3.2, section 5.16).
    ///
    /// # Errors
    /// [`Kind::Mechanism`].
    pub fn for_messages(id: CK_MECHANISM_TYPE) -> Result<()> {
        let (mechanism, _) = Self::for_verification(id)?;
        if mechanism.info().flags & CKF_MESSAGE_VERIFY != 0 {
            return Ok(());
        }
        let name = mechanism.name;
        Err(Error::new(
            Kind::Mechanism,
            format!("{name} does not verify message by message; use C_VerifyInit"),
        ))
    }

    /// Returns the hash algorithm of a digest mechanism.
    ///
    /// # Errors
    /// [`Kind::Mechanism`] if there is no such digest mechanism, [`Kind::MechanismParameter`] if it
    /// was given a parameter.
    pub fn for_digests(request: &Request) -> Result<HashAlgorithm> {
        match Self::find(request.id) {
            Some(Self {
                function: Function::Digest(_),
                name,
                ..
            }) if request.parameter != Parameter::None => {
                Err(parameter_error(name, "takes no parameter"))
            }
            Some(Self {
                function: Function::Digest(hash),
                ..
            }) => Ok(*hash),
            _ => Err(Error::new(
                Kind::Mechanism,
                format!(
                    "{} is not a supported digest mechanism; pkcs11-tool --list-mechanisms lists \
                     the supported mechanisms",
                    constant_names::mechanism(request.id)
                ),
            )),
        }
    }

    /// How the mechanism signs, if it is a signature mechanism.
    pub const fn signature(&self) -> Option<Signature> {
        match self.function {
            Function::Signature(signature) => Some(signature),
            Function::Digest(_) => None,
        }
    }

    /// The result of C_GetMechanismInfo; key sizes are in bits, those of ML-DSA public keys in bytes. CKF_HW stands for SignPath's
    /// hardware, which digests do not use.
    pub fn info(&self) -> CK_MECHANISM_INFO {
        let ((min, max), flags) = match self.signature() {
            None => ((0, 0), CKF_DIGEST),
            Some(signature) => {
                const EC_FLAGS: CK_FLAGS = CKF_EC_F_P | CKF_EC_NAMEDCURVE | CKF_EC_UNCOMPRESS;
                match signature.algorithm {
                    Algorithm::OfService(RsaPkcs1 | RsaPss) => (RSA_KEY_SIZES, SIGNATURE_FLAGS),
                    Algorithm::OfService(Ecdsa) => (
                        (Curve::P256.bits(), Curve::P521.bits()),
                        SIGNATURE_FLAGS | EC_FLAGS,
                    ),
                    Algorithm::MlDsa => (
                        (MlDsa::MlDsa44.key_length(), MlDsa::MlDsa87.key_length()),
                        CKF_VERIFY,
                    ),
                }
            }
        };
        CK_MECHANISM_INFO {
            ulMinKeySize: min as CK_ULONG,
            ulMaxKeySize: max as CK_ULONG,
            flags,
        }
    }
}

impl Signature {
    /// The key type that it requires.
    pub const fn key_type(&self) -> CK_KEY_TYPE {
        match self.algorithm {
            Algorithm::OfService(RsaPkcs1 | RsaPss) => CKK_RSA,
            Algorithm::OfService(Ecdsa) => CKK_EC,
            Algorithm::MlDsa => CKK_ML_DSA,
        }
    }

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
            return Ok(Scheme::RsaPss {
                hash: pss.hash,
                salt_length,
            });
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
        let &Parameter::Pss {
            hash,
            mgf,
            salt_length,
        } = parameter
        else {
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
                Parameter::AdditionalContext {
                    context,
                    hash: Some(hash),
                },
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
            (
                Parameter::AdditionalContext {
                    context,
                    hash: None,
                },
                input,
            ) => (context.clone(), input.hash()),
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

fn parameter_error(name: &str, reason: &str) -> Error {
    Error::new(Kind::MechanismParameter, format!("{name}: {reason}"))
}

/// A key of this type, in messages.
pub const fn key_name(key_type: CK_KEY_TYPE) -> &'static str {
    match key_type {
        CKK_RSA => "an RSA key",
        CKK_ML_DSA => "an ML-DSA key",
        _ => "an EC key",
    }
}

/// The `CKK_` value of a key's type.
pub fn key_type(key: &PublicKey) -> CK_KEY_TYPE {
    match (key.is_rsa(), key.ml_dsa()) {
        (true, _) => CKK_RSA,
        (false, Some(_)) => CKK_ML_DSA,
        (false, None) => CKK_EC,
    }
}

/// The mechanisms that `key` can be used with; none if SignPath does not support its size.
pub fn allowed_for(key: &PublicKey) -> impl Iterator<Item = &'static Mechanism> {
    let (key_type, has_supported_size) = (key_type(key), has_supported_size(key));
    MECHANISMS.iter().filter(move |mechanism| {
        let signature = mechanism.signature();
        has_supported_size && signature.is_some_and(|signature| signature.key_type() == key_type)
    })
}

/// Whether SignPath can sign with `key`.
pub fn can_sign(key: &PublicKey) -> bool {
    allowed_for(key).any(|mechanism| mechanism.info().flags & CKF_SIGN != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash_to_sign(id: CK_MECHANISM_TYPE, parameter: Parameter) -> Result<Option<HashAlgorithm>> {
        let (mechanism, signature, _) = Mechanism::for_signing(id).unwrap();
        signature.hash_to_sign(mechanism.name, &parameter)
    }

    fn pss(hash: CK_ULONG, mgf: CK_ULONG, salt_length: CK_ULONG) -> Parameter {
        Parameter::Pss {
            hash,
            mgf,
            salt_length,
        }
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
            (
                raw,
                pss(CKM_MD5, CKG_MGF1_SHA1, 16),
                "CKM_MD5 is not supported for PSS",
            ),
            (
                raw,
                pss(CKM_SHA224, CKG_MGF1_SHA224, 28),
                "cannot sign SHA-224 digests",
            ),
            (
                raw,
                pss(CKM_SHA256, CKG_MGF1_SHA1, 32),
                "must be CKG_MGF1_SHA256",
            ),
            (
                raw,
                pss(CKM_SHA256, CKG_MGF1_SHA256, 350),
                "32 bytes, not 350",
            ),
            (
                raw,
                pss(CKM_SHA256, CKG_MGF1_SHA256, CK_ULONG::MAX - 2),
                "32 bytes, not 18",
            ),
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
        for id in [
            CKM_RSA_PKCS,
            CKM_SHA256_RSA_PKCS,
            CKM_ECDSA,
            CKM_ECDSA_SHA256,
        ] {
            assert!(hash_to_sign(id, Parameter::None).is_ok());
            let error = hash_to_sign(id, Parameter::Other).unwrap_err();
            assert_eq!(error.kind, Kind::MechanismParameter);
        }
    }
}
