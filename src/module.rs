//! The state of the module between C_Initialize and C_Finalize, one per process.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use cryptoki_sys::*;

use crate::error::{CancellationReason, Error, Kind, Result};
use crate::object::Attribute;
use crate::per_process::PerProcess;
use crate::session::Session;
use crate::token::{Login, Token};
use signpath_client::Threads;
use signpath_config::Config;
use signpath_crypto::Certificate;
use signpath_platform::fork;
use signpath_platform::lock::{Condvar, Mutex, RwLock};

/// The state of one process after C_Initialize.
pub struct Module {
    /// The tokens, in the order of their slots; at least one.
    tokens: Vec<Arc<Token>>,
    sessions: Mutex<Sessions>,
    end: Finalization,
}

#[derive(Default)]
struct Sessions {
    open: HashMap<CK_SESSION_HANDLE, Arc<Session>>,
}

/// The most recent session handle. It keeps counting across C_Finalize and in a forked child, so
/// that an old handle never refers to a new session.
static LAST_SESSION: AtomicUsize = AtomicUsize::new(0);

/// Lets C_WaitForSlotEvent wait for C_Finalize.
#[derive(Default)]
struct Finalization {
    is_finalized: Mutex<bool>,
    changed: Condvar,
}

impl Finalization {
    fn announce(&self) {
        *self.is_finalized.lock() = true;
        self.changed.notify_all();
    }

    fn wait(&self) {
        let mut is_finalized = self.is_finalized.lock();
        while !*is_finalized {
            is_finalized = self.changed.wait(is_finalized);
        }
    }
}

impl Sessions {
    /// The sessions with a token.
    fn with<'a>(&'a self, token: &'a Token) -> impl Iterator<Item = &'a Arc<Session>> {
        let sessions = self.open.values();
        sessions.filter(move |session| session.is_with(token))
    }

    /// Closes the sessions that `wanted` names; calls in them that are waiting for SignPath fail with `reason`.
    fn close(&mut self, reason: &Error, wanted: impl Fn(&Session) -> bool) {
        self.open.retain(|_, session| {
            let closes = wanted(session);
            if closes {
                let reason = CancellationReason(reason.clone());
                session.cancellation().cancel(reason);
            }
            !closes
        });
    }
}

/// How many sessions with a token are open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionCount {
    /// All open sessions.
    pub all: usize,
    /// Sessions opened with CKF_RW_SESSION.
    pub read_write: usize,
}

impl Module {
    /// Reads the configuration, starts logging and sets up the module. Does not use the network.
    ///
    /// # Errors
    /// [`Kind::AlreadyInitialized`], [`Kind::Configuration`].
    pub fn initialize(threads: Threads) -> Result<()> {
        let own = own();
        let already =
            || Error::new(Kind::AlreadyInitialized, "C_Initialize has already been called");
        if own.read().is_some() {
            return Err(already());
        }
        Certificate::prepare();
        let configs = Config::load_tokens_and_log()?;
        configs.iter().for_each(Config::log_notices);
        let tokens = configs.into_iter();
        let tokens = tokens.map(|config| Ok(Arc::new(Token::new(config, threads)?)));
        let module = Arc::new(Self {
            tokens: tokens.collect::<Result<_>>()?,
            sessions: Mutex::default(),
            end: Finalization::default(),
        });
        let mut current = own.write();
        if current.is_some() {
            return Err(already());
        }
        *current = Some(module);
        Ok(())
    }

    /// Drops all state and ends calls of other threads that are waiting for SignPath.
    ///
    /// # Errors
    /// [`Kind::NotInitialized`].
    pub fn finalize() -> Result<()> {
        let module = own().write().take();
        match module {
            Some(module) => {
                module.sessions.lock().close(&not_initialized(), |_| true);
                module.end.announce();
                Ok(())
            }
            None => Err(not_initialized()),
        }
    }

    /// The module of this process.
    ///
    /// # Errors
    /// [`Kind::NotInitialized`], also in a forked child that has not called C_Initialize.
    pub fn current() -> Result<Arc<Self>> {
        own().read().clone().ok_or_else(not_initialized)
    }

    /// Waits for a slot event. There are none, so it waits until C_Finalize.
    ///
    /// # Errors
    /// Always [`Kind::NotInitialized`].
    pub fn wait_for_slot_event(&self) -> Result<()> {
        self.end.wait();
        Err(not_initialized())
    }

    /// The tokens, in the order of their slots.
    pub fn tokens(&self) -> &[Arc<Token>] {
        &self.tokens
    }

    /// The token in a slot.
    ///
    /// # Errors
    /// [`Kind::SlotId`].
    pub fn token(&self, slot_id: CK_SLOT_ID) -> Result<&Arc<Token>> {
        let mut tokens = self.tokens.iter();
        tokens.find(|token| token.slot_id() == slot_id).ok_or_else(|| {
            let known = match &self.tokens[..] {
                [first, .., last] => {
                    format!("the slot IDs are {} to {}", first.slot_id(), last.slot_id())
                }
                [only] => format!("the only slot ID is {}", only.slot_id()),
                [] => "there is none".to_owned(),
            };
            Error::new(Kind::SlotId, format!("no slot {slot_id}; {known}"))
        })
    }

    /// Opens a session with a token and returns its handle. Handles are never reused.
    pub fn open_session(&self, token: &Arc<Token>, is_read_write: bool) -> CK_SESSION_HANDLE {
        let handle = LAST_SESSION.fetch_add(1, Ordering::Relaxed) as CK_SESSION_HANDLE + 1;
        let session = Arc::new(Session::new(token.clone(), is_read_write));
        self.sessions.lock().open.insert(handle, session);
        handle
    }

    /// Looks up a session by its handle.
    ///
    /// # Errors
    /// [`Kind::SessionHandle`].
    pub fn session(&self, handle: CK_SESSION_HANDLE) -> Result<Arc<Session>> {
        self.sessions.lock().open.get(&handle).cloned().ok_or_else(|| no_session(handle))
    }

    /// Closes a session and destroys its objects. Closing the last session with a token logs its user
    /// out (PKCS #11 3.2, section 5.6.2).
    ///
    /// # Errors
    /// [`Kind::SessionHandle`].
    pub fn close_session(&self, handle: CK_SESSION_HANDLE) -> Result<()> {
        let mut sessions = self.sessions.lock();
        let session = sessions.open.remove(&handle);
        let session = session.ok_or_else(|| no_session(handle))?;
        let reason = CancellationReason(session_closed());
        session.cancellation().cancel(reason);
        // Keep the lock, or a session opened and logged in by another thread would be logged out.
        session.token.destroy_objects_of(handle);
        if sessions.with(&session.token).next().is_none() {
            logout_if_logged_in(&session.token);
        }
        Ok(())
    }

    /// Closes all sessions with a token and logs its user out.
    pub fn close_all_sessions(&self, token: &Token) {
        let mut sessions = self.sessions.lock();
        token.destroy_session_objects();
        sessions.close(&session_closed(), |session| session.is_with(token));
        logout_if_logged_in(token);
    }

    /// Logs a user in for all sessions with the token of this one. This sends one request for the
    /// signing policies unless they are cached.
    ///
    /// # Errors
    /// [`Kind::SessionHandle`], [`Kind::SessionClosed`], and those of [`Token::authenticate`] and
    /// [`Token::log_in`].
    pub fn login(&self, handle: CK_SESSION_HANDLE, login: &Login) -> Result<()> {
        let session = self.session(handle)?;
        let user = session.token.authenticate(login, session.cancellation())?;
        let sessions = self.sessions.lock();
        if !sessions.open.contains_key(&handle) {
            return Err(session_closed());
        }
        session.token.log_in(user)
    }

    /// Creates an object that is destroyed with its session.
    ///
    /// # Errors
    /// [`Kind::SessionHandle`], and those of [`Token::create_object`].
    pub fn create_object(
        &self,
        session: CK_SESSION_HANDLE,
        template: &[Attribute],
    ) -> Result<CK_OBJECT_HANDLE> {
        self.in_open_session(session, |token| token.create_object(session, template))
    }

    /// Copies a session object. The copy is destroyed with its session.
    ///
    /// # Errors
    /// [`Kind::SessionHandle`], and those of [`Token::copy_object`].
    pub fn copy_object(
        &self,
        session: CK_SESSION_HANDLE,
        object: CK_OBJECT_HANDLE,
        changes: &[Attribute],
    ) -> Result<CK_OBJECT_HANDLE> {
        self.in_open_session(session, |token| token.copy_object(session, object, changes))
    }

    /// Runs `act`, which must not use the network, while keeping the session from being closed.
    fn in_open_session<T>(
        &self,
        handle: CK_SESSION_HANDLE,
        act: impl FnOnce(&Token) -> Result<T>,
    ) -> Result<T> {
        let sessions = self.sessions.lock();
        let session = sessions.open.get(&handle);
        act(&session.ok_or_else(|| no_session(handle))?.token)
    }

    /// Logs the user of a token out and ends private key operations in all its sessions. A signing
    /// request already under way completes, counts in SignPath, and its signature is still returned to
    /// the caller.
    ///
    /// # Errors
    /// [`Kind::NobodyToLogOut`].
    pub fn logout(&self, token: &Token) -> Result<()> {
        // Keep the lock, or the operations of a user who logs in at the same time would end too.
        let sessions = self.sessions.lock();
        token.logout()?;
        for session in sessions.with(token) {
            session.end_login();
        }
        Ok(())
    }

    /// Counts the open sessions with a token.
    pub fn session_count(&self, token: &Token) -> SessionCount {
        let sessions = self.sessions.lock();
        let read_write = |session: &&Arc<Session>| session.is_read_write;
        SessionCount {
            all: sessions.with(token).count(),
            read_write: sessions.with(token).filter(read_write).count(),
        }
    }
}

fn logout_if_logged_in(token: &Token) {
    // It fails only if nobody is logged in.
    let _ = token.logout();
}

/// The module of this process, if it has called C_Initialize.
fn own() -> &'static RwLock<Option<Arc<Module>>> {
    static MODULES: PerProcess<RwLock<Option<Arc<Module>>>> = PerProcess::new();
    MODULES.of(fork::generation())
}

fn not_initialized() -> Error {
    Error::new(Kind::NotInitialized, "C_Initialize has not been called in this process")
}

fn session_closed() -> Error {
    Error::new(Kind::SessionClosed, "the session was closed during the call")
}

fn no_session(handle: CK_SESSION_HANDLE) -> Error {
    Error::new(
        Kind::SessionHandle,
        format!("invalid session handle {handle}: the session was closed or never opened"),
    )
}
