//! The mark that tells a process from those that it was forked from.

use crate::atomic::{AtomicU32, AtomicU64, Ordering};

/// Written once per process: the process ID in the upper half, the generation in the lower. A
/// forked child finds zero or its parent's ID here.
pub type Mark = AtomicU64;

/// The generation of the process with the ID `process_id`: what is in its mark, or a new one after
/// `last`, the last generation that was assigned.
pub fn generation(mark: &Mark, last: &AtomicU32, process_id: u32) -> u32 {
    let process_id = u64::from(process_id) << 32;
    let mut seen = mark.load(Ordering::Acquire);
    loop {
        let generation = seen as u32;
        if generation != 0 && seen ^ u64::from(generation) == process_id {
            return generation;
        }
        let next = last.fetch_add(1, Ordering::Relaxed) + 1;
        let own = process_id | u64::from(next);
        match mark.compare_exchange(seen, own, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => return next,
            // Another thread of the child was faster.
            Err(now) => seen = now,
        }
    }
}
