//! Why a command failed.

use std::io;
use std::process::ExitCode;

use anstyle::{AnsiColor, Style};
use signpath_platform::escape::escaped;

/// The end of a command that did not do what was wanted.
#[derive(Debug)]
pub enum Failure {
    /// What the user reads in one line: what happened, what to do, no secret.
    Reason(String),
    /// Whoever read the output has seen enough.
    OutputClosed,
}

impl Failure {
    /// Says it on stderr.
    pub fn report(self) -> ExitCode {
        if let Self::Reason(reason) = self {
            let style = Style::new().bold().fg_color(Some(AnsiColor::Red.into()));
            let reason = escaped(&reason);
            anstream::eprintln!("signpath-pkcs11: {style}error:{style:#} {reason}");
        }
        ExitCode::FAILURE
    }

    /// A failure to write to `name`.
    pub fn write(name: &str, error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::OutputClosed,
            _ => Self::Reason(format!("{name} cannot be written ({error})")),
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
