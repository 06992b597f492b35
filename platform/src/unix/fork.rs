//! Detects that the process has been forked.
//!
//! The process ID alone does not distinguish a child from its parent: both can have ID 1, each in
//! its own PID namespace. Any of three signs therefore counts as a fork: the process ID has
//! changed, the kernel has wiped a page (`MADV_WIPEONFORK`, on Linux 4.14 and later alone), or a
//! `pthread_atfork` handler has run (a raw `clone` of Linux does not run it).

use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, Ordering};

use super::mark::{self, Mark};

/// The mark where the kernel cannot wipe a page.
static UNWIPED: Mark = Mark::new(0);

/// Points to the mark.
static MARK: AtomicPtr<Mark> = AtomicPtr::new(ptr::null_mut());

/// The last generation that was assigned.
static LAST: AtomicU32 = AtomicU32::new(0);

/// A number that differs from those of all processes that this one was forked from.
pub fn generation() -> u32 {
    mark::generation(mark(), &LAST, std::process::id())
}

fn mark() -> &'static Mark {
    let mut pointer = MARK.load(Ordering::Acquire);
    if pointer.is_null() {
        let page = wiped_page();
        let unwiped = ptr::from_ref(&UNWIPED).cast_mut();
        let new = page.unwrap_or(unwiped);
        pointer = match MARK.compare_exchange(
            ptr::null_mut(),
            new,
            Ordering::AcqRel,
            Ordering::Acquire,
        ) {
            Ok(_) => new,
            // Another thread was faster. This thread's page stays mapped until the process ends.
            Err(first) => first,
        };
        watch_forks();
    }
    // SAFETY: it points to UNWIPED, or to a page that is never unmapped, is aligned for any type,
    // and contains zeros or what atomic operations have written.
    unsafe { &*pointer }
}

/// A page of zeros that the kernel wipes in a forked child.
fn wiped_page() -> Option<*mut Mark> {
    #[cfg(target_os = "linux")]
    {
        let (protection, flags) =
            (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
        let length = size_of::<Mark>();
        // SAFETY: a new mapping does not affect other memory.
        let page = unsafe { libc::mmap(ptr::null_mut(), length, protection, flags, -1, 0) };
        if page == libc::MAP_FAILED {
            return None;
        }
        // SAFETY: the page has just been mapped, and nothing else refers to it.
        if unsafe { libc::madvise(page, length, libc::MADV_WIPEONFORK) } == 0 {
            return Some(page.cast());
        }
        // SAFETY: nothing refers to the page.
        unsafe { libc::munmap(page, length) };
    }
    None
}

/// Makes every fork through the C library reset the mark in the child. On Linux the handler stays
/// valid because the module is never unloaded (see build.rs). Elsewhere nothing ensures that.
fn watch_forks() {
    static WATCHED: AtomicBool = AtomicBool::new(false);
    if !WATCHED.swap(true, Ordering::Relaxed) {
        // SAFETY: the handler only does an atomic store, which is safe between fork and exec.
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
    fn generation_is_stable_within_a_process() {
        assert_eq!(generation(), generation());
        assert_ne!(generation(), 0);
    }
}
