//! The configured API token: itself, or the file that holds it.

use std::path::PathBuf;

use crate::error::{Error, ErrorKind, Result};
use signpath_client::Secret;

/// What the official library takes on Windows, and why not here.
const OF_WINDOWS: [(&str, &str); 2] = [
    (
        "encrypted:",
        "encrypted: is a token that DPAPI protects, which only Windows has; expected the token \
         itself, or file: and the path of a file that holds it",
    ),
    (
        "registry:",
        "registry: is a token in the registry, which only Windows has; expected the token itself, \
         or file: and the path of a file that holds it",
    ),
];

/// Where the API token of the configuration is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ApiToken {
    /// It is in the configuration.
    Given(Secret),
    /// It is in a file, which may hold another one tomorrow.
    File(PathBuf),
}

impl ApiToken {
    /// Reads the token itself, or `file:` and a path.
    ///
    /// # Errors
    /// Those of [`Self::read`], and [`ErrorKind::Configuration`] for what only Windows has.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let of_windows = OF_WINDOWS
            .iter()
            .find(|(prefix, _)| text.starts_with(prefix));
        if let Some((_, reason)) = of_windows {
            return Err(Error::new(ErrorKind::Configuration, *reason));
        }
        let token = match text.strip_prefix("file:") {
            Some(path) => Self::File(PathBuf::from(path)),
            None => Self::Given(Secret::new(text.to_owned())),
        };
        token.read()?;
        Ok(token)
    }

    /// The token as it is now.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] when its file cannot be read or holds none, with a reason that does not
    /// name the setting; those of a [shortage](signpath_platform::shortage::Shortage).
    pub fn read(&self) -> Result<Secret> {
        let path = match self {
            Self::Given(token) => return Ok(token.clone()),
            Self::File(path) => path,
        };
        let unusable = |what: String| {
            let reason = format!("the file {} {what}", path.display());
            Error::new(ErrorKind::Configuration, reason)
        };
        let bytes = signpath_platform::file::read(path).map_err(|error| {
            signpath_platform::file::shortage_or(&error, || {
                unusable(format!("cannot be read ({error})"))
            })
        })?;
        let token = std::str::from_utf8(signpath_platform::text::line(&bytes)).unwrap_or_default();
        if token.is_empty() || token.contains(|c: char| c.is_control()) {
            let what = "has to hold the API token in one line and nothing else";
            return Err(unusable(what.to_owned()));
        }
        Ok(Secret::new(token.to_owned()))
    }
}
