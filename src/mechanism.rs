//! The table of mechanisms, the only place where they are listed.

use cryptoki_sys::*;

use crate::constant_names;
use crate::error::{Error, Kind, Result};
use signpath_client::{RSA_KEY_SIZES, has_supported_size};
use signpath_crypto::HashAlgorithm::{
    self, Md5, Sha1, Sha3_224, Sha3_256, Sha3_384, Sha3_512, Sha224, Sha256, Sha384, Sha512,
    Sha512_224, Sha512_256,
};
use signpath_crypto::SignatureAlgorithm::{self, Ecdsa, RsaPkcs1, RsaPss};
use signpath_crypto::{Curve, PublicKey, Scheme};

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
    /// Signs, in SignPath, and verifies, locally.
    Signature(Signature),
}

/// How a signature mechanism works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signature {
    /// What SignPath does with the digest.
    pub algorithm: SignatureAlgorithm,
    /// What the caller supplies.
    pub input: Input,
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
}

macro_rules! row {
    ($name:ident, $function:expr) => {
        Mechanism {
            id: $name,
            name: stringify!($name),
            function: $function,
        }
    };
    ($name:ident, $algorithm:ident, $input:expr) => {
        row!(
            $name,
            Function::Signature(Signature {
                algorithm: $algorithm,
                input: $input,
            })
        )
    };
}

/// The mechanisms, in the order of C_GetMechanismList. CKM_RSA_PKCS comes first because pkcs11-tool
/// uses the first one that signs if the user names none.
///
/// Only mechanisms that SignPath can sign with are listed as signature mechanisms. One that can
/// only verify, such as CKM_SHA224_RSA_PKCS, would be mistaken for one that signs by applications
/// that only look at the list.
pub static MECHANISMS: &[Mechanism] = &[
    row!(CKM_RSA_PKCS, RsaPkcs1, Input::DigestInfo),
    row!(CKM_MD5_RSA_PKCS, RsaPkcs1, Input::Message(Md5)),
    row!(CKM_SHA1_RSA_PKCS, RsaPkcs1, Input::Message(Sha1)),
    row!(CKM_SHA256_RSA_PKCS, RsaPkcs1, Input::Message(Sha256)),
    row!(CKM_SHA384_RSA_PKCS, RsaPkcs1, Input::Message(Sha384)),
    row!(CKM_SHA512_RSA_PKCS, RsaPkcs1, Input::Message(Sha512)),
    row!(CKM_RSA_PKCS_PSS, RsaPss, Input::DigestByParameter),
    row!(CKM_SHA1_RSA_PKCS_PSS, RsaPss, Input::Message(Sha1)),
    row!(CKM_SHA256_RSA_PKCS_PSS, RsaPss, Input::Message(Sha256)),
    row!(CKM_SHA384_RSA_PKCS_PSS, RsaPss, Input::Message(Sha384)),
    row!(CKM_SHA512_RSA_PKCS_PSS, RsaPss, Input::Message(Sha512)),
    row!(CKM_ECDSA, Ecdsa, Input::BareDigest),
    row!(CKM_ECDSA_SHA1, Ecdsa, Input::Message(Sha1)),
    row!(CKM_ECDSA_SHA256, Ecdsa, Input::Message(Sha256)),
    row!(CKM_ECDSA_SHA384, Ecdsa, Input::Message(Sha384)),
    row!(CKM_ECDSA_SHA512, Ecdsa, Input::Message(Sha512)),
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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request {
    /// Its `CKM_` value.
    pub id: CK_MECHANISM_TYPE,
    /// Its parameter.
    pub parameter: Parameter,
}

/// The parameter of a mechanism.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
    /// A parameter that no mechanism here supports.
    Other,
}

impl Mechanism {
    /// Looks up a mechanism.
    pub fn find(id: CK_MECHANISM_TYPE) -> Option<&'static Self> {
        MECHANISMS.iter().find(|mechanism| mechanism.id == id)
    }

    /// Looks up a signature mechanism.
    ///
    /// # Errors
    /// [`Kind::Mechanism`] if there is no such signature mechanism.
    pub fn for_signatures(id: CK_MECHANISM_TYPE) -> Result<(&'static Self, Signature)> {
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

    /// Returns the hash algorithm of a digest mechanism.
    ///
    /// # Errors
    /// [`Kind::Mechanism`] if there is no such digest mechanism, [`Kind::MechanismParameter`] if it
    /// was given a parameter.
    pub fn for_digests(request: Request) -> Result<HashAlgorithm> {
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

    /// The result of C_GetMechanismInfo; key sizes are in bits. CKF_HW stands for SignPath's
    /// hardware, which digests do not use.
    pub fn info(&self) -> CK_MECHANISM_INFO {
        let ((min, max), flags) = match self.signature() {
            None => ((0, 0), CKF_DIGEST),
            Some(signature) => {
                let (sizes, flags) = match signature.algorithm {
                    RsaPkcs1 | RsaPss => (RSA_KEY_SIZES, 0),
                    Ecdsa => (
                        (Curve::P256.bits(), Curve::P521.bits()),
                        CKF_EC_F_P | CKF_EC_NAMEDCURVE | CKF_EC_UNCOMPRESS,
                    ),
                };
                (sizes, SIGNATURE_FLAGS | flags)
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
            RsaPkcs1 | RsaPss => CKK_RSA,
            Ecdsa => CKK_EC,
        }
    }

    /// The hash algorithm, if it is known before the data is. `name` is the name of the mechanism.
    ///
    /// # Errors
    /// [`Kind::MechanismParameter`] for an unexpected parameter, and for PSS parameters that
    /// SignPath cannot sign with, because it derives all of them from the digest.
    pub fn hash_to_sign(&self, name: &str, parameter: Parameter) -> Result<Option<HashAlgorithm>> {
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
    pub fn scheme(&self, name: &str, parameter: Parameter, key: &PublicKey) -> Result<Scheme> {
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
            (Ecdsa, _) => Scheme::Ecdsa,
            (_, Some(hash)) => Scheme::RsaPkcs1(hash),
            (_, None) => Scheme::RsaPkcs1Raw,
        })
    }

    /// The PSS parameters; `None` if the mechanism takes none.
    fn pss(&self, name: &str, parameter: Parameter) -> Result<Option<Pss>> {
        let refuse = |reason: &str| Err(parameter_error(name, reason));
        if self.algorithm != RsaPss {
            return match parameter {
                Parameter::None => Ok(None),
                _ => refuse("takes no parameter"),
            };
        }
        let Parameter::Pss {
            hash,
            mgf,
            salt_length,
        } = parameter
        else {
            return refuse("needs CK_RSA_PKCS_PSS_PARAMS as its parameter");
        };
        let known = Mechanism::find(hash).and_then(|mechanism| match mechanism.function {
            Function::Digest(hash) => MASK_GENERATION.iter().find(|(_, known)| *known == hash),
            Function::Signature(_) => None,
        });
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
            Self::DigestInfo | Self::DigestByParameter | Self::BareDigest => None,
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
        _ => "an EC key",
    }
}

/// The `CKK_` value of a key's type.
pub fn key_type(key: &PublicKey) -> CK_KEY_TYPE {
    match key.is_rsa() {
        true => CKK_RSA,
        false => CKK_EC,
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

#[cfg(test)]
mod tests {
    use super::*;

    fn hash_to_sign(id: CK_MECHANISM_TYPE, parameter: Parameter) -> Result<Option<HashAlgorithm>> {
        let (mechanism, signature) = Mechanism::for_signatures(id).unwrap();
        signature.hash_to_sign(mechanism.name, parameter)
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
