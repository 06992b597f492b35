//! Errors in the configuration or in a PIN.

use std::borrow::Cow;
use std::fmt;

use signpath_platform::shortage::{Resource, Shortage};

/// An error, with a message that tells the user what happened and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// The kind, for programs.
    pub kind: ErrorKind,
    /// The message: one line without secrets.
    pub reason: Cow<'static, str>,
}

/// The result type of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// The kinds of errors that a caller can distinguish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The configuration is invalid.
    Configuration,
    /// The PIN does not identify a user.
    Pin,
    /// The process has run out of a resource.
    Shortage(Resource),
    /// A bug in this crate.
    Internal,
}

impl Error {
    /// An error of `kind` with its `reason`.
    pub(crate) fn new(kind: ErrorKind, reason: impl Into<Cow<'static, str>>) -> Self {
        Self { kind, reason: reason.into() }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.reason)
    }
}

impl std::error::Error for Error {}

impl From<Shortage> for Error {
    fn from(shortage: Shortage) -> Self {
        Self::new(ErrorKind::Shortage(shortage.resource), shortage.to_string())
    }
}
