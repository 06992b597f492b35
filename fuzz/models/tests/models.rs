//! What must hold in every order in which the threads of an application can go on.

use std::sync::Arc;
use std::time::Duration;

use shuttle::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use shuttle::thread::JoinHandle;
use shuttle::{check_pct, check_random, thread};
use signpath_models::catalog::Catalog;
use signpath_models::error::{CancellationReason, Error, Kind};
use signpath_models::mark::{self, Mark};
use signpath_models::per_process::PerProcess;
use signpath_models::place::{Operation, OperationPlace};
use signpath_models::pool::{Pool, Reusable};
use signpath_models::{Cancellation, Client, PolicyList};

/// How many schedules are tried of each kind: at random, and with few changes of thread (PCT).
fn schedules() -> usize {
    match std::env::var("SIGNPATH_MODEL_SCHEDULES") {
        Ok(number) => number.parse().unwrap(),
        Err(_) => 2000,
    }
}

fn check(model: impl Fn() + Copy + Send + Sync + 'static) {
    check_random(model, schedules());
    check_pct(model, schedules(), 3);
}

struct Sign(usize);

impl Operation for Sign {
    const WHAT: &'static str = "signature";
    const INIT: &'static str = "C_SignInit";
    const END: &'static str = "C_Sign";
}

type Place = Arc<OperationPlace<Sign>>;

/// A place with an operation.
fn place() -> Place {
    let place = Place::default();
    place.start(|_| Ok(Sign(0))).unwrap();
    place
}

/// Starts a thread that does something with the place.
fn spawn<T: Send + 'static>(place: &Place, act: fn(&Place) -> T) -> JoinHandle<T> {
    let place = place.clone();
    thread::spawn(move || act(&place))
}

/// What so many threads at once do with something they share.
fn at_once<S: Send + Sync + 'static, T: Send + 'static>(
    threads: usize,
    shared: &Arc<S>,
    act: impl Fn(&S) -> T + Copy + Send + 'static,
) -> Vec<T> {
    let start = |_| {
        let shared = shared.clone();
        thread::spawn(move || act(&shared))
    };
    let threads: Vec<_> = (0..threads).map(start).collect();
    threads.into_iter().map(|thread| thread.join().unwrap()).collect()
}

/// A call that uses the operation, if it gets it.
fn take_and_keep(place: &Place) {
    if let Ok(taken) = place.take() {
        thread::yield_now();
        taken.keep();
    }
}

#[test]
fn an_operation_is_used_by_one_call_at_a_time() {
    check(|| {
        let shared = Arc::new((place(), AtomicUsize::new(0)));
        let uses = at_once(3, &shared, |(place, users)| {
            let Ok(mut taken) = place.take() else {
                return 0;
            };
            assert_eq!(users.fetch_add(1, Ordering::SeqCst), 0);
            thread::yield_now();
            taken.operation.0 += 1;
            users.fetch_sub(1, Ordering::SeqCst);
            taken.keep();
            1
        });
        let counted = shared.0.with(|sign| sign.0).unwrap();
        assert_eq!(counted, uses.iter().sum(), "a use was lost");
    });
}

#[test]
fn a_cancelled_operation_does_not_come_back() {
    check(|| {
        let place = place();
        let user = spawn(&place, take_and_keep);
        let cancelled = spawn(&place, |place| place.cancel()).join().unwrap();
        assert!(cancelled, "there was an operation to cancel");
        user.join().unwrap();
        assert!(!place.is_active());
    });
}

#[test]
fn a_wait_of_a_cancelled_operation_ends() {
    check(|| {
        let place = place();
        let canceller = spawn(&place, |place| place.cancel());
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
        let place = place();
        let user = spawn(&place, take_and_keep);
        place.cancel();
        let begun = place.start(|_| Ok(Sign(2))).is_ok();
        user.join().unwrap();
        assert!(begun, "the place was free");
        assert_eq!(place.with(|sign| sign.0).unwrap(), 2);
    });
}

/// A catalog whose service counts its requests, of which it never has two at once.
fn catalog(answer: fn() -> Result<(), Kind>) -> (Arc<Catalog>, Arc<AtomicUsize>) {
    let requests = Arc::new(AtomicUsize::new(0));
    let (counted, at_once) = (requests.clone(), AtomicUsize::new(0));
    let client = Client::new(move |cancellation| {
        let number = counted.fetch_add(1, Ordering::SeqCst);
        let others = at_once.fetch_add(1, Ordering::SeqCst);
        assert_eq!(others, 0, "two requests at once");
        thread::yield_now();
        at_once.fetch_sub(1, Ordering::SeqCst);
        cancellation.check()?;
        match answer() {
            Ok(()) => Ok(PolicyList(number)),
            Err(kind) => Err(Error::new(kind, "the service's")),
        }
    });
    let catalog = Catalog::new(Arc::new(client), None, Arc::default());
    (Arc::new(catalog), requests)
}

/// What a caller gets.
fn call(catalog: &Catalog, cancellation: &Cancellation) -> Result<(), Kind> {
    catalog.get(cancellation).map(drop).map_err(|error| error.kind)
}

#[test]
fn callers_at_once_share_one_request() {
    check(|| {
        let (catalog, requests) = catalog(|| Ok(()));
        let got = at_once(3, &catalog, |catalog| call(catalog, &Cancellation::new()));
        assert_eq!(got, [Ok(()); 3]);
        assert_eq!(requests.load(Ordering::SeqCst), 1);
    });
}

#[test]
fn callers_at_once_share_a_failure_or_ask_after_it() {
    check(|| {
        let (catalog, _) = catalog(|| Err(Kind::ServiceUnavailable));
        let got = at_once(3, &catalog, |catalog| call(catalog, &Cancellation::new()));
        assert_eq!(got, [Err(Kind::ServiceUnavailable); 3]);
    });
}

#[test]
fn another_caller_asks_if_the_first_one_is_cancelled() {
    check(|| {
        let (catalog, requests) = catalog(|| Ok(()));
        let cancelled = Cancellation::new();
        let reason = CancellationReason(Error::new(Kind::FunctionCanceled, "cancelled"));
        let (first, own) = (catalog.clone(), cancelled.clone());
        let first = thread::spawn(move || call(&first, &own));
        let canceller = thread::spawn(move || cancelled.cancel(reason));
        let got = call(&catalog, &Cancellation::new());
        canceller.join().unwrap();
        assert!(matches!(first.join().unwrap(), Ok(()) | Err(Kind::FunctionCanceled)));
        assert_eq!(got, Ok(()), "the other caller is not cancelled");
        assert!((1..=2).contains(&requests.load(Ordering::SeqCst)));
    });
}

struct Connection;

impl Reusable for Connection {
    fn is_usable(&mut self) -> bool {
        true
    }
}

/// How many connections a pool has, which is empty then.
fn drained(pool: &Pool<Connection>) -> usize {
    std::iter::from_fn(|| pool.take()).count()
}

#[test]
fn a_call_that_waits_gets_the_connection_of_another() {
    check(|| {
        let pool = Arc::new(Pool::default());
        pool.put_back(Connection, pool.generation());
        at_once(3, &pool, |pool| {
            let generation = pool.generation();
            loop {
                if let Some(connection) = pool.take() {
                    return pool.put_back(connection, generation);
                }
                pool.wait(Duration::ZERO);
            }
        });
        assert_eq!(drained(&pool), 1);
    });
}

#[test]
fn no_connection_is_lost() {
    check(|| {
        let shared = Arc::new((Pool::default(), AtomicUsize::new(0)));
        at_once(3, &shared, |(pool, opened)| {
            let generation = pool.generation();
            let connection = pool.take().unwrap_or_else(|| {
                opened.fetch_add(1, Ordering::SeqCst);
                Connection
            });
            pool.put_back(connection, generation);
        });
        assert_eq!(drained(&shared.0), shared.1.load(Ordering::SeqCst));
    });
}

/// The order is that of `Transport::send`: first the generation, then the check of the cancellation.
#[test]
fn no_connection_of_a_user_who_logged_out_is_kept() {
    check(|| {
        let shared = Arc::new((Pool::default(), AtomicBool::new(false)));
        let of_logout = shared.clone();
        let logout = thread::spawn(move || {
            of_logout.1.store(true, Ordering::SeqCst);
            of_logout.0.clear();
        });
        at_once(2, &shared, |(pool, is_logged_out)| {
            let generation = pool.generation();
            if !is_logged_out.load(Ordering::SeqCst) {
                let connection = pool.take().unwrap_or(Connection);
                pool.put_back(connection, generation);
            }
        });
        logout.join().unwrap();
        assert_eq!(drained(&shared.0), 0, "its buffers have the API token");
    });
}

/// What a fork copies of a process.
struct Memory {
    mark: Mark,
    last: AtomicU32,
}

impl Memory {
    fn forked(&self, is_wiped: bool) -> Self {
        let mark = self.mark.load(Ordering::SeqCst);
        Self {
            mark: Mark::new(if is_wiped { 0 } else { mark }),
            last: AtomicU32::new(self.last.load(Ordering::SeqCst)),
        }
    }

    /// What two threads at once get.
    fn generations(self: &Arc<Self>, process: u32) -> [u32; 2] {
        let generation = move |memory: &Self| mark::generation(&memory.mark, &memory.last, process);
        at_once(2, self, generation).try_into().unwrap()
    }
}

#[test]
fn a_child_has_one_generation_that_its_parents_have_not() {
    // A child can have the ID of its parent in a namespace of its own; then the mark is wiped.
    for (child, is_wiped) in [(2, false), (2, true), (1, true)] {
        check(move || {
            let parent = Arc::new(Memory { mark: Mark::new(0), last: AtomicU32::new(0) });
            let starting = {
                let parent = parent.clone();
                thread::spawn(move || parent.generations(1))
            };
            let known = parent.mark.load(Ordering::SeqCst) as u32;
            let forked = Arc::new(parent.forked(is_wiped));
            let [first, second] = forked.generations(child);
            assert_eq!(first, second);
            assert!(first != 0 && first != known);
            let [first, second] = starting.join().unwrap();
            assert_eq!(first, second);
            assert_ne!(Arc::new(forked.forked(is_wiped)).generations(3)[0], known);
        });
    }
}

#[test]
fn threads_of_a_child_share_what_is_not_its_parents() {
    check(|| {
        let values = Arc::new(PerProcess::<AtomicUsize>::new());
        for process in 1..=3 {
            at_once(2, &values, move |values| values.of(process).fetch_add(1, Ordering::SeqCst));
            assert_eq!(values.of(process).load(Ordering::SeqCst), 2);
        }
    });
}
