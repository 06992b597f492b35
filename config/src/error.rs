//! Why there is no configuration, or nobody whom a PIN stands for.

use std::borrow::Cow;
use std::fmt;

use signpath_platform::shortage::{Resource, Shortage};

/// What went wrong, and a sentence that tells the user what happened and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// What a program can tell apart.
    pub kind: ErrorKind,
    /// One line without any secret in it.
    pub reason: Cow<'static, str>,
}

/// Shorthand for the results of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Every way to fail that a caller can tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The configuration cannot be used.
    Configuration,
    /// A PIN that stands for nobody.
    Pin,
    /// The process has run out of something.
    Shortage(Resource),
    /// A defect of this crate.
    Internal,
}

impl Error {
    /// An error of `kind` with its `reason`.
    pub(crate) fn new(kind: ErrorKind, reason: impl Into<Cow<'static, str>>) -> Self {
        Self {
            kind,
            reason: reason.into(),
        }
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
