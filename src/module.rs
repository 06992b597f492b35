//! What lives between C_Initialize and C_Finalize, once per process.

use std::collections::HashMap;
use std::sync::Arc;

use cryptoki_sys::*;
use once_cell::race::OnceBox;
use parking_lot::{Mutex, RwLock};

use crate::config::Config;
use crate::error::{Error, Kind, Result};
use crate::logging;
use crate::session::Session;
use crate::token::Token;

/// The state of one process after C_Initialize.
pub struct Module {
    /// The one token.
    pub token: Token,
    sessions: Mutex<Sessions>,
}

#[derive(Default)]
struct Sessions {
    open: HashMap<CK_SESSION_HANDLE, Arc<Session>>,
    last: CK_SESSION_HANDLE,
}

impl Sessions {
    /// Closes all of them; calls in them that wait for the service end with `reason`.
    fn close_all(&mut self, reason: &Error) {
        for (_, session) in self.open.drain() {
            session.cancellation().cancel(reason.clone());
        }
    }
}

/// How many sessions are open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionCount {
    /// All of them.
    pub all: usize,
    /// Those opened with CKF_RW_SESSION.
    pub read_write: usize,
}

impl Module {
    /// Reads the configuration and makes the module ready. Asks the network nothing.
    ///
    /// # Errors
    /// [`Kind::AlreadyInitialized`], [`Kind::Configuration`].
    pub fn initialize() -> Result<()> {
        let generation = Generation::current();
        let already = || Error::new(Kind::AlreadyInitialized, "C_Initialize was called before");
        if generation.module.read().is_some() {
            return Err(already());
        }
        let config = Config::load()?;
        logging::set_console_level(config.console_level);
        let module = Arc::new(Self {
            token: Token::new(config),
            sessions: Mutex::default(),
        });
        let mut current = generation.module.write();
        if current.is_some() {
            return Err(already());
        }
        *current = Some(module);
        Ok(())
    }

    /// Forgets everything, and ends the calls of other threads that wait for the service.
    ///
    /// # Errors
    /// [`Kind::NotInitialized`].
    pub fn finalize() -> Result<()> {
        let module = Generation::current().module.write().take();
        match module {
            Some(module) => {
                module.sessions.lock().close_all(&not_initialized());
                Ok(())
            }
            None => Err(not_initialized()),
        }
    }

    /// The module of this process.
    ///
    /// # Errors
    /// [`Kind::NotInitialized`], also in a forked child that has not called C_Initialize itself.
    pub fn current() -> Result<Arc<Self>> {
        Generation::current()
            .module
            .read()
            .clone()
            .ok_or_else(not_initialized)
    }

    /// Opens a session and gives its handle.
    pub fn open_session(&self, is_read_write: bool) -> CK_SESSION_HANDLE {
        let mut sessions = self.sessions.lock();
        sessions.last += 1;
        let handle = sessions.last;
        sessions
            .open
            .insert(handle, Arc::new(Session::new(is_read_write)));
        handle
    }

    /// The session of a handle.
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

    /// Closes a session. The last one logs the user out (PKCS #11 3.2, section 5.6.2).
    ///
    /// # Errors
    /// [`Kind::SessionHandle`].
    pub fn close_session(&self, handle: CK_SESSION_HANDLE) -> Result<()> {
        let mut sessions = self.sessions.lock();
        let session = sessions.open.remove(&handle);
        session
            .ok_or_else(|| no_session(handle))?
            .cancellation()
            .cancel(session_closed());
        let none_left = sessions.open.is_empty();
        drop(sessions);
        if none_left {
            self.logout_if_logged_in();
        }
        Ok(())
    }

    /// Closes all sessions and logs the user out.
    pub fn close_all_sessions(&self) {
        self.sessions.lock().close_all(&session_closed());
        self.logout_if_logged_in();
    }

    /// Logs the user out; operations with private keys end in all sessions.
    ///
    /// # Errors
    /// [`Kind::NotLoggedIn`].
    pub fn logout(&self) -> Result<()> {
        self.token.logout()?;
        let sessions: Vec<_> = self.sessions.lock().open.values().cloned().collect();
        for session in sessions {
            session.cancel(CKF_SIGN | CKF_MESSAGE_SIGN);
        }
        Ok(())
    }

    fn logout_if_logged_in(&self) {
        // The one error of logging out is that nobody is logged in.
        let _ = self.token.logout();
    }

    /// How many sessions are open.
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

/// The module of one process.
///
/// A forked child inherits its parent's memory, with locks that threads of the parent may hold and
/// sockets that are still the parent's. It must not touch them, not even to drop them. So each
/// process appends a generation of its own to a list that is read without a lock, and leaves those
/// before it alone.
struct Generation {
    process_id: u32,
    module: RwLock<Option<Arc<Module>>>,
    child: OnceBox<Generation>,
}

static FIRST: OnceBox<Generation> = OnceBox::new();

impl Generation {
    fn new() -> Box<Self> {
        Box::new(Self {
            process_id: std::process::id(),
            module: RwLock::new(None),
            child: OnceBox::new(),
        })
    }

    fn current() -> &'static Self {
        let mut youngest = FIRST.get_or_init(Self::new);
        while let Some(child) = youngest.child.get() {
            youngest = child;
        }
        if youngest.process_id == std::process::id() {
            youngest
        } else {
            youngest.child.get_or_init(Self::new)
        }
    }
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
        format!("no session has the handle {handle}; it was closed or never opened"),
    )
}
