//! Keys in PKCS #8 files.

use std::sync::Arc;

use p256::ecdsa::signature::hazmat::PrehashSigner;
use rsa::pkcs8::{DecodePrivateKey, EncodePrivateKey, EncodePublicKey, LineEnding};
use rsa::rand_core::OsRng;
use rsa::{Pkcs1v15Sign, Pss, RsaPrivateKey};
use x509_cert::spki::SubjectPublicKeyInfoOwned;

use super::{KeyKind, KeyStore, PrivateKey, Scheme, SoftHsmToken};
use crate::digest::{Digest, MD5, SHA1, SHA256, SHA384};
use crate::error::{Context, Error};
use crate::state::{SECRET, StateFolder};

/// `keys/{label}.pem` in the state directory.
pub(crate) struct SoftwareStore {
    state: Arc<StateFolder>,
}

impl SoftwareStore {
    pub fn new(state: Arc<StateFolder>) -> Self {
        Self { state }
    }

    /// Reads a key as PKCS #8 PEM from a file in the state directory. Generates it if it is missing.
    pub fn pem(state: &StateFolder, file: &str, kind: KeyKind) -> Result<String, Error> {
        if let Some(pem) = state.read(file)? {
            return Ok(pem);
        }
        state.announce_keys();
        let pem =
            generate(kind).context(format!("cannot generate a key of type {}", kind.name()))?;
        state.write(file, &pem, SECRET)?;
        Ok(pem)
    }
}

impl KeyStore for SoftwareStore {
    fn open_or_generate(&self, label: &str, kind: KeyKind) -> Result<Arc<dyn PrivateKey>, Error> {
        let file = format!("keys/{label}.pem");
        let pem = Self::pem(&self.state, &file, kind)?;
        let key = SoftwareKey::parse(&pem, kind).context(format!(
            "cannot use the key in {}; remove it to generate a new one, or use another slug",
            self.state.path(&file).display()
        ))?;
        kind.check(label, &key.public_key)?;
        Ok(Arc::new(key))
    }

    fn store_certificate(
        &self,
        _label: &str,
        _certificate: &x509_cert::Certificate,
    ) -> Result<(), Error> {
        Ok(())
    }

    fn token(&self) -> Option<&SoftHsmToken> {
        None
    }
}

fn generate(kind: KeyKind) -> rsa::pkcs8::Result<String> {
    let pem = match kind {
        KeyKind::Rsa2048 | KeyKind::Rsa3072 | KeyKind::Rsa4096 => {
            RsaPrivateKey::new(&mut OsRng, kind.bits())
                .map_err(|_| rsa::pkcs8::Error::KeyMalformed)?
                .to_pkcs8_pem(LineEnding::LF)?
        }
        KeyKind::P256 => p256::SecretKey::random(&mut OsRng).to_pkcs8_pem(LineEnding::LF)?,
        KeyKind::P384 => p384::SecretKey::random(&mut OsRng).to_pkcs8_pem(LineEnding::LF)?,
        KeyKind::P521 => p521::SecretKey::random(&mut OsRng).to_pkcs8_pem(LineEnding::LF)?,
    };
    Ok(pem.to_string())
}

struct SoftwareKey {
    secret: Secret,
    public_key: SubjectPublicKeyInfoOwned,
}

enum Secret {
    Rsa(Box<RsaPrivateKey>),
    P256(p256::ecdsa::SigningKey),
    P384(p384::ecdsa::SigningKey),
    P521(p521::ecdsa::SigningKey),
}

impl SoftwareKey {
    fn parse(pem: &str, kind: KeyKind) -> Result<Self, Error> {
        let (secret, public_key) = match kind {
            KeyKind::Rsa2048 | KeyKind::Rsa3072 | KeyKind::Rsa4096 => {
                let key = RsaPrivateKey::from_pkcs8_pem(pem).context("not an RSA key")?;
                let public_key = key.to_public_key().to_public_key_der();
                (Secret::Rsa(Box::new(key)), public_key)
            }
            KeyKind::P256 => {
                let key = p256::SecretKey::from_pkcs8_pem(pem).context("not a P-256 key")?;
                (Secret::P256(key.clone().into()), key.public_key().to_public_key_der())
            }
            KeyKind::P384 => {
                let key = p384::SecretKey::from_pkcs8_pem(pem).context("not a P-384 key")?;
                (Secret::P384(key.clone().into()), key.public_key().to_public_key_der())
            }
            KeyKind::P521 => {
                let key = p521::SecretKey::from_pkcs8_pem(pem).context("not a P-521 key")?;
                let signing_key = p521::ecdsa::SigningKey::from_slice(&key.to_bytes())
                    .context("not a P-521 key")?;
                (Secret::P521(signing_key), key.public_key().to_public_key_der())
            }
        };
        let public_key = public_key
            .and_then(|der| der.decode_msg().map_err(Into::into))
            .context("invalid public key")?;
        Ok(Self { secret, public_key })
    }
}

impl PrivateKey for SoftwareKey {
    fn public_key(&self) -> &SubjectPublicKeyInfoOwned {
        &self.public_key
    }

    fn sign(&self, scheme: Scheme, hash: &[u8]) -> Result<Vec<u8>, Error> {
        match (&self.secret, scheme) {
            (Secret::Rsa(key), Scheme::RsaPkcs1(digest)) => {
                let padding = Pkcs1v15Sign {
                    hash_len: Some(digest.length),
                    prefix: digest.digest_info_prefix.into(),
                };
                key.sign(padding, hash).context("RSA PKCS #1")
            }
            (Secret::Rsa(key), Scheme::RsaPss(digest)) => {
                key.sign_with_rng(&mut OsRng, pss(digest), hash).context("RSA PSS")
            }
            (Secret::P256(key), Scheme::Ecdsa) => {
                ecdsa::<p256::ecdsa::Signature>(key, hash, 32).map(|s| s.to_bytes().to_vec())
            }
            (Secret::P384(key), Scheme::Ecdsa) => {
                ecdsa::<p384::ecdsa::Signature>(key, hash, 48).map(|s| s.to_bytes().to_vec())
            }
            (Secret::P521(key), Scheme::Ecdsa) => {
                ecdsa::<p521::ecdsa::Signature>(key, hash, 66).map(|s| s.to_bytes().to_vec())
            }
            _ => Err(Error::new("the algorithm does not match the key")),
        }
    }
}

/// The `ecdsa` crate rejects hashes shorter than half the field; FIPS 186-5 does not. The hash is interpreted as a
/// number, so leading zeros do not change it.
fn ecdsa<S>(key: &impl PrehashSigner<S>, hash: &[u8], field_length: usize) -> Result<S, Error> {
    let mut padded = vec![0; field_length.saturating_sub(hash.len())];
    padded.extend_from_slice(hash);
    key.sign_prehash(&padded).context("ECDSA")
}

fn pss(digest: &'static Digest) -> Pss {
    let with_salt: fn(usize) -> Pss = if *digest == MD5 {
        Pss::new_with_salt::<md5::Md5>
    } else if *digest == SHA1 {
        Pss::new_with_salt::<sha1::Sha1>
    } else if *digest == SHA256 {
        Pss::new_with_salt::<sha2::Sha256>
    } else if *digest == SHA384 {
        Pss::new_with_salt::<sha2::Sha384>
    } else {
        Pss::new_with_salt::<sha2::Sha512>
    };
    with_salt(digest.length)
}
