//! Object handles, which are never reused.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use cryptoki_sys::CK_OBJECT_HANDLE;

use super::Object;

/// Identifies an immutable object. A renewed certificate is a different object; the keys of its
/// policy stay the same if all their attributes do.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    /// `None` for objects that belong to no organization.
    organization_id: Option<Arc<str>>,
    unique_id: Arc<str>,
}

/// All handles that are currently valid.
#[derive(Debug, Default)]
pub struct Handles {
    handles: HashMap<Key, CK_OBJECT_HANDLE>,
    known: HashMap<CK_OBJECT_HANDLE, Known>,
}

/// The most recent handle. It keeps counting across C_Finalize and in a forked child.
static LAST: AtomicUsize = AtomicUsize::new(0);

/// A new handle, different from all others.
pub fn unused_handle() -> CK_OBJECT_HANDLE {
    LAST.fetch_add(1, Ordering::Relaxed) as CK_OBJECT_HANDLE + 1
}

#[derive(Debug)]
struct Known {
    key: Key,
    /// The name of the signing policy that the object belongs to, if any.
    policy: Option<Box<str>>,
    is_public: bool,
}

impl Handles {
    /// The handle of an object, which is the same each time. Objects of different organizations
    /// differ.
    pub fn handle(
        &mut self,
        organization_id: Option<&Arc<str>>,
        object: &Object,
    ) -> CK_OBJECT_HANDLE {
        let key = Key {
            organization_id: organization_id.cloned(),
            unique_id: object.unique_id().clone(),
        };
        if let Some(handle) = self.handles.get(&key) {
            return *handle;
        }
        let handle = unused_handle();
        self.handles.insert(key.clone(), handle);
        let policy = object.policy().map(|policy| policy.name.to_string().into());
        let known = Known { key, policy, is_public: object.is_public() };
        self.known.insert(handle, known);
        handle
    }

    /// Whether a handle is valid.
    pub fn contains(&self, handle: CK_OBJECT_HANDLE) -> bool {
        self.known.contains_key(&handle)
    }

    /// The CKA_UNIQUE_ID of an object by its handle, and the name of its signing policy if it has
    /// one, if it belongs to that organization.
    pub fn object(
        &self,
        handle: CK_OBJECT_HANDLE,
        organization_id: Option<&Arc<str>>,
    ) -> Option<(&str, Option<&str>)> {
        let Known { key, policy, .. } = self.known.get(&handle)?;
        (key.organization_id.as_ref() == organization_id)
            .then_some((&*key.unique_id, policy.as_deref()))
    }

    /// Invalidates the handles of private objects, as C_Logout requires (PKCS #11 3.2, section
    /// 5.6.10).
    pub fn forget_private(&mut self) {
        self.known.retain(|_, known| known.is_public);
        let known = &self.known;
        self.handles.retain(|_, handle| known.contains_key(handle));
    }
}
