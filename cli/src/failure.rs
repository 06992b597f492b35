//! Errors of commands.

use std::io;
use std::process::ExitCode;

use anstyle::{AnsiColor, Style};
use nix::errno::Errno;
use signpath_platform::escape::escaped;

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
            anstream::eprintln!("signpath-pkcs11: {style}error:{style:#} {reason}");
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

/// Describes an error for use after a colon: in lower case, and without the number that the operating system gives it.
pub fn describe(error: &io::Error) -> String {
    let Some(number) = error.raw_os_error() else {
        return error.to_string();
    };
    let text = Errno::from_raw(number).desc();
    let mut chars = text.chars();
    match (chars.next(), chars.next()) {
        // The first word is no abbreviation.
        (Some(first), Some(second)) if second.is_lowercase() => {
            first.to_lowercase().chain(text.chars().skip(1)).collect()
        }
        _ => text.to_owned(),
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
