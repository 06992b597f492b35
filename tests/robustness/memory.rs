//! Memory that ends where the next byte faults.

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
        let (start, size) = system::page_between_two();
        Self { start, size, used: 0 }
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
        unsafe { system::free(self.start.sub(self.size), 3 * self.size) };
    }
}

#[cfg(unix)]
mod system {
    use std::ptr;

    /// The middle one of three new pages, and its size.
    pub fn page_between_two() -> (*mut u8, usize) {
        // SAFETY: it asks for a number, and for new memory of which the middle page is opened.
        unsafe {
            let size = libc::sysconf(libc::_SC_PAGESIZE) as usize;
            let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
            let memory = libc::mmap(ptr::null_mut(), 3 * size, libc::PROT_NONE, flags, -1, 0);
            assert_ne!(memory, libc::MAP_FAILED);
            let start = memory.cast::<u8>().add(size);
            let opened = libc::mprotect(start.cast(), size, libc::PROT_READ | libc::PROT_WRITE);
            assert_eq!(opened, 0);
            (start, size)
        }
    }

    pub unsafe fn free(start: *mut u8, length: usize) {
        // SAFETY: the caller guarantees that nobody uses it.
        unsafe { libc::munmap(start.cast(), length) };
    }
}

#[cfg(windows)]
mod system {
    use std::ffi::c_void;
    use std::ptr;

    const PAGE: usize = 4096;
    const MEM_COMMIT: u32 = 0x1000;
    const MEM_RESERVE: u32 = 0x2000;
    const MEM_RELEASE: u32 = 0x8000;
    const PAGE_NOACCESS: u32 = 0x01;
    const PAGE_READWRITE: u32 = 0x04;

    unsafe extern "system" {
        fn VirtualAlloc(place: *mut c_void, size: usize, kind: u32, protection: u32)
        -> *mut c_void;
        fn VirtualProtect(place: *mut c_void, size: usize, new: u32, old: *mut u32) -> i32;
        fn VirtualFree(place: *mut c_void, size: usize, kind: u32) -> i32;
    }

    /// The middle one of three new pages, and its size.
    pub fn page_between_two() -> (*mut u8, usize) {
        let mut old = 0;
        // SAFETY: it asks for new memory of which the middle page is opened.
        unsafe {
            let kind = MEM_RESERVE | MEM_COMMIT;
            let memory = VirtualAlloc(ptr::null_mut(), 3 * PAGE, kind, PAGE_NOACCESS);
            assert!(!memory.is_null());
            let start = memory.cast::<u8>().add(PAGE);
            let opened = VirtualProtect(start.cast(), PAGE, PAGE_READWRITE, &mut old);
            assert_ne!(opened, 0);
            (start, PAGE)
        }
    }

    pub unsafe fn free(start: *mut u8, _: usize) {
        // SAFETY: the caller guarantees that nobody uses it.
        unsafe { VirtualFree(start.cast(), 0, MEM_RELEASE) };
    }
}
