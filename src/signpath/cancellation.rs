//! How another thread ends a call that waits for the service.

use std::future::Future;
use std::sync::Arc;

use once_cell::sync::OnceCell;
use tokio_util::sync::CancellationToken;

use crate::error::{Error, Kind, Result};

/// A wish to end the calls that carry it, and the error they end with. Clones share the wish.
#[derive(Debug, Clone)]
pub struct Cancellation {
    token: CancellationToken,
    /// Its own reason first, then those of what it is a part of.
    reasons: Vec<Arc<OnceCell<Error>>>,
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
            token: CancellationToken::new(),
            reasons: vec![Arc::default()],
        }
    }

    /// A part of this: it is cancelled with it, or alone.
    pub fn part(&self) -> Self {
        let own = std::iter::once(Arc::default());
        Self {
            token: self.token.child_token(),
            reasons: own.chain(self.reasons.iter().cloned()).collect(),
        }
    }

    /// Ends the calls that carry it, and all later ones, with `reason`.
    pub fn cancel(&self, reason: Error) {
        if let Some(own) = self.reasons.first() {
            // Only the first reason counts.
            let _ = own.set(reason);
        }
        self.token.cancel();
    }

    /// Whether it has been cancelled.
    ///
    /// # Errors
    /// The reason, if so.
    pub fn check(&self) -> Result<()> {
        if self.token.is_cancelled() {
            return Err(self.reason());
        }
        Ok(())
    }

    /// Waits for `work`, or for the cancellation if it comes first.
    ///
    /// # Errors
    /// The reason of the cancellation.
    pub(super) async fn unless_canceled<T>(&self, work: impl Future<Output = T>) -> Result<T> {
        self.token
            .run_until_cancelled(work)
            .await
            .ok_or_else(|| self.reason())
    }

    fn reason(&self) -> Error {
        self.reasons
            .iter()
            .find_map(|reason| reason.get().cloned())
            .unwrap_or_else(|| Error::new(Kind::FunctionCanceled, "the call was cancelled"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(kind: Kind) -> Error {
        Error::new(kind, "a reason")
    }

    #[test]
    fn a_part_ends_with_the_whole_and_not_the_other_way_round() {
        let whole = Cancellation::new();
        let (first, second) = (whole.part(), whole.part());
        first.cancel(reason(Kind::FunctionCanceled));
        assert!(whole.check().is_ok() && second.check().is_ok());
        whole.cancel(reason(Kind::SessionClosed));
        assert_eq!(
            second.check().unwrap_err().kind,
            Kind::SessionClosed,
            "the reason of the whole"
        );
        assert_eq!(
            first.check().unwrap_err().kind,
            Kind::FunctionCanceled,
            "its own reason"
        );
    }
}
