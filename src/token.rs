//! Slot 1 and its token: facts, login state, and what is visible in it.

use std::sync::Arc;

use cryptoki_sys::*;
use parking_lot::Mutex;

use crate::catalog::{Catalog, Snapshot};
use crate::config::{Config, Credentials};
use crate::error::{Error, Kind, Result};
use crate::logging::{self, Level};
use crate::object::{Attribute, Handles, Object, may_be_public};
use crate::signpath::{Cancellation, Client, Service, Transport};

/// The one slot.
pub const SLOT_ID: CK_SLOT_ID = 1;

/// The label of the token. gnupg-pkcs11-scd knows keys by this, the manufacturer, the model and
/// the serial number, so none of them may ever change.
pub const LABEL: &str = "SignPath";
/// The manufacturer of the token.
pub const MANUFACTURER: &str = "SignPath";
/// The model of the token.
pub const MODEL: &str = "Signing policies";
/// The serial number of the token.
pub const SERIAL_NUMBER: &str = "1";

/// The longest PIN that the token says it takes, in bytes.
pub const MAX_PIN_LENGTH: CK_ULONG = 4096;

/// How many names of signing policies a message lists.
const MAX_NAMES: usize = 10;

/// The flags of the token. PINs are credentials that it neither sets nor counts.
pub const FLAGS: CK_FLAGS = CKF_RNG
    | CKF_TOKEN_INITIALIZED
    | CKF_USER_PIN_INITIALIZED
    | CKF_LOGIN_REQUIRED
    | CKF_WRITE_PROTECTED;

/// The token, whose login state all sessions share.
pub struct Token {
    config: Config,
    transport: Arc<Transport>,
    /// Who is seen before login: the credentials of the configuration, if it has them.
    configured: Option<Arc<Identity>>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    user: Option<Arc<Identity>>,
    /// Who was logged in last, so that the next login with the same PIN asks nothing again.
    last_user: Option<Arc<Identity>>,
    handles: Handles,
    /// The name that was searched for last and is none of a signing policy.
    last_unknown: Option<Vec<u8>>,
}

/// A key that a caller named by its handle.
pub struct Key {
    /// What signs with it, if it is the key of a signing policy.
    pub service: Option<Arc<dyn Service>>,
    /// The object itself.
    pub object: Arc<Object>,
}

/// Credentials, a client with them, and what they give access to.
struct Identity {
    credentials: Credentials,
    service: Arc<dyn Service>,
    catalog: Catalog,
}

impl Identity {
    fn new(transport: &Arc<Transport>, config: &Config, credentials: Credentials) -> Arc<Self> {
        Arc::new(Self {
            service: Arc::new(Client::new(transport.clone(), config, &credentials)),
            credentials,
            catalog: Catalog::default(),
        })
    }

    fn snapshot(&self, cancellation: &Cancellation) -> Result<Arc<Snapshot>> {
        self.catalog.get(self.service.as_ref(), cancellation)
    }

    fn organization_id(&self) -> &str {
        &self.credentials.organization_id
    }
}

impl Token {
    /// A token that asks nothing yet.
    pub fn new(config: Config) -> Self {
        let transport = Arc::new(Transport::new(config.clone()));
        let configured = config
            .credentials()
            .map(|credentials| Identity::new(&transport, &config, credentials));
        Self {
            configured,
            config,
            transport,
            state: Mutex::default(),
        }
    }

    /// Whether a user is logged in.
    pub fn is_logged_in(&self) -> bool {
        self.state.lock().user.is_some()
    }

    /// Logs a user in, which is one request for the signing policies unless they are known.
    ///
    /// # Errors
    /// [`Kind::AlreadyLoggedIn`]; [`Kind::PinIncorrect`] for a PIN that brings no credentials and
    /// for credentials that the service refuses; those of the service.
    pub fn login(&self, pin: &[u8], cancellation: &Cancellation) -> Result<()> {
        self.check_logged_out()?;
        let credentials = Credentials::from_pin(pin, &self.config)?;
        let identity = self.identity(credentials);
        let snapshot = identity.snapshot(cancellation).map_err(pin_incorrect)?;
        self.check_logged_out()?;
        if snapshot.objects.is_empty() {
            self.warn_of_no_policies();
        }
        let mut state = self.state.lock();
        state.last_user = Some(identity.clone());
        state.user = Some(identity);
        Ok(())
    }

    fn check_logged_out(&self) -> Result<()> {
        if self.is_logged_in() {
            return Err(Error::new(
                Kind::AlreadyLoggedIn,
                "the user is logged in already",
            ));
        }
        Ok(())
    }

    fn identity(&self, credentials: Credentials) -> Arc<Identity> {
        let last_user = self.state.lock().last_user.clone();
        [self.configured.clone(), last_user]
            .into_iter()
            .flatten()
            .find(|identity| identity.credentials == credentials)
            .unwrap_or_else(|| Identity::new(&self.transport, &self.config, credentials))
    }

    fn warn_of_no_policies(&self) {
        let slug = |slug: &Option<String>| slug.clone().unwrap_or_else(|| "*".to_owned());
        logging::write(
            Level::Warning,
            format_args!(
                "no usable signing policy {}/{} in organization and token given; check ProjectSlug \
                 and SigningPolicySlug, and that the token's user is a Submitter",
                slug(&self.config.project_slug),
                slug(&self.config.signing_policy_slug)
            ),
        );
    }

    /// Logs the user out. Handles of private objects become invalid.
    ///
    /// # Errors
    /// [`Kind::NotLoggedIn`].
    pub fn logout(&self) -> Result<()> {
        let mut state = self.state.lock();
        state.handles.forget_private();
        match state.user.take() {
            Some(_) => Ok(()),
            None => Err(Error::new(Kind::NotLoggedIn, "no user is logged in")),
        }
    }

    /// The handles of the visible objects that match a template.
    ///
    /// Before login the list is that of the configured credentials, and only asked for if a public
    /// object could match. A list that cannot be had then is an empty one, since the PIN may bring
    /// other credentials.
    ///
    /// # Errors
    /// Those of the service, after login.
    pub fn find(
        &self,
        template: &[Attribute],
        cancellation: &Cancellation,
    ) -> Result<Vec<CK_OBJECT_HANDLE>> {
        let user = self.state.lock().user.clone();
        let (identity, snapshot) = match (user, &self.configured) {
            (Some(user), _) => {
                let snapshot = user.snapshot(cancellation)?;
                self.warn_of_unknown_name(&snapshot, template);
                (user, snapshot)
            }
            (None, Some(configured)) if may_be_public(template) => {
                match configured.snapshot(cancellation) {
                    Ok(snapshot) => (configured.clone(), snapshot),
                    Err(error) => {
                        cancellation.check()?;
                        logging::write(
                            Level::Warning,
                            format_args!("no objects can be shown before login: {error}"),
                        );
                        return Ok(Vec::new());
                    }
                }
            }
            (None, _) => return Ok(Vec::new()),
        };
        let mut state = self.state.lock();
        let sees_private = state.user.is_some();
        Ok(snapshot
            .objects
            .iter()
            .filter(|object| (sees_private || object.is_public()) && object.matches(template))
            .map(|object| state.handles.handle(identity.organization_id(), object))
            .collect())
    }

    /// Tells a user who mistyped the name of a key which names there are; a program that repeats
    /// its search is not told again.
    fn warn_of_unknown_name(&self, snapshot: &Snapshot, template: &[Attribute]) {
        let mut policies: Vec<_> = snapshot
            .objects
            .iter()
            .filter_map(|object| Some(object.policy()?.name.to_string()))
            .collect();
        policies.dedup();
        let unknown = template
            .iter()
            .filter(|wanted| matches!(wanted.id, CKA_ID | CKA_LABEL))
            .find(|wanted| !policies.iter().any(|name| name.as_bytes() == wanted.value));
        let Some(unknown) = unknown else { return };
        let last_unknown = self
            .state
            .lock()
            .last_unknown
            .replace(unknown.value.clone());
        if last_unknown.as_ref() == Some(&unknown.value) {
            return;
        }
        let more = match policies.len().checked_sub(MAX_NAMES) {
            Some(more @ 1..) => format!(" and {more} more"),
            _ => String::new(),
        };
        policies.truncate(MAX_NAMES);
        logging::write(
            Level::Warning,
            format_args!(
                "there is no signing policy {:?}, but {}{more}; a key is named \
                 ProjectSlug/SigningPolicySlug",
                String::from_utf8_lossy(&unknown.value),
                policies.join(", ")
            ),
        );
    }

    /// The visible object of a handle, from memory.
    ///
    /// # Errors
    /// [`Kind::ObjectHandle`].
    pub fn object(&self, handle: CK_OBJECT_HANDLE) -> Result<Arc<Object>> {
        self.visible(handle)
            .map(|(_, object)| object)
            .ok_or_else(|| {
                Error::new(
                    Kind::ObjectHandle,
                    format!("no visible object has the handle {handle}"),
                )
            })
    }

    /// The visible key of a handle, and the service that signs with it if it is a policy's.
    ///
    /// # Errors
    /// [`Kind::NotLoggedIn`], [`Kind::KeyHandle`].
    pub fn key(&self, handle: CK_OBJECT_HANDLE) -> Result<Key> {
        let visible = self.visible(handle).filter(|(_, object)| object.is_key());
        match visible {
            Some((identity, object)) => {
                let service = object.policy().map(|_| identity.service.clone());
                Ok(Key { service, object })
            }
            None if !self.is_logged_in() => Err(Error::new(
                Kind::NotLoggedIn,
                "private keys can be used only after C_Login; give the tool the PIN, which may be \
                 CONFIG",
            )),
            None => Err(no_key(handle)),
        }
    }

    /// The visible key of a handle, for what asks no service.
    ///
    /// # Errors
    /// [`Kind::KeyHandle`].
    pub fn visible_key(&self, handle: CK_OBJECT_HANDLE) -> Result<Arc<Object>> {
        match self.visible(handle) {
            Some((_, object)) if object.is_key() => Ok(object),
            _ => Err(no_key(handle)),
        }
    }

    fn visible(&self, handle: CK_OBJECT_HANDLE) -> Option<(Arc<Identity>, Arc<Object>)> {
        let state = self.state.lock();
        let identity = state.user.as_ref().or(self.configured.as_ref())?;
        let unique_id = state
            .handles
            .unique_id(handle, identity.organization_id())?;
        let snapshot = identity.catalog.known()?;
        let object = snapshot
            .objects
            .iter()
            .filter(|object| state.user.is_some() || object.is_public())
            .find(|object| object.unique_id() == unique_id)?;
        Some((identity.clone(), object.clone()))
    }
}

/// A service that does not accept the token means that the PIN is wrong.
fn pin_incorrect(error: Error) -> Error {
    match error.kind {
        Kind::ServiceUnauthorized => Error::new(Kind::PinIncorrect, error.reason),
        _ => error,
    }
}

fn no_key(handle: CK_OBJECT_HANDLE) -> Error {
    Error::new(
        Kind::KeyHandle,
        format!("no visible key has the handle {handle}"),
    )
}
