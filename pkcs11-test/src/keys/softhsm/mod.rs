//! Keys in a SoftHSM token: all signatures are made by a PKCS #11 module.

mod token;

use std::ffi::c_ulong;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cryptoki::context::Pkcs11;
use cryptoki::error::{Error as Pkcs11Error, RvError};
use cryptoki::mechanism::rsa::{PkcsMgfType, PkcsPssParams};
use cryptoki::mechanism::{Mechanism, MechanismType};
use cryptoki::object::{Attribute, AttributeType, CertificateType, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::slot::Slot;
use cryptoki::types::AuthPin;
use rsa::BigUint;
use rsa::pkcs8::EncodePublicKey;
use x509_cert::Certificate;
use x509_cert::der::asn1::{Any, BitString, OctetString};
use x509_cert::der::{Decode, Encode};
use x509_cert::spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned};

use super::{EC_PUBLIC_KEY, KeyKind, KeyStore, PrivateKey, Scheme};
use crate::digest::{Digest, SHA1, SHA256, SHA384, SHA512};
use crate::error::{Context, Error};
use crate::state::StateFolder;

pub use token::SoftHsmToken;

/// A token with one key pair and one certificate per label.
pub(crate) struct SoftHsmStore {
    state: Arc<StateFolder>,
    token: SoftHsmToken,
    sessions: Arc<Sessions>,
    /// Held while an object is created: C_GenerateKeyPair of SoftHSM 2.6.1 occasionally fails (CKR_GENERAL_ERROR,
    /// CKR_TEMPLATE_INCONSISTENT) if another thread creates objects in the same token.
    writing: Mutex<()>,
}

impl SoftHsmStore {
    /// Opens the token in the state directory. Creates it if it is missing.
    pub fn open(state: &Arc<StateFolder>, module: Option<&Path>) -> Result<Self, Error> {
        let (token, context, slot) = token::open(state, module)?;
        let pin = AuthPin::from(token.user_pin.clone());
        let sessions = Arc::new(Sessions { context, slot, pin, idle: Mutex::default() });
        Ok(Self { state: Arc::clone(state), token, sessions, writing: Mutex::default() })
    }

    fn write(&self) -> MutexGuard<'_, ()> {
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Logged-in sessions that are not in use. A session can only sign one thing at a time.
struct Sessions {
    context: Pkcs11,
    slot: Slot,
    pin: AuthPin,
    idle: Mutex<Vec<Session>>,
}

impl Sessions {
    fn with<T>(
        &self,
        work: impl FnOnce(&Session) -> cryptoki::error::Result<T>,
    ) -> cryptoki::error::Result<T> {
        let idle = self.lock().pop();
        let session = match idle {
            Some(session) => session,
            None => self.open()?,
        };
        let result = work(&session);
        self.lock().push(session);
        result
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Session>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open(&self) -> cryptoki::error::Result<Session> {
        let session = self.context.open_rw_session(self.slot)?;
        match session.login(UserType::User, Some(&self.pin)) {
            // The login state is shared by all sessions of the application (PKCS #11 3.2, section 5.6.8).
            Ok(()) | Err(Pkcs11Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => Ok(session),
            Err(error) => Err(error),
        }
    }
}

impl KeyStore for SoftHsmStore {
    fn open_or_generate(&self, label: &str, kind: KeyKind) -> Result<Arc<dyn PrivateKey>, Error> {
        let failure = format!("cannot use the key `{label}` in the SoftHSM token");
        let writing = self.write();
        let (private_key, public_key) = self
            .sessions
            .with(|session| {
                let private_keys = find(session, ObjectClass::PRIVATE_KEY, label)?;
                let public_keys = find(session, ObjectClass::PUBLIC_KEY, label)?;
                match (&private_keys[..], &public_keys[..]) {
                    (&[private_key], &[public_key]) => Ok((private_key, public_key)),
                    _ => {
                        self.state.announce_keys();
                        // Half of a pair, of a process that was killed while it generated them: it would be taken for half
                        // of the new one.
                        for half in private_keys.into_iter().chain(public_keys) {
                            session.destroy_object(half)?;
                        }
                        generate(session, label, kind)
                    }
                }
                .and_then(|(private_key, public_key)| {
                    Ok((private_key, read_public_key(session, public_key)?))
                })
            })
            .context(&failure)?;
        drop(writing);
        let public_key = public_key.info().context(&failure)?;
        kind.check(label, &public_key)?;
        Ok(Arc::new(SoftHsmKey { sessions: Arc::clone(&self.sessions), private_key, public_key }))
    }

    fn store_certificate(&self, label: &str, certificate: &Certificate) -> Result<(), Error> {
        let _writing = self.write();
        let tbs = &certificate.tbs_certificate;
        let failure = format!("cannot store the certificate `{label}` in the SoftHSM token");
        let value = certificate.to_der().context(&failure)?;
        let template = [
            Attribute::Class(ObjectClass::CERTIFICATE),
            Attribute::CertificateType(CertificateType::X_509),
            Attribute::Token(true),
            Attribute::Private(false),
            Attribute::Id(label.into()),
            Attribute::Label(label.into()),
            Attribute::Subject(tbs.subject.to_der().context(&failure)?),
            Attribute::Issuer(tbs.issuer.to_der().context(&failure)?),
            Attribute::SerialNumber(tbs.serial_number.to_der().context(&failure)?),
            Attribute::Value(value.clone()),
        ];
        self.sessions
            .with(|session| {
                if let Some(&stored) = find(session, ObjectClass::CERTIFICATE, label)?.first() {
                    if session.get_attributes(stored, &[AttributeType::Value])?
                        == [Attribute::Value(value)]
                    {
                        return Ok(());
                    }
                    session.destroy_object(stored)?;
                }
                session.create_object(&template).map(|_| ())
            })
            .context(&failure)
    }

    fn token(&self) -> Option<&SoftHsmToken> {
        Some(&self.token)
    }
}

fn find(
    session: &Session,
    class: ObjectClass,
    label: &str,
) -> cryptoki::error::Result<Vec<ObjectHandle>> {
    let template = [Attribute::Class(class), Attribute::Token(true), Attribute::Id(label.into())];
    session.find_objects(&template)
}

fn generate(
    session: &Session,
    label: &str,
    kind: KeyKind,
) -> cryptoki::error::Result<(ObjectHandle, ObjectHandle)> {
    let mut public = vec![
        Attribute::Token(true),
        Attribute::Private(false),
        Attribute::Id(label.into()),
        Attribute::Label(label.into()),
        Attribute::Verify(true),
        Attribute::Encrypt(false),
        Attribute::Wrap(false),
    ];
    let private = [
        Attribute::Token(true),
        Attribute::Private(true),
        Attribute::Id(label.into()),
        Attribute::Label(label.into()),
        Attribute::Sensitive(true),
        Attribute::Extractable(false),
        Attribute::Sign(true),
        Attribute::Decrypt(false),
        Attribute::Unwrap(false),
        Attribute::Derive(false),
    ];
    let mechanism = match kind.curve() {
        Some(curve) => {
            // A short OBJECT IDENTIFIER can always be encoded.
            public.push(Attribute::EcParams(curve.to_der().unwrap_or_default()));
            Mechanism::EccKeyPairGen
        }
        None => {
            public.push(Attribute::ModulusBits((kind.bits() as c_ulong).into()));
            public.push(Attribute::PublicExponent(vec![1, 0, 1]));
            Mechanism::RsaPkcsKeyPairGen
        }
    };
    let (public_key, private_key) = session.generate_key_pair(&mechanism, &public, &private)?;
    Ok((private_key, public_key))
}

/// The attributes that make up a public key.
struct PublicKeyAttributes(Vec<Attribute>);

fn read_public_key(
    session: &Session,
    public_key: ObjectHandle,
) -> cryptoki::error::Result<PublicKeyAttributes> {
    use AttributeType::{EcParams, EcPoint, Modulus, PublicExponent};
    session
        .get_attributes(public_key, &[Modulus, PublicExponent, EcParams, EcPoint])
        .map(PublicKeyAttributes)
}

impl PublicKeyAttributes {
    fn info(&self) -> Result<SubjectPublicKeyInfoOwned, Error> {
        match &self.0[..] {
            [Attribute::Modulus(modulus), Attribute::PublicExponent(exponent)] => {
                let key = rsa::RsaPublicKey::new(
                    BigUint::from_bytes_be(modulus),
                    BigUint::from_bytes_be(exponent),
                )
                .context("invalid RSA public key")?;
                key.to_public_key_der()
                    .and_then(|der| der.decode_msg().map_err(Into::into))
                    .context("invalid RSA public key")
            }
            [Attribute::EcParams(parameters), Attribute::EcPoint(point)] => {
                // CKA_EC_POINT is the point wrapped in a DER OCTET STRING (PKCS #11 3.2, section 6.3.3).
                let point = OctetString::from_der(point)
                    .and_then(|point| BitString::from_bytes(point.as_bytes()))
                    .context("invalid EC point")?;
                let parameters = Any::from_der(parameters).context("invalid EC parameters")?;
                let algorithm =
                    AlgorithmIdentifierOwned { oid: EC_PUBLIC_KEY, parameters: Some(parameters) };
                Ok(SubjectPublicKeyInfoOwned { algorithm, subject_public_key: point })
            }
            _ => Err(Error::new("unsupported type of public key")),
        }
    }
}

struct SoftHsmKey {
    sessions: Arc<Sessions>,
    private_key: ObjectHandle,
    public_key: SubjectPublicKeyInfoOwned,
}

impl PrivateKey for SoftHsmKey {
    fn public_key(&self) -> &SubjectPublicKeyInfoOwned {
        &self.public_key
    }

    fn sign(&self, scheme: Scheme, hash: &[u8]) -> Result<Vec<u8>, Error> {
        let (mechanism, data) = match scheme {
            Scheme::RsaPkcs1(digest) => (Mechanism::RsaPkcs, digest.digest_info(hash)),
            Scheme::RsaPss(digest) => {
                (Mechanism::RsaPkcsPss(pss_parameters(digest)?), hash.to_vec())
            }
            Scheme::Ecdsa => (Mechanism::Ecdsa, hash.to_vec()),
        };
        self.sessions
            .with(|session| session.sign(&mechanism, self.private_key, &data))
            .context("SoftHSM cannot sign")
    }
}

fn pss_parameters(digest: &'static Digest) -> Result<PkcsPssParams, Error> {
    let rows = [
        (&SHA1, MechanismType::SHA1, PkcsMgfType::MGF1_SHA1),
        (&SHA256, MechanismType::SHA256, PkcsMgfType::MGF1_SHA256),
        (&SHA384, MechanismType::SHA384, PkcsMgfType::MGF1_SHA384),
        (&SHA512, MechanismType::SHA512, PkcsMgfType::MGF1_SHA512),
    ];
    let (_, hash_alg, mgf) = rows
        .into_iter()
        .find(|(known, ..)| *known == digest)
        .ok_or_else(|| Error::new(format!("PKCS #11 has no PSS with {}", digest.name)))?;
    Ok(PkcsPssParams { hash_alg, mgf, s_len: (digest.length as c_ulong).into() })
}
