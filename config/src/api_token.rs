//! The configured API token, given directly or in a file.

use std::path::PathBuf;

use crate::error::{Error, ErrorKind, Result};
use signpath_client::Secret;
use signpath_platform::file;
use signpath_platform::os_error::describe;

/// Forms of the API token that the official library accepts on Windows, and the errors for them.
const WINDOWS_ONLY: [(&str, &str); 2] = [
    (
        "encrypted:",
        "encrypted: (DPAPI) is only supported on Windows; expected the token itself, or file: and \
         the path of a file that contains it",
    ),
    (
        "registry:",
        "registry: is only supported on Windows; expected the token itself, or file: and the path \
         of a file that contains it",
    ),
];

/// The configured API token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ApiToken {
    /// The configuration contains the token.
    Given(Secret),
    /// The token is in a file, which may change at any time.
    File(PathBuf),
}

impl ApiToken {
    /// Parses a token, or `file:` followed by a path. The file must be readable.
    ///
    /// # Errors
    /// Those of [`Self::read`], and [`ErrorKind::Configuration`] for the forms that only Windows
    /// has.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let windows_only = WINDOWS_ONLY
            .iter()
            .find(|(prefix, _)| text.starts_with(prefix));
        if let Some((_, reason)) = windows_only {
            return Err(Error::new(ErrorKind::Configuration, *reason));
        }
        let token = match text.strip_prefix("file:") {
            Some(path) => Self::File(PathBuf::from(path)),
            None => Self::Given(Secret::new(text.to_owned())),
        };
        token.read()?;
        Ok(token)
    }

    /// The current token. A file is read each time.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] if the file cannot be read or does not contain exactly one
    /// token; the reason does not name the setting. [`ErrorKind::Shortage`] if the process has run
    /// out of a resource.
    pub fn read(&self) -> Result<Secret> {
        let path = match self {
            Self::Given(token) => return Ok(token.clone()),
            Self::File(path) => path,
        };
        let unusable = |reason: String| Error::new(ErrorKind::Configuration, reason);
        let shown = path.display();
        let bytes = file::read(path).map_err(|error| {
            file::shortage_or(&error, || {
                unusable(format!("cannot read {shown}: {}", describe(&error)))
            })
        })?;
        let token = std::str::from_utf8(signpath_platform::text::line(&bytes)).unwrap_or_default();
        if token.is_empty() || token.contains(|c: char| c.is_control()) {
            return Err(unusable(format!(
                "{shown} must contain the API token on one line and nothing else"
            )));
        }
        Ok(Secret::new(token.to_owned()))
    }
}
