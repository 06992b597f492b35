//! A slot and its token: its properties, and the logged-in user.

mod identity;
mod objects;
mod unknown_names;

use std::sync::{Arc, Weak};

use cryptoki_sys::*;
use log::warn;

use crate::error::{Error, Kind, Result};
use crate::object::{Handles, Object, Options, SessionObjects};
use signpath_client::{Cancellation, Credentials, Threads, Transport};
use signpath_config::Config;
use signpath_config::token_info::TokenInfo;
use signpath_platform::lock::Mutex;

pub use identity::Identity;
use identity::RememberedPolicies;
pub use objects::Key;
pub use signpath_config::token_info::{MANUFACTURER, MODEL};
use unknown_names::UnknownNames;

/// The maximum length of a PIN, in bytes.
pub const MAX_PIN_LENGTH: CK_ULONG = signpath_config::token_info::MAX_PIN_LENGTH as CK_ULONG;

/// The flags that are always set.
const FLAGS: CK_FLAGS =
    CKF_RNG | CKF_TOKEN_INITIALIZED | CKF_USER_PIN_INITIALIZED | CKF_WRITE_PROTECTED;

/// A token, whose login state is shared by all its sessions.
pub struct Token {
    /// Whether the application allows threads.
    pub threads: Threads,
    config: Config,
    transport: Arc<Transport>,
    options: Arc<Options>,
    /// The profile objects, which are always visible.
    profiles: Vec<Arc<Object>>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The identity used before login: the configured credentials, if any. Their API token stays
    /// in memory with the configuration, until C_Finalize.
    configured: Option<Arc<Identity>>,
    /// The identity with a new API token of the configuration. It replaces `configured` when SignPath has responded to it; until
    /// then, handles refer to the objects of that.
    next: Option<Arc<Identity>>,
    user: Option<Arc<Identity>>,
    /// All identities in use, including those about to log in.
    identities: Vec<Weak<Identity>>,
    /// What is remembered of the last user, so that the next login with the same PIN needs no
    /// request although logout discards the API token.
    remembered: Option<RememberedPolicies>,
    /// Whether a PIN has been refused since the last successful login.
    pin_was_refused: bool,
    handles: Handles,
    session_objects: SessionObjects,
    unknown_names: UnknownNames,
}

/// The arguments of C_Login or C_LoginUser.
#[derive(Clone, Copy)]
pub struct Login<'a> {
    /// The organization ID, or empty.
    pub username: &'a [u8],
    /// The PIN.
    pub pin: &'a [u8],
}

/// An authenticated user who is not logged in yet.
pub struct User(Arc<Identity>);

impl Token {
    /// Creates the token. Does not use the network.
    ///
    /// # Errors
    /// [`Kind::Configuration`] if the chain certificates cannot be read.
    pub fn new(config: Config, threads: Threads) -> Result<Self> {
        let options = Arc::new(Options::new(&config)?);
        let transport = Arc::new(Transport::new(config.client_options.clone(), threads));
        let configured = config
            .credentials()?
            .map(|credentials| Identity::new(&transport, &config, &options, credentials));
        if !config.login_required && configured.is_none() {
            warn!(
                "{}Cryptoki.LoginRequired has no effect without OrganizationId and ApiToken, so a login \
                     is required; set both",
                config.message_prefix()
            );
        }
        Ok(Self {
            threads,
            profiles: profiles(configured.is_some()),
            config,
            options,
            transport,
            state: Mutex::new(State { configured, ..State::default() }),
        })
    }

    /// The ID of its slot.
    pub fn slot_id(&self) -> CK_SLOT_ID {
        CK_SLOT_ID::from(self.config.token.slot_id)
    }

    /// How it identifies itself.
    pub fn info(&self) -> &TokenInfo {
        &self.config.token
    }

    /// Whether a user is logged in.
    pub fn is_logged_in(&self) -> bool {
        self.state.lock().user.is_some()
    }

    /// The flags of the token (PKCS #11 3.2, section 3.2). A PIN holds credentials that the token
    /// neither sets nor counts attempts of, so it is never locked.
    pub fn flags(&self) -> CK_FLAGS {
        let login_required = match self.is_open() {
            false => CKF_LOGIN_REQUIRED,
            true => 0,
        };
        let count_low = match self.state.lock().pin_was_refused {
            true => CKF_USER_PIN_COUNT_LOW,
            false => 0,
        };
        FLAGS | login_required | count_low
    }

    /// Whether the configured credentials may sign without a login.
    fn is_open(&self) -> bool {
        !self.options.private_keys_need_login
    }

    /// The configured credentials, with the API token re-read from its file. If the file cannot be
    /// read, for example while it is being replaced, the previous API token is used.
    fn configured(&self) -> Option<Arc<Identity>> {
        let known = self.state.lock().configured.clone()?;
        match self.config.credentials() {
            Ok(Some(credentials)) if credentials != known.credentials => {
                let identity = self.identity(credentials);
                self.state.lock().next = Some(identity.clone());
                Some(identity)
            }
            _ => Some(known),
        }
    }

    /// Whether the configuration forbids read/write sessions.
    pub fn refuses_read_write_sessions(&self) -> bool {
        !self.config.do_not_fail_on_read_write_sessions
    }

    /// Authenticates a user. This sends one request for the signing policies unless they are
    /// cached.
    ///
    /// # Errors
    /// [`Kind::AlreadyLoggedIn`]; [`Kind::PinIncorrect`] for a PIN that yields no credentials, and
    /// for credentials that SignPath refuses; other errors of SignPath.
    pub fn authenticate(&self, login: &Login, cancellation: &Cancellation) -> Result<User> {
        self.check_logged_out()?;
        let user = self.user(login, cancellation);
        if matches!(&user, Err(error) if error.kind == Kind::PinIncorrect) {
            self.state.lock().pin_was_refused = true;
        }
        user
    }

    fn user(&self, login: &Login, cancellation: &Cancellation) -> Result<User> {
        let credentials = self.config.credentials_of_login(login.username, login.pin)?;
        let identity = self.identity(credentials);
        let snapshot = identity.catalog.get(cancellation).map_err(pin_incorrect)?;
        if snapshot.policies().next().is_none() {
            self.warn_of_no_policies(&identity);
        }
        Ok(User(identity))
    }

    /// Logs in an authenticated user.
    ///
    /// # Errors
    /// [`Kind::AlreadyLoggedIn`] if another thread was faster.
    pub fn log_in(&self, user: User) -> Result<()> {
        let mut state = self.state.lock();
        if state.user.is_some() {
            return Err(already_logged_in());
        }
        state.adopt(&user.0);
        state.user = Some(user.0);
        state.pin_was_refused = false;
        Ok(())
    }

    fn check_logged_out(&self) -> Result<()> {
        if self.is_logged_in() {
            return Err(already_logged_in());
        }
        Ok(())
    }

    /// The identity with these credentials: an existing one, so that concurrent logins share a
    /// request, or a new one, which is given what is remembered of the last user.
    fn identity(&self, credentials: Credentials) -> Arc<Identity> {
        let mut state = self.state.lock();
        if let Some(known) = state.identity(&credentials) {
            return known;
        }
        let remembered = state.remembered.clone();
        drop(state);
        // Creating it reads files, so it happens without the lock, even if it may not be needed.
        let new = Identity::new(&self.transport, &self.config, &self.options, credentials);
        if let Some(remembered) = remembered {
            remembered.restore_to(&new);
        }
        state = self.state.lock();
        if let Some(known) = state.identity(&new.credentials) {
            return known;
        }
        state.identities.retain(|known| known.strong_count() > 0);
        state.identities.push(Arc::downgrade(&new));
        new
    }

    fn warn_of_no_policies(&self, identity: &Identity) {
        let slug = |slug: &Option<String>| {
            let slug = slug.as_deref().unwrap_or("*");
            identity.masked(slug)
        };
        warn!(
            "{}no usable signing policy {}/{}; check ProjectSlug and SigningPolicySlug, and that the \
                 user of the API token is a Submitter",
            self.config.message_prefix(),
            slug(&self.config.client_options.project_slug),
            slug(&self.config.client_options.signing_policy_slug)
        );
    }

    /// Logs the user out. Invalidates the handles of private objects and destroys private session
    /// objects (PKCS #11 3.2, section 5.6.10).
    ///
    /// # Errors
    /// [`Kind::NobodyToLogOut`].
    pub fn logout(&self) -> Result<()> {
        let mut state = self.state.lock();
        state.handles.forget_private();
        state.session_objects.forget_private();
        let Some(user) = state.user.take() else {
            return Err(Error::new(Kind::NobodyToLogOut, "no user is logged in"));
        };
        let is_configured = |configured: &Arc<Identity>| Arc::ptr_eq(configured, &user);
        if !state.configured.as_ref().is_some_and(is_configured) {
            state.remembered = RememberedPolicies::of(&user);
            drop(state);
            self.transport.close_connections();
        }
        Ok(())
    }
}

impl State {
    /// Uses this identity before login if it has the new API token of the configuration.
    fn adopt(&mut self, identity: &Arc<Identity>) {
        if let Some(next) = self.next.take_if(|next| Arc::ptr_eq(next, identity)) {
            self.configured = Some(next);
        }
    }

    /// The identity with these credentials.
    fn identity(&self, credentials: &Credentials) -> Option<Arc<Identity>> {
        let others = self.identities.iter().filter_map(Weak::upgrade);
        let mut all = self.configured.iter().cloned().chain(others);
        all.find(|identity| identity.credentials == *credentials)
    }
}

/// The profiles that the token conforms to (PKCS #11 Profiles 3.2, section 5). Certificates can be
/// found without a login only if the configuration has credentials, and the claim refers to those:
/// all of their certificates are public. A PIN for another organization adds objects that cannot be
/// known beforehand.
fn profiles(shows_certificates: bool) -> Vec<Arc<Object>> {
    let profiles = [
        ("Baseline Provider", CKP_BASELINE_PROVIDER, true),
        ("Extended Provider", CKP_EXTENDED_PROVIDER, true),
        ("Authentication Token", CKP_AUTHENTICATION_TOKEN, true),
        ("Public Certificates Token", CKP_PUBLIC_CERTIFICATES_TOKEN, shows_certificates),
    ];
    profiles
        .into_iter()
        .filter(|(.., holds)| *holds)
        .map(|(name, id, _)| Arc::new(Object::profile(name, id)))
        .collect()
}

fn already_logged_in() -> Error {
    Error::new(Kind::AlreadyLoggedIn, "the user is already logged in")
}

/// If SignPath does not accept the API token, the PIN was wrong.
fn pin_incorrect(error: Error) -> Error {
    match error.kind {
        Kind::ServiceUnauthorized => Error::new(Kind::PinIncorrect, error.reason),
        _ => error,
    }
}
