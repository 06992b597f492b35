//! How another thread ends a call that waits for the service.

use std::error::Error as StdError;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crate::error::{Reason, Result};

/// How often a call that waits looks whether it has been cancelled. Looking costs next to nothing,
/// and a thread that waits for a socket could only be woken through a descriptor.
pub const PATIENCE: Duration = Duration::from_millis(25);

/// A wish to end the calls that carry it, and the error they end with. Clones share the wish.
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
///     // The service does not answer.
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
    /// Its own wish first, then those of what it is a part of.
    wishes: Vec<Arc<Wish>>,
}

#[derive(Debug, Default)]
struct Wish {
    /// Why the call ends at once.
    at_once: OnceLock<Reason>,
    /// Why no request is sent any more. One that is under way is waited for.
    after_attempt: OnceLock<Reason>,
}

impl Default for Cancellation {
    fn default() -> Self {
        Self::new()
    }
}

impl Cancellation {
    /// Something that nobody has cancelled.
    pub fn new() -> Self {
        Self {
            wishes: vec![Arc::default()],
        }
    }

    /// A part of this: it is cancelled with it, or alone.
    pub fn part(&self) -> Self {
        let own = std::iter::once(Arc::default());
        Self {
            wishes: own.chain(self.wishes.iter().cloned()).collect(),
        }
    }

    /// Ends the calls that carry it, and all later ones, with `reason`. Only the first reason
    /// counts.
    pub fn cancel(&self, reason: impl StdError + Send + Sync + 'static) {
        if let Some(own) = self.wishes.first() {
            let _ = own.at_once.set(Arc::new(reason));
        }
    }

    /// Ends the calls that carry it with `reason` before their next request to the service. What
    /// the service answers to a request that is under way is still theirs.
    pub fn cancel_after_attempt(&self, reason: impl StdError + Send + Sync + 'static) {
        if let Some(own) = self.wishes.first() {
            let _ = own.after_attempt.set(Arc::new(reason));
        }
    }

    /// Whether it has been cancelled.
    ///
    /// # Errors
    /// The reason, if so.
    pub fn check(&self) -> Result<()> {
        self.first(|wish| &wish.at_once)
    }

    /// Whether another request may be sent.
    ///
    /// # Errors
    /// The reason, if not.
    pub(crate) fn check_attempt(&self) -> Result<()> {
        self.check()?;
        self.first(|wish| &wish.after_attempt)
    }

    fn first(&self, reason: impl Fn(&Wish) -> &OnceLock<Reason>) -> Result<()> {
        let mut reasons = self.wishes.iter().filter_map(|wish| reason(wish).get());
        reasons
            .next()
            .map_or(Ok(()), |reason| Err(reason.clone().into()))
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
    fn a_part_ends_with_the_whole_and_not_the_other_way_round() {
        let whole = Cancellation::new();
        let (first, second) = (whole.part(), whole.part());
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
    fn an_attempt_under_way_goes_on_where_only_the_next_one_is_cancelled() {
        let whole = Cancellation::new();
        let part = whole.part();
        part.cancel_after_attempt(reason("logged out"));
        assert!(part.check().is_ok());
        assert!(part.check_attempt().is_err());
        assert!(whole.check_attempt().is_ok());
    }
}
