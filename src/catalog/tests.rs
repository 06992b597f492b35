//! Who asks for the list of signing policies, who waits for it, and what happens when it fails.

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
