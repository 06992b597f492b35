//! What the service showed us: an immutable snapshot of the signing policies, asked for by one
//! caller at a time.

use std::sync::Arc;

use parking_lot::{Condvar, Mutex};

use crate::error::{Error, Kind, Result};
use crate::logging::{self, Level};
use crate::object::{Object, Policy};
use crate::signpath::{Service, SigningPolicy};

/// The objects of one user's signing policies.
#[derive(Debug, Default)]
pub struct Snapshot {
    /// All objects, those of a policy side by side.
    pub objects: Vec<Arc<Object>>,
}

impl Snapshot {
    /// Reads keys and certificates. A policy that cannot be used is left out with a warning, so
    /// that it hides no other.
    pub fn new(policies: Vec<SigningPolicy>) -> Self {
        let objects = policies
            .into_iter()
            .filter_map(|policy| {
                Policy::new(policy)
                    .inspect_err(|reason| {
                        logging::write(Level::Warning, format_args!("{reason}; it is left out"));
                    })
                    .ok()
            })
            .flat_map(|policy| Object::of(&Arc::new(policy)))
            .map(Arc::new)
            .collect();
        Self { objects }
    }
}

/// The newest snapshot, and who is asking for it.
#[derive(Default)]
pub struct Catalog {
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
    /// The snapshot, if the service has been asked before.
    pub fn known(&self) -> Option<Arc<Snapshot>> {
        self.state.lock().known.clone()
    }

    /// The snapshot. The first caller asks the service; callers that come meanwhile wait for its
    /// answer and share it, failure included.
    ///
    /// # Errors
    /// Those of [`Service::signing_policies`].
    pub fn get(&self, service: &dyn Service) -> Result<Arc<Snapshot>> {
        let mut state = self.state.lock();
        if let Some(known) = &state.known {
            return Ok(known.clone());
        }
        if state.asking {
            let round = state.round;
            self.answered
                .wait_while(&mut state, |state| state.round == round);
            return match (&state.known, &state.last_failure) {
                (Some(known), _) => Ok(known.clone()),
                (None, Some(failure)) => Err(failure.clone()),
                (None, None) => Err(interrupted()),
            };
        }
        state.asking = true;
        drop(state);

        let mut asking = Asking {
            catalog: self,
            answer: Err(interrupted()),
        };
        asking.answer = service
            .signing_policies()
            .map(|policies| Arc::new(Snapshot::new(policies)));
        asking.answer.clone()
    }
}

/// Ends the waiting of the others however the asking ends.
struct Asking<'a> {
    catalog: &'a Catalog,
    answer: Result<Arc<Snapshot>>,
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        let mut state = self.catalog.state.lock();
        state.asking = false;
        state.round += 1;
        match &self.answer {
            Ok(snapshot) => state.known = Some(snapshot.clone()),
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
