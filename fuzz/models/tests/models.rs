//! What must hold in every order in which the threads of an application can go on.

use std::sync::Arc;

use shuttle::sync::atomic::{AtomicUsize, Ordering};
use shuttle::{check_pct, check_random, thread};
use signpath_models::catalog::Catalog;
use signpath_models::error::{CancellationReason, Error, Kind};
use signpath_models::place::{Operation, OperationPlace};
use signpath_models::{Cancellation, Client, PolicyList};

/// How many schedules are tried of each kind: at random, and with few changes of thread (PCT).
fn schedules() -> usize {
    match std::env::var("SIGNPATH_MODEL_SCHEDULES") {
        Ok(number) => number.parse().unwrap(),
        Err(_) => 2000,
    }
}

fn check(model: fn()) {
    check_random(model, schedules());
    check_pct(model, schedules(), 3);
}

struct Sign(usize);

impl Operation for Sign {
    const WHAT: &'static str = "signature";
    const INIT: &'static str = "C_SignInit";
    const END: &'static str = "C_Sign";
}

fn canceled() -> CancellationReason {
    CancellationReason(Error::new(Kind::FunctionCanceled, "cancelled"))
}

#[test]
fn an_operation_is_used_by_one_call_at_a_time() {
    check(|| {
        let place = Arc::new(OperationPlace::default());
        let users = Arc::new(AtomicUsize::new(0));
        place.start(|_| Ok(Sign(0))).unwrap();
        let threads = (0..3).map(|_| {
            let (place, users) = (place.clone(), users.clone());
            thread::spawn(move || {
                if let Ok(mut taken) = place.take() {
                    assert_eq!(users.fetch_add(1, Ordering::SeqCst), 0);
                    thread::yield_now();
                    taken.operation.0 += 1;
                    users.fetch_sub(1, Ordering::SeqCst);
                    taken.keep();
                    return 1;
                }
                0
            })
        });
        let threads: Vec<_> = threads.collect();
        let uses: usize = threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .sum();
        assert_eq!(place.with(|sign| sign.0).unwrap(), uses, "a use was lost");
    });
}

#[test]
fn a_cancelled_operation_does_not_come_back() {
    check(|| {
        let place = Arc::new(OperationPlace::default());
        place.start(|_| Ok(Sign(1))).unwrap();
        let user = {
            let place = place.clone();
            thread::spawn(move || {
                if let Ok(taken) = place.take() {
                    thread::yield_now();
                    taken.keep();
                }
            })
        };
        let canceller = {
            let place = place.clone();
            thread::spawn(move || place.cancel())
        };
        assert!(
            canceller.join().unwrap(),
            "there was an operation to cancel"
        );
        user.join().unwrap();
        assert!(!place.is_active());
    });
}

#[test]
fn a_wait_of_a_cancelled_operation_ends() {
    check(|| {
        let place = Arc::new(OperationPlace::default());
        place.start(|_| Ok(Sign(1))).unwrap();
        let canceller = {
            let place = place.clone();
            thread::spawn(move || place.cancel())
        };
        if let Ok(taken) = place.take() {
            let wait = taken.place.wait(&Cancellation::new());
            canceller.join().unwrap();
            assert!(wait.check().is_err(), "nobody would end this wait");
        }
    });
}

#[test]
fn an_operation_begun_after_a_cancellation_stays() {
    check(|| {
        let place = Arc::new(OperationPlace::default());
        place.start(|_| Ok(Sign(1))).unwrap();
        let user = {
            let place = place.clone();
            thread::spawn(move || {
                if let Ok(taken) = place.take() {
                    thread::yield_now();
                    taken.keep();
                }
            })
        };
        place.cancel();
        let begun = place.start(|_| Ok(Sign(2))).is_ok();
        user.join().unwrap();
        assert!(begun, "the place was free");
        assert_eq!(place.with(|sign| sign.0).unwrap(), 2);
    });
}

/// A service that counts its requests, and those that it has at once.
fn service(
    answer: impl Fn(usize) -> Result<(), Kind> + Send + Sync + 'static,
) -> (Client, Arc<AtomicUsize>) {
    let requests = Arc::new(AtomicUsize::new(0));
    let (counted, at_once) = (requests.clone(), AtomicUsize::new(0));
    let client = Client::new(move |cancellation| {
        let number = counted.fetch_add(1, Ordering::SeqCst);
        assert_eq!(
            at_once.fetch_add(1, Ordering::SeqCst),
            0,
            "two requests at once"
        );
        thread::yield_now();
        at_once.fetch_sub(1, Ordering::SeqCst);
        cancellation.check()?;
        match answer(number) {
            Ok(()) => Ok(PolicyList(number)),
            Err(kind) => Err(Error::new(kind, "the service's")),
        }
    });
    (client, requests)
}

fn three() -> Vec<Cancellation> {
    (0..3).map(|_| Cancellation::new()).collect()
}

/// What callers at once get, whose cancellations these are.
fn callers(catalog: &Arc<Catalog>, cancellations: Vec<Cancellation>) -> Vec<Result<(), Kind>> {
    let threads = cancellations.into_iter().map(|cancellation| {
        let catalog = catalog.clone();
        thread::spawn(move || match catalog.get(&cancellation) {
            Ok(_) => Ok(()),
            Err(error) => Err(error.kind),
        })
    });
    let threads: Vec<_> = threads.collect();
    threads
        .into_iter()
        .map(|thread| thread.join().unwrap())
        .collect()
}

#[test]
fn callers_at_once_share_one_request() {
    check(|| {
        let (client, requests) = service(|_| Ok(()));
        let catalog = Arc::new(Catalog::new(Arc::new(client), None, Arc::default()));
        let got = callers(&catalog, three());
        assert_eq!(got, [Ok(()); 3]);
        assert_eq!(requests.load(Ordering::SeqCst), 1);
    });
}

#[test]
fn callers_at_once_share_a_failure_or_ask_after_it() {
    check(|| {
        let (client, requests) = service(|_| Err(Kind::ServiceUnavailable));
        let catalog = Arc::new(Catalog::new(Arc::new(client), None, Arc::default()));
        let got = callers(&catalog, three());
        assert_eq!(got, [Err(Kind::ServiceUnavailable); 3]);
        assert!((1..=3).contains(&requests.load(Ordering::SeqCst)));
    });
}

#[test]
fn another_caller_asks_if_the_first_one_is_cancelled() {
    check(|| {
        let (client, requests) = service(|_| Ok(()));
        let catalog = Arc::new(Catalog::new(Arc::new(client), None, Arc::default()));
        let [first, second] = [Cancellation::new(), Cancellation::new()];
        let canceller = {
            let first = first.clone();
            thread::spawn(move || first.cancel(canceled()))
        };
        let got = callers(&catalog, vec![first, second]);
        canceller.join().unwrap();
        assert!(matches!(got[0], Ok(()) | Err(Kind::FunctionCanceled)));
        assert_eq!(got[1], Ok(()), "the other caller is not cancelled");
        assert!((1..=2).contains(&requests.load(Ordering::SeqCst)));
    });
}
