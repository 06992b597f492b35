//! The signing policies as immutable snapshots. One caller at a time requests them; they are cached
//! on disk if the configuration says so, and refreshed after a while.

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
    Cancellation, Client, POLL_INTERVAL, PolicyCache, PolicyList, PolicyName, Retry, SigningPolicy,
};
pub use snapshot::Snapshot;

/// A list older than this is refreshed when it is used.
const REFRESH_AFTER: Duration = Duration::from_secs(5 * 60);

/// How long a caller waits for a list that replaces a cached one.
const REFRESH_LIMIT: Duration = Duration::from_secs(5);

/// How long a caller waits for a list that it can do without.
const OPTIONAL_LIMIT: Duration = Duration::from_secs(5);

/// How long such callers do not retry after a failure.
const OPTIONAL_PAUSE: Duration = Duration::from_secs(60);

/// The latest snapshot, and the state of requests for it.
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
    /// Counts responses, so that a waiting caller notices that one has arrived.
    round: u64,
    last_failure: Option<LastFailure>,
    /// When an optional request failed last.
    last_optional_failure: Option<Instant>,
}

/// The latest failed request.
#[derive(Clone)]
struct LastFailure {
    error: Error,
    need: Need,
}

/// A snapshot and how far it can be relied on. It contains public data only.
#[derive(Clone)]
pub struct Known {
    snapshot: Arc<Snapshot>,
    standing: Standing,
    /// When the list arrived, or the last refresh failed.
    since: Instant,
}

/// How far a list can be relied on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// SignPath sent it to this process, or has just failed to send a newer one.
    Confirmed,
    /// It was read from disk.
    FromDisk,
    /// SignPath has contradicted it since.
    Contradicted,
}

/// What kind of list a caller needs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Need {
    /// Any list that is not too old.
    Usable,
    /// A list that SignPath has confirmed to this process.
    Confirmed,
    /// Any list that is not too old, or none if that would take long.
    Optional,
}

impl Known {
    fn is_enough(&self, need: Need, now: Instant) -> bool {
        match need {
            Need::Confirmed => self.standing == Standing::Confirmed,
            Need::Usable | Need::Optional => {
                let age = now.saturating_duration_since(self.since);
                self.standing != Standing::Contradicted && age < REFRESH_AFTER
            }
        }
    }
}

impl Catalog {
    /// A catalog without a snapshot.
    pub fn new(client: Arc<Client>, cache: Option<PolicyCache>, options: Arc<Options>) -> Self {
        Self { client, cache, options, state: Mutex::default(), answered: Condvar::new() }
    }

    /// The snapshot, to be passed on to a later catalog of the same user.
    pub fn knowledge(&self) -> Option<Known> {
        self.state.lock().known.clone()
    }

    /// Adopts the snapshot of an earlier catalog of the same user.
    pub fn start_with(&self, known: Known) {
        self.state.lock().known.get_or_insert(known);
    }

    /// The snapshot, if there is one.
    pub fn known(&self) -> Option<Arc<Snapshot>> {
        let state = self.state.lock();
        state.known.as_ref().map(|known| known.snapshot.clone())
    }

    /// The snapshot, initially read from disk or requested from SignPath. The first caller sends
    /// the request; concurrent callers wait and share the result, even a failure. A snapshot that
    /// is too old is refreshed by one caller while the others keep using it; if the refresh fails,
    /// all of them keep using it, unless SignPath refused the user.
    ///
    /// # Errors
    /// Those of [`Client::signing_policies`] while there is no snapshot, and
    /// [`Kind::ServiceUnauthorized`] always.
    pub fn get(&self, cancellation: &Cancellation) -> Result<Arc<Snapshot>> {
        self.obtain(Need::Usable, Instant::now(), cancellation)
    }

    /// The snapshot as confirmed by SignPath to this process, if possible.
    ///
    /// # Errors
    /// As for [`Catalog::get`].
    pub fn confirmed(&self, cancellation: &Cancellation) -> Result<Arc<Snapshot>> {
        self.obtain(Need::Confirmed, Instant::now(), cancellation)
    }

    /// The snapshot for a caller that can do without: it waits a few seconds at most. After a
    /// failure no further request is made for a minute, unless another caller obtains a list.
    ///
    /// # Errors
    /// As for [`Catalog::get`], for the first failure only; after that the result is [`None`].
    pub fn get_if_quick(&self, cancellation: &Cancellation) -> Result<Option<Arc<Snapshot>>> {
        self.get_if_quick_at(Instant::now(), cancellation)
    }

    fn get_if_quick_at(
        &self,
        now: Instant,
        cancellation: &Cancellation,
    ) -> Result<Option<Arc<Snapshot>>> {
        let has_failed = |state: &Latest| {
            let failure = state.last_optional_failure;
            failure.is_some_and(|failure| now.saturating_duration_since(failure) < OPTIONAL_PAUSE)
        };
        let state = self.state.lock();
        if state.known.is_none() && has_failed(&state) {
            return Ok(None);
        }
        drop(state);
        let snapshot = self.obtain(Need::Optional, now, cancellation);
        if snapshot.is_err() && cancellation.check().is_ok() {
            let mut state = self.state.lock();
            // The failure has already been reported to another thread.
            if has_failed(&state) {
                return Ok(None);
            }
            state.last_optional_failure = Some(now);
        }
        snapshot.map(Some)
    }

    /// Refreshes the snapshot before a signature if it is from disk and the signing policy's
    /// certificate in it has expired.
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
                "the cached certificate of signing policy {name} has expired, and SignPath has a \
                     new one; run the tool again if it embeds the certificate in the signature"
            );
        }
        Ok(())
    }

    /// Records that SignPath has contradicted the snapshot: it is removed from disk, and its next
    /// use sends a request.
    pub fn mark_contradicted(&self) {
        if let Some(cache) = &self.cache {
            cache.remove();
        }
        if let Some(known) = &mut self.state.lock().known {
            known.standing = Standing::Contradicted;
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
                // If this list will do, the caller does not wait for another caller's refresh.
                let is_usable = need != Need::Confirmed && known.standing != Standing::Contradicted;
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
                if need == Need::Optional && started.elapsed() >= OPTIONAL_LIMIT {
                    return Err(no_list_yet());
                }
                state = self.answered.wait_for(state, POLL_INTERVAL);
            }
            // The request may have been cancelled; then the next caller retries.
            let failed = state.last_failure.as_ref();
            // A caller that can wait retries if the other caller only waited briefly.
            if let Some(LastFailure { error, .. }) =
                failed.filter(|failed| failed.need != Need::Optional || need == Need::Optional)
            {
                let known = state.known.as_ref().filter(|_| !is_refusal(error));
                return known
                    .map_or_else(|| Err(error.clone()), |known| Ok(known.snapshot.clone()));
            }
        }
        state.asking = true;
        let known = state.known.clone();
        drop(state);

        let mut asking =
            Asking { catalog: self, need, now, cancellation, answer: Err(interrupted()) };
        asking.answer = self.ask(need, known.is_some(), cancellation);
        match (&asking.answer, known) {
            (Ok((snapshot, _)), _) => Ok(snapshot.clone()),
            (Err(failure), Some(known)) if !is_refusal(failure) => {
                cancellation.check()?;
                warn!(
                    "cannot refresh the list of signing policies, using the previous one: {failure}"
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
                return Ok((self.snapshot(policies), Standing::FromDisk));
            }
        }
        let retry = match (has_another, need) {
            (true, _) => Retry::Once(REFRESH_LIMIT),
            (false, Need::Optional) => Retry::Once(OPTIONAL_LIMIT),
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

/// Wakes the waiting callers, however the request ends.
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
        let failed = |error: &Error| Some(LastFailure { error: error.clone(), need: self.need });
        state.last_failure = None;
        match &self.answer {
            Ok((snapshot, standing)) => {
                state.last_optional_failure = None;
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
                    known.standing = Standing::Contradicted;
                }
            }
            Err(failure) => {
                state.last_failure = failed(failure);
                // Keeps the next caller from retrying at once.
                if let Some(known) = &mut state.known {
                    known.standing = Standing::Confirmed;
                    known.since = self.now;
                }
            }
        }
        self.catalog.answered.notify_all();
    }
}

/// Whether SignPath refused the user, who then must not see a cached list either. Its objects stay
/// valid for existing handles, so that signing with one reports SignPath's own reason.
fn is_refusal(failure: &Error) -> bool {
    failure.kind == Kind::ServiceUnauthorized
}

fn no_list_yet() -> Error {
    Error::new(
        Kind::ServiceUnavailable,
        format!("no list of signing policies within {} s", OPTIONAL_LIMIT.as_secs()),
    )
}

fn interrupted() -> Error {
    Error::new(Kind::Internal, "the request for the signing policies was interrupted")
}
