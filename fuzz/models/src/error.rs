//! The errors that the models tell apart.

use std::borrow::Cow;
use std::fmt;

#[derive(Debug, Clone)]
pub struct Error {
    pub kind: Kind,
    pub reason: Cow<'static, str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    FunctionCanceled,
    Internal,
    OperationActive,
    OperationNotInitialized,
    ServiceUnauthorized,
    ServiceUnavailable,
}

pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    pub fn new(kind: Kind, reason: impl Into<Cow<'static, str>>) -> Self {
        let reason = reason.into();
        Self { kind, reason }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.reason)
    }
}

pub struct CancellationReason(pub Error);
