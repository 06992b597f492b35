//! Which process of a line of forks this is.
//!
//! The process ID alone does not tell a child from its parent: both can be number 1, each of a PID
//! namespace of its own. So three signs are looked at, and any of them is enough: the ID, a page that
//! the kernel wipes in a child (Linux 4.14 and later), and a handler of `pthread_atfork` (which a raw
//! `clone` does not call).

use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64, Ordering};

/// What a process writes once: its ID in the upper half, its generation in the lower. A child finds
/// zero, or its parent's ID.
type Mark = AtomicU64;

/// The mark of a system that wipes no page.
static UNWIPED: Mark = Mark::new(0);

/// Where the mark is.
static MARK: AtomicPtr<Mark> = AtomicPtr::new(ptr::null_mut());

/// The last generation that was given out.
static LAST: AtomicU32 = AtomicU32::new(0);

/// A number that this process has, and none of those that it was forked from.
pub fn generation() -> u32 {
    let mark = mark();
    let process_id = u64::from(std::process::id()) << 32;
    let mut seen = mark.load(Ordering::Acquire);
    loop {
        let generation = seen as u32;
        if generation != 0 && seen ^ u64::from(generation) == process_id {
            return generation;
        }
        let next = LAST.fetch_add(1, Ordering::Relaxed) + 1;
        let own = process_id | u64::from(next);
        match mark.compare_exchange(seen, own, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => return next,
            // Another thread of the child was faster.
            Err(now) => seen = now,
        }
    }
}

fn mark() -> &'static Mark {
    let mut place = MARK.load(Ordering::Acquire);
    if place.is_null() {
        let page = wiped_page();
        let unwiped = ptr::from_ref(&UNWIPED).cast_mut();
        let new = page.unwrap_or(unwiped);
        place = match MARK.compare_exchange(
            ptr::null_mut(),
            new,
            Ordering::AcqRel,
            Ordering::Acquire,
        ) {
            Ok(_) => new,
            // The page of the thread that was slower stays, for as long as the process does.
            Err(first) => first,
        };
        watch_forks();
    }
    // SAFETY: it leads to UNWIPED, or to a page that is never unmapped, is aligned for any type, and
    // holds zeros or what atomic operations wrote.
    unsafe { &*place }
}

/// A page of zeros that the kernel wipes in a forked child.
fn wiped_page() -> Option<*mut Mark> {
    #[cfg(target_os = "linux")]
    {
        let (protection, flags) = (
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
        );
        let length = size_of::<Mark>();
        // SAFETY: a new mapping, which touches no other memory.
        let page = unsafe { libc::mmap(ptr::null_mut(), length, protection, flags, -1, 0) };
        if page == libc::MAP_FAILED {
            return None;
        }
        // SAFETY: the page was mapped just now, and nobody else knows it.
        if unsafe { libc::madvise(page, length, libc::MADV_WIPEONFORK) } == 0 {
            return Some(page.cast());
        }
        // SAFETY: the same.
        unsafe { libc::munmap(page, length) };
    }
    None
}

/// Has each fork that goes through the C library wipe the mark of the child. The library is never
/// unloaded (build.rs), so that the handler stays where it is.
fn watch_forks() {
    static WATCHED: AtomicBool = AtomicBool::new(false);
    if !WATCHED.swap(true, Ordering::Relaxed) {
        // SAFETY: the handler does nothing but a store, which is safe between fork and exec.
        unsafe { libc::pthread_atfork(None, None, Some(wipe)) };
    }
}

unsafe extern "C" fn wipe() {
    mark().store(0, Ordering::Release);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_keeps_its_generation() {
        assert_eq!(generation(), generation());
        assert_ne!(generation(), 0);
    }
}
