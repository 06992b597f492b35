//! What is measured: each task runs in a process of its own and prints its figures, a name and a number in each line.

use std::fs;
use std::hint::black_box;
use std::path::PathBuf;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use cryptoki_sys::*;

use super::raw::{self, Raw};
use crate::harness::{Key, Module, Session, ulong};

pub(super) const RSA: &str = "demo/rsa-2048";
pub(super) const P256: &str = "demo/p-256";
pub(super) const P384: &str = "demo/p-384";

/// The signed data, as long as a digest.
const DATA: [u8; 32] = [7; 32];

/// Runs a task.
pub(super) fn run(task: &Task) {
    match task.name.as_str() {
        "nothing" => {}
        "load" => load(task),
        "first" => first(task),
        "raw-first" => raw_first(task),
        "warm" => warm(task),
        "sign" => sign(task),
        "raw-sign" => raw_sign(task),
        "verify" => verify(task),
        "threads" => threads(task),
        "raw-threads" => raw_threads(task),
        "list" => list(task),
        "loop" => noise(task),
        name => panic!("there is no task {name}"),
    }
}

/// A task, with what its process is given.
#[derive(Clone, Debug, Default)]
pub(super) struct Task {
    pub name: String,
    /// How many times something is done.
    pub times: usize,
    /// The key, as its policy is called.
    pub key: String,
    /// The PIN, if it is not `CONFIG`.
    pub pin: Option<String>,
    pub module: PathBuf,
    /// Where the service listens, and the file with its CA certificate.
    pub service: String,
    pub ca_file: PathBuf,
    /// The file with the request of the raw client.
    pub request: PathBuf,
}

impl Task {
    /// The arguments of the process.
    pub fn arguments(&self) -> Vec<String> {
        let path = |path: &PathBuf| path.display().to_string();
        vec![
            self.name.clone(),
            self.times.to_string(),
            self.key.clone(),
            self.pin.clone().unwrap_or_default(),
            path(&self.module),
            self.service.clone(),
            path(&self.ca_file),
            path(&self.request),
        ]
    }

    /// The task that [`Task::arguments`] describes.
    pub fn from_arguments(arguments: &[String]) -> Self {
        let mut arguments = arguments.iter().cloned();
        let mut next = || arguments.next().unwrap_or_default();
        Self {
            name: next(),
            times: next().parse().unwrap_or_default(),
            key: next(),
            pin: Some(next()).filter(|pin| !pin.is_empty()),
            module: next().into(),
            service: next(),
            ca_file: next().into(),
            request: next().into(),
        }
    }

    fn load(&self) -> Module {
        let module = Module::load(&self.module);
        match &self.pin {
            Some(pin) => module.with_pin(pin),
            None => module,
        }
    }

    fn mechanism(&self) -> CK_MECHANISM_TYPE {
        match self.key.as_str() {
            RSA => CKM_SHA256_RSA_PKCS,
            _ => CKM_ECDSA,
        }
    }

    fn connect(&self) -> Raw {
        let address = self.service.parse().unwrap();
        Raw::connect(address, &raw::configuration(&self.ca_file))
    }
}

fn say(name: &str, value: f64) {
    println!("{name} {value}");
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

/// The time of an operation, in microseconds.
fn timed(act: impl FnOnce()) -> f64 {
    let begin = Instant::now();
    act();
    micros(begin.elapsed())
}

/// The processor time of this process.
fn processor_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the argument is a timespec.
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut time) };
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// A number in /proc/self/status.
fn status(name: &str) -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let value = line.unwrap().trim_start_matches(':').trim();
    value.trim_end_matches(" kB").parse().unwrap()
}

/// Memory in MB, `VmRSS` or `VmHWM`.
fn megabytes(name: &str) -> f64 {
    status(name) * 1024.0 / 1e6
}

/// Logs in and finds a key, as a tool does that is given its name.
fn find<'a>(module: &'a Module, task: &Task) -> Key<'a> {
    module.logged_in().unwrap().key(&task.key)
}

fn load(task: &Task) {
    let begin = Instant::now();
    let module = task.load();
    assert_eq!(module.initialize(), CKR_OK);
    assert_eq!(module.finalize(), CKR_OK);
    say("load", micros(begin.elapsed()) / 1000.0);
}

fn first(task: &Task) {
    let begin = Instant::now();
    let module = task.load();
    let key = find(&module, task);
    let signature = key.sign(task.mechanism(), &DATA).unwrap();
    say("first", micros(begin.elapsed()) / 1000.0);
    say("threads", status("Threads") - 1.0);
    black_box(signature);
}

fn raw_first(task: &Task) {
    let request = fs::read(&task.request).unwrap();
    let begin = Instant::now();
    task.connect().exchange(&request);
    say("first", micros(begin.elapsed()) / 1000.0);
}

fn warm(task: &Task) {
    let module = task.load();
    let key = find(&module, task);
    let mechanism = task.mechanism();
    let signature = key.sign(mechanism, &DATA).unwrap();
    let request = fs::read(&task.request).unwrap();
    let mut raw = task.connect();
    raw.exchange(&request);
    for _ in 0..task.times {
        say("sign", timed(|| drop(key.sign(mechanism, &DATA).unwrap())));
        say("raw", timed(|| raw.exchange(&request)));
        let verify = || assert_eq!(key.verify(mechanism, &DATA, &signature), CKR_OK);
        say("verify", timed(verify));
    }
}

fn sign(task: &Task) {
    let module = task.load();
    let key = find(&module, task);
    for _ in 0..task.times {
        key.sign(task.mechanism(), &DATA).unwrap();
    }
}

fn raw_sign(task: &Task) {
    let request = fs::read(&task.request).unwrap();
    let mut raw = task.connect();
    (0..task.times).for_each(|_| raw.exchange(&request));
}

fn verify(task: &Task) {
    let module = task.load();
    let key = find(&module, task);
    let mechanism = task.mechanism();
    let signature = key.sign(mechanism, &DATA).unwrap();
    for _ in 0..task.times {
        let verify = || assert_eq!(key.verify(mechanism, &DATA, &signature), CKR_OK);
        say("verify", timed(verify));
    }
}

/// How many threads sign at once.
pub(super) const THREADS: usize = 64;

fn threads(task: &Task) {
    let module = task.load();
    let session = module.logged_in().unwrap();
    let key = session.private(&task.key);
    let mechanism = task.mechanism();
    at_once(task.times, || {
        let session: Session = module.session();
        move || {
            assert_eq!(session.sign_init(mechanism, key), CKR_OK);
            session.sign(&DATA).unwrap();
        }
    });
}

fn raw_threads(task: &Task) {
    let request = fs::read(&task.request).unwrap();
    let address = task.service.parse().unwrap();
    let configuration = raw::configuration(&task.ca_file);
    at_once(task.times, || {
        let mut raw = Raw::connect(address, &configuration);
        let request = &request;
        move || raw.exchange(request)
    });
}

/// Has [`THREADS`] threads do something, once to warm up and then `times` times at once.
fn at_once<A: FnMut()>(times: usize, prepare: impl Fn() -> A + Sync) {
    let (warm, done) = (Barrier::new(THREADS + 1), Barrier::new(THREADS + 1));
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                let mut act = prepare();
                act();
                warm.wait();
                (0..times).for_each(|_| act());
                done.wait();
            });
        }
        warm.wait();
        let (begin, used) = (Instant::now(), processor_time());
        done.wait();
        let (elapsed, used) = (begin.elapsed(), processor_time() - used);
        let operations = (times * THREADS) as f64;
        say("rate", operations / elapsed.as_secs_f64());
        say("processor", micros(used) / operations);
        say("memory", megabytes("VmHWM"));
    });
}

/// Reads a long list of signing policies, and searches for one of them.
fn list(task: &Task) {
    let module = task.load();
    assert_eq!(module.initialize(), CKR_OK);
    let session = module.session();
    let before = megabytes("VmRSS");
    let begin = Instant::now();
    assert_eq!(session.login(), CKR_OK);
    say("login", begin.elapsed().as_secs_f64());
    say("kept", megabytes("VmRSS") - before);
    say("peak", megabytes("VmHWM"));
    let template = [(CKA_CLASS, ulong(CKO_PRIVATE_KEY)), (CKA_LABEL, task.key.as_bytes().to_vec())];
    let search = || {
        let begin = Instant::now();
        let found = session.find(&template).unwrap();
        assert_eq!(found.len(), 1);
        micros(begin.elapsed()) / 1000.0
    };
    say("search", search());
    say("searched again", search());
    let begin = Instant::now();
    assert_eq!(session.find_init(&[]), CKR_OK);
    let mut count = 0;
    loop {
        match session.find_next(1000).unwrap().len() {
            0 => break,
            more => count += more,
        }
    }
    assert_eq!(session.find_final(), CKR_OK);
    say("all", micros(begin.elapsed()) / 1000.0);
    assert!(count >= 3 * task.times, "{count} objects");
}

/// A loop whose time should always be the same.
fn noise(task: &Task) {
    for _ in 0..task.times {
        let begin = Instant::now();
        // Knuth's linear congruential generator.
        let next = |state: u64, _| {
            black_box(state).wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1)
        };
        black_box((0..200_000).fold(1, next));
        say("loop", micros(begin.elapsed()));
    }
}
