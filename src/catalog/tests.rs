//! Who requests the list of signing policies, who waits for it, and what happens if that fails.

use pkcs11_test::{Effect, Fault, Gate, PolicyFile};

use signpath_client::{Credentials, Options, Secret, Threads, Transport};

use super::*;

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
        let policies = r#"{"policies": [{"project": "demo", "policy": "p-256", "key": "p-256"}]}"#;
        let service = pkcs11_test::Service::start(pkcs11_test::Options {
            policies: PolicyFile::parse(policies).unwrap(),
            ..pkcs11_test::Options::new(state.path())
        })
        .unwrap();
        let options = Options::new(service.api_url().parse().unwrap());
        let credentials = Credentials {
            organization_id: service.organization_id(),
            api_token: Secret::new(service.token().to_owned()),
        };
        let transport = Arc::new(Transport::new(options, Threads::Allowed));
        let client = Arc::new(Client::new(transport, &credentials, &[]));
        Self {
            service,
            catalog: Catalog::new(client, None, Arc::default()),
            started: Instant::now(),
            _state: state,
        }
    }

    /// Uses the list `time` after the start.
    fn use_after(&self, time: Duration) -> Arc<Snapshot> {
        self.catalog.obtain(Need::Usable, self.started + time, &Cancellation::new()).unwrap()
    }

    fn requests(&self) -> usize {
        self.service.requests().len()
    }
}

fn unique_ids(snapshot: &Snapshot) -> Vec<&str> {
    let objects = snapshot.matching(&[]);
    objects.map(|object| &**object.unique_id()).collect()
}

#[test]
fn refreshes_the_list_after_five_minutes_and_keeps_its_objects() {
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
fn a_failed_refresh_keeps_the_list_for_another_five_minutes() {
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
fn others_keep_using_the_list_while_one_caller_refreshes_it() {
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
fn a_refused_user_sees_no_cached_list() {
    let bench = Bench::new();
    bench.use_after(Duration::ZERO);
    for (status, requests) in [(401, 3), (403, 5)] {
        let refusal = Fault::on(LIST, Effect::status(status)).times(2);
        bench.service.inject(refusal).unwrap();
        for need in [Need::Confirmed, Need::Usable] {
            bench.catalog.mark_contradicted();
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
fn requests_an_optional_list_once_a_minute() {
    let bench = Bench::new();
    let optional_list = |seconds| {
        let now = bench.started + Duration::from_secs(seconds);
        bench.catalog.get_if_quick_at(now, &Cancellation::new())
    };
    let failure = || Fault::on(LIST, Effect::status(503));
    bench.service.inject(failure().times(2)).unwrap();
    assert!(optional_list(0).is_err());
    for seconds in [0, 1, 59] {
        assert!(optional_list(seconds).unwrap().is_none());
    }
    assert_eq!(bench.requests(), 1);
    assert!(optional_list(60).is_err());
    assert_eq!(bench.requests(), 2);
    bench.use_after(MINUTE);
    assert!(optional_list(61).unwrap().is_some(), "somebody got one");
    assert_eq!(bench.requests(), 3);
}

#[test]
fn a_caller_that_needs_the_list_retries_after_a_short_attempt() {
    let bench = Bench::new();
    let gate = Gate::new();
    let failure = Fault::on(LIST, Effect::status(503)).behind(&gate);
    bench.service.inject(failure).unwrap();
    std::thread::scope(|scope| {
        let optional_list =
            scope.spawn(|| bench.catalog.get_if_quick(&Cancellation::new()).map(drop));
        gate.wait_for(1);
        let login = scope.spawn(|| bench.use_after(Duration::ZERO));
        gate.open();
        assert!(optional_list.join().unwrap().is_err());
        assert_eq!(unique_ids(&login.join().unwrap()).len(), 3);
    });
}

#[test]
fn callers_waiting_for_a_contradicted_list_share_the_refusal() {
    let bench = Bench::new();
    bench.use_after(Duration::ZERO);
    bench.catalog.mark_contradicted();
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
fn a_search_for_a_missing_key_waits_no_longer_than_a_refresh() {
    let bench = Bench::new();
    let first = bench.use_after(Duration::ZERO);
    bench.catalog.mark_contradicted();
    let failure = Fault::on(LIST, Effect::retry_after(503, 0)).always();
    bench.service.inject(failure).unwrap();
    let same = bench.catalog.confirmed(&Cancellation::new()).unwrap();
    assert!(Arc::ptr_eq(&first, &same));
    assert_eq!(bench.requests(), 2, "one attempt");
}
