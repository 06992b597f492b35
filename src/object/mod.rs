//! What there is to find: the certificate, public key and private key of each signing policy, and
//! objects that belong to none.

mod attributes;
mod chain;
mod given;
mod handles;
mod index;
mod kept;
mod rules;
mod session_objects;
mod stand_in;
mod template;

use std::sync::Arc;

pub use attributes::Value;
use attributes::{Attributes, Names};
use cryptoki_sys::*;
pub use given::Attribute;
pub use handles::{Handles, unused_handle};
pub use index::Index;
use kept::{Common, Kept};
pub use session_objects::SessionObjects;
use sha2::{Digest, Sha256};
use signpath_client::SigningPolicy;
use signpath_config::Config;
use signpath_crypto::{Certificate, PublicKey};

use crate::error::Result;
use crate::mechanism;

/// The class of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// CKO_CERTIFICATE.
    Certificate,
    /// CKO_PUBLIC_KEY.
    PublicKey,
    /// CKO_PRIVATE_KEY.
    PrivateKey,
    /// CKO_PROFILE.
    Profile,
}

impl Class {
    /// The value of CKA_CLASS.
    pub const fn id(self) -> CK_OBJECT_CLASS {
        match self {
            Self::Certificate => CKO_CERTIFICATE,
            Self::PublicKey => CKO_PUBLIC_KEY,
            Self::PrivateKey => CKO_PRIVATE_KEY,
            Self::Profile => CKO_PROFILE,
        }
    }
}

/// An object. It never changes: what changes is another object, with another [`Object::unique_id`].
#[derive(Debug)]
pub struct Object {
    /// Its class.
    pub class: Class,
    policy: Option<Arc<SigningPolicy>>,
    /// The key of an object that is no policy's.
    own_key: Option<Box<PublicKey>>,
    attributes: Kept,
    unique_id: Arc<str>,
}

/// How the configuration wants signing policies to be shown.
#[derive(Debug, Default)]
pub struct Options {
    /// Whether private keys are seen only after login.
    pub private_keys_need_login: bool,
    /// Whether a policy without certificate gets one that stands in for it.
    pub stand_in_certificates: bool,
    /// Certificates of authorities; those that lead up from a policy's certificate are shown.
    pub chain_certificates: Vec<Certificate>,
}

impl Options {
    /// Reads the chain certificates that the configuration names.
    ///
    /// # Errors
    /// [`Kind::Configuration`](crate::error::Kind::Configuration).
    pub fn new(config: &Config) -> Result<Self> {
        Ok(Self {
            private_keys_need_login: config.login_required || config.credentials()?.is_none(),
            stand_in_certificates: config.include_dummy_x509_certificate_for_gpg_keys,
            chain_certificates: config.chain_certificates()?,
        })
    }
}

/// A signing policy with the certificate that it is shown with.
struct Shown {
    policy: Arc<SigningPolicy>,
    /// What stands in for a certificate that it has not.
    stand_in: Option<Certificate>,
}

impl Shown {
    fn new(policy: SigningPolicy, options: &Options) -> Self {
        let key = policy
            .public_key
            .as_ref()
            .filter(|_| options.stand_in_certificates && policy.certificate.is_none());
        Self {
            stand_in: key.and_then(|key| stand_in::certificate(&policy.name.to_string(), key)),
            policy: Arc::new(policy),
        }
    }

    fn certificate(&self) -> Option<&Certificate> {
        self.policy.certificate.as_ref().or(self.stand_in.as_ref())
    }
}

impl Object {
    fn new(
        class: Class,
        policy: Option<&Arc<SigningPolicy>>,
        attributes: Attributes,
        common: &mut Common,
    ) -> Self {
        let unique_id = unique_id(&attributes);
        Self {
            policy: policy.cloned(),
            ..Self::named(class, None, attributes, unique_id, common)
        }
    }

    fn named(
        class: Class,
        own_key: Option<PublicKey>,
        mut attributes: Attributes,
        unique_id: String,
        common: &mut Common,
    ) -> Self {
        attributes.push((CKA_UNIQUE_ID, attributes::bytes(unique_id.as_bytes())));
        Self {
            class,
            policy: None,
            own_key: own_key.map(Box::new),
            attributes: Kept::new(attributes, common),
            unique_id: unique_id.into(),
        }
    }

    /// The objects of policies: of each a certificate if it has one, and its keys if the module
    /// can sign with them. Chain certificates come last.
    pub fn of(policies: Vec<SigningPolicy>, options: &Options) -> Vec<Self> {
        let policies = policies.into_iter();
        let shown: Vec<_> = policies.map(|policy| Shown::new(policy, options)).collect();
        let chain = chain::objects(&shown, &options.chain_certificates);
        let mut common = Common::default();
        shown
            .iter()
            .flat_map(|shown| Self::of_policy(shown, options, &mut common))
            .chain(chain)
            .collect()
    }

    fn of_policy(shown: &Shown, options: &Options, common: &mut Common) -> Vec<Self> {
        let policy = &shown.policy;
        let certificate = shown.certificate();
        let name = policy.name.to_string();
        let subject = certificate.map(Certificate::subject);
        let names = Names {
            label: name.as_bytes(),
            id: name.as_bytes(),
            subject: subject.unwrap_or_default(),
        };
        let can_sign = |key: &&PublicKey| mechanism::allowed_for(key).next().is_some();
        let signing_key = policy.public_key.as_ref().filter(can_sign);
        let mut objects = Vec::new();
        let mut add = |class, attributes| {
            objects.push(Self::new(class, Some(policy), attributes, common));
        };
        if let Some(certificate) = certificate {
            // The token user's is one whose private key the token has (section 4.6.2).
            let category = match signing_key {
                Some(_) => CK_CERTIFICATE_CATEGORY_TOKEN_USER,
                None => CK_CERTIFICATE_CATEGORY_OTHER_ENTITY,
            };
            let attributes = attributes::certificate(names, certificate, category);
            add(Class::Certificate, attributes);
        }
        if let Some(key) = &policy.public_key {
            add(Class::PublicKey, attributes::public_key(names, key));
        }
        if let Some(key) = signing_key {
            let is_private = options.private_keys_need_login;
            let attributes = attributes::private_key(names, key, is_private);
            add(Class::PrivateKey, attributes);
        }
        objects
    }

    /// An object that says that the token keeps to a profile (PKCS #11 Profiles 3.2, section 5).
    pub fn profile(name: &str, id: CK_PROFILE_ID) -> Self {
        let attributes = attributes::profile(name.as_bytes(), id);
        Self::new(Class::Profile, None, attributes, &mut Common::default())
    }

    /// The signing policy that it shows, if it is one of a policy's objects.
    pub fn policy(&self) -> Option<&Arc<SigningPolicy>> {
        self.policy.as_ref()
    }

    /// The public key of a key object: its own, or the one that goes with the private key.
    pub fn public_key(&self) -> Option<&PublicKey> {
        let of_policy = || self.policy.as_ref()?.public_key.as_ref();
        self.own_key
            .as_deref()
            .or_else(of_policy)
            .filter(|_| self.is_key())
    }

    /// CKA_UNIQUE_ID: of a token object the same as long as all other attributes are, in every
    /// process.
    pub fn unique_id(&self) -> &Arc<str> {
        #[cfg(test)]
        looked_at::count();
        &self.unique_id
    }

    /// Whether it is seen before login.
    pub fn is_public(&self) -> bool {
        !self.has(CKA_PRIVATE, &[CK_TRUE])
    }

    /// Whether it is a public or a private key.
    pub const fn is_key(&self) -> bool {
        matches!(self.class, Class::PublicKey | Class::PrivateKey)
    }

    /// The value of an attribute, if the object has it.
    pub fn attribute(&self, id: CK_ATTRIBUTE_TYPE) -> Option<Value<&[u8]>> {
        self.attributes.get(id)
    }

    /// Whether an attribute has that value.
    fn has(&self, id: CK_ATTRIBUTE_TYPE, value: &[u8]) -> bool {
        self.attribute(id).is_some_and(|known| known.is(value))
    }

    /// Whether each attribute of the template is one of the object's, with the same value.
    pub fn matches(&self, template: &[Attribute]) -> bool {
        #[cfg(test)]
        looked_at::count();
        template
            .iter()
            .all(|wanted| match self.attribute(wanted.id) {
                Some(Value::Bytes(value)) => wanted.is(value),
                Some(Value::Sensitive) | None => false,
            })
    }

    /// An estimate of the object's size in bytes: that of its values.
    pub fn size(&self) -> usize {
        self.attributes
            .iter()
            .map(|(_, value)| match value {
                Value::Bytes(bytes) => bytes.len(),
                Value::Sensitive => 0,
            })
            .sum()
    }
}

/// A digest of all attributes, each with its length, so that no two objects have the same.
fn unique_id(attributes: &Attributes) -> String {
    let mut digest = Sha256::new();
    for (id, value) in attributes {
        let bytes = match value {
            Value::Bytes(bytes) => bytes.as_slice(),
            Value::Sensitive => b"",
        };
        digest.update(id.to_be_bytes());
        digest.update(bytes.len().to_be_bytes());
        digest.update(bytes);
    }
    let digest = digest.finalize();
    base16ct::lower::encode_string(digest.get(..16).unwrap_or_default())
}

/// Whether an object of a signing policy could match the template: its private key too, or only
/// its certificate and its public key.
pub fn may_match_policy(template: &[Attribute], with_private_keys: bool) -> bool {
    let classes = [Class::Certificate, Class::PublicKey, Class::PrivateKey];
    let visible = classes
        .into_iter()
        .filter(|class| with_private_keys || *class != Class::PrivateKey);
    let visible: Vec<_> = visible.map(|class| attributes::ulong(class.id())).collect();
    template.iter().all(|wanted| match wanted.id {
        CKA_CLASS => visible.iter().any(|class| wanted.is(class)),
        CKA_PRIVATE => with_private_keys || wanted.is(&[CK_FALSE]),
        CKA_TOKEN => wanted.is(&[CK_TRUE]),
        _ => true,
    })
}

/// Counts how often this thread looks at an object, which is what finding one costs.
#[cfg(test)]
pub mod looked_at {
    use std::cell::Cell;

    thread_local!(static COUNT: Cell<usize> = const { Cell::new(0) });

    pub(super) fn count() {
        COUNT.set(COUNT.get() + 1);
    }

    /// What `act` returns, and how many objects it looked at.
    pub fn during<T>(act: impl FnOnce() -> T) -> (T, usize) {
        let before = COUNT.get();
        let result = act();
        (result, COUNT.get() - before)
    }
}
