//! The two processes: this one runs the service and its faults, its child loads the module.

use std::io::{BufRead, BufReader};
use std::process::{Command, ExitCode, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use pkcs11_test::{Effect, Fault, Options, Service};

use crate::certificates::STATE;
use crate::{certificates, reload, storm};

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

/// How many requests will fail, and after which time there are new ones.
const FAULTS_AT_ONCE: usize = 50;
const BETWEEN_FAULTS: Duration = Duration::from_millis(500);

/// Runs `child` in a process of its own, with a service in this one.
pub fn with_service(child: Child, size: Size) -> ExitCode {
    let seed = seed();
    if std::env::var_os(CHILD).is_some() {
        let path = std::env::var_os("SIGNPATH_TEST_MODULE").expect("SIGNPATH_TEST_MODULE");
        let (path, certificates) = (path.into(), certificates::read());
        let is_good = match child {
            Child::Storm => storm::run(path, size, seed, &certificates),
            Child::Reload => reload::run(path, size.operations, &certificates),
        };
        return if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    println!("{SEED}={seed}");
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start(Options { tls: true, ..Options::new(STATE) }).unwrap();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(std::env::args_os().skip(1))
        .envs(service.environment())
        .env(CHILD, "1")
        .env(SEED, seed.to_string())
        .env("SIGNPATH_LOG_FILE_DIRECTORY", folder.path())
        .env("SIGNPATH_LOG_CONSOLE_LEVEL", "error")
        .env("SIGNPATH_LOG_FILE_LEVEL", "none")
        // Only Retry-After: 0 leaves time for another attempt.
        .env("SIGNPATH_SERVICE_UNAVAILABLE_TIMEOUT_IN_SECONDS", "2");
    command.stderr(Stdio::piped());
    let mut process = command.spawn().unwrap();
    let stderr = BufReader::new(process.stderr.take().unwrap());
    let (is_over, mut bugs) = (AtomicBool::new(false), Vec::new());
    let status = thread::scope(|scope| {
        if child == Child::Storm {
            scope.spawn(|| fail_now_and_then(&service, seed, &is_over));
        }
        // The module says of each failure why; only these are its own.
        for line in stderr.split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line);
            if line.contains("a bug in signpath-pkcs11") || line.contains("panic") {
                bugs.push(line.into_owned());
            } else if !line.starts_with("signpath-pkcs11: ") {
                eprintln!("{line}");
            }
        }
        let status = process.wait().unwrap();
        is_over.store(true, Ordering::Relaxed);
        status
    });
    let requests = service.requests();
    let failed = requests.iter().filter(|request| request.status != Some(200));
    println!("requests to the service: {}", requests.len());
    println!("of these failed:         {}", failed.count());
    bugs.iter().take(20).for_each(|line| println!("{line}"));
    let is_free = bugs.is_empty();
    println!("{} the module reports no bug of its own", result(is_free));
    if !status.success() {
        println!("the process that loads the module ended with {status}");
    }
    match status.success() && is_free {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

/// How a line begins that stress.sh counts.
pub fn result(is_good: bool) -> &'static str {
    if is_good { "ok      " } else { "FAILED  " }
}

/// Has one of about ten requests fail.
fn fail_now_and_then(service: &Service, seed: u64, is_over: &AtomicBool) {
    let mut random = fastrand::Rng::with_seed(seed);
    while !is_over.load(Ordering::Relaxed) {
        service.heal();
        for _ in 0..FAULTS_AT_ONCE {
            let good = Fault::from(Effect::Usual).times(random.usize(2..16));
            service.inject(good).unwrap();
            service.inject(fault(&mut random)).unwrap();
        }
        thread::sleep(BETWEEN_FAULTS);
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
