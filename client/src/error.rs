//! Errors of calls to the service.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use signpath_platform::shortage::{Resource, Shortage};

/// An error, with a message that tells the user what happened and what to do.
#[derive(Debug, Clone)]
pub struct Error {
    /// The kind, for programs.
    pub kind: ErrorKind,
    /// The message: one line without secrets. It names settings as signpath-pkcs11 does, for
    /// example `ApiUrl` for [`Options::api_url`](crate::Options::api_url).
    pub reason: Cow<'static, str>,
    /// The HTTP status of the response that caused the error, if any.
    pub status: Option<u16>,
    /// The message in that response, from the service or from a proxy that responded in its place.
    pub said: Option<String>,
    /// The service's ID for the exchange, for SignPath's support.
    pub trace_id: Option<String>,
    /// The error with which the call was cancelled.
    pub(crate) cancellation: Option<Reason>,
}

/// The error with which a call is cancelled.
pub(crate) type Reason = Arc<dyn StdError + Send + Sync>;

/// The result type of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// The kinds of errors that a caller can distinguish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The service does not accept the API token.
    Unauthorized,
    /// The service refused the request.
    Refused,
    /// The service could not be reached or is busy. A retry may succeed.
    Unavailable,
    /// The service failed with an internal error, such as a 500.
    Failed,
    /// The response is not from SignPath, or the connection cannot be trusted.
    InvalidResponse,
    /// The service returned a signature that does not verify with the signing policy's public key.
    InvalidSignature,
    /// The call was cancelled. [`StdError::source`] is the error with which it was cancelled.
    Cancelled,
    /// The process has run out of a resource.
    Shortage(Resource),
    /// The operating system failed to provide random numbers.
    NoRandomNumbers,
    /// The options are invalid, for example because a file is missing.
    Options,
    /// A bug in this crate.
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

    /// Whether an error from signing suggests that the list of signing policies is outdated: the
    /// service refused the request or signed with another key.
    pub fn contradicts_policies(&self) -> bool {
        matches!(
            self.kind,
            ErrorKind::Unauthorized | ErrorKind::Refused | ErrorKind::InvalidSignature
        )
    }

    /// The same error with `more` inserted before its remedy, which follows the last semicolon.
    pub(crate) fn before_remedy(self, more: &str) -> Self {
        let reason = match self.reason.rsplit_once("; ") {
            Some((what, remedy)) => format!("{what}; {more}; {remedy}"),
            None => format!("{}; {more}", self.reason),
        };
        Self { reason: reason.into(), ..self }
    }

    /// The same error with `more` appended to its reason.
    pub(crate) fn and(self, more: impl fmt::Display) -> Self {
        Self { reason: format!("{}{more}", self.reason).into(), ..self }
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
