//! The visibility of objects.

use std::sync::Arc;

use cryptoki_sys::*;
use log::warn;

use super::identity::Identity;
use super::{State, Token};
use crate::catalog::Snapshot;
use crate::error::{Error, Kind, Result};
use crate::object::{Attribute, Object, SessionObjects, may_match_policy};
use crate::operation::SigningService;
use signpath_client::Cancellation;

/// The maximum number of signing policies that a message lists.
const MAX_NAMES: usize = 10;

/// The maximum length of a name that a warning repeats, in bytes. Longer ones are not typing
/// errors.
const MAX_NAME_LENGTH: usize = 256;

/// A key looked up by its handle.
pub struct Key {
    /// Signs with the key, if it belongs to a signing policy.
    pub service: Option<Arc<dyn SigningService>>,
    /// The object itself.
    pub object: Arc<Object>,
}

impl Token {
    /// The handles of the visible objects that match a template.
    ///
    /// Requests the signing policies only if one of their objects could match. Before login, the
    /// configured credentials are used; if they yield no list soon, it counts as empty, since the
    /// PIN may supply other credentials. An application that enumerates all tokens of a machine
    /// without network must not hang.
    ///
    /// # Errors
    /// Those of SignPath, after login or if no login is required.
    pub fn find(
        &self,
        template: &[Attribute],
        cancellation: &Cancellation,
    ) -> Result<Vec<CK_OBJECT_HANDLE>> {
        let of_policies = self.snapshot(template, cancellation)?;
        let mut state = self.state.lock();
        let sees_private = state.user.is_some();
        let wanted = |object: &&Arc<Object>| sees_private || object.is_public();
        let matches = |object: &&Arc<Object>| object.matches(template);
        let mut found: Vec<_> = self
            .profiles
            .iter()
            .filter(matches)
            .map(|object| state.handles.handle(None, object))
            .collect();
        if let Some((identity, snapshot)) = &of_policies {
            let organization_id = Some(identity.organization_id());
            let objects = snapshot.matching(template).filter(wanted);
            found.extend(objects.map(|object| state.handles.handle(organization_id, object)));
        }
        let session_objects = state.session_objects.iter();
        found.extend(
            session_objects
                .filter(|(_, object)| wanted(object) && matches(object))
                .map(|(handle, _)| handle),
        );
        Ok(found)
    }

    /// Whether a handle returned by a search is still valid. It is not if the object has been
    /// destroyed, or is private and the user has logged out.
    pub fn is_valid(&self, handle: CK_OBJECT_HANDLE) -> bool {
        let state = self.state.lock();
        state.handles.contains(handle) || state.session_objects.get(handle).is_some()
    }

    fn snapshot(
        &self,
        template: &[Attribute],
        cancellation: &Cancellation,
    ) -> Result<Option<(Arc<Identity>, Arc<Snapshot>)>> {
        let user = self.state.lock().user.clone();
        let is_certain = user.is_some() || self.is_open();
        if !may_match_policy(template, is_certain) {
            return Ok(None);
        }
        let Some(identity) = user.or_else(|| self.configured()) else {
            return Ok(None);
        };
        let catalog = &identity.catalog;
        let known = match is_certain {
            true => catalog.get(cancellation).map(Some),
            false => catalog.get_if_quick(cancellation),
        };
        let snapshot = match known {
            Ok(None) => return Ok(None),
            Ok(Some(known)) => match self.unknown_name(&known, template) {
                // SignPath may have a policy of that name even if the list on disk does not.
                Some(_) => catalog.confirmed(cancellation),
                // The certificate may have been renewed.
                None if known.finds_expired(template) => catalog.confirmed(cancellation),
                None => Ok(known),
            },
            Err(error) => Err(error),
        };
        if !matches!(&snapshot, Err(error) if error.kind != Kind::ServiceUnauthorized) {
            self.state.lock().adopt(&identity);
        }
        match snapshot {
            Ok(snapshot) => {
                if is_certain {
                    self.warn_of_unknown_name(&identity, &snapshot, template);
                }
                Ok(Some((identity, snapshot)))
            }
            Err(error) if is_certain => Err(error),
            Err(error) => {
                cancellation.check()?;
                warn!("{}cannot show objects before login: {error}", self.config.message_prefix());
                Ok(None)
            }
        }
    }

    /// Tells a user who mistyped the name of a key which names exist.
    fn warn_of_unknown_name(
        &self,
        identity: &Identity,
        snapshot: &Snapshot,
        template: &[Attribute],
    ) {
        let Some(unknown) = self
            .unknown_name(snapshot, template)
            .and_then(|unknown| unknown.up_to(MAX_NAME_LENGTH))
        else {
            return;
        };
        if !self.state.lock().unknown_names.should_report(unknown) {
            return;
        }
        let policies = snapshot.policies();
        let mut policies: Vec<_> = policies.map(|policy| policy.name.to_string()).collect();
        policies.dedup();
        let more = match policies.len().checked_sub(MAX_NAMES) {
            Some(more @ 1..) => format!(" and {more} more"),
            _ => String::new(),
        };
        policies.truncate(MAX_NAMES);
        let others = match policies.as_slice() {
            [] => "cannot sign with any".to_owned(),
            some => format!("can sign with {}{more}", identity.masked(&some.join(", "))),
        };
        warn!(
            "{}no signing policy {} (keys are named ProjectSlug/SigningPolicySlug); the user of the API \
                 token {others}",
            self.config.message_prefix(),
            // Programs that do not know PKCS #11 URIs search for a whole one, with its PIN.
            identity.masked(&legible(unknown)),
        );
    }

    /// The first name in the template that no object has.
    fn unknown_name<'t, 'a>(
        &self,
        snapshot: &Snapshot,
        template: &'t [Attribute<'a>],
    ) -> Option<&'t Attribute<'a>> {
        template
            .iter()
            .filter(|wanted| matches!(wanted.id, CKA_ID | CKA_LABEL))
            .find(|wanted| !self.is_known(snapshot, wanted))
    }

    fn is_known(&self, snapshot: &Snapshot, wanted: &Attribute) -> bool {
        let has = |object: &Arc<Object>| object.matches(std::slice::from_ref(wanted));
        let session_objects = &self.state.lock().session_objects;
        snapshot.matching(std::slice::from_ref(wanted)).next().is_some()
            || self.profiles.iter().any(has)
            || session_objects.iter().any(|(_, object)| has(object))
    }

    /// The visible object of a handle. Does not use the network.
    ///
    /// # Errors
    /// [`Kind::ObjectHandle`].
    pub fn object(&self, handle: CK_OBJECT_HANDLE) -> Result<Arc<Object>> {
        match self.visible(handle) {
            Some(Visible { object, .. }) => Ok(object),
            None => Err(no_object(handle)),
        }
    }

    /// The visible key of a handle, and the service that signs with it if it belongs to a policy.
    ///
    /// # Errors
    /// [`Kind::NotLoggedIn`], [`Kind::KeyHandle`].
    pub fn key(&self, handle: CK_OBJECT_HANDLE) -> Result<Key> {
        match self.visible(handle) {
            Some(Visible { object, identity }) if object.is_key() => Ok(Key {
                service: identity.map(|identity| identity as Arc<dyn SigningService>),
                object,
            }),
            None if !self.is_logged_in() && !self.is_open() => Err(Error::new(
                Kind::NotLoggedIn,
                "private keys require C_Login; configure the tool with a PIN, such as CONFIG",
            )),
            _ => Err(no_key(handle)),
        }
    }

    /// The visible key of a handle, for local use.
    ///
    /// # Errors
    /// [`Kind::KeyHandle`].
    pub fn visible_key(&self, handle: CK_OBJECT_HANDLE) -> Result<Arc<Object>> {
        match self.visible(handle) {
            Some(Visible { object, .. }) if object.is_key() => Ok(object),
            _ => Err(no_key(handle)),
        }
    }

    fn visible(&self, handle: CK_OBJECT_HANDLE) -> Option<Visible> {
        self.visible_in(&self.state.lock(), handle)
    }

    fn visible_in(&self, state: &State, handle: CK_OBJECT_HANDLE) -> Option<Visible> {
        if let Some(object) = state.session_objects.get(handle) {
            let visible = state.user.is_some() || object.is_public();
            return visible.then(|| Visible { object: object.clone(), identity: None });
        }
        if let Some((unique_id, _)) = state.handles.object(handle, None) {
            let mut profiles = self.profiles.iter();
            let object = profiles.find(|object| **object.unique_id() == *unique_id)?;
            return Some(Visible { object: object.clone(), identity: None });
        }
        let identity = state.user.as_ref().or(state.configured.as_ref())?;
        let organization_id = Some(identity.organization_id());
        let (unique_id, policy) = state.handles.object(handle, organization_id)?;
        let snapshot = identity.catalog.known()?;
        let object = snapshot.with_unique_id(unique_id, policy)?.clone();
        (state.user.is_some() || object.is_public())
            .then(|| Visible { identity: object.policy().map(|_| identity.clone()), object })
    }

    /// Creates a session object (PKCS #11 3.2, section 5.7.1).
    ///
    /// # Errors
    /// [`Kind::TokenWriteProtected`] for a token object, [`Kind::NotLoggedIn`] for a private one
    /// before login, and those of `Object::from_template`.
    pub fn create_object(
        &self,
        session: CK_SESSION_HANDLE,
        template: &[Attribute],
    ) -> Result<CK_OBJECT_HANDLE> {
        self.add_session_object(session, |unique_id| Object::from_template(template, unique_id))
    }

    /// Copies a session object (PKCS #11 3.2, section 5.7.2).
    ///
    /// # Errors
    /// [`Kind::ObjectHandle`], [`Kind::ActionProhibited`], and those of [`Token::create_object`].
    pub fn copy_object(
        &self,
        session: CK_SESSION_HANDLE,
        handle: CK_OBJECT_HANDLE,
        changes: &[Attribute],
    ) -> Result<CK_OBJECT_HANDLE> {
        let object = self.object(handle)?;
        object.allows(CKA_COPYABLE)?;
        self.add_session_object(session, |unique_id| object.copied(changes, unique_id))
    }

    fn add_session_object(
        &self,
        session: CK_SESSION_HANDLE,
        make: impl FnOnce(String) -> Result<Object>,
    ) -> Result<CK_OBJECT_HANDLE> {
        let handle = crate::object::unused_handle();
        let object = make(format!("session object {handle}"))?;
        let mut state = self.state.lock();
        if !object.is_public() && state.user.is_none() {
            return Err(Error::new(
                Kind::NotLoggedIn,
                "private objects can only be created after C_Login",
            ));
        }
        state.session_objects.insert(handle, session, Arc::new(object));
        Ok(handle)
    }

    /// Changes attributes of a session object (PKCS #11 3.2, section 5.7.6).
    ///
    /// # Errors
    /// [`Kind::ObjectHandle`], [`Kind::ActionProhibited`], and those of `Object::changed`.
    pub fn change_object(&self, handle: CK_OBJECT_HANDLE, changes: &[Attribute]) -> Result<()> {
        self.with_own_object(handle, CKA_MODIFIABLE, |state, object| {
            let changed = object.changed(changes)?;
            state.session_objects.replace(handle, Arc::new(changed));
            Ok(())
        })
    }

    /// Destroys a session object (PKCS #11 3.2, section 5.7.3).
    ///
    /// # Errors
    /// [`Kind::ObjectHandle`]; [`Kind::ActionProhibited`] for token objects, and for those created
    /// so that they cannot be destroyed.
    pub fn destroy_object(&self, handle: CK_OBJECT_HANDLE) -> Result<()> {
        self.with_own_object(handle, CKA_DESTROYABLE, |state, _| {
            state.session_objects.remove(handle);
            Ok(())
        })
    }

    /// Runs an action on an object under a single lock, so that of two concurrent calls one sees
    /// the effect of the other.
    fn with_own_object(
        &self,
        handle: CK_OBJECT_HANDLE,
        permission: CK_ATTRIBUTE_TYPE,
        act: impl FnOnce(&mut State, &Object) -> Result<()>,
    ) -> Result<()> {
        let mut state = self.state.lock();
        let Some(Visible { object, .. }) = self.visible_in(&state, handle) else {
            return Err(no_object(handle));
        };
        object.allows(permission)?;
        act(&mut state, &object)
    }

    /// Destroys all session objects, because all sessions are closed.
    pub fn destroy_session_objects(&self) {
        self.state.lock().session_objects = SessionObjects::default();
    }

    /// Destroys the objects of a session that is closed.
    pub fn destroy_objects_of(&self, session: CK_SESSION_HANDLE) {
        self.state.lock().session_objects.forget_session(session);
    }
}

/// A visible object, and its owner if it belongs to a signing policy.
struct Visible {
    object: Arc<Object>,
    identity: Option<Arc<Identity>>,
}

/// A name from a search: quoted, or in hexadecimal if it is binary, such as the hash of a public
/// key, which NSS searches for as CKA_ID.
fn legible(name: &[u8]) -> String {
    match std::str::from_utf8(name) {
        Ok(text) if !text.chars().any(char::is_control) => format!("{text:?}"),
        _ => format!("0x{}", base16ct::lower::encode_string(name)),
    }
}

fn no_object(handle: CK_OBJECT_HANDLE) -> Error {
    Error::new(
        Kind::ObjectHandle,
        format!(
            "invalid object handle {handle}: the object was destroyed, or is from an earlier login; \
             search for it again"
        ),
    )
}

fn no_key(handle: CK_OBJECT_HANDLE) -> Error {
    Error::new(
        Kind::KeyHandle,
        format!(
            "invalid key handle {handle}: not a key, or from an earlier login; search for the key \
             again"
        ),
    )
}

#[cfg(test)]
mod tests;
