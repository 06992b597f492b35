//! How a call waits in its own thread: for a socket, for another thread, or for time to pass. Each
//! wait ends with the call's deadline and with its cancellation.

use std::io;
use std::os::fd::AsFd;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::cancellation::{Cancellation, PATIENCE};
use crate::error::Error;

/// How long a call may wait, and what ends it before.
#[derive(Clone, Copy)]
pub(crate) struct Waiting<'a> {
    pub(crate) deadline: Instant,
    pub(crate) cancellation: &'a Cancellation,
}

/// Why a wait ended before what it was for came about.
#[derive(Debug)]
pub(crate) enum Interruption {
    /// The deadline.
    TimedOut,
    /// The reason of the cancellation.
    Canceled(Error),
    /// The system could not wait.
    Failed(io::Error),
}

impl<'a> Waiting<'a> {
    /// The same with an earlier deadline.
    pub(crate) fn until(self, deadline: Instant) -> Self {
        Self {
            deadline: deadline.min(self.deadline),
            ..self
        }
    }

    /// The longest that may be waited before looking again.
    ///
    /// # Errors
    /// [`Interruption::Canceled`] and [`Interruption::TimedOut`].
    pub(crate) fn slice(&self) -> Result<Duration, Interruption> {
        self.cancellation.check().map_err(Interruption::Canceled)?;
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(Interruption::TimedOut);
        }
        Ok(left.min(PATIENCE))
    }

    /// Waits until one of the sockets is ready, or for a moment.
    ///
    /// # Errors
    /// An [`Interruption`].
    pub(crate) fn for_sockets(
        &self,
        sockets: &[(impl AsFd, PollFlags)],
    ) -> Result<(), Interruption> {
        let slice = self.slice()?;
        let mut waits: Vec<_> = sockets
            .iter()
            .map(|(socket, flags)| PollFd::new(socket.as_fd(), *flags))
            .collect();
        // A millisecond more than none, or the last one of a deadline would be spent in a loop.
        let milliseconds = slice.as_millis().max(1);
        let timeout = PollTimeout::try_from(milliseconds).unwrap_or(PollTimeout::MAX);
        match poll(&mut waits, timeout) {
            // A signal of the program's own.
            Ok(_) | Err(Errno::EINTR) => Ok(()),
            // A process that may open nothing more may not even wait for what it has open (poll(2)).
            Err(Errno::EINVAL) => {
                thread::sleep(Duration::from_millis(1));
                Ok(())
            }
            Err(error) => Err(Interruption::Failed(error.into())),
        }
    }

    /// Runs a future in this thread. Whenever it can do no more, `block` waits for what it needs.
    ///
    /// # Errors
    /// Those of `block`, and the same where the future always has something to do.
    pub(crate) fn drive<T>(
        &self,
        future: impl Future<Output = T>,
        mut block: impl FnMut(&Self) -> Result<(), Interruption>,
    ) -> Result<T, Interruption> {
        let woken = Arc::new(Woken::default());
        let waker = Waker::from(woken.clone());
        let mut context = Context::from_waker(&waker);
        let mut future = pin!(future);
        loop {
            if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
                return Ok(output);
            }
            match woken.take() {
                true => drop(self.slice()?),
                false => block(self)?,
            }
        }
    }
}

/// Waits for `time` to pass.
///
/// # Errors
/// The reason of the cancellation, or why no further request may be sent.
pub(crate) fn pause(time: Duration, cancellation: &Cancellation) -> crate::error::Result<()> {
    let end = Instant::now() + time;
    loop {
        cancellation.check_attempt()?;
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(());
        }
        thread::sleep(left.min(PATIENCE));
    }
}

/// Whether a future has something to do without anything to wait for.
#[derive(Default)]
pub(crate) struct Woken(AtomicBool);

impl Woken {
    /// Says it once.
    pub(crate) fn take(&self) -> bool {
        self.0.swap(false, Ordering::Relaxed)
    }
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}
