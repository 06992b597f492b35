//! The configured API token: itself, or the file that holds it.

use std::path::PathBuf;

use crate::error::{Error, Kind, Result};
use crate::input;
use crate::secret::Secret;

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
    /// Why it cannot be used.
    pub(super) fn parse(text: &str) -> std::result::Result<Self, String> {
        let of_windows = OF_WINDOWS
            .iter()
            .find(|(prefix, _)| text.starts_with(prefix));
        if let Some((_, reason)) = of_windows {
            return Err((*reason).to_owned());
        }
        let token = match text.strip_prefix("file:") {
            Some(path) => Self::File(PathBuf::from(path)),
            None => Self::Given(Secret::new(text.to_owned())),
        };
        token.try_read()?;
        Ok(token)
    }

    /// The token as it is now.
    ///
    /// # Errors
    /// [`Kind::Configuration`] when its file cannot be read or holds none.
    pub fn read(&self) -> Result<Secret> {
        self.try_read()
            .map_err(|reason| Error::new(Kind::Configuration, format!("ApiToken: {reason}")))
    }

    fn try_read(&self) -> std::result::Result<Secret, String> {
        let path = match self {
            Self::Given(token) => return Ok(token.clone()),
            Self::File(path) => path,
        };
        let bytes = input::read(path)
            .map_err(|error| format!("the file {} cannot be read ({error})", path.display()))?;
        let token = std::str::from_utf8(input::line(&bytes)).unwrap_or_default();
        if token.is_empty() || token.contains(|c: char| c.is_control()) {
            return Err(format!(
                "the file {} has to hold the API token in one line and nothing else",
                path.display()
            ));
        }
        Ok(Secret::new(token.to_owned()))
    }
}
