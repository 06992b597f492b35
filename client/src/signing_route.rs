//! Which of the two routes signs where [`SigningApi::Auto`](crate::SigningApi::Auto) leaves the choice.

use std::fmt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, Ordering};
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
    /// One of the constants below. The file is read without a lock: the first signatures of a process may all read it.
    known: AtomicU8,
    /// A kept list without signing policies, which is there if the service has SignHash alone.
    file: OnceLock<PolicyCache>,
}

const UNKNOWN: u8 = 0;
const FAST_SIGNING_REQUEST: u8 = 1;
const SIGN_HASH: u8 = 2;

impl LastRoute {
    /// Has the route kept in a file.
    pub(crate) fn keep_in(&self, file: PolicyCache) {
        // A second user of the same service needs no second file.
        let _ = self.file.set(file);
    }

    /// The route to try first.
    pub(crate) fn get(&self) -> SigningRoute {
        let known = match self.known.load(Ordering::Relaxed) {
            UNKNOWN => {
                let kept = self.kept();
                // What another thread has learned from the service meanwhile is newer.
                let learned = self.known.compare_exchange(
                    UNKNOWN,
                    kept,
                    Ordering::Relaxed,
                    Ordering::Relaxed,
                );
                learned.err().unwrap_or(kept)
            }
            known => known,
        };
        match known {
            SIGN_HASH => SigningRoute::SignHash,
            _ => SigningRoute::FastSigningRequest,
        }
    }

    /// Remembers a route, since the service does not have the other one.
    pub(crate) fn set(&self, route: SigningRoute) {
        let known = match route {
            SigningRoute::FastSigningRequest => FAST_SIGNING_REQUEST,
            SigningRoute::SignHash => SIGN_HASH,
        };
        self.known.store(known, Ordering::Relaxed);
        let Some(file) = self.file.get() else {
            return;
        };
        match route {
            // Without the file, the next process asks once more. The list, in the same directory, says what is wrong.
            SigningRoute::SignHash => drop(file.store(&[], SystemTime::now())),
            SigningRoute::FastSigningRequest => file.remove(),
        }
    }

    /// The route in the file.
    fn kept(&self) -> u8 {
        let is_kept = |file: &PolicyCache| file.load(SystemTime::now()).is_ok();
        match self.file.get().is_some_and(is_kept) {
            true => SIGN_HASH,
            false => FAST_SIGNING_REQUEST,
        }
    }
}
