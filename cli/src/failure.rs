//! Errors of commands.

use std::io::{self, Write};
use std::process::ExitCode;

use anstyle::{AnsiColor, Style};
use signpath_platform::escape::escaped;
use signpath_platform::os_error::describe;

/// Why a command failed.
#[derive(Debug)]
pub enum Failure {
    /// A message of one line: what happened and what to do, without secrets.
    Reason(String),
    /// The reader of the output has closed it.
    OutputClosed,
}

impl Failure {
    /// Prints the message to stderr.
    pub fn report(self) -> ExitCode {
        if let Self::Reason(reason) = self {
            let style = Style::new().bold().fg_color(Some(AnsiColor::Red.into()));
            let reason = escaped(&reason);
            // Nobody can read it if that fails, but the exit status still tells.
            let _ =
                writeln!(anstream::stderr(), "signpath-pkcs11: {style}error:{style:#} {reason}");
        }
        ExitCode::FAILURE
    }

    /// Failed to write to `name`.
    pub fn write(name: &str, error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::OutputClosed,
            _ => Self::Reason(format!("cannot write {name}: {}", describe(error))),
        }
    }
}

impl From<signpath_client::Error> for Failure {
    fn from(error: signpath_client::Error) -> Self {
        Self::Reason(error.reason.into_owned())
    }
}

impl From<signpath_config::Error> for Failure {
    fn from(error: signpath_config::Error) -> Self {
        Self::Reason(error.reason.into_owned())
    }
}

impl From<String> for Failure {
    fn from(reason: String) -> Self {
        Self::Reason(reason)
    }
}

impl From<&str> for Failure {
    fn from(reason: &str) -> Self {
        Self::Reason(reason.to_owned())
    }
}
