//! The two processes: this one runs the service and its faults, its child loads the module.

use std::process::{Command, ExitCode};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use pkcs11_test::{Effect, Options, Service};

use crate::certificates::Certificates;
use crate::{reload, storm};

/// What the child does.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Child {
    Storm,
    Reload,
}

/// How much it does.
#[derive(Clone, Copy)]
pub struct Size {
    pub threads: usize,
    pub operations: usize,
}

/// Set in the child.
const CHILD: &str = "SIGNPATH_STRESS_CHILD";

/// The seed of everything that is random.
const SEED: &str = "SIGNPATH_TEST_SEED";

/// At most one request in this time meets a fault.
const BETWEEN_FAULTS: Duration = Duration::from_millis(15);

/// Runs `child` in a process of its own, with a service in this one.
pub fn with_service(child: Child, size: Size) -> ExitCode {
    let seed = seed();
    if std::env::var_os(CHILD).is_some() {
        let certificates = Certificates::read();
        let is_good = match child {
            Child::Storm => storm::run(size, seed, &certificates),
            Child::Reload => reload::run(size.operations, &certificates),
        };
        return if is_good {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        };
    }
    println!("{SEED}={seed}");
    let folder = tempfile::tempdir().unwrap();
    let mut options = Options::new(folder.path());
    options.tls = true;
    let service = Service::start(options).unwrap();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(std::env::args_os().skip(1))
        .envs(service.environment())
        .env(CHILD, "1")
        .env(SEED, seed.to_string())
        .env("SIGNPATH_LOG_FILE_DIRECTORY", folder.path())
        .env("SIGNPATH_LOG_CONSOLE_LEVEL", "none")
        .env("SIGNPATH_LOG_FILE_LEVEL", "none")
        // Only Retry-After: 0 leaves time for another attempt.
        .env("SIGNPATH_SERVICE_UNAVAILABLE_TIMEOUT_IN_SECONDS", "2");
    Certificates::of(&service).hand_over(&mut command);

    let (is_over, faults) = (AtomicBool::new(false), AtomicUsize::new(0));
    let status = thread::scope(|scope| {
        if child == Child::Storm {
            scope.spawn(|| {
                let mut random = fastrand::Rng::with_seed(seed);
                while !is_over.load(Ordering::Relaxed) {
                    service.heal();
                    service.inject(fault(&mut random)).unwrap();
                    faults.fetch_add(1, Ordering::Relaxed);
                    thread::sleep(BETWEEN_FAULTS);
                }
            });
        }
        let status = command.status();
        is_over.store(true, Ordering::Relaxed);
        status.unwrap()
    });
    println!("requests to the service: {}", service.requests().len());
    println!("faults injected:         {}", faults.into_inner());
    match status.code() {
        Some(0) => ExitCode::SUCCESS,
        _ => {
            println!("the process that loads the module ended with {status}");
            ExitCode::FAILURE
        }
    }
}

fn seed() -> u64 {
    match std::env::var(SEED) {
        Ok(seed) => seed.parse().unwrap(),
        Err(_) => fastrand::u64(..),
    }
}

/// Whatever a service, or what is between, does wrong.
fn fault(random: &mut fastrand::Rng) -> Effect {
    const STATUSES: [u16; 20] = [
        201, 202, 204, 302, 400, 401, 403, 404, 405, 407, 408, 410, 413, 418, 429, 500, 502, 503,
        504, 599,
    ];
    let status = STATUSES[random.usize(..STATUSES.len())];
    match random.u8(..16) {
        0..=2 => Effect::status(status),
        3 => Effect::problem(status.max(400), &["no"]),
        4 => Effect::web_page(status),
        5..=6 => Effect::retry_after([429, 503][random.usize(..2)], 0),
        7 => Effect::Close,
        8 => Effect::ProcessAndClose,
        9 => Effect::Truncate,
        10 => Effect::Last,
        11 => Effect::Late(Duration::from_millis(random.u64(1..200))),
        12 => Effect::WrongSignature,
        13 => Effect::SignatureLength(random.usize(..600)),
        14 => Effect::OtherEncoding,
        _ => Effect::Raw((0..random.usize(..200)).map(|_| random.u8(..)).collect()),
    }
}

/// The memory of this process, in KiB, and how many descriptors it has.
pub fn resources() -> (usize, usize) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let memory = line.and_then(|line| line.split_whitespace().nth(1));
    let descriptors = std::fs::read_dir("/proc/self/fd").unwrap().count();
    // One of them is that of the folder.
    (memory.unwrap().parse().unwrap(), descriptors - 1)
}
