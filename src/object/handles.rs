//! The handles of objects: given once, never to another object.

use std::collections::HashMap;

use cryptoki_sys::CK_OBJECT_HANDLE;

use super::{Class, Object};
use crate::signpath::PolicyName;

/// What a handle stands for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Key {
    organization_id: String,
    policy: PolicyName,
    class: Class,
}

impl Key {
    /// What a handle of this object of an organization stands for.
    pub fn new(organization_id: &str, object: &Object) -> Self {
        Self {
            organization_id: organization_id.to_owned(),
            policy: object.policy.name.clone(),
            class: object.class,
        }
    }

    /// Whether a handle that stands for this is one of this object of an organization.
    pub fn is_of(&self, organization_id: &str, object: &Object) -> bool {
        self.class == object.class
            && self.policy == object.policy.name
            && self.organization_id == organization_id
    }
}

/// All handles that have been given and are valid.
#[derive(Debug, Default)]
pub struct Handles {
    handles: HashMap<Key, CK_OBJECT_HANDLE>,
    keys: HashMap<CK_OBJECT_HANDLE, Key>,
    last: CK_OBJECT_HANDLE,
}

impl Handles {
    /// The handle of `key`, the same each time.
    pub fn handle(&mut self, key: Key) -> CK_OBJECT_HANDLE {
        if let Some(handle) = self.handles.get(&key) {
            return *handle;
        }
        self.last += 1;
        self.handles.insert(key.clone(), self.last);
        self.keys.insert(self.last, key);
        self.last
    }

    /// What a handle stands for.
    pub fn key(&self, handle: CK_OBJECT_HANDLE) -> Option<&Key> {
        self.keys.get(&handle)
    }

    /// Makes the handles of private objects invalid, as C_Logout does (PKCS #11 3.2, section 5.6.10).
    pub fn forget_private(&mut self) {
        self.handles.retain(|key, _| key.class != Class::PrivateKey);
        self.keys.retain(|_, key| key.class != Class::PrivateKey);
    }
}
