//! Starts threads in the application's process.

use std::io;
use std::panic::resume_unwind;
use std::thread::{Builder, scope};

use nix::sys::signal::{SigSet, SigmaskHow};

/// Starts a thread. It blocks all signals, so that the application's own threads get them.
///
/// # Errors
/// Those of the system.
pub fn spawn(name: &str, body: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let thread = Builder::new().name(name.to_owned());
    without_signals(|| thread.spawn(body)).map(drop)
}

/// Runs `body` with a stack of `size` bytes: on that of the caller if it has as much left, and otherwise in a thread, for which it
/// waits. The thread blocks all signals.
///
/// # Errors
/// Those of the system, if it cannot start the thread.
///
/// # Panics
/// If `body` does.
pub fn with_stack<R: Send>(
    size: usize,
    name: &str,
    body: impl FnOnce() -> R + Send,
) -> io::Result<R> {
    if super::stack::left().is_some_and(|left| left > size) {
        return Ok(body());
    }
    let thread = Builder::new().name(name.to_owned()).stack_size(size);
    scope(|scope| {
        let started = without_signals(|| thread.spawn_scoped(scope, body))?;
        Ok(started.join().unwrap_or_else(|panic| resume_unwind(panic)))
    })
}

/// A thread inherits the signal mask of the one that starts it.
fn without_signals<T>(start: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    let before = SigSet::all().thread_swap_mask(SigmaskHow::SIG_SETMASK)?;
    let started = start();
    before.thread_set_mask()?;
    started
}
