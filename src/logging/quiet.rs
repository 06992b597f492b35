//! A write that fails with an error and not with a signal, which would end the program.

use std::os::fd::AsFd;

use nix::errno::Errno;
use nix::unistd;

/// One `write`. A reader that is gone is [`Errno::EPIPE`] and a file beyond the limit of the process
/// is [`Errno::EFBIG`], whatever the program makes of SIGPIPE and SIGXFSZ.
#[cfg(target_os = "linux")]
pub(super) fn write(stream: impl AsFd, line: &[u8]) -> nix::Result<usize> {
    use nix::sys::signal::{SigSet, SigmaskHow, Signal};

    let mut raised = SigSet::empty();
    raised.add(Signal::SIGPIPE);
    raised.add(Signal::SIGXFSZ);
    let before = raised.thread_swap_mask(SigmaskHow::SIG_BLOCK)?;
    let written = uninterrupted(&stream, line);
    let signal = match written {
        Err(Errno::EPIPE) => Some(Signal::SIGPIPE),
        Err(Errno::EFBIG) => Some(Signal::SIGXFSZ),
        _ => None,
    };
    let mut after = before;
    // What the program itself had blocked may be a signal of its own.
    let signal = signal.filter(|signal| !before.contains(*signal));
    if let Some(signal) = signal.filter(|signal| discard(*signal).is_err()) {
        // It goes on waiting, which is better than that the program ends.
        after.add(signal);
    }
    after.thread_set_mask()?;
    written
}

/// Takes a signal that waits for this thread, so that unblocking does not deliver it.
///
/// # Errors
/// Where the process has no descriptor left for that.
#[cfg(target_os = "linux")]
fn discard(signal: nix::sys::signal::Signal) -> nix::Result<()> {
    use nix::sys::signal::SigSet;
    use nix::sys::signalfd::{SfdFlags, SignalFd};

    let flags = SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC;
    let pending = SignalFd::with_flags(&SigSet::from(signal), flags)?;
    pending.read_signal().map(drop)
}

/// One `write`.
#[cfg(not(target_os = "linux"))]
pub(super) fn write(stream: impl AsFd, line: &[u8]) -> nix::Result<usize> {
    uninterrupted(&stream, line)
}

/// A `write` that a signal interrupts has written nothing.
fn uninterrupted(stream: &impl AsFd, line: &[u8]) -> nix::Result<usize> {
    loop {
        match unistd::write(stream, line) {
            Err(Errno::EINTR) => {}
            written => return written,
        }
    }
}
