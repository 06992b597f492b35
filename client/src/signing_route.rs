//! Which of the two routes signs where [`SigningApi::Auto`](crate::SigningApi::Auto) leaves the choice.

use std::fmt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use crate::policy_cache::PolicyCache;

/// A route for signatures (REST documentation, "Signing a hash").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SigningRoute {
    /// `POST /SigningRequests`.
    FastSigningRequest,
    /// `POST /SigningRequests/SignHash`.
    SignHash,
}

impl SigningRoute {
    /// The route to try if the service does not have this one.
    pub(crate) const fn other(self) -> Self {
        match self {
            Self::FastSigningRequest => Self::SignHash,
            Self::SignHash => Self::FastSigningRequest,
        }
    }
}

impl fmt::Display for SigningRoute {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::FastSigningRequest => "a fast signing request",
            Self::SignHash => "SignHash",
        })
    }
}

/// The route that the service had last. It lasts as long as the process, and on disk as long as a list of signing
/// policies is kept.
#[derive(Default)]
pub(crate) struct LastRoute {
    is_sign_hash: OnceLock<AtomicBool>,
    /// A kept list without signing policies, which is there if the service has SignHash alone.
    file: OnceLock<PolicyCache>,
}

impl LastRoute {
    /// Has the route kept in a file.
    pub(crate) fn keep_in(&self, file: PolicyCache) {
        // A second user of the same service needs no second file.
        let _ = self.file.set(file);
    }

    /// The route to try first.
    pub(crate) fn get(&self) -> SigningRoute {
        match self.is_sign_hash().load(Ordering::Relaxed) {
            true => SigningRoute::SignHash,
            false => SigningRoute::FastSigningRequest,
        }
    }

    /// Remembers a route, since the service does not have the other one.
    pub(crate) fn set(&self, route: SigningRoute) {
        let is_sign_hash = route == SigningRoute::SignHash;
        self.is_sign_hash().store(is_sign_hash, Ordering::Relaxed);
        let Some(file) = self.file.get() else {
            return;
        };
        match is_sign_hash {
            // Without the file, the next process asks once more. The list, in the same directory, says what is wrong.
            true => drop(file.store(&[], SystemTime::now())),
            false => file.remove(),
        }
    }

    fn is_sign_hash(&self) -> &AtomicBool {
        self.is_sign_hash.get_or_init(|| {
            let file = self.file.get();
            AtomicBool::new(file.is_some_and(|file| file.load(SystemTime::now()).is_ok()))
        })
    }
}
