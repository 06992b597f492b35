//! The table of mechanisms, the only place where they are listed.

mod parameter;

use cryptoki_sys::*;

use crate::constant_names;
use crate::error::{Error, Kind, Result};
pub use parameter::Parameter;
use parameter::parameter_error;
use signpath_client::{RSA_KEY_SIZES, has_supported_size};
use signpath_crypto::HashAlgorithm::{
    self, Md5, Sha1, Sha3_224, Sha3_256, Sha3_384, Sha3_512, Sha224, Sha256, Sha384, Sha512,
    Sha512_224, Sha512_256, Shake128, Shake256,
};
use signpath_crypto::SignatureAlgorithm::{self, Ecdsa, RsaPkcs1, RsaPss};
use signpath_crypto::{Curve, MlDsa, PublicKey};

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
        Mechanism { id: $name, name: stringify!($name), function: $function }
    };
    ($name:ident, $algorithm:expr, $input:expr) => {
        row!($name, Function::Signature(Signature { algorithm: $algorithm, input: $input }))
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
        Self::find(id).and_then(|mechanism| Some((mechanism, mechanism.signature()?))).ok_or_else(
            || {
                Error::new(
                    Kind::Mechanism,
                    format!(
                        "SignPath cannot sign with {}; pkcs11-tool --list-mechanisms lists the \
                         supported mechanisms",
                        constant_names::mechanism(id)
                    ),
                )
            },
        )
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
            Some(Self { function: Function::Digest(_), name, .. })
                if request.parameter != Parameter::None =>
            {
                Err(parameter_error(name, "takes no parameter"))
            }
            Some(Self { function: Function::Digest(hash), .. }) => Ok(*hash),
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
                    Algorithm::OfService(Ecdsa) => {
                        ((Curve::P256.bits(), Curve::P521.bits()), SIGNATURE_FLAGS | EC_FLAGS)
                    }
                    Algorithm::MlDsa => {
                        ((MlDsa::MlDsa44.key_length(), MlDsa::MlDsa87.key_length()), CKF_VERIFY)
                    }
                }
            }
        };
        CK_MECHANISM_INFO { ulMinKeySize: min as CK_ULONG, ulMaxKeySize: max as CK_ULONG, flags }
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
