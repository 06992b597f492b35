//! What a signing policy looks like to PKCS #11: a certificate, a public key and a private key.

mod attributes;
mod certificate;
mod handles;
mod policy;

use std::sync::Arc;

pub use attributes::Value;
pub use certificate::Certificate;
use cryptoki_sys::*;
pub use handles::{Handles, Key};
pub use policy::Policy;

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

/// A token object. It never changes.
#[derive(Debug)]
pub struct Object {
    /// Its class.
    pub class: Class,
    /// What it is an object of.
    pub policy: Arc<Policy>,
    attributes: Vec<(CK_ATTRIBUTE_TYPE, Value)>,
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
    /// The objects of a policy: a certificate if it has one, and its keys if the module can sign
    /// with them.
    pub fn of(policy: &Arc<Policy>) -> Vec<Self> {
        let mut objects = Vec::new();
        if let Some(certificate) = &policy.certificate {
            objects.push(Self {
                class: Class::Certificate,
                policy: policy.clone(),
                attributes: attributes::certificate(policy, certificate),
            });
        }
        if let Some(key) = &policy.public_key {
            objects.push(Self {
                class: Class::PublicKey,
                policy: policy.clone(),
                attributes: attributes::public_key(policy, key),
            });
            if mechanism::allowed_for(key).next().is_some() {
                objects.push(Self {
                    class: Class::PrivateKey,
                    policy: policy.clone(),
                    attributes: attributes::private_key(policy, key),
                });
            }
        }
        objects
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
