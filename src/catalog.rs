//! What the service showed us: an immutable snapshot of the signing policies, asked for by one
//! caller at a time, kept on disk if the configuration wants it, and refreshed after a while.

use std::sync::Arc;
use std::time::{Duration, Instant};

use cryptoki_sys::CKA_ID;
use log::warn;

use crate::error::{Error, Kind, Result};
use crate::lock::{Condvar, Mutex};
use crate::object::{Attribute, Index, Object, Options, Policy};
use crate::policy_cache::PolicyCache;
use crate::signpath::{Cancellation, PATIENCE, PolicyName, Retry, Service, SigningPolicy};

/// The age from which a list is asked for again when it is used.
const REFRESH_AFTER: Duration = Duration::from_secs(5 * 60);

/// The longest that a caller waits for a newer list than the one that is there.
const REFRESH_LIMIT: Duration = Duration::from_secs(5);

/// The longest that a caller waits for a list that it can do without.
const GLIMPSE_LIMIT: Duration = Duration::from_secs(5);

/// How long nobody asks for such a list after it could not be had.
const GLIMPSE_PAUSE: Duration = Duration::from_secs(60);

/// The objects of one user's signing policies.
#[derive(Debug, Default)]
pub struct Snapshot(Index);

impl Snapshot {
    /// Reads keys and certificates. A policy that cannot be used is left out with a warning, so
    /// that it hides no other. `masked` takes secrets out of its name.
    fn new(
        policies: Vec<SigningPolicy>,
        options: &Options,
        masked: impl Fn(&str) -> String,
    ) -> Self {
        let policies = Policy::usable(policies, options.stand_in_certificates, masked);
        let objects = Object::of(policies, options);
        Self(Index::new(objects.into_iter().map(Arc::new).collect()))
    }

    /// All objects, those of a policy side by side.
    pub fn objects(&self) -> &[Arc<Object>] {
        self.0.objects()
    }

    /// The objects that match a template. Finding them costs what they are, if the template has
    /// CKA_ID, CKA_LABEL or CKA_CLASS.
    pub fn matching<'a>(
        &'a self,
        template: &'a [Attribute],
    ) -> impl Iterator<Item = &'a Arc<Object>> {
        self.0.matching(template)
    }

    /// The object with that CKA_UNIQUE_ID.
    pub fn with_unique_id(&self, unique_id: &str) -> Option<&Arc<Object>> {
        self.0.with_unique_id(unique_id)
    }

    /// Whether a template finds a single policy, and its certificate has expired. Who lists them all
    /// does not ask for one of them.
    pub fn finds_expired(&self, template: &[Attribute]) -> bool {
        let mut policies = self.matching(template).filter_map(|object| object.policy());
        let Some(policy) = policies.next() else {
            return false;
        };
        policies.all(|other| Arc::ptr_eq(policy, other)) && policy.has_expired()
    }

    fn policy(&self, name: &PolicyName) -> Option<Arc<Policy>> {
        let name = name.to_string();
        let template = [Attribute::new(CKA_ID, name.len(), || name.as_bytes())];
        let found = self.matching(&template).find_map(|object| object.policy());
        found.cloned()
    }
}

/// The newest snapshot, and who is asking for it.
pub struct Catalog {
    service: Arc<dyn Service>,
    cache: Option<PolicyCache>,
    options: Arc<Options>,
    state: Mutex<State>,
    answered: Condvar,
}

#[derive(Default)]
struct State {
    known: Option<Known>,
    asking: bool,
    /// Counts the answers, so that who waited for one sees that it came.
    round: u64,
    last_failure: Option<Failed>,
    /// When a list that can be done without could not be had.
    last_glimpse: Option<Instant>,
}

/// An answer that did not come.
#[derive(Clone)]
struct Failed {
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
    pub fn new(
        service: Arc<dyn Service>,
        cache: Option<PolicyCache>,
        options: Arc<Options>,
    ) -> Self {
        Self {
            service,
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
    /// Those of [`Service::signing_policies`], while there is no snapshot, and
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
        let has_failed = |state: &State| {
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
        let der = |policy: &Policy| Some(policy.certificate.as_ref()?.der().to_vec());
        if newer.is_some_and(|newer| der(&newer) != der(&expired)) {
            let name = self.service.masked(&name.to_string());
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
                // Who only wants a newer one lets the other get it.
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
            if let Some(Failed { error, .. }) =
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
        let answer = self.service.signing_policies(retry, cancellation);
        match (&self.cache, &answer) {
            (Some(cache), Ok(policies)) => cache.write(policies),
            (Some(cache), Err(failure)) if is_refusal(failure) => cache.remove(),
            _ => {}
        }
        let policies = answer?;
        Ok((self.snapshot(policies), Standing::Confirmed))
    }

    fn snapshot(&self, policies: Vec<SigningPolicy>) -> Arc<Snapshot> {
        let masked = |text: &str| self.service.masked(text);
        Arc::new(Snapshot::new(policies, &self.options, masked))
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
            Some(Failed {
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

#[cfg(test)]
mod tests {
    use pkcs11_test::{Effect, Fault, Gate, PolicyFile};

    use super::*;
    use crate::config::{Config, Credentials};
    use crate::secret::Secret;
    use crate::signpath::{Client, Threads, Transport};

    const LIST: &str = "GET /Cryptoki/MySigningPolicies";
    const MINUTE: Duration = Duration::from_secs(60);

    struct Bench {
        service: pkcs11_test::Service,
        catalog: Catalog,
        started: Instant,
        _state: tempfile::TempDir,
    }

    impl Bench {
        fn new() -> Self {
            let state = tempfile::tempdir().unwrap();
            let policies =
                r#"{"policies": [{"project": "demo", "policy": "p-256", "key": "p-256"}]}"#;
            let service = pkcs11_test::Service::start(pkcs11_test::Options {
                policies: PolicyFile::parse(policies).unwrap(),
                ..pkcs11_test::Options::new(state.path())
            })
            .unwrap();
            let config = Config {
                api_url: service.api_url().parse().unwrap(),
                ..Config::load().unwrap()
            };
            let credentials = Credentials {
                organization_id: service.organization_id(),
                api_token: Secret::new(service.token().to_owned()),
            };
            let transport = Arc::new(Transport::new(config.clone(), Threads::Allowed));
            let client = Arc::new(Client::new(transport, &config, &credentials));
            Self {
                service,
                catalog: Catalog::new(client, None, Arc::default()),
                started: Instant::now(),
                _state: state,
            }
        }

        /// Uses the list that long after the start.
        fn use_after(&self, time: Duration) -> Arc<Snapshot> {
            self.catalog
                .obtain(Need::Usable, self.started + time, &Cancellation::new())
                .unwrap()
        }

        fn requests(&self) -> usize {
            self.service.requests().len()
        }
    }

    fn unique_ids(snapshot: &Snapshot) -> Vec<&str> {
        let objects = snapshot.objects().iter();
        objects.map(|object| &**object.unique_id()).collect()
    }

    #[test]
    fn a_list_is_refreshed_at_its_first_use_after_five_minutes_and_its_objects_stay_the_same() {
        let bench = Bench::new();
        let first = bench.use_after(Duration::ZERO);
        bench.use_after(5 * MINUTE - Duration::from_secs(1));
        assert_eq!(bench.requests(), 1);
        let second = bench.use_after(5 * MINUTE);
        bench.use_after(9 * MINUTE);
        assert_eq!(bench.requests(), 2);
        assert_eq!(unique_ids(&first).len(), 3);
        assert_eq!(unique_ids(&first), unique_ids(&second));
    }

    #[test]
    fn a_refresh_that_fails_is_tried_once_and_keeps_the_list_for_another_five_minutes() {
        let bench = Bench::new();
        let first = bench.use_after(Duration::ZERO);
        let failure = Fault::on(LIST, Effect::status(503)).always();
        bench.service.inject(failure).unwrap();
        for minutes in [6, 7, 10] {
            assert!(Arc::ptr_eq(&first, &bench.use_after(minutes * MINUTE)));
        }
        assert_eq!(bench.requests(), 2);
        bench.service.heal();
        assert!(!Arc::ptr_eq(&first, &bench.use_after(12 * MINUTE)));
        assert_eq!(bench.requests(), 3);
    }

    #[test]
    fn one_caller_refreshes_while_the_others_go_on_with_the_list_that_they_have() {
        let bench = Bench::new();
        let first = bench.use_after(Duration::ZERO);
        let gate = Gate::new();
        bench.service.inject(Fault::hold(LIST, &gate)).unwrap();
        std::thread::scope(|scope| {
            let refreshing = scope.spawn(|| bench.use_after(6 * MINUTE));
            gate.wait_for(1);
            for _ in 0..4 {
                assert!(Arc::ptr_eq(&first, &bench.use_after(6 * MINUTE)));
            }
            gate.open();
            assert!(!Arc::ptr_eq(&first, &refreshing.join().unwrap()));
        });
        assert_eq!(bench.requests(), 2);
    }

    #[test]
    fn a_refused_user_is_shown_no_older_list_and_is_asked_about_each_time() {
        let bench = Bench::new();
        bench.use_after(Duration::ZERO);
        for (status, requests) in [(401, 3), (403, 5)] {
            let refusal = Fault::on(LIST, Effect::status(status)).times(2);
            bench.service.inject(refusal).unwrap();
            for need in [Need::Confirmed, Need::Usable] {
                bench.catalog.doubt();
                let now = bench.started;
                let refused = bench.catalog.obtain(need, now, &Cancellation::new());
                assert_eq!(refused.unwrap_err().kind, Kind::ServiceUnauthorized);
            }
            assert_eq!(bench.requests(), requests);
        }
        assert!(bench.catalog.known().is_some(), "handles stay");
        bench.use_after(Duration::ZERO);
        bench.use_after(Duration::ZERO);
        assert_eq!(bench.requests(), 6);
    }

    #[test]
    fn a_list_that_can_be_done_without_is_asked_for_once_a_minute_and_by_others_at_once() {
        let bench = Bench::new();
        let glimpse = |seconds| {
            let now = bench.started + Duration::from_secs(seconds);
            bench.catalog.glimpse_at(now, &Cancellation::new())
        };
        let failure = || Fault::on(LIST, Effect::status(503));
        bench.service.inject(failure().times(2)).unwrap();
        assert!(glimpse(0).is_err());
        for seconds in [0, 1, 59] {
            assert!(glimpse(seconds).unwrap().is_none());
        }
        assert_eq!(bench.requests(), 1);
        assert!(glimpse(60).is_err());
        assert_eq!(bench.requests(), 2);
        bench.use_after(MINUTE);
        assert!(glimpse(61).unwrap().is_some(), "somebody got one");
        assert_eq!(bench.requests(), 3);
    }

    #[test]
    fn who_needs_the_list_asks_again_where_another_did_not_wait_for_it() {
        let bench = Bench::new();
        let gate = Gate::new();
        let failure = Fault::on(LIST, Effect::status(503)).behind(&gate);
        bench.service.inject(failure).unwrap();
        std::thread::scope(|scope| {
            let glimpse = scope.spawn(|| bench.catalog.glimpse(&Cancellation::new()).map(drop));
            gate.wait_for(1);
            let login = scope.spawn(|| bench.use_after(Duration::ZERO));
            gate.open();
            assert!(glimpse.join().unwrap().is_err());
            assert_eq!(login.join().unwrap().objects().len(), 3);
        });
    }

    #[test]
    fn who_waits_for_a_list_that_was_contradicted_shares_the_refusal() {
        let bench = Bench::new();
        bench.use_after(Duration::ZERO);
        bench.catalog.doubt();
        let gate = Gate::new();
        let refusal = Fault::on(LIST, Effect::status(401)).behind(&gate);
        bench.service.inject(refusal.times(2)).unwrap();
        let refused = || {
            let result = bench.catalog.get(&Cancellation::new());
            assert_eq!(result.unwrap_err().kind, Kind::ServiceUnauthorized);
        };
        std::thread::scope(|scope| {
            scope.spawn(refused);
            gate.wait_for(1);
            scope.spawn(refused);
            gate.open();
        });
    }

    #[test]
    fn a_search_for_what_a_list_lacks_waits_no_longer_than_for_a_newer_list() {
        let bench = Bench::new();
        let first = bench.use_after(Duration::ZERO);
        bench.catalog.doubt();
        let failure = Fault::on(LIST, Effect::retry_after(503, 0)).always();
        bench.service.inject(failure).unwrap();
        let same = bench.catalog.confirmed(&Cancellation::new()).unwrap();
        assert!(Arc::ptr_eq(&first, &same));
        assert_eq!(bench.requests(), 2, "one attempt");
    }

    #[test]
    fn a_list_that_the_service_contradicts_is_asked_for_at_its_next_use() {
        let bench = Bench::new();
        bench.use_after(Duration::ZERO);
        bench.catalog.doubt();
        bench.use_after(Duration::ZERO);
        bench.use_after(Duration::ZERO);
        assert_eq!(bench.requests(), 2);
    }
}
