//! Protects the application's thread during a call, and restores it afterwards.

use std::ffi::c_int;
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::ptr;

use libc::sigset_t;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};

/// The signals that a write can raise: the reader is gone, or a file exceeds the size limit.
const SIGNALS: [c_int; 2] = [libc::SIGPIPE, libc::SIGXFSZ];

/// Argument of `pthread_setcancelstate`; the value depends on the system.
#[cfg(target_os = "linux")]
const CANCEL_DISABLE: c_int = 1;
#[cfg(not(target_os = "linux"))]
const CANCEL_DISABLE: c_int = 0;

unsafe extern "C" {
    fn pthread_setcancelstate(state: c_int, before: *mut c_int) -> c_int;
}

/// Guards a call from the application. Until it is dropped, writes in this thread raise no signal,
/// whatever the application does with SIGPIPE, and `pthread_cancel` is deferred, because cancelling
/// a thread within Rust code aborts the process. It must be dropped in the thread that created it.
pub struct Guest {
    cancel_state: c_int,
    /// The signal mask to restore.
    mask: sigset_t,
    /// The signals that were not pending before: if one is pending at the end, this call raised it.
    raised_here: sigset_t,
    _stays_in_its_thread: PhantomData<*const ()>,
}

impl Guest {
    /// Blocks the signals and disables cancellation in this thread.
    pub fn enter() -> Self {
        let mut cancel_state = 0;
        // SAFETY: the pointer is to a local variable.
        unsafe { pthread_setcancelstate(CANCEL_DISABLE, &mut cancel_state) };
        let mut mask = empty();
        // SAFETY: both pointers are to signal sets.
        unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &set(SIGNALS), &mut mask) };
        let mut pending = empty();
        if SIGNALS.iter().any(|signal| contains(&mask, *signal)) {
            // SAFETY: the pointer is to a signal set.
            unsafe { libc::sigpending(&mut pending) };
        }
        Self {
            cancel_state,
            raised_here: set(SIGNALS.into_iter().filter(|signal| !contains(&pending, *signal))),
            mask,
            _stays_in_its_thread: PhantomData,
        }
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        while discard(&self.raised_here) {}
        // SAFETY: the mask is the previous one; the other pointer may be NULL.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &self.mask, ptr::null_mut()) };
        // SAFETY: the state is the previous one.
        unsafe { pthread_setcancelstate(self.cancel_state, ptr::null_mut()) };
    }
}

/// Makes a write beyond the file size limit (RLIMIT_FSIZE) fail instead of ending the process. For programs of our own,
/// in which std ignores SIGPIPE already. Unlike a signal that is blocked or ignored, one with a handler has its default
/// action again in the programs that this one starts.
pub fn report_size_limit() {
    extern "C" fn ignore(_signal: c_int) {}
    let handler = SigHandler::Handler(ignore);
    let action = SigAction::new(handler, SaFlags::SA_RESTART, SigSet::empty());
    // SAFETY: the handler does nothing. It fails for no signal that can be handled.
    let _ = unsafe { sigaction(Signal::SIGXFSZ, &action) };
}

/// Consumes one pending signal of a set of blocked signals. `false` if none is pending.
#[cfg(target_os = "linux")]
fn discard(signals: &sigset_t) -> bool {
    let at_once = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointers are to values of these types; the second may be NULL (sigtimedwait(2)).
    unsafe { libc::sigtimedwait(signals, ptr::null_mut(), &at_once) > 0 }
}

/// Consumes one pending signal of a set of blocked signals. `false` if none is pending.
#[cfg(not(target_os = "linux"))]
fn discard(signals: &sigset_t) -> bool {
    let mut pending = empty();
    // SAFETY: the pointer is to a signal set.
    unsafe { libc::sigpending(&mut pending) };
    let is_raised = |signal: &c_int| contains(signals, *signal) && contains(&pending, *signal);
    SIGNALS.into_iter().find(is_raised).is_some_and(|signal| {
        let mut taken = 0;
        // SAFETY: the pointers are to a signal set and a local variable. The signal is pending, so
        // this does not block.
        unsafe { libc::sigwait(&set([signal]), &mut taken) == 0 }
    })
}

fn empty() -> sigset_t {
    let mut set = MaybeUninit::uninit();
    // SAFETY: sigemptyset initializes the set.
    unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        set.assume_init()
    }
}

fn set(signals: impl IntoIterator<Item = c_int>) -> sigset_t {
    let mut set = empty();
    for signal in signals {
        // SAFETY: the set is initialized.
        unsafe { libc::sigaddset(&mut set, signal) };
    }
    set
}

fn contains(set: &sigset_t, signal: c_int) -> bool {
    // SAFETY: the set is initialized.
    unsafe { libc::sigismember(set, signal) == 1 }
}
