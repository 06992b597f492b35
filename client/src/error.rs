//! Why the service did not do what it was asked for.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use signpath_platform::shortage::{Resource, Shortage};

/// What went wrong, and a sentence that tells the user what happened and what to do.
#[derive(Debug, Clone)]
pub struct Error {
    /// What a program can tell apart.
    pub kind: ErrorKind,
    /// One line without any secret in it. It names settings as signpath-pkcs11 does, such as `ApiUrl` for
    /// [`Options::api_url`](crate::Options::api_url).
    pub reason: Cow<'static, str>,
    /// The HTTP status of the answer, if there was one that decided.
    pub status: Option<u16>,
    /// What the answer said, in the words of the service or of a proxy in its place, if it said something.
    pub said: Option<String>,
    /// What the service calls the exchange: tell it to SignPath's support.
    pub trace_id: Option<String>,
    /// What the call was cancelled with.
    pub(crate) cancellation: Option<Reason>,
}

/// What a call is cancelled with.
pub(crate) type Reason = Arc<dyn StdError + Send + Sync>;

/// Shorthand for the results of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Every way to fail that a caller can tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The service does not accept the API token.
    Unauthorized,
    /// The service refused the request.
    Refused,
    /// The service could not be reached, or is busy: another try may succeed.
    Unavailable,
    /// The service failed in a way that will not pass.
    Failed,
    /// The answer is not one of SignPath's, or the connection cannot be trusted.
    Unintelligible,
    /// The service returned a signature that the public key of the signing policy does not verify.
    InvalidSignature,
    /// The call was cancelled; [`StdError::source`] is what it was cancelled with.
    Cancelled,
    /// The process has run out of something.
    Shortage(Resource),
    /// The operating system has no random numbers.
    NoRandomNumbers,
    /// The options cannot be used, such as a file that is not there.
    Options,
    /// A defect of this crate.
    Internal,
}

impl Error {
    /// An error of `kind` with its `reason`.
    pub fn new(kind: ErrorKind, reason: impl Into<Cow<'static, str>>) -> Self {
        Self {
            kind,
            reason: reason.into(),
            status: None,
            said: None,
            trace_id: None,
            cancellation: None,
        }
    }

    /// Whether an error of a signature means that the list of the signing policies may be outdated: a refusal,
    /// or a signature by another key.
    pub fn contradicts_policies(&self) -> bool {
        matches!(
            self.kind,
            ErrorKind::Unauthorized | ErrorKind::Refused | ErrorKind::InvalidSignature
        )
    }

    /// The same with more to its reason.
    pub(crate) fn and(self, more: impl fmt::Display) -> Self {
        Self {
            reason: format!("{}{more}", self.reason).into(),
            ..self
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.reason)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        let reason = self.cancellation.as_deref()?;
        Some(reason)
    }
}

impl From<Shortage> for Error {
    fn from(shortage: Shortage) -> Self {
        Self::new(ErrorKind::Shortage(shortage.resource), shortage.to_string())
    }
}

impl From<Reason> for Error {
    fn from(reason: Reason) -> Self {
        Self {
            cancellation: Some(reason.clone()),
            ..Self::new(ErrorKind::Cancelled, reason.to_string())
        }
    }
}
