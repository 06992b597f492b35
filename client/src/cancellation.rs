//! Lets another thread end a call that waits for the service.

use std::error::Error as StdError;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use signpath_platform::lock::Mutex;

use crate::error::{Reason, Result};
use crate::socket::Descriptor;

/// How often a waiting call checks whether it has been cancelled, unless it waits for a connection that the cancellation can end:
/// waking it in other ways would need another descriptor.
pub const POLL_INTERVAL: Duration = Duration::from_millis(25);

/// Ends the calls that it is passed to, with an error. Clones are cancelled together.
///
/// ```
/// # use std::sync::Arc;
/// use signpath_client::{Cancellation, ErrorKind, Retry};
///
/// # use signpath_client::{Client, Credentials, Options, Secret, Threads, Transport};
/// # let folder = tempfile::tempdir()?;
/// # let service = pkcs11_test::Service::start(pkcs11_test::Options::new(folder.path()))?;
/// # let transport = Transport::new(Options::new(service.api_url().parse()?), Threads::Allowed);
/// # let credentials = Credentials {
/// #     organization_id: service.organization_id().to_owned(),
/// #     api_token: Secret::new(service.token().to_owned()),
/// # };
/// # let client = Client::new(Arc::new(transport), &credentials, &[]);
/// # let gate = pkcs11_test::Gate::new();
/// # service.inject(pkcs11_test::Fault::hold("GET /Cryptoki/MySigningPolicies", &gate))?;
/// let cancellation = Cancellation::new();
/// let error = std::thread::scope(|scope| {
///     // The service does not respond.
///     let call = scope.spawn(|| client.signing_policies(Retry::Configured, &cancellation).err());
/// #   gate.wait_for(1);
///     cancellation.cancel(std::io::Error::other("the user has pressed Ctrl-C"));
///     call.join()
/// });
/// let error = error.ok().flatten().ok_or("it ended before")?;
/// assert_eq!(error.kind, ErrorKind::Cancelled);
/// assert_eq!(error.reason, "the user has pressed Ctrl-C");
/// # gate.open();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Cancellation {
    /// Its own signal first, then those of the cancellations it is a part of.
    signals: Vec<Arc<Signal>>,
}

#[derive(Debug, Default)]
struct Signal {
    /// The reason to end calls at once.
    at_once: OnceLock<Reason>,
    /// The reason to send no more requests. A request in flight is still completed.
    after_attempt: OnceLock<Reason>,
    /// The connections that calls wait for.
    waited_for: Mutex<Vec<Arc<Descriptor>>>,
}

/// While it exists, a cancellation ends the waits for a connection.
pub(crate) struct Watch<'a> {
    cancellation: &'a Cancellation,
    descriptor: &'a Arc<Descriptor>,
}

impl Default for Cancellation {
    fn default() -> Self {
        Self::new()
    }
}

impl Cancellation {
    /// A cancellation that has not been triggered.
    pub fn new() -> Self {
        Self { signals: vec![Arc::default()] }
    }

    /// A part of this cancellation: it is cancelled together with this one, or on its own.
    pub fn child(&self) -> Self {
        let own = std::iter::once(Arc::default());
        Self { signals: own.chain(self.signals.iter().cloned()).collect() }
    }

    /// Ends current and later calls with `reason`. Only the first reason counts.
    pub fn cancel(&self, reason: impl StdError + Send + Sync + 'static) {
        if let Some(own) = self.signals.first() {
            let _ = own.at_once.set(Arc::new(reason));
            own.waited_for.lock().iter().for_each(|it| it.end_waits());
        }
    }

    /// Ends current and later calls with `reason` before their next request. A call whose request
    /// is in flight still gets the response.
    pub fn cancel_after_attempt(&self, reason: impl StdError + Send + Sync + 'static) {
        if let Some(own) = self.signals.first() {
            let _ = own.after_attempt.set(Arc::new(reason));
        }
    }

    /// Ends waits for this connection when it is cancelled from now on. Who waits has to check after this whether it has been
    /// cancelled before.
    pub(crate) fn watch<'a>(&'a self, descriptor: &'a Arc<Descriptor>) -> Watch<'a> {
        for signal in &self.signals {
            signal.waited_for.lock().push(descriptor.clone());
        }
        Watch { cancellation: self, descriptor }
    }

    /// Whether it has been cancelled.
    ///
    /// # Errors
    /// The reason, if it has been cancelled.
    pub fn check(&self) -> Result<()> {
        self.first(|signal| &signal.at_once)
    }

    /// Whether another request may be sent.
    ///
    /// # Errors
    /// The reason, if no more requests may be sent.
    pub(crate) fn check_attempt(&self) -> Result<()> {
        self.check()?;
        self.first(|signal| &signal.after_attempt)
    }

    fn first(&self, reason: impl Fn(&Signal) -> &OnceLock<Reason>) -> Result<()> {
        let mut reasons = self.signals.iter().filter_map(|signal| reason(signal).get());
        reasons.next().map_or(Ok(()), |reason| Err(reason.clone().into()))
    }
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        for signal in &self.cancellation.signals {
            let mut waited_for = signal.waited_for.lock();
            let mut all = waited_for.iter();
            if let Some(index) = all.position(|other| Arc::ptr_eq(other, self.descriptor)) {
                waited_for.swap_remove(index);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{Error, ErrorKind};

    fn reason(text: &'static str) -> Error {
        Error::new(ErrorKind::Internal, text)
    }

    #[test]
    fn cancelling_a_part_does_not_cancel_the_whole() {
        let whole = Cancellation::new();
        let (first, second) = (whole.child(), whole.child());
        first.cancel(reason("the part's own"));
        assert!(whole.check().is_ok() && second.check().is_ok());
        whole.cancel(reason("the whole's"));
        for (part, expected) in [(second, "the whole's"), (first, "the part's own")] {
            let error = part.check().unwrap_err();
            assert_eq!(error.kind, ErrorKind::Cancelled);
            let source = StdError::source(&error).unwrap();
            assert_eq!(source.downcast_ref::<Error>().unwrap().reason, expected);
        }
    }

    #[test]
    fn cancel_after_attempt_does_not_interrupt_the_current_attempt() {
        let whole = Cancellation::new();
        let part = whole.child();
        part.cancel_after_attempt(reason("logged out"));
        assert!(part.check().is_ok());
        assert!(part.check_attempt().is_err());
        assert!(whole.check_attempt().is_ok());
    }
}
