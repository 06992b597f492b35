//! The configured API token: given directly, in a file, or encrypted by Windows.

use std::io;
use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::error::{Error, ErrorKind, Result};
use signpath_client::Secret;
use signpath_platform::os_error::describe;
use signpath_platform::{file, secrets};

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
    /// The token is encrypted in the registry of Windows, and may change at any time.
    Registry(String),
}

impl ApiToken {
    /// Parses a token, or `file:` followed by a path. The file must be readable. On Windows, also
    /// `encrypted:` followed by an encrypted token, and `registry:` followed by the path of one.
    ///
    /// # Errors
    /// Those of [`Self::read`], and [`ErrorKind::Configuration`] for the forms that only Windows
    /// has.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let mut windows_only = WINDOWS_ONLY.iter();
        let windows_only = windows_only.find(|(prefix, _)| text.starts_with(prefix));
        if let Some((_, reason)) = windows_only.filter(|_| !secrets::ARE_SUPPORTED) {
            return Err(Error::new(ErrorKind::Configuration, *reason));
        }
        let after = |prefix| text.strip_prefix(prefix);
        let token = if let Some(path) = after("file:") {
            Self::File(PathBuf::from(path))
        } else if let Some(path) = after("registry:") {
            Self::Registry(path.to_owned())
        } else if let Some(encrypted) = after("encrypted:") {
            Self::Given(decrypted(encrypted, "ApiToken")?)
        } else {
            Self::Given(Secret::new(text.to_owned()))
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
            Self::Registry(path) => return of_registry(path),
        };
        let unusable = |reason: String| Error::new(ErrorKind::Configuration, reason);
        let shown = path.display();
        let bytes = file::read(path).map_err(|error| {
            file::shortage_or(&error, || {
                unusable(format!("cannot read {shown}: {}", describe(&error)))
            })
        })?;
        one_line(&bytes).ok_or_else(|| {
            unusable(format!("{shown} must contain the API token on one line and nothing else"))
        })
    }
}

/// The token in what a file contains or what was encrypted.
fn one_line(bytes: &[u8]) -> Option<Secret> {
    let token = std::str::from_utf8(signpath_platform::text::line(bytes)).ok()?;
    let is_token = !token.is_empty() && !token.contains(|c: char| c.is_control());
    is_token.then(|| Secret::new(token.to_owned()))
}

/// The token that is encrypted in the registry.
fn of_registry(path: &str) -> Result<Secret> {
    let encrypted = secrets::registry_text(path).map_err(|error| {
        let why = match error.kind() {
            io::ErrorKind::NotFound => "no such value".to_owned(),
            _ => describe(&error),
        };
        let reason = format!(
            "cannot read {path} in the registry: {why}; expected HKEY_CURRENT_USER or \
             HKEY_LOCAL_MACHINE, a key and the name of a string value"
        );
        Error::new(ErrorKind::Configuration, reason)
    })?;
    decrypted(&encrypted, path)
}

/// Decrypts a token. `place` names it in messages.
fn decrypted(encrypted: &str, place: &str) -> Result<Secret> {
    let unusable = |reason: String| Error::new(ErrorKind::Configuration, reason);
    let bytes = STANDARD
        .decode(encrypted.trim())
        .map_err(|_| unusable(format!("{place} is not valid base64")))?;
    let token = secrets::decrypt(&bytes).map_err(|error| {
        unusable(format!(
            "cannot decrypt {place}: {}; encrypt the API token as the user who signs, on this \
             machine",
            describe(&error)
        ))
    })?;
    one_line(&token).ok_or_else(|| unusable(format!("{place} does not contain an API token")))
}
