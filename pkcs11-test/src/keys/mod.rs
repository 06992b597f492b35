//! Private keys and key stores.

mod softhsm;
mod software;

use std::path::Path;
use std::sync::Arc;

use rsa::pkcs1::DecodeRsaPublicKey;
use rsa::traits::PublicKeyParts;
use serde::Deserialize;
use x509_cert::der::asn1::ObjectIdentifier;
use x509_cert::spki::SubjectPublicKeyInfoOwned;

use crate::digest::Digest;
use crate::error::{Context, Error};
use crate::state::StateFolder;

pub use softhsm::SoftHsmToken;
pub(crate) use software::SoftwareStore;

/// Where the private keys are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyStoreKind {
    /// PKCS #8 files in the state directory.
    Software,
    /// A SoftHSM token in the state directory.
    SoftHsm,
}

/// The type and size of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
pub enum KeyKind {
    /// RSA with 2048 bits.
    #[serde(rename = "rsa-2048")]
    Rsa2048,
    /// RSA with 3072 bits.
    #[serde(rename = "rsa-3072")]
    Rsa3072,
    /// RSA with 4096 bits.
    #[serde(rename = "rsa-4096")]
    Rsa4096,
    /// NIST P-256 (secp256r1).
    #[serde(rename = "p-256")]
    P256,
    /// NIST P-384 (secp384r1).
    #[serde(rename = "p-384")]
    P384,
    /// NIST P-521 (secp521r1).
    #[serde(rename = "p-521")]
    P521,
}

/// id-ecPublicKey (RFC 5480, section 2.1.1).
const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");

impl KeyKind {
    /// All kinds, in the order of the default policies.
    pub const ALL: [Self; 6] =
        [Self::Rsa2048, Self::Rsa3072, Self::Rsa4096, Self::P256, Self::P384, Self::P521];

    /// The name used in policies files.
    pub fn name(self) -> &'static str {
        self.row().0
    }

    /// The size of the modulus or of the curve's field in bits.
    pub fn bits(self) -> usize {
        self.row().1
    }

    /// The OID of the curve (RFC 5480, section 2.1.1.1). `None` for RSA.
    fn curve(self) -> Option<ObjectIdentifier> {
        self.row().2
    }

    pub(crate) fn is_rsa(self) -> bool {
        self.curve().is_none()
    }

    fn row(self) -> (&'static str, usize, Option<ObjectIdentifier>) {
        match self {
            Self::Rsa2048 => ("rsa-2048", 2048, None),
            Self::Rsa3072 => ("rsa-3072", 3072, None),
            Self::Rsa4096 => ("rsa-4096", 4096, None),
            Self::P256 => ("p-256", 256, Some(ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7"))),
            Self::P384 => ("p-384", 384, Some(ObjectIdentifier::new_unwrap("1.3.132.0.34"))),
            Self::P521 => ("p-521", 521, Some(ObjectIdentifier::new_unwrap("1.3.132.0.35"))),
        }
    }

    /// Fails if a stored key is not of this kind.
    fn check(self, label: &str, public_key: &SubjectPublicKeyInfoOwned) -> Result<(), Error> {
        let fits = match self.curve() {
            Some(curve) => {
                let named = public_key
                    .algorithm
                    .parameters
                    .as_ref()
                    .and_then(|any| any.decode_as::<ObjectIdentifier>().ok());
                public_key.algorithm.oid == EC_PUBLIC_KEY && named == Some(curve)
            }
            None => rsa_public_key(public_key).is_ok_and(|key| key.n().bits() == self.bits()),
        };
        if !fits {
            return Err(Error::new(format!(
                "the key `{label}` in the state directory is not of type {}; use another slug, or another state directory",
                self.name()
            )));
        }
        Ok(())
    }
}

/// The failure to read a key from a file of the state directory.
pub(crate) fn damaged(file: &Path) -> String {
    format!("{} is damaged; remove it to generate a new key", file.display())
}

/// The RSA key in a SubjectPublicKeyInfo.
pub(crate) fn rsa_public_key(
    public_key: &SubjectPublicKeyInfoOwned,
) -> Result<rsa::RsaPublicKey, Error> {
    rsa::RsaPublicKey::from_pkcs1_der(public_key.subject_public_key.raw_bytes())
        .context("invalid RSA public key")
}

/// A signature scheme.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scheme {
    /// RSASSA-PKCS1-v1_5 (RFC 8017, section 8.2).
    RsaPkcs1(&'static Digest),
    /// RSASSA-PSS with MGF1 of the same digest and a salt as long as the digest (RFC 8017, section 8.1).
    RsaPss(&'static Digest),
    /// ECDSA; the signature is r and s, each as long as the curve's field.
    Ecdsa,
}

/// A private key that signs hashes.
pub(crate) trait PrivateKey: Send + Sync {
    fn public_key(&self) -> &SubjectPublicKeyInfoOwned;
    fn sign(&self, scheme: Scheme, hash: &[u8]) -> Result<Vec<u8>, Error>;
}

/// Stores private keys by label.
pub(crate) trait KeyStore: Send + Sync {
    fn open_or_generate(&self, label: &str, kind: KeyKind) -> Result<Arc<dyn PrivateKey>, Error>;

    /// Stores a DER certificate beside its key, if the store supports certificates.
    fn store_certificate(
        &self,
        label: &str,
        certificate: &x509_cert::Certificate,
    ) -> Result<(), Error>;

    /// What an application needs to open the same token.
    fn token(&self) -> Option<&SoftHsmToken>;
}

pub(crate) fn open(
    kind: KeyStoreKind,
    state: &Arc<StateFolder>,
    softhsm_module: Option<&Path>,
) -> Result<Box<dyn KeyStore>, Error> {
    Ok(match kind {
        KeyStoreKind::Software => Box::new(software::SoftwareStore::new(Arc::clone(state))),
        KeyStoreKind::SoftHsm => Box::new(softhsm::SoftHsmStore::open(state, softhsm_module)?),
    })
}
