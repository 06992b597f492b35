//! The error type: one line for the user.

use std::fmt;

use signpath_platform::os_error;

/// Why the service could not start or a key could not be used, in one line without secrets.
#[derive(Debug)]
pub struct Error(String);

impl Error {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for Error {}

/// Adds what was being done to an error.
pub(crate) trait Context<T> {
    fn context(self, doing: impl fmt::Display) -> Result<T, Error>;
}

impl<T, E: std::error::Error + 'static> Context<T> for Result<T, E> {
    fn context(self, doing: impl fmt::Display) -> Result<T, Error> {
        self.map_err(|error| {
            let reason = match (&error as &dyn std::error::Error).downcast_ref() {
                Some(error) => os_error::describe(error),
                None => error.to_string(),
            };
            Error(format!("{doing}: {reason}"))
        })
    }
}
