//! Waits in the calling thread: for a socket, for another thread, or for time to pass. Every wait
//! ends at the call's deadline or when the call is cancelled.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

use signpath_platform::socket::{self, Interest};

use super::cancellation::{Cancellation, POLL_INTERVAL};
use crate::error::Error;

/// The deadline and the cancellation of a call.
#[derive(Clone, Copy)]
pub(crate) struct Waiting<'a> {
    pub(crate) deadline: Instant,
    pub(crate) cancellation: &'a Cancellation,
}

/// Why a wait ended early.
#[derive(Debug)]
pub(crate) enum Interruption {
    /// The deadline has passed.
    TimedOut,
    /// The call was cancelled with this error.
    Cancelled(Error),
    /// The system reported an error.
    Failed(io::Error),
}

impl<'a> Waiting<'a> {
    /// The same, but at most until `deadline`.
    pub(crate) fn until(self, deadline: Instant) -> Self {
        Self { deadline: deadline.min(self.deadline), ..self }
    }

    /// How long to wait before the next check.
    ///
    /// # Errors
    /// [`Interruption::Cancelled`] and [`Interruption::TimedOut`].
    pub(crate) fn slice(&self) -> Result<Duration, Interruption> {
        self.slice_of(POLL_INTERVAL)
    }

    /// The same with another interval between checks.
    fn slice_of(&self, interval: Duration) -> Result<Duration, Interruption> {
        self.check()?;
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(Interruption::TimedOut);
        }
        Ok(left.min(interval))
    }

    /// Whether the call may go on.
    ///
    /// # Errors
    /// [`Interruption::Cancelled`].
    pub(crate) fn check(&self) -> Result<(), Interruption> {
        self.cancellation.check().map_err(Interruption::Cancelled)
    }

    /// Waits until one of the sockets is ready, but no longer than `interval`. Returns whether the caller should look at them.
    ///
    /// # Errors
    /// See [`Interruption`].
    pub(crate) fn for_sockets(
        &self,
        sockets: &[(&socket2::Socket, Interest)],
        interval: Duration,
    ) -> Result<bool, Interruption> {
        let slice = self.slice_of(interval)?;
        socket::wait(sockets, slice).map_err(Interruption::Failed)
    }

    /// Runs a future in this thread. When it cannot make progress, `block` waits for what it needs.
    ///
    /// # Errors
    /// Those of `block`. A future that always makes progress is interrupted as well.
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

/// Sleeps for `time`.
///
/// # Errors
/// The reason, if the call is cancelled or no more requests may be sent.
pub(crate) fn pause(time: Duration, cancellation: &Cancellation) -> crate::error::Result<()> {
    let end = Instant::now() + time;
    loop {
        cancellation.check_attempt()?;
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(());
        }
        thread::sleep(left.min(POLL_INTERVAL));
    }
}

/// Whether a future has been woken.
#[derive(Default)]
pub(crate) struct Woken(AtomicBool);

impl Woken {
    /// Returns whether it has been woken, and resets it.
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
