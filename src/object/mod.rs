//! What there is to find: the certificate, public key and private key of each signing policy, and
//! objects that belong to none.

mod attributes;
mod certificate;
mod handles;
mod policy;

use std::sync::Arc;

pub use attributes::Value;
pub use certificate::Certificate;
use cryptoki_sys::*;
pub use handles::Handles;
pub use policy::Policy;
use sha2::{Digest, Sha256};

use crate::crypto::PublicKey;
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
}

impl Class {
    /// The value of CKA_CLASS.
    pub const fn id(self) -> CK_OBJECT_CLASS {
        match self {
            Self::Certificate => CKO_CERTIFICATE,
            Self::PublicKey => CKO_PUBLIC_KEY,
            Self::PrivateKey => CKO_PRIVATE_KEY,
        }
    }
}

/// An object. It never changes: what changes is another object, with another [`Object::unique_id`].
#[derive(Debug)]
pub struct Object {
    /// Its class.
    pub class: Class,
    policy: Option<Arc<Policy>>,
    attributes: Vec<(CK_ATTRIBUTE_TYPE, Value)>,
    unique_id: String,
}

/// An attribute of a search template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attribute {
    /// CKA_….
    pub id: CK_ATTRIBUTE_TYPE,
    /// The bytes to be equal to.
    pub value: Vec<u8>,
}

impl Object {
    fn new(
        class: Class,
        policy: Option<&Arc<Policy>>,
        mut attributes: Vec<(CK_ATTRIBUTE_TYPE, Value)>,
    ) -> Self {
        let unique_id = unique_id(&attributes);
        attributes.push((CKA_UNIQUE_ID, Value::Bytes(unique_id.clone().into_bytes())));
        Self {
            class,
            policy: policy.cloned(),
            attributes,
            unique_id,
        }
    }

    /// The objects of a policy: a certificate if it has one, and its keys if the module can sign
    /// with them.
    pub fn of(policy: &Arc<Policy>) -> Vec<Self> {
        let mut objects = Vec::new();
        let mut add = |class, attributes| objects.push(Self::new(class, Some(policy), attributes));
        if let Some(certificate) = &policy.certificate {
            add(
                Class::Certificate,
                attributes::certificate(policy, certificate),
            );
        }
        if let Some(key) = &policy.public_key {
            add(Class::PublicKey, attributes::public_key(policy, key));
            if mechanism::allowed_for(key).next().is_some() {
                add(Class::PrivateKey, attributes::private_key(policy, key));
            }
        }
        objects
    }

    /// The signing policy that it shows, if it is one of a policy's objects.
    pub fn policy(&self) -> Option<&Arc<Policy>> {
        self.policy.as_ref()
    }

    /// The public key of a key object: its own, or the one that goes with the private key.
    pub fn public_key(&self) -> Option<&PublicKey> {
        match self.class {
            Class::PublicKey | Class::PrivateKey => self.policy.as_ref()?.public_key.as_ref(),
            Class::Certificate => None,
        }
    }

    /// CKA_UNIQUE_ID: the same as long as all other attributes are, in every process.
    pub fn unique_id(&self) -> &str {
        &self.unique_id
    }

    /// Whether it is seen before login.
    pub const fn is_public(&self) -> bool {
        !matches!(self.class, Class::PrivateKey)
    }

    /// Whether it is a public or a private key.
    pub const fn is_key(&self) -> bool {
        !matches!(self.class, Class::Certificate)
    }

    /// The value of an attribute, if the object has it.
    pub fn attribute(&self, id: CK_ATTRIBUTE_TYPE) -> Option<&Value> {
        self.attributes
            .iter()
            .find_map(|(known, value)| (*known == id).then_some(value))
    }

    /// Whether each attribute of the template is one of the object's, with the same value.
    pub fn matches(&self, template: &[Attribute]) -> bool {
        template.iter().all(|wanted| {
            matches!(self.attribute(wanted.id), Some(Value::Bytes(bytes)) if *bytes == wanted.value)
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
fn unique_id(attributes: &[(CK_ATTRIBUTE_TYPE, Value)]) -> String {
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
    digest
        .finalize()
        .iter()
        .take(16)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Whether an object that is seen before login could match the template.
pub fn may_be_public(template: &[Attribute]) -> bool {
    let public_classes =
        [Class::Certificate, Class::PublicKey].map(|class| attributes::ulong(class.id()));
    template.iter().all(|wanted| match wanted.id {
        CKA_CLASS => public_classes.contains(&wanted.value),
        CKA_PRIVATE => wanted.value == [CK_FALSE],
        _ => true,
    })
}
