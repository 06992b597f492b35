//! What a call does to the thread that it came in: nothing that is left when it is over.

use std::ffi::c_int;
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::ptr;

use libc::sigset_t;

/// What a write can raise: a reader that is gone, and a file beyond the limit of the process.
const SIGNALS: [c_int; 2] = [libc::SIGPIPE, libc::SIGXFSZ];

/// Of `pthread_setcancelstate`.
#[cfg(target_os = "linux")]
const CANCEL_DISABLE: c_int = 1;
#[cfg(not(target_os = "linux"))]
const CANCEL_DISABLE: c_int = 0;

unsafe extern "C" {
    fn pthread_setcancelstate(state: c_int, before: *mut c_int) -> c_int;
}

/// A call of the host program. Until it is dropped, no write in this thread raises a signal, whatever
/// the program makes of SIGPIPE, and `pthread_cancel` waits: a thread that is cancelled within Rust
/// code ends the process. It is dropped in the thread where it was made.
pub struct Guest {
    cancel_state: c_int,
    /// The signal mask of the program.
    mask: sigset_t,
    /// The signals that are of our doing if they wait for this thread in the end.
    raised_here: sigset_t,
    _stays_in_its_thread: PhantomData<*const ()>,
}

impl Guest {
    /// Begins.
    pub fn enter() -> Self {
        let mut cancel_state = 0;
        // SAFETY: the pointer is to a local.
        unsafe { pthread_setcancelstate(CANCEL_DISABLE, &mut cancel_state) };
        let mut mask = empty();
        // SAFETY: both pointers are to sets.
        unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &set(SIGNALS), &mut mask) };
        let mut waiting = empty();
        if SIGNALS.iter().any(|signal| contains(&mask, *signal)) {
            // SAFETY: the pointer is to a set.
            unsafe { libc::sigpending(&mut waiting) };
        }
        Self {
            cancel_state,
            raised_here: set(SIGNALS
                .into_iter()
                .filter(|signal| !contains(&waiting, *signal))),
            mask,
            _stays_in_its_thread: PhantomData,
        }
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        while discard(&self.raised_here) {}
        // SAFETY: the mask is the one that was there before; the other pointer may be NULL.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &self.mask, ptr::null_mut()) };
        // SAFETY: the state is the one that was there before.
        unsafe { pthread_setcancelstate(self.cancel_state, ptr::null_mut()) };
    }
}

/// Takes one signal of a set, all of which are blocked. `false` if none waits.
#[cfg(target_os = "linux")]
fn discard(signals: &sigset_t) -> bool {
    let at_once = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the pointers are to values of these types; no information on the signal is wanted.
    unsafe { libc::sigtimedwait(signals, ptr::null_mut(), &at_once) > 0 }
}

/// Takes one signal of a set, all of which are blocked. `false` if none waits.
#[cfg(not(target_os = "linux"))]
fn discard(signals: &sigset_t) -> bool {
    let mut waiting = empty();
    // SAFETY: the pointer is to a set.
    unsafe { libc::sigpending(&mut waiting) };
    let is_raised = |signal: &c_int| contains(signals, *signal) && contains(&waiting, *signal);
    SIGNALS.into_iter().find(is_raised).is_some_and(|signal| {
        let mut taken = 0;
        // SAFETY: the pointers are to a set and a local. The signal waits, so this does not.
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
