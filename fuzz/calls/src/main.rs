//! Sequences of calls of the module, which SIGNPATH_TEST_MODULE names, with a service in the process.
//!
//! The module is an instrumented build with AddressSanitizer, so what it reads or writes beside a buffer ends the process. No
//! sequence may make the module report a bug of its own, or return a value that the standard does not have.

#![no_main]

mod sequence;
mod step;
mod values;

use std::path::PathBuf;
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

use arbitrary::{Arbitrary, Unstructured};
use cryptoki_sys::CKR_GENERAL_ERROR;
use pkcs11_test::harness::{Module, rv_name};
use pkcs11_test::{Options, Service};
use sequence::Sequence;
use step::Step;

libfuzzer_sys::fuzz_target!(|data: &[u8]| run(data));

/// The most calls of a sequence.
const MAX_CALLS: usize = 60;

/// How long a sequence may take. Each of its calls can be a signature.
const MAX_TIME: Duration = Duration::from_secs(10);

/// After so many sequences there is a new service, since each keeps a record of its requests.
const SEQUENCES_OF_A_SERVICE: usize = 2000;

fn run(data: &[u8]) {
    static BENCH: OnceLock<Mutex<Bench>> = OnceLock::new();
    let bench = BENCH.get_or_init(|| Mutex::new(Bench::new()));
    let mut bench = bench.lock().expect("no other thread");
    bench.prepare();
    let started = Instant::now();
    let mut sequence = Sequence::new(&bench.module, &bench.service);
    let mut input = Unstructured::new(data);
    for _ in 0..MAX_CALLS {
        if input.is_empty() {
            break;
        }
        let Ok(step) = Step::arbitrary(&mut input) else {
            break;
        };
        if bench.is_shown {
            eprintln!("{step:?}");
        }
        let rv = sequence.take(&step);
        if rv == CKR_GENERAL_ERROR {
            assert_no_bug(&step);
        }
        let name = rv_name(rv.0);
        assert!(name.starts_with("CKR_"), "{name} from {step:?}");
    }
    bench.module.finalize();
    let time = started.elapsed();
    assert!(time < MAX_TIME, "it took {time:?}");
}

/// Stands for a panic and other bugs, and for a response that is not SignPath's; the log tells.
fn assert_no_bug(step: &Step) {
    let lines = std::fs::read_to_string(log_folder().join(LOG)).unwrap_or_default();
    let is_bug = lines.contains("a bug in signpath-pkcs11") || lines.contains("panic");
    assert!(!is_bug, "{step:?}: {lines}");
}

/// The name of the log file.
const LOG: &str = "SignPath.CryptoProviders.Cryptoki.txt";

fn log_folder() -> PathBuf {
    std::env::temp_dir().join("logs")
}

/// The module and the service of this process.
struct Bench {
    module: Module,
    service: Service,
    sequences: usize,
    /// Whether to show each step, to follow what led to a finding.
    is_shown: bool,
}

impl Bench {
    fn new() -> Self {
        let path = std::env::var_os("SIGNPATH_TEST_MODULE").expect("SIGNPATH_TEST_MODULE");
        let is_shown = std::env::var_os("SIGNPATH_FUZZ_STEPS").is_some();
        for name in ["SIGNPATH_TEST_MODULE", "SIGNPATH_FUZZ_STEPS"] {
            // The module would look for a setting with a similar name, each time.
            // SAFETY: there is no other thread yet.
            unsafe { std::env::remove_var(name) };
        }
        Self {
            module: Module::load(PathBuf::from(path)),
            service: start_service(),
            sequences: 0,
            is_shown,
        }
    }

    /// Removes what the last sequence left.
    fn prepare(&mut self) {
        self.service.heal();
        // It may not be there.
        let _ = std::fs::remove_file(log_folder().join(LOG));
        self.sequences += 1;
        if self.sequences % SEQUENCES_OF_A_SERVICE == 0 {
            self.service.stop();
            self.service = start_service();
        }
    }
}

fn start_service() -> Service {
    let state = std::env::temp_dir().join("service");
    let service = Service::start(Options::new(state)).expect("a service");
    let folder = log_folder().to_string_lossy().into_owned();
    let more = [
        ("SIGNPATH_LOG_CONSOLE_LEVEL", "none"),
        ("SIGNPATH_LOG_FILE_LEVEL", "error"),
        ("SIGNPATH_LOG_FILE_DIRECTORY", folder.as_str()),
        // One attempt: the first wait would be longer.
        ("SIGNPATH_SERVICE_UNAVAILABLE_TIMEOUT_IN_SECONDS", "1"),
    ];
    let more = more.map(|(name, value)| (name, value.to_owned()));
    for (name, value) in service.environment().into_iter().chain(more) {
        // SAFETY: the threads of the service do not read the environment.
        unsafe { std::env::set_var(name, value) };
    }
    service
}
