//! Objects created by the application, which are destroyed with their sessions.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use cryptoki_sys::{CK_OBJECT_HANDLE, CK_SESSION_HANDLE};

use super::Object;

/// All session objects (PKCS #11 3.2, section 4.4). They are visible to all sessions.
#[derive(Debug, Default)]
pub struct SessionObjects {
    objects: BTreeMap<CK_OBJECT_HANDLE, Created>,
    /// The handles by session, so that closing a session does not visit the objects of others.
    of_sessions: BTreeSet<(CK_SESSION_HANDLE, CK_OBJECT_HANDLE)>,
}

#[derive(Debug)]
struct Created {
    session: CK_SESSION_HANDLE,
    object: Arc<Object>,
}

impl SessionObjects {
    /// All objects with their handles, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = (CK_OBJECT_HANDLE, &Arc<Object>)> {
        let objects = self.objects.iter();
        objects.map(|(handle, created)| (*handle, &created.object))
    }

    /// Looks up an object by its handle.
    pub fn get(&self, handle: CK_OBJECT_HANDLE) -> Option<&Arc<Object>> {
        self.objects.get(&handle).map(|created| &created.object)
    }

    /// Adds an object to a session.
    pub fn insert(
        &mut self,
        handle: CK_OBJECT_HANDLE,
        session: CK_SESSION_HANDLE,
        object: Arc<Object>,
    ) {
        self.of_sessions.insert((session, handle));
        self.objects.insert(handle, Created { session, object });
    }

    /// Replaces an object, unless it has been destroyed.
    pub fn replace(&mut self, handle: CK_OBJECT_HANDLE, object: Arc<Object>) {
        if let Some(created) = self.objects.get_mut(&handle) {
            created.object = object;
        }
    }

    /// Destroys an object.
    pub fn remove(&mut self, handle: CK_OBJECT_HANDLE) {
        if let Some(created) = self.objects.remove(&handle) {
            self.of_sessions.remove(&(created.session, handle));
        }
    }

    /// Destroys the objects of a session.
    pub fn forget_session(&mut self, session: CK_SESSION_HANDLE) {
        let all = (session, 0)..=(session, CK_OBJECT_HANDLE::MAX);
        let own: Vec<_> = self.of_sessions.range(all).copied().collect();
        for (session, handle) in own {
            self.of_sessions.remove(&(session, handle));
            self.objects.remove(&handle);
        }
    }

    /// Destroys all private objects.
    pub fn forget_private(&mut self) {
        self.objects.retain(|_, created| created.object.is_public());
        let objects = &self.objects;
        self.of_sessions.retain(|(_, handle)| objects.contains_key(handle));
    }
}
