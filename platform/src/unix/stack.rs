//! The stack of the calling thread.

#[cfg(target_os = "linux")]
use std::mem::MaybeUninit;
#[cfg(target_os = "linux")]
use std::ptr;

/// How many bytes of this thread's stack are unused. [`None`] if the system does not say, or if this is another stack, such as that of
/// a coroutine.
#[cfg(target_os = "linux")]
pub fn left() -> Option<usize> {
    let mut attributes = MaybeUninit::uninit();
    let (mut lowest, mut size) = (ptr::null_mut(), 0);
    // SAFETY: the pointers are to local variables, and the attributes are read and destroyed only if they were written.
    let (known, here) = unsafe {
        if libc::pthread_getattr_np(libc::pthread_self(), attributes.as_mut_ptr()) != 0 {
            return None;
        }
        let read = libc::pthread_attr_getstack(attributes.as_ptr(), &mut lowest, &mut size);
        libc::pthread_attr_destroy(attributes.as_mut_ptr());
        (read == 0, (&raw const size).addr())
    };
    let lowest = lowest.addr();
    let is_inside = known && (lowest..lowest.saturating_add(size)).contains(&here);
    is_inside.then(|| here - lowest)
}

/// A thread is always enough.
#[cfg(not(target_os = "linux"))]
pub fn left() -> Option<usize> {
    None
}
