//! The one table of mechanisms. Everything else reads it.

use cryptoki_sys::*;

use crate::crypto::HashAlgorithm::{self, Md5, Sha1, Sha256, Sha384, Sha512};
use crate::crypto::SignatureAlgorithm::{self, Ecdsa, RsaPkcs1, RsaPss};
use crate::crypto::{Curve, PublicKey};
use crate::error::{Error, Kind, Result};

/// A mechanism that signs.
#[derive(Debug, PartialEq, Eq)]
pub struct Mechanism {
    /// Its number.
    pub id: CK_MECHANISM_TYPE,
    /// Its name in the standard.
    pub name: &'static str,
    /// What the service does with the digest.
    pub algorithm: SignatureAlgorithm,
    /// What the caller hands over.
    pub input: Input,
}

/// What the caller of a mechanism hands over to be signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// A DER DigestInfo, which names the hash algorithm.
    DigestInfo,
    /// A digest; the parameter names the hash algorithm.
    DigestByParameter,
    /// A digest without a word about its hash algorithm.
    BareDigest,
    /// The message itself, which is hashed here.
    Message(HashAlgorithm),
}

macro_rules! row {
    ($name:ident, $algorithm:ident, $input:expr) => {
        Mechanism {
            id: $name,
            name: stringify!($name),
            algorithm: $algorithm,
            input: $input,
        }
    };
}

/// The mechanisms in the order of C_GetMechanismList. CKM_RSA_PKCS comes first, because
/// pkcs11-tool takes the first one that signs when its user names none.
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
];

/// The hash algorithms of CK_RSA_PKCS_PSS_PARAMS with the mask generation function of the same
/// digest (PKCS #11 3.2, section 6.1).
const PSS_HASHES: [(CK_MECHANISM_TYPE, CK_RSA_PKCS_MGF_TYPE, HashAlgorithm); 4] = [
    (CKM_SHA_1, CKG_MGF1_SHA1, Sha1),
    (CKM_SHA256, CKG_MGF1_SHA256, Sha256),
    (CKM_SHA384, CKG_MGF1_SHA384, Sha384),
    (CKM_SHA512, CKG_MGF1_SHA512, Sha512),
];

/// The moduli, in bits, that SignPath has keys of.
const RSA_KEY_SIZES: (usize, usize) = (2048, 4096);

/// A mechanism as the caller of C_SignInit gave it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request {
    /// Its number.
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
    /// Some bytes that are no parameter of a mechanism here.
    Other,
}

impl Mechanism {
    /// The mechanism of that number.
    pub fn find(id: CK_MECHANISM_TYPE) -> Option<&'static Self> {
        MECHANISMS.iter().find(|mechanism| mechanism.id == id)
    }

    /// The type of key it signs with.
    pub const fn key_type(&self) -> CK_KEY_TYPE {
        match self.algorithm {
            RsaPkcs1 | RsaPss => CKK_RSA,
            Ecdsa => CKK_EC,
        }
    }

    /// What C_GetMechanismInfo says; key sizes are in bits.
    pub fn info(&self) -> CK_MECHANISM_INFO {
        let ((min, max), flags) = match self.algorithm {
            RsaPkcs1 | RsaPss => (RSA_KEY_SIZES, 0),
            Ecdsa => (
                (Curve::P256.bits(), Curve::P521.bits()),
                CKF_EC_F_P | CKF_EC_NAMEDCURVE | CKF_EC_UNCOMPRESS,
            ),
        };
        CK_MECHANISM_INFO {
            ulMinKeySize: min as CK_ULONG,
            ulMaxKeySize: max as CK_ULONG,
            flags: CKF_HW | CKF_SIGN | flags,
        }
    }

    /// Checks the parameter and gives the hash algorithm that is known before the data is.
    ///
    /// # Errors
    /// [`Kind::MechanismParameter`] for a parameter where none belongs, and for PSS parameters
    /// that the service cannot sign with: it derives all of them from the digest.
    pub fn hash(&self, parameter: Parameter) -> Result<Option<HashAlgorithm>> {
        let refuse = |reason: String| {
            Err(Error::new(
                Kind::MechanismParameter,
                format!("{}: {reason}", self.name),
            ))
        };
        let fixed = match self.input {
            Input::Message(hash) => Some(hash),
            _ => None,
        };
        if self.algorithm != RsaPss {
            return match parameter {
                Parameter::None => Ok(fixed),
                _ => refuse("takes no parameter".to_owned()),
            };
        }
        let Parameter::Pss {
            hash,
            mgf,
            salt_length,
        } = parameter
        else {
            return refuse("needs CK_RSA_PKCS_PSS_PARAMS as its parameter".to_owned());
        };
        let Some((_, expected_mgf, hash)) =
            PSS_HASHES.into_iter().find(|(known, _, _)| *known == hash)
        else {
            return refuse(format!(
                "hash algorithm {hash:#x} is none that SignPath signs; use SHA-256, SHA-384 or SHA-512"
            ));
        };
        if fixed.is_some_and(|fixed| fixed != hash) {
            return refuse(format!("the parameter names {hash:?} as the digest"));
        }
        if mgf != expected_mgf {
            return refuse(format!(
                "SignPath signs only with MGF1 of the same digest, {hash:?}"
            ));
        }
        if salt_length != hash.digest_length() as CK_ULONG {
            return refuse(format!(
                "SignPath signs only with a salt as long as the digest, {} bytes, not {salt_length} \
                 (openssl: rsa_pss_saltlen:digest)",
                hash.digest_length()
            ));
        }
        Ok(Some(hash))
    }
}

/// The mechanisms that `key` can sign with; none for a key of a size that SignPath does not have.
pub fn allowed_for(key: &PublicKey) -> impl Iterator<Item = &'static Mechanism> {
    let key_type = match key.rsa() {
        Some(_) => CKK_RSA,
        None => CKK_EC,
    };
    let bits = key.bits();
    let fits = key_type != CKK_RSA || (RSA_KEY_SIZES.0..=RSA_KEY_SIZES.1).contains(&bits);
    MECHANISMS
        .iter()
        .filter(move |mechanism| fits && mechanism.key_type() == key_type)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pss(hash: CK_ULONG, mgf: CK_ULONG, salt_length: CK_ULONG) -> Parameter {
        Parameter::Pss {
            hash,
            mgf,
            salt_length,
        }
    }

    #[test]
    fn pss_is_signed_with_one_digest_and_a_salt_as_long_as_it() {
        let mechanism = Mechanism::find(CKM_RSA_PKCS_PSS).unwrap();
        for (hash, mgf, length, expected) in [
            (CKM_SHA_1, CKG_MGF1_SHA1, 20, Sha1),
            (CKM_SHA256, CKG_MGF1_SHA256, 32, Sha256),
            (CKM_SHA384, CKG_MGF1_SHA384, 48, Sha384),
            (CKM_SHA512, CKG_MGF1_SHA512, 64, Sha512),
        ] {
            assert_eq!(
                mechanism.hash(pss(hash, mgf, length)).unwrap(),
                Some(expected)
            );
        }
    }

    #[test]
    fn other_pss_parameters_are_refused() {
        let raw = Mechanism::find(CKM_RSA_PKCS_PSS).unwrap();
        let hashing = Mechanism::find(CKM_SHA256_RSA_PKCS_PSS).unwrap();
        for (mechanism, parameter, expected) in [
            (raw, Parameter::None, "needs CK_RSA_PKCS_PSS_PARAMS"),
            (raw, Parameter::Other, "needs CK_RSA_PKCS_PSS_PARAMS"),
            (raw, pss(CKM_MD5, CKG_MGF1_SHA1, 16), "0x210 is none"),
            (
                raw,
                pss(CKM_SHA256, CKG_MGF1_SHA1, 32),
                "MGF1 of the same digest",
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
                "names Sha384",
            ),
        ] {
            let error = mechanism.hash(parameter).unwrap_err();
            assert_eq!(error.kind, Kind::MechanismParameter);
            assert!(error.reason.contains(expected), "{}", error.reason);
        }
    }

    #[test]
    fn a_parameter_where_none_belongs_is_refused() {
        for id in [
            CKM_RSA_PKCS,
            CKM_SHA256_RSA_PKCS,
            CKM_ECDSA,
            CKM_ECDSA_SHA256,
        ] {
            let mechanism = Mechanism::find(id).unwrap();
            assert!(mechanism.hash(Parameter::None).is_ok());
            let error = mechanism.hash(Parameter::Other).unwrap_err();
            assert_eq!(error.kind, Kind::MechanismParameter);
        }
    }
}
