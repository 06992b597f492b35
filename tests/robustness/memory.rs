//! Memory that ends where the next byte faults.

use std::ptr;

/// The content of unused memory.
const FILLER: u8 = 0xA5;

/// A page between two that can neither be read nor written. What is placed in it ends at the upper
/// one, so that reading or writing a byte too many ends the process; a byte written in front of it
/// is found by [`Page::check`].
pub struct Page {
    start: *mut u8,
    size: usize,
    used: usize,
}

impl Page {
    pub fn new() -> Self {
        // SAFETY: it asks for a number, and for new memory of which the middle page is opened.
        unsafe {
            let size = libc::sysconf(libc::_SC_PAGESIZE) as usize;
            let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
            let memory = libc::mmap(ptr::null_mut(), 3 * size, libc::PROT_NONE, flags, -1, 0);
            assert_ne!(memory, libc::MAP_FAILED);
            let start = memory.cast::<u8>().add(size);
            let opened = libc::mprotect(start.cast(), size, libc::PROT_READ | libc::PROT_WRITE);
            assert_eq!(opened, 0);
            Self {
                start,
                size,
                used: 0,
            }
        }
    }

    /// Puts bytes at the end of the page, and gives their place.
    pub fn place(&mut self, content: &[u8]) -> *mut u8 {
        assert!(content.len() <= self.size);
        self.used = content.len();
        // SAFETY: the page has `size` bytes, and the content no more.
        unsafe {
            self.start.write_bytes(FILLER, self.size);
            let place = self.start.add(self.size - content.len());
            place.copy_from_nonoverlapping(content.as_ptr(), content.len());
            place
        }
    }

    /// Panics if a byte in front of the content has been written.
    pub fn check(&self) {
        // SAFETY: the page has `size` bytes.
        let before = unsafe { std::slice::from_raw_parts(self.start, self.size - self.used) };
        let touched = before.iter().rposition(|byte| *byte != FILLER);
        assert_eq!(
            touched.map(|index| before.len() - index),
            None,
            "bytes in front of a buffer of {} were written",
            self.used
        );
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        // SAFETY: the three pages are this page's own, and nobody uses them any more.
        unsafe { libc::munmap(self.start.sub(self.size).cast(), 3 * self.size) };
    }
}
