//! A gate that holds requests until a test releases them.

use std::fmt;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

/// How long a test waits for requests that should arrive immediately.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Holds requests until it is opened, so that a test can examine a waiting client without guessing how long things
/// take. Clones share the same gate.
#[derive(Clone)]
pub struct Gate(Arc<Shared>);

struct Shared {
    open: watch::Sender<bool>,
    arrived: Mutex<usize>,
    arrival: Condvar,
}

impl Gate {
    /// Creates a closed gate.
    pub fn new() -> Self {
        Self(Arc::new(Shared {
            open: watch::Sender::new(false),
            arrived: Mutex::default(),
            arrival: Condvar::new(),
        }))
    }

    /// Releases the requests that are being held, and all later ones.
    pub fn open(&self) {
        self.0.open.send_replace(true);
    }

    /// Holds all requests from now on.
    pub fn close(&self) {
        self.0.open.send_replace(false);
    }

    /// The number of requests that have reached the gate, held or not.
    pub fn arrived(&self) -> usize {
        *self.0.arrived.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until a total of `requests` requests have reached the gate.
    ///
    /// # Panics
    /// They do not arrive within a minute.
    pub fn wait_for(&self, requests: usize) {
        let arrived = self.0.arrived.lock().unwrap_or_else(PoisonError::into_inner);
        let (arrived, _) = self
            .0
            .arrival
            .wait_timeout_while(arrived, TIMEOUT, |arrived| *arrived < requests)
            .unwrap_or_else(PoisonError::into_inner);
        assert!(*arrived >= requests, "only {arrived} of {requests} requests arrived");
    }

    /// Waits until the gate is open.
    pub(crate) async fn pass(&self) {
        *self.0.arrived.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.0.arrival.notify_all();
        // Fails only if the sender is gone, but `self` owns it.
        let _ = self.0.open.subscribe().wait_for(|open| *open).await;
    }
}

impl Default for Gate {
    fn default() -> Self {
        Self::new()
    }
}

/// Gates are equal if they are the same gate.
impl PartialEq for Gate {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Gate {}

impl fmt::Debug for Gate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = if *self.0.open.borrow() { "open" } else { "closed" };
        write!(formatter, "Gate({state}, {} arrived)", self.arrived())
    }
}
