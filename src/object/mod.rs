//! The objects of the token: certificate, public key and private key of each signing policy, and
//! objects that belong to no policy.

mod attributes;
mod chain;
mod given;
mod handles;
mod index;
mod policies;
mod rules;
mod session_objects;
mod stand_in;
mod stored;
mod template;

use std::sync::Arc;

pub use attributes::Value;
use attributes::{Attributes, Names};
use cryptoki_sys::*;
pub use given::Attribute;
pub use handles::{Handles, unused_handle};
use index::Index;
pub use policies::PolicyObjects;
pub use session_objects::SessionObjects;
use sha2::{Digest, Sha256};
use signpath_client::SigningPolicy;
use signpath_config::Config;
use signpath_crypto::{Certificate, PublicKey};
use stored::{SharedAttributes, StoredAttributes};

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

/// An immutable object. A changed object is a new one with a different [`Object::unique_id`].
#[derive(Debug)]
pub struct Object {
    /// Its class.
    pub class: Class,
    policy: Option<Arc<SigningPolicy>>,
    /// The key of an object that does not belong to a policy.
    own_key: Option<Box<PublicKey>>,
    attributes: StoredAttributes,
    unique_id: Arc<str>,
}

/// How signing policies are presented.
#[derive(Debug, Default)]
pub struct Options {
    /// Whether private keys are hidden until login.
    pub private_keys_need_login: bool,
    /// Whether policies without a certificate get a placeholder.
    pub stand_in_certificates: bool,
    /// CA certificates; those in the chain of a policy's certificate become objects.
    pub chain_certificates: Vec<Certificate>,
}

impl Options {
    /// Reads the chain certificates named in the configuration.
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

/// A signing policy with the certificate that represents it.
#[derive(Debug)]
struct Shown {
    policy: Arc<SigningPolicy>,
    /// The placeholder for a missing certificate.
    stand_in: Option<Certificate>,
}

impl Shown {
    fn new(policy: SigningPolicy, options: &Options) -> Self {
        // gnupg-pkcs11-scd fails if one certificate is for a key that it does not know, such as ML-DSA.
        let needs_stand_in = options.stand_in_certificates && policy.certificate.is_none();
        let key =
            policy.public_key.as_ref().filter(|key| needs_stand_in && mechanism::can_sign(key));
        Self {
            stand_in: key.and_then(|key| stand_in::certificate(&policy.name.to_string(), key)),
            policy: Arc::new(policy),
        }
    }

    fn certificate(&self) -> Option<&Certificate> {
        self.policy.certificate.as_ref().or(self.stand_in.as_ref())
    }

    fn has_objects(&self) -> bool {
        self.certificate().is_some() || self.policy.public_key.is_some()
    }
}

impl Object {
    fn new(
        class: Class,
        policy: Option<&Arc<SigningPolicy>>,
        attributes: Attributes,
        common: &mut SharedAttributes,
    ) -> Self {
        let unique_id = unique_id(&attributes);
        Self { policy: policy.cloned(), ..Self::named(class, None, attributes, unique_id, common) }
    }

    fn named(
        class: Class,
        own_key: Option<PublicKey>,
        mut attributes: Attributes,
        unique_id: String,
        common: &mut SharedAttributes,
    ) -> Self {
        attributes.push((CKA_UNIQUE_ID, attributes::bytes(unique_id.as_bytes())));
        Self {
            class,
            policy: None,
            own_key: own_key.map(Box::new),
            attributes: StoredAttributes::new(attributes, common),
            unique_id: unique_id.into(),
        }
    }

    /// Creates the objects of a policy: its certificate if it has one, and its keys if the module can
    /// sign with them.
    fn of_policy(shown: &Shown, options: &Options, common: &mut SharedAttributes) -> Vec<Self> {
        let policy = &shown.policy;
        let certificate = shown.certificate();
        let name = policy.name.to_string();
        let subject = certificate.map(Certificate::subject);
        let names = Names {
            label: name.as_bytes(),
            id: name.as_bytes(),
            subject: subject.unwrap_or_default(),
        };
        let signing_key = policy.public_key.as_ref();
        let signing_key = signing_key.filter(|key| mechanism::can_sign(key));
        let mut objects = Vec::new();
        let mut add = |class, attributes| {
            objects.push(Self::new(class, Some(policy), attributes, common));
        };
        if let Some(certificate) = certificate {
            // CK_CERTIFICATE_CATEGORY_TOKEN_USER requires that the token has the private key
            // (section 4.6.2).
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

    /// Creates an object that declares conformance to a profile (PKCS #11 Profiles 3.2, section 5).
    pub fn profile(name: &str, id: CK_PROFILE_ID) -> Self {
        let attributes = attributes::profile(name.as_bytes(), id);
        Self::new(Class::Profile, None, attributes, &mut SharedAttributes::default())
    }

    /// The signing policy that the object belongs to, if any.
    pub fn policy(&self) -> Option<&Arc<SigningPolicy>> {
        self.policy.as_ref()
    }

    /// The public key of a key object; for a private key, the one that matches it.
    pub fn public_key(&self) -> Option<&PublicKey> {
        let of_policy = || self.policy.as_ref()?.public_key.as_ref();
        self.own_key.as_deref().or_else(of_policy).filter(|_| self.is_key())
    }

    /// The CKA_UNIQUE_ID. For token objects it is derived from all other attributes, and so the
    /// same in every process.
    pub fn unique_id(&self) -> &Arc<str> {
        #[cfg(test)]
        examined::count();
        &self.unique_id
    }

    /// Whether the object is visible before login.
    pub fn is_public(&self) -> bool {
        !self.has(CKA_PRIVATE, &[CK_TRUE])
    }

    /// Whether the object is a public or private key.
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

    /// Whether the object has all attributes of the template, with the same values.
    pub fn matches(&self, template: &[Attribute]) -> bool {
        #[cfg(test)]
        examined::count();
        template.iter().all(|wanted| match self.attribute(wanted.id) {
            Some(Value::Bytes(value)) => wanted.is(value),
            Some(Value::Sensitive) | None => false,
        })
    }

    /// An estimate of the object's size in bytes: the total length of its values.
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

/// A digest of all attributes, each preceded by its length so that the encoding is unambiguous.
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

/// Whether the template could match an object of a signing policy, including its private key only
/// if `with_private_keys` is set.
pub fn may_match_policy(template: &[Attribute], with_private_keys: bool) -> bool {
    let classes = [Class::Certificate, Class::PublicKey, Class::PrivateKey];
    let visible =
        classes.into_iter().filter(|class| with_private_keys || *class != Class::PrivateKey);
    let visible: Vec<_> = visible.map(|class| attributes::ulong(class.id())).collect();
    template.iter().all(|wanted| match wanted.id {
        CKA_CLASS => visible.iter().any(|class| wanted.is(class)),
        CKA_PRIVATE => with_private_keys || wanted.is(&[CK_FALSE]),
        CKA_TOKEN => wanted.is(&[CK_TRUE]),
        _ => true,
    })
}

/// Counts how many objects this thread has examined, as a measure of the cost of a search.
#[cfg(test)]
pub mod examined {
    use std::cell::Cell;

    thread_local!(static COUNT: Cell<usize> = const { Cell::new(0) });

    pub(super) fn count() {
        COUNT.set(COUNT.get() + 1);
    }

    /// Returns the result of `act` and the number of objects that it examined.
    pub fn during<T>(act: impl FnOnce() -> T) -> (T, usize) {
        let before = COUNT.get();
        let result = act();
        (result, COUNT.get() - before)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn asks_the_service_only_for_what_a_signing_policy_can_have() {
        let class = |class: Class| (CKA_CLASS, attributes::ulong(class.id()));
        let token = |value| (CKA_TOKEN, vec![value]);
        let private = |value| (CKA_PRIVATE, vec![value]);
        for (template, with_login, without) in [
            (vec![], true, true),
            (vec![class(Class::Certificate), token(CK_TRUE)], true, true),
            (vec![class(Class::PrivateKey)], true, false),
            (vec![private(CK_TRUE)], true, false),
            (vec![private(CK_FALSE)], true, true),
            (vec![class(Class::Profile)], false, false),
            (vec![token(CK_FALSE)], false, false),
        ] {
            let template: Vec<_> = template
                .iter()
                .map(|(id, value)| Attribute::new(*id, value.len(), || value.as_slice()))
                .collect();
            assert_eq!(may_match_policy(&template, true), with_login);
            assert_eq!(may_match_policy(&template, false), without);
        }
    }
}
