//! What the service showed us: an immutable snapshot of the signing policies, asked for by one
//! caller at a time, kept on disk if the configuration wants it, and refreshed after a while.

mod snapshot;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::{Duration, Instant};

use log::warn;

use crate::error::{Error, Kind, Result};
use signpath_platform::lock::{Condvar, Mutex};

use crate::object::Options;
use signpath_client::{
    Cancellation, Client, PATIENCE, PolicyCache, PolicyList, PolicyName, Retry, SigningPolicy,
};
pub use snapshot::Snapshot;

/// The age from which a list is asked for again when it is used.
const REFRESH_AFTER: Duration = Duration::from_secs(5 * 60);

/// The longest that a caller waits for a newer list than the one that is there.
const REFRESH_LIMIT: Duration = Duration::from_secs(5);

/// The longest that a caller waits for a list that it can do without.
const GLIMPSE_LIMIT: Duration = Duration::from_secs(5);

/// How long nobody asks for such a list after it could not be had.
const GLIMPSE_PAUSE: Duration = Duration::from_secs(60);

/// The newest snapshot, and who is asking for it.
pub struct Catalog {
    client: Arc<Client>,
    cache: Option<PolicyCache>,
    options: Arc<Options>,
    state: Mutex<Latest>,
    answered: Condvar,
}

#[derive(Default)]
struct Latest {
    known: Option<Known>,
    asking: bool,
    /// Counts the answers, so that who waited for one sees that it came.
    round: u64,
    last_failure: Option<LastFailure>,
    /// When a list that can be done without could not be had.
    last_glimpse: Option<Instant>,
}

/// An answer that did not come.
#[derive(Clone)]
struct LastFailure {
    error: Error,
    need: Need,
}

/// A snapshot, and how far it can be relied on. It is public data.
#[derive(Clone)]
pub struct Known {
    snapshot: Arc<Snapshot>,
    standing: Standing,
    /// When the list came, or was asked for in vain.
    since: Instant,
}

/// How far a list can be relied on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// The service sent it to this process, or has just failed to send a newer one.
    Confirmed,
    /// It was kept on disk.
    Kept,
    /// The service has contradicted it since.
    Doubted,
}

/// What a caller wants of a list.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Need {
    /// Any that is not too old.
    Usable,
    /// One that is not only from disk.
    Confirmed,
    /// Any that is not too old, and none rather than a long wait.
    Glimpse,
}

impl Known {
    fn is_enough(&self, need: Need, now: Instant) -> bool {
        match need {
            Need::Confirmed => self.standing == Standing::Confirmed,
            Need::Usable | Need::Glimpse => {
                let age = now.saturating_duration_since(self.since);
                self.standing != Standing::Doubted && age < REFRESH_AFTER
            }
        }
    }
}

impl Catalog {
    /// A catalog that nobody has asked for yet.
    pub fn new(client: Arc<Client>, cache: Option<PolicyCache>, options: Arc<Options>) -> Self {
        Self {
            client,
            cache,
            options,
            state: Mutex::default(),
            answered: Condvar::new(),
        }
    }

    /// What there is, for a catalog of the same user that comes after this one.
    pub fn knowledge(&self) -> Option<Known> {
        self.state.lock().known.clone()
    }

    /// Starts with what an earlier catalog of the same user knew.
    pub fn start_with(&self, known: Known) {
        self.state.lock().known.get_or_insert(known);
    }

    /// The snapshot, if there is one.
    pub fn known(&self) -> Option<Arc<Snapshot>> {
        let state = self.state.lock();
        state.known.as_ref().map(|known| known.snapshot.clone())
    }

    /// The snapshot, at first from disk or from the service. The first caller asks the service;
    /// callers that come meanwhile wait for its answer and share it, failure included. One that is
    /// too old is asked for again by one caller, while the others go on with it; if that fails, all
    /// of them do, unless it is the user that the service refuses.
    ///
    /// # Errors
    /// Those of [`Client::signing_policies`], while there is no snapshot, and
    /// [`Kind::ServiceUnauthorized`] always.
    pub fn get(&self, cancellation: &Cancellation) -> Result<Arc<Snapshot>> {
        self.obtain(Need::Usable, Instant::now(), cancellation)
    }

    /// The snapshot as the service itself has told it to this process, if it can be had.
    ///
    /// # Errors
    /// As for [`Catalog::get`].
    pub fn confirmed(&self, cancellation: &Cancellation) -> Result<Arc<Snapshot>> {
        self.obtain(Need::Confirmed, Instant::now(), cancellation)
    }

    /// The snapshot for a caller that goes on without it: it waits a few seconds at most, and after a
    /// failure there is none for a minute, unless another caller gets one first.
    ///
    /// # Errors
    /// As for [`Catalog::get`], for the first failure. After that it is [`None`].
    pub fn glimpse(&self, cancellation: &Cancellation) -> Result<Option<Arc<Snapshot>>> {
        self.glimpse_at(Instant::now(), cancellation)
    }

    fn glimpse_at(
        &self,
        now: Instant,
        cancellation: &Cancellation,
    ) -> Result<Option<Arc<Snapshot>>> {
        let has_failed = |state: &Latest| {
            let failure = state.last_glimpse;
            failure.is_some_and(|failure| now.saturating_duration_since(failure) < GLIMPSE_PAUSE)
        };
        let state = self.state.lock();
        if state.known.is_none() && has_failed(&state) {
            return Ok(None);
        }
        drop(state);
        let snapshot = self.obtain(Need::Glimpse, now, cancellation);
        if snapshot.is_err() && cancellation.check().is_ok() {
            let mut state = self.state.lock();
            // Another thread has been told.
            if has_failed(&state) {
                return Ok(None);
            }
            state.last_glimpse = Some(now);
        }
        snapshot.map(Some)
    }

    /// Asks the service before a signature, if the snapshot is from disk and the certificate of the
    /// signing policy has expired in it.
    ///
    /// # Errors
    /// As for [`Catalog::get`].
    pub fn renew(&self, name: &PolicyName, cancellation: &Cancellation) -> Result<()> {
        let listed = self.known().and_then(|known| known.policy(name));
        let Some(expired) = listed.filter(|policy| policy.has_expired()) else {
            return Ok(());
        };
        let newer = self.confirmed(cancellation)?.policy(name);
        let der = |policy: &SigningPolicy| Some(policy.certificate.as_ref()?.der().to_vec());
        if newer.is_some_and(|newer| der(&newer) != der(&expired)) {
            let name = self.client.masked(&name.to_string());
            warn!(
                "the certificate of signing policy {name} in the list kept on disk has \
                     expired, and SignPath has another one; run the tool again if it puts the \
                     certificate into the signature"
            );
        }
        Ok(())
    }

    /// Takes note that the service contradicts the snapshot: it is not kept on disk any more, and
    /// its next use asks the service.
    pub fn doubt(&self) {
        if let Some(cache) = &self.cache {
            cache.remove();
        }
        if let Some(known) = &mut self.state.lock().known {
            known.standing = Standing::Doubted;
        }
    }

    fn obtain(
        &self,
        need: Need,
        now: Instant,
        cancellation: &Cancellation,
    ) -> Result<Arc<Snapshot>> {
        let started = Instant::now();
        let mut state = self.state.lock();
        loop {
            if let Some(known) = &state.known {
                // A caller that could do with this one does not wait for the caller that asks for a newer one.
                let is_usable = need != Need::Confirmed && known.standing != Standing::Doubted;
                if known.is_enough(need, now) || (is_usable && state.asking) {
                    return Ok(known.snapshot.clone());
                }
            }
            if !state.asking {
                break;
            }
            let round = state.round;
            while state.round == round {
                cancellation.check()?;
                if need == Need::Glimpse && started.elapsed() >= GLIMPSE_LIMIT {
                    return Err(no_list_yet());
                }
                state = self.answered.wait_for(state, PATIENCE);
            }
            // Who asked may have been cancelled; then the next one asks.
            let failed = state.last_failure.as_ref();
            // Who can wait asks again where another did not wait long.
            if let Some(LastFailure { error, .. }) =
                failed.filter(|failed| failed.need != Need::Glimpse || need == Need::Glimpse)
            {
                let known = state.known.as_ref().filter(|_| !is_refusal(error));
                return known
                    .map_or_else(|| Err(error.clone()), |known| Ok(known.snapshot.clone()));
            }
        }
        state.asking = true;
        let known = state.known.clone();
        drop(state);

        let mut asking = Asking {
            catalog: self,
            need,
            now,
            cancellation,
            answer: Err(interrupted()),
        };
        asking.answer = self.ask(need, known.is_some(), cancellation);
        match (&asking.answer, known) {
            (Ok((snapshot, _)), _) => Ok(snapshot.clone()),
            (Err(failure), Some(known)) if !is_refusal(failure) => {
                cancellation.check()?;
                warn!(
                    "the list of signing policies cannot be refreshed, and the one from \
                         before is used: {failure}"
                );
                Ok(known.snapshot)
            }
            (Err(failure), _) => Err(failure.clone()),
        }
    }

    fn ask(
        &self,
        need: Need,
        has_another: bool,
        cancellation: &Cancellation,
    ) -> Result<(Arc<Snapshot>, Standing)> {
        if need != Need::Confirmed && !has_another {
            if let Some(policies) = self.cache.as_ref().and_then(PolicyCache::read) {
                return Ok((self.snapshot(policies), Standing::Kept));
            }
        }
        let retry = match (has_another, need) {
            (true, _) => Retry::Never(REFRESH_LIMIT),
            (false, Need::Glimpse) => Retry::Never(GLIMPSE_LIMIT),
            (false, _) => Retry::Configured,
        };
        let answer = self.client.signing_policies(retry, cancellation);
        if let Some(cache) = &self.cache {
            cache.note(&answer);
        }
        let policies = answer?;
        Ok((self.snapshot(policies), Standing::Confirmed))
    }

    fn snapshot(&self, policies: PolicyList) -> Arc<Snapshot> {
        Arc::new(Snapshot::new(policies, &self.options))
    }
}

/// Ends the waiting of the others however the asking ends.
struct Asking<'a> {
    catalog: &'a Catalog,
    need: Need,
    now: Instant,
    cancellation: &'a Cancellation,
    answer: Result<(Arc<Snapshot>, Standing)>,
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        let mut state = self.catalog.state.lock();
        state.asking = false;
        state.round += 1;
        let failed = |error: &Error| {
            Some(LastFailure {
                error: error.clone(),
                need: self.need,
            })
        };
        state.last_failure = None;
        match &self.answer {
            Ok((snapshot, standing)) => {
                state.last_glimpse = None;
                state.known = Some(Known {
                    snapshot: snapshot.clone(),
                    standing: *standing,
                    since: self.now,
                });
            }
            Err(_) if self.cancellation.check().is_err() => {}
            Err(failure) if is_refusal(failure) => {
                state.last_failure = failed(failure);
                if let Some(known) = &mut state.known {
                    known.standing = Standing::Doubted;
                }
            }
            Err(failure) => {
                state.last_failure = failed(failure);
                // Not asked for again by the very next caller.
                if let Some(known) = &mut state.known {
                    known.standing = Standing::Confirmed;
                    known.since = self.now;
                }
            }
        }
        self.catalog.answered.notify_all();
    }
}

/// Whether the service does not accept the user, to whom an older list then shows nothing either.
/// Its objects stay for the handles that were given out, so that a signature with one is refused in
/// the service's own words.
fn is_refusal(failure: &Error) -> bool {
    failure.kind == Kind::ServiceUnauthorized
}

fn no_list_yet() -> Error {
    Error::new(
        Kind::ServiceUnavailable,
        format!(
            "the list of signing policies did not come within {} s",
            GLIMPSE_LIMIT.as_secs()
        ),
    )
}

fn interrupted() -> Error {
    Error::new(
        Kind::Internal,
        "the request for the signing policies was interrupted",
    )
}
