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
use signpath_platform::fork;
use signpath_platform::lock::{Condvar, Mutex, RwLock};

/// The state of one process after C_Initialize.
pub struct Module {
    /// The only token.
    pub token: Token,
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
    /// Closes all sessions; calls in them that are waiting for SignPath fail with `reason`.
    fn close_all(&mut self, reason: &Error) {
        for (_, session) in self.open.drain() {
            session
                .cancellation()
                .cancel(CancellationReason(reason.clone()));
        }
    }
}

/// How many sessions are open.
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
        let already = || {
            Error::new(
                Kind::AlreadyInitialized,
                "C_Initialize has already been called",
            )
        };
        if own.read().is_some() {
            return Err(already());
        }
        let config = Config::load_and_log()?;
        config.log_notices();
        let module = Arc::new(Self {
            token: Token::new(config, threads)?,
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
                module.sessions.lock().close_all(&not_initialized());
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

    /// Opens a session and returns its handle. Handles are never reused.
    pub fn open_session(&self, is_read_write: bool) -> CK_SESSION_HANDLE {
        let handle = LAST_SESSION.fetch_add(1, Ordering::Relaxed) as CK_SESSION_HANDLE + 1;
        let session = Arc::new(Session::new(is_read_write));
        self.sessions.lock().open.insert(handle, session);
        handle
    }

    /// Looks up a session by its handle.
    ///
    /// # Errors
    /// [`Kind::SessionHandle`].
    pub fn session(&self, handle: CK_SESSION_HANDLE) -> Result<Arc<Session>> {
        self.sessions
            .lock()
            .open
            .get(&handle)
            .cloned()
            .ok_or_else(|| no_session(handle))
    }

    /// Closes a session and destroys its objects. Closing the last session logs the user out
    /// (PKCS #11 3.2, section 5.6.2).
    ///
    /// # Errors
    /// [`Kind::SessionHandle`].
    pub fn close_session(&self, handle: CK_SESSION_HANDLE) -> Result<()> {
        let mut sessions = self.sessions.lock();
        let session = sessions.open.remove(&handle);
        session
            .ok_or_else(|| no_session(handle))?
            .cancellation()
            .cancel(CancellationReason(session_closed()));
        // Keep the lock, or a session opened and logged in by another thread would be logged out.
        self.token.destroy_objects_of(handle);
        if sessions.open.is_empty() {
            self.logout_if_logged_in();
        }
        Ok(())
    }

    /// Closes all sessions and logs the user out.
    pub fn close_all_sessions(&self) {
        let mut sessions = self.sessions.lock();
        self.token.destroy_session_objects();
        sessions.close_all(&session_closed());
        self.logout_if_logged_in();
    }

    /// Logs a user in for all sessions. This sends one request for the signing policies unless they
    /// are cached.
    ///
    /// # Errors
    /// [`Kind::SessionHandle`], [`Kind::SessionClosed`], and those of [`Token::authenticate`] and
    /// [`Token::log_in`].
    pub fn login(&self, handle: CK_SESSION_HANDLE, login: &Login) -> Result<()> {
        let session = self.session(handle)?;
        let user = self.token.authenticate(login, session.cancellation())?;
        let sessions = self.sessions.lock();
        if !sessions.open.contains_key(&handle) {
            return Err(session_closed());
        }
        self.token.log_in(user)
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
        self.in_open_session(session, || self.token.create_object(session, template))
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
        self.in_open_session(session, || self.token.copy_object(session, object, changes))
    }

    /// Runs `act`, which must not use the network, while keeping the session from being closed.
    fn in_open_session<T>(
        &self,
        session: CK_SESSION_HANDLE,
        act: impl FnOnce() -> Result<T>,
    ) -> Result<T> {
        let sessions = self.sessions.lock();
        if !sessions.open.contains_key(&session) {
            return Err(no_session(session));
        }
        act()
    }

    /// Logs the user out and ends private key operations in all sessions. A signing request already
    /// under way completes, counts in SignPath, and its signature is still returned to the caller.
    ///
    /// # Errors
    /// [`Kind::NobodyToLogOut`].
    pub fn logout(&self) -> Result<()> {
        // Keep the lock, or the operations of a user who logs in at the same time would end too.
        let sessions = self.sessions.lock();
        self.token.logout()?;
        for session in sessions.open.values() {
            session.end_login();
        }
        Ok(())
    }

    fn logout_if_logged_in(&self) {
        // It fails only if nobody is logged in.
        let _ = self.token.logout();
    }

    /// Counts the open sessions.
    pub fn session_count(&self) -> SessionCount {
        let sessions = self.sessions.lock();
        SessionCount {
            all: sessions.open.len(),
            read_write: sessions
                .open
                .values()
                .filter(|session| session.is_read_write)
                .count(),
        }
    }
}

/// The module of this process, if it has called C_Initialize.
fn own() -> &'static RwLock<Option<Arc<Module>>> {
    static MODULES: PerProcess<RwLock<Option<Arc<Module>>>> = PerProcess::new();
    MODULES.of(fork::generation())
}

fn not_initialized() -> Error {
    Error::new(
        Kind::NotInitialized,
        "C_Initialize has not been called in this process",
    )
}

fn session_closed() -> Error {
    Error::new(
        Kind::SessionClosed,
        "the session was closed during the call",
    )
}

fn no_session(handle: CK_SESSION_HANDLE) -> Error {
    Error::new(
        Kind::SessionHandle,
        format!("invalid session handle {handle}: the session was closed or never opened"),
    )
}
