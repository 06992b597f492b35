//! What the service showed us: an immutable snapshot of the signing policies, asked for by one
//! caller at a time.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use crate::error::{Error, Kind, Result};
use crate::logging::{self, Level};
use crate::object::{Object, Options, Policy};
use crate::signpath::{Cancellation, Service, SigningPolicy};

/// How often a caller that waits for the answer to another looks whether it has been cancelled.
const PATIENCE: Duration = Duration::from_millis(50);

/// The objects of one user's signing policies.
#[derive(Debug, Default)]
pub struct Snapshot {
    /// All objects, those of a policy side by side.
    pub objects: Vec<Arc<Object>>,
}

impl Snapshot {
    /// Reads keys and certificates. A policy that cannot be used is left out with a warning, so
    /// that it hides no other.
    pub fn new(policies: Vec<SigningPolicy>, options: &Options) -> Self {
        let policies = policies
            .into_iter()
            .filter_map(|policy| {
                Policy::new(policy, options.stand_in_certificates)
                    .inspect_err(|reason| {
                        logging::write(Level::Warning, format_args!("{reason}; it is left out"));
                    })
                    .ok()
            })
            .collect();
        let objects = Object::of(policies, options);
        Self {
            objects: objects.into_iter().map(Arc::new).collect(),
        }
    }
}

/// The newest snapshot, and who is asking for it.
pub struct Catalog {
    options: Arc<Options>,
    state: Mutex<State>,
    answered: Condvar,
}

#[derive(Default)]
struct State {
    known: Option<Arc<Snapshot>>,
    asking: bool,
    /// Counts the answers, so that who waited for one sees that it came.
    round: u64,
    last_failure: Option<Error>,
}

impl Catalog {
    /// A catalog that nobody has asked for yet.
    pub fn new(options: Arc<Options>) -> Self {
        Self {
            options,
            state: Mutex::default(),
            answered: Condvar::new(),
        }
    }

    /// The snapshot, if the service has been asked before.
    pub fn known(&self) -> Option<Arc<Snapshot>> {
        self.state.lock().known.clone()
    }

    /// The snapshot. The first caller asks the service; callers that come meanwhile wait for its
    /// answer and share it, failure included.
    ///
    /// # Errors
    /// Those of [`Service::signing_policies`].
    pub fn get(&self, service: &dyn Service, cancellation: &Cancellation) -> Result<Arc<Snapshot>> {
        let mut state = self.state.lock();
        while state.asking {
            let round = state.round;
            while state.round == round {
                cancellation.check()?;
                self.answered.wait_for(&mut state, PATIENCE);
            }
            // Who asked may have been cancelled; then the next one asks.
            if let Some(failure) = state.last_failure.clone() {
                return Err(failure);
            }
        }
        if let Some(known) = &state.known {
            return Ok(known.clone());
        }
        state.asking = true;
        drop(state);

        let mut asking = Asking {
            catalog: self,
            cancellation,
            answer: Err(interrupted()),
        };
        asking.answer = service
            .signing_policies(cancellation)
            .map(|policies| Arc::new(Snapshot::new(policies, &self.options)));
        asking.answer.clone()
    }
}

/// Ends the waiting of the others however the asking ends.
struct Asking<'a> {
    catalog: &'a Catalog,
    cancellation: &'a Cancellation,
    answer: Result<Arc<Snapshot>>,
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        let mut state = self.catalog.state.lock();
        state.asking = false;
        state.round += 1;
        match &self.answer {
            Ok(snapshot) => {
                state.known = Some(snapshot.clone());
                state.last_failure = None;
            }
            Err(_) if self.cancellation.check().is_err() => state.last_failure = None,
            Err(failure) => state.last_failure = Some(failure.clone()),
        }
        self.catalog.answered.notify_all();
    }
}

fn interrupted() -> Error {
    Error::new(
        Kind::Internal,
        "the request for the signing policies was interrupted",
    )
}
