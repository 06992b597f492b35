//! What the fuzz targets share: the limits that each input is held to.

use std::alloc::{GlobalAlloc, Layout, System};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

pub use libfuzzer_sys;

/// The longest input; `run.sh` generates none that is longer.
pub const MAX_LENGTH: usize = 64 << 10;

/// The processor time that an input may take.
const MAX_TIME: Duration = Duration::from_secs(1);

/// The memory that an input may take, in bytes.
const MAX_MEMORY: usize = 200 << 20;

/// A stand-in for an API token, which no output may contain.
pub const TOKEN: &str = "AIk7/Fuzz+t0ken=never0shown";

/// Defines a fuzz target: a function that panics if a property does not hold for its bytes.
#[macro_export]
macro_rules! target {
    ($check:path) => {
        $crate::libfuzzer_sys::fuzz_target!(|data: &[u8]| {
            $crate::limited(data, $check);
        });
    };
}

/// Checks an input, and that this takes neither long nor much memory.
pub fn limited(data: &[u8], check: impl FnOnce(&[u8])) {
    if data.len() > MAX_LENGTH {
        return;
    }
    let before = USED.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    let started = processor_time();
    check(data);
    let time = processor_time() - started;
    let memory = PEAK.load(Ordering::Relaxed).saturating_sub(before);
    assert!(time <= MAX_TIME, "it took {time:?}");
    assert!(memory <= MAX_MEMORY, "it took {memory} bytes of memory");
}

/// The processor time of this thread.
fn processor_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the clock exists, and the time is written to a variable.
    let rv = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    assert_eq!(rv, 0);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Counts what is allocated.
struct Counting;

static USED: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: the system's allocator does it all.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let used = USED.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        PEAK.fetch_max(used, Ordering::Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        USED.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// A folder for the files of this process. run.sh has it in memory where the system can.
pub fn folder() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        // libFuzzer ends with _exit, so nothing would remove it: run.sh names one that it removes.
        let folder = tempfile::tempdir();
        folder.expect("a folder for files").keep()
    })
}

/// Writes a file of this process.
pub fn write(name: &str, content: &[u8]) -> PathBuf {
    let path = folder().join(name);
    std::fs::write(&path, content).expect("a file in memory");
    path
}

/// Sets a variable of this process.
pub fn set_variable(name: &str, value: impl AsRef<std::ffi::OsStr>) {
    // SAFETY: a target has one thread.
    unsafe { std::env::set_var(name, value) };
}

/// Removes a variable of this process.
pub fn remove_variable(name: &str) {
    // SAFETY: a target has one thread.
    unsafe { std::env::remove_var(name) };
}

/// The text before the first line break, and the rest.
pub fn first_line(text: &str) -> (&str, &str) {
    text.split_once('\n').unwrap_or((text, ""))
}

/// The first byte, and the rest.
pub fn first_byte(data: &[u8]) -> (u8, &[u8]) {
    match data {
        [first, rest @ ..] => (*first, rest),
        [] => (0, data),
    }
}

/// Checks that what is told to people does not contain a secret, unless the input did.
pub fn assert_hidden(secret: &str, input: &[u8], told: &str) {
    let is_known = input.windows(secret.len()).any(|window| window == secret.as_bytes());
    assert!(is_known || !told.contains(secret), "{told}");
}
