//! The objects that a program created, which go with the session that created them.

use std::collections::BTreeMap;
use std::sync::Arc;

use cryptoki_sys::{CK_OBJECT_HANDLE, CK_SESSION_HANDLE};

use super::Object;

/// All session objects (PKCS #11 3.2, section 4.4). Every session sees them.
#[derive(Debug, Default)]
pub struct SessionObjects(BTreeMap<CK_OBJECT_HANDLE, Created>);

#[derive(Debug)]
struct Created {
    session: CK_SESSION_HANDLE,
    object: Arc<Object>,
}

impl SessionObjects {
    /// All of them with their handles, the oldest first.
    pub fn iter(&self) -> impl Iterator<Item = (CK_OBJECT_HANDLE, &Arc<Object>)> {
        let objects = self.0.iter();
        objects.map(|(handle, created)| (*handle, &created.object))
    }

    /// The object of a handle.
    pub fn get(&self, handle: CK_OBJECT_HANDLE) -> Option<&Arc<Object>> {
        self.0.get(&handle).map(|created| &created.object)
    }

    /// Adds an object of a session.
    pub fn insert(
        &mut self,
        handle: CK_OBJECT_HANDLE,
        session: CK_SESSION_HANDLE,
        object: Arc<Object>,
    ) {
        self.0.insert(handle, Created { session, object });
    }

    /// Puts an object in the place of another, unless that has been destroyed.
    pub fn replace(&mut self, handle: CK_OBJECT_HANDLE, object: Arc<Object>) {
        if let Some(created) = self.0.get_mut(&handle) {
            created.object = object;
        }
    }

    /// Destroys the object of a handle.
    pub fn remove(&mut self, handle: CK_OBJECT_HANDLE) {
        self.0.remove(&handle);
    }

    /// Destroys the objects of a session.
    pub fn forget_session(&mut self, session: CK_SESSION_HANDLE) {
        self.0.retain(|_, created| created.session != session);
    }

    /// Destroys the private objects.
    pub fn forget_private(&mut self) {
        self.0.retain(|_, created| created.object.is_public());
    }
}
