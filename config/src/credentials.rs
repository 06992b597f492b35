//! The organization and the API token, from a PIN or from the configuration.

use signpath_client::{Credentials, Secret};

use super::Config;
use crate::error::{Error, ErrorKind, Result};
use signpath_platform::{environment, text};

/// The PIN that selects the configured credentials.
pub const PIN_CONFIG: &str = "CONFIG";

impl Config {
    /// The configured credentials, if organization and API token are both set. A token in a file is
    /// read again each time.
    ///
    /// # Errors
    /// Those of [`ApiToken::read`](crate::ApiToken::read).
    pub fn credentials(&self) -> Result<Option<Credentials>> {
        let Some((organization_id, api_token)) =
            self.organization_id.as_ref().zip(self.api_token.as_ref())
        else {
            return Ok(None);
        };
        Ok(Some(Credentials {
            organization_id: organization_id.clone(),
            api_token: api_token.read().map_err(|error| match error.kind {
                ErrorKind::Configuration => {
                    Error::new(error.kind, format!("ApiToken: {}", error.reason))
                }
                _ => error,
            })?,
        }))
    }

    /// What [`Self::credentials`] lack, and what to do.
    pub fn missing_credentials(&self) -> String {
        let missing = match (&self.organization_id, &self.api_token) {
            (_, None) if self.inherits_no_api_token => {
                return format!(
                    "the token {} has no API token: it has an OrganizationId or ApiUrl of its own, so it does not \
                     use the one at the top level; set ApiToken in its entry of Tokens",
                    self.token.label
                );
            }
            (None, None) => {
                "no organization ID and no API token are configured; set SIGNPATH_ORGANIZATION_ID and \
                 SIGNPATH_API_TOKEN, or both in the configuration file"
            }
            (None, _) => {
                "no organization ID is configured; set SIGNPATH_ORGANIZATION_ID, or OrganizationId in \
                 the configuration file (SIGNPATH_CONFIG_FILE)"
            }
            (_, _) => {
                "no API token is configured; set SIGNPATH_API_TOKEN, or ApiToken in the configuration \
                 file (SIGNPATH_CONFIG_FILE)"
            }
        };
        missing.to_owned()
    }

    /// Parses a PIN: `{OrganizationId}:{ApiToken}`, or `CONFIG` or an empty PIN for the configured
    /// credentials.
    ///
    /// # Errors
    /// [`ErrorKind::Pin`] for any other PIN, and if the configured credentials are incomplete.
    /// [`ErrorKind::Configuration`] if the file with the token cannot be read.
    fn credentials_of_pin(&self, pin: &[u8]) -> Result<Credentials> {
        if pin.is_empty() || pin == PIN_CONFIG.as_bytes() {
            return self.credentials()?.ok_or_else(|| missing(self, pin.is_empty()));
        }
        let (organization_id, api_token) = std::str::from_utf8(pin)
            .ok()
            .and_then(|pin| pin.split_once(':'))
            .filter(|(organization_id, api_token)| {
                !organization_id.is_empty() && !api_token.is_empty()
            })
            .ok_or_else(|| Error::new(ErrorKind::Pin, invalid_pin(pin)))?;
        Ok(Credentials {
            organization_id: organization_id.to_owned(),
            api_token: Secret::new(api_token.to_owned()),
        })
    }

    /// The credentials for a user name and a PIN. Without a user name, the PIN is
    /// `{OrganizationId}:{ApiToken}`, or `CONFIG` or empty for the configured credentials.
    /// Otherwise the user name is the organization ID, and the PIN is one of these forms or the API
    /// token alone.
    ///
    /// A byte order mark and a line ending are removed: the libp11 engine does not strip them from
    /// a PIN that it reads from a file (`pin-source`).
    ///
    /// # Errors
    /// [`ErrorKind::Pin`] for any other PIN, if the configured credentials are incomplete, or if
    /// they are of another organization. [`ErrorKind::Configuration`] if the file with the token
    /// cannot be read.
    pub fn credentials_of_login(&self, username: &[u8], pin: &[u8]) -> Result<Credentials> {
        let (username, pin) = (text::line(username), text::line(pin));
        if username.is_empty() {
            return self.credentials_of_pin(pin);
        }
        let named = || {
            let organization_id = std::str::from_utf8(username).ok()?.to_owned();
            let api_token = std::str::from_utf8(pin).ok()?;
            let prefix = format!("{organization_id}:");
            let api_token = api_token.strip_prefix(&prefix).unwrap_or(api_token);
            (!api_token.is_empty()).then(|| Credentials {
                organization_id,
                api_token: Secret::new(api_token.to_owned()),
            })
        };
        if pin.is_empty() || pin == PIN_CONFIG.as_bytes() {
            let configured = self.credentials_of_pin(pin)?;
            if configured.organization_id.as_bytes() == username {
                return Ok(configured);
            }
        } else if let Some(named) = named() {
            return Ok(named);
        }
        Err(Error::new(
            ErrorKind::Pin,
            "the user name must be an organization ID, and the PIN its API token, or CONFIG for the \
             configured organization",
        ))
    }
}

/// The error message for a PIN in neither form. Some tools truncate or recode PINs.
fn invalid_pin(pin: &[u8]) -> String {
    if is_truncated(pin) {
        return format!(
            "the tool truncated the PIN {{OrganizationId}}:{{ApiToken}} to {} bytes, as the libp11 engine \
             does with long PINs; set SIGNPATH_ORGANIZATION_ID and SIGNPATH_API_TOKEN, and use the PIN CONFIG",
            pin.len()
        );
    }
    if text::is_utf_16(pin) {
        return "the PIN is encoded as UTF-16; save the file that it comes from as UTF-8"
            .to_owned();
    }
    "the PIN must be CONFIG, for the credentials in the environment or the configuration file, or \
     {OrganizationId}:{ApiToken}"
        .to_owned()
}

/// Whether libp11 has truncated a PIN that starts with a UUID: to 31 bytes if it comes from
/// `pin-source`, else to 32 bytes.
fn is_truncated(pin: &[u8]) -> bool {
    let fits = |(index, byte): (usize, &u8)| match index {
        8 | 13 | 18 | 23 => *byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    };
    matches!(pin.len(), 31 | 32) && pin.iter().enumerate().all(fits)
}

fn missing(config: &Config, is_empty: bool) -> Error {
    if !environment::is_trusted() {
        return Error::new(
            ErrorKind::Pin,
            format!(
                "the PIN selects the configured credentials, but {}; use the PIN \
                 {{OrganizationId}}:{{ApiToken}}",
                environment::UNTRUSTING
            ),
        );
    }
    let missing = config.missing_credentials();
    let pin = match is_empty {
        false => "the PIN is CONFIG",
        // The libp11 engine passes an empty PIN if it cannot pass the whole one.
        true => "the PIN is empty (or too long for libp11)",
    };
    Error::new(ErrorKind::Pin, format!("{pin}, but {missing}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ApiToken;

    fn config(organization_id: Option<&str>, api_token: Option<&str>) -> Config {
        Config {
            organization_id: organization_id.map(str::to_owned),
            api_token: api_token.map(|token| ApiToken::Given(Secret::new(token.to_owned()))),
            ..Config::load().unwrap()
        }
    }

    #[test]
    fn pin_with_organization_and_token_overrides_configuration() {
        let config = config(Some("configured"), Some("configured token"));
        let credentials = config.credentials_of_pin(b"org:a/b+c=:d").unwrap();
        assert_eq!(credentials.organization_id, "org");
        assert_eq!(credentials.api_token.expose(), "a/b+c=:d");
    }

    #[test]
    fn config_and_empty_pin_use_the_configured_credentials() {
        let complete = config(Some("org"), Some("token"));
        for pin in [b"CONFIG".as_slice(), b""] {
            let credentials = complete.credentials_of_pin(pin).unwrap();
            assert_eq!(credentials.api_token.expose(), "token");
        }
    }

    #[test]
    fn strips_byte_order_mark_and_line_ending_from_pin() {
        let config = config(Some("org"), Some("token"));
        for (pin, expected) in [
            ("CONFIG\n", "token"),
            ("CONFIG\r\n", "token"),
            ("CONFIG\r", "token"),
            ("\n", "token"),
            ("\u{feff}CONFIG\r\n", "token"),
            ("\u{feff}other:1234", "1234"),
            ("other:1234\n", "1234"),
        ] {
            let credentials = config.credentials_of_login(b"", pin.as_bytes()).unwrap();
            assert_eq!(credentials.api_token.expose(), expected);
        }
        let credentials = config.credentials_of_login(b"named", b"5678\n").unwrap();
        assert_eq!(credentials.api_token.expose(), "5678");
    }

    #[test]
    fn error_names_the_missing_credentials() {
        for (organization_id, api_token, expected) in [
            (None, None, "SIGNPATH_ORGANIZATION_ID and SIGNPATH_API_TOKEN"),
            (Some("org"), None, "no API token is configured"),
            (None, Some("token"), "no organization ID is configured"),
        ] {
            let error =
                config(organization_id, api_token).credentials_of_pin(b"CONFIG").unwrap_err();
            assert_eq!(error.kind, ErrorKind::Pin);
            assert!(error.reason.contains(expected), "{}", error.reason);
        }
    }

    #[test]
    fn error_explains_a_pin_truncated_by_libp11() {
        let organization_id = "C3e1b8f0-5d2a-4a3c-9a51-000000000000";
        for (pin, expected) in [
            (&organization_id[..31], "to 31 bytes"),
            (&organization_id[..32], "to 32 bytes"),
            (&organization_id[..30], "the PIN must be CONFIG"),
            (organization_id, "the PIN must be CONFIG"),
            ("c3e1b8f0+5d2a+4a3c+9a51+00000000", "the PIN must be CONFIG"),
        ] {
            let error = config(None, None).credentials_of_pin(pin.as_bytes()).unwrap_err();
            assert_eq!(error.kind, ErrorKind::Pin);
            assert!(error.reason.contains(expected), "{}", error.reason);
        }
    }

    #[test]
    fn refuses_other_pins_without_quoting_them() {
        for pin in [b"1234".as_slice(), b":s3cret", b"s3cret:", b"s3cret\xff:x", b"config"] {
            let error = config(Some("o"), Some("t")).credentials_of_pin(pin).unwrap_err();
            assert_eq!(error.kind, ErrorKind::Pin);
            assert!(!error.reason.contains("s3cret"), "{}", error.reason);
        }
    }
}
