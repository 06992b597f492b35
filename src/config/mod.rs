//! From the environment and the configuration file to one validated [`Config`], and from a PIN to
//! [`Credentials`].

mod credentials;
mod settings;

use std::path::PathBuf;
use std::time::Duration;

pub use credentials::Credentials;
use reqwest::Url;
pub use settings::{SETTINGS, Setting};
use settings::{Sources, setting};

use crate::error::{Error, Kind, Result};
use crate::logging::Level;
use crate::secret::Secret;

/// The API of SignPath's own service.
pub const DEFAULT_API_URL: &str = "https://app.signpath.io/Api";

/// A configuration that has been checked.
#[derive(Debug, Clone)]
pub struct Config {
    /// The organization that the configured token belongs to.
    pub organization_id: Option<String>,
    /// The token to use with the PIN `CONFIG`, and before login.
    pub api_token: Option<Secret>,
    /// The base URL of the API, without the version.
    pub api_url: Url,
    /// Only signing policies of this project are shown.
    pub project_slug: Option<String>,
    /// Only signing policies with this slug are shown.
    pub signing_policy_slug: Option<String>,
    /// PEM certificates that are trusted beside the system's roots.
    pub tls_ca_file: Option<PathBuf>,
    /// The longest that one attempt of a request may take.
    pub http_request_timeout: Duration,
    /// The longest that one call of the service may take in all.
    pub service_unavailable_timeout: Duration,
    /// What the console shows.
    pub console_level: Level,
}

impl Config {
    /// Reads the environment of the process and the file that `SIGNPATH_CONFIG_FILE` names.
    ///
    /// # Errors
    /// [`Kind::Configuration`] for a file that cannot be read or is not JSON, and for a value that
    /// its setting cannot have; the reason names the setting and where it came from.
    pub fn load() -> Result<Self> {
        Self::from_sources(&Sources::read(|name| std::env::var_os(name))?)
    }

    fn from_sources(sources: &Sources) -> Result<Self> {
        let text = |name| sources.text(setting(name));
        Ok(Self {
            organization_id: text("OrganizationId")?,
            api_token: text("ApiToken")?.map(Secret::new),
            api_url: sources
                .parsed(setting("ApiUrl"), parse_url)?
                .map_or_else(|| parse_url(DEFAULT_API_URL), Ok)
                .map_err(|reason| Error::new(Kind::Internal, reason))?,
            project_slug: text("ProjectSlug")?,
            signing_policy_slug: text("SigningPolicySlug")?,
            tls_ca_file: text("TlsCaFile")?.map(PathBuf::from),
            http_request_timeout: sources
                .parsed(setting("HttpRequestTimeoutInSeconds"), parse_seconds)?
                .unwrap_or(Duration::from_secs(30)),
            service_unavailable_timeout: sources
                .parsed(setting("ServiceUnavailableTimeoutInSeconds"), parse_seconds)?
                .unwrap_or(Duration::from_secs(600)),
            console_level: sources
                .parsed(setting("Log.Console.Level"), parse_level)?
                .unwrap_or(Level::Warning),
        })
    }

    /// The identity that the configuration itself brings, if it is complete.
    pub fn credentials(&self) -> Option<Credentials> {
        Some(Credentials {
            organization_id: self.organization_id.clone()?,
            api_token: self.api_token.clone()?,
        })
    }
}

fn parse_url(text: &str) -> std::result::Result<Url, String> {
    match Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => Ok(url),
        _ => Err(format!("expected a URL such as {DEFAULT_API_URL}")),
    }
}

fn parse_seconds(text: &str) -> std::result::Result<Duration, String> {
    match text.parse::<u32>() {
        Ok(seconds) if seconds > 0 => Ok(Duration::from_secs(seconds.into())),
        _ => Err("expected a whole number of seconds, at least 1".to_owned()),
    }
}

fn parse_level(text: &str) -> std::result::Result<Level, String> {
    Level::from_name(text).ok_or_else(|| {
        let names = Level::NAMES.map(|(name, _)| name).join(", ");
        format!("expected one of {names}")
    })
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::*;

    fn load(environment: &[(&str, &str)]) -> Result<Config> {
        Config::from_sources(&Sources::read(|name| {
            environment
                .iter()
                .find(|(known, _)| *known == name)
                .map(|(_, value)| OsString::from(value))
        })?)
    }

    fn file(content: &str) -> (tempfile::TempDir, String) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("signpath.json");
        std::fs::write(&path, content).unwrap();
        let path = path.to_str().unwrap().to_owned();
        (folder, path)
    }

    #[test]
    fn without_any_setting_the_defaults_of_the_official_library_hold() {
        let config = load(&[]).unwrap();
        assert_eq!(config.api_url.as_str(), "https://app.signpath.io/Api");
        assert_eq!(config.http_request_timeout, Duration::from_secs(30));
        assert_eq!(config.service_unavailable_timeout, Duration::from_secs(600));
        assert!(config.credentials().is_none());
    }

    #[test]
    fn the_environment_wins_over_the_file_and_an_empty_variable_is_none() {
        let (_folder, path) = file(
            r#"{"OrganizationId": "file-org", "ApiToken": "file-token", "ProjectSlug": "file-project",
                "HttpRequestTimeoutInSeconds": 7, "Log": {"Console": {"Level": "Info"}}}"#,
        );
        let config = load(&[
            ("SIGNPATH_CONFIG_FILE", &path),
            ("SIGNPATH_ORGANIZATION_ID", "env-org"),
            ("SIGNPATH_PROJECT_SLUG", ""),
        ])
        .unwrap();
        let credentials = config.credentials().unwrap();
        assert_eq!(credentials.organization_id, "env-org");
        assert_eq!(credentials.api_token.expose(), "file-token");
        assert_eq!(config.project_slug.as_deref(), Some("file-project"));
        assert_eq!(config.http_request_timeout, Duration::from_secs(7));
        assert_eq!(config.console_level, Level::Info);
    }

    #[test]
    fn the_older_names_of_the_token_still_work() {
        let config = load(&[("SIGNPATH_CI_USER_TOKEN", "older")]).unwrap();
        assert_eq!(config.api_token.unwrap().expose(), "older");
        let (_folder, path) = file(r#"{"CIUserToken": "older in the file"}"#);
        let config = load(&[("SIGNPATH_CONFIG_FILE", &path)]).unwrap();
        assert_eq!(config.api_token.unwrap().expose(), "older in the file");
    }

    #[test]
    fn a_value_that_a_setting_cannot_have_names_the_setting_and_what_is_expected() {
        for (name, value, expected) in [
            (
                "SIGNPATH_API_URL",
                "app.signpath.io",
                "SIGNPATH_API_URL: expected a URL such as",
            ),
            (
                "SIGNPATH_API_URL",
                "file:///etc/passwd",
                "expected a URL such as",
            ),
            (
                "SIGNPATH_HTTP_REQUEST_TIMEOUT_IN_SECONDS",
                "0",
                "SIGNPATH_HTTP_REQUEST_TIMEOUT_IN_SECONDS: expected a whole number of seconds",
            ),
            (
                "SIGNPATH_LOG_CONSOLE_LEVEL",
                "loud",
                "expected one of none, fatal",
            ),
        ] {
            let error = load(&[(name, value)]).unwrap_err();
            assert_eq!(error.kind, Kind::Configuration);
            assert!(error.reason.contains(expected), "{}", error.reason);
        }
    }

    #[test]
    fn a_file_that_cannot_be_used_says_where_and_why_and_shows_none_of_its_secrets() {
        for (content, expected) in [
            (
                "{\n  \"ApiToken\": \"s3cret\"\n  \"x\": 1}",
                "not valid JSON: expected `,` or `}` at line 3",
            ),
            ("[\"s3cret\"]", "expected a JSON object"),
            ("{\"ApiToken\": [\"s3cret\"]}", "ApiToken: expected a text"),
            ("{\"Log\": \"s3cret\"}", "Log: expected a JSON object"),
            (
                "{\"HttpRequestTimeoutInSeconds\": \"s3cret\"}",
                "expected a whole number",
            ),
        ] {
            let (_folder, path) = file(content);
            let error = load(&[("SIGNPATH_CONFIG_FILE", &path)]).unwrap_err();
            assert_eq!(error.kind, Kind::Configuration);
            assert!(error.reason.contains(&path), "{}", error.reason);
            assert!(error.reason.contains(expected), "{}", error.reason);
            assert!(!error.reason.contains("s3cret"), "{}", error.reason);
        }
        let error = load(&[("SIGNPATH_CONFIG_FILE", "/nonexistent/signpath.json")]).unwrap_err();
        assert!(
            error.reason.contains("/nonexistent/signpath.json"),
            "{}",
            error.reason
        );
    }

    #[test]
    fn a_byte_order_mark_does_not_make_a_file_unreadable() {
        let (_folder, path) = file("\u{feff}{\"ProjectSlug\": \"p\"}");
        let config = load(&[("SIGNPATH_CONFIG_FILE", &path)]).unwrap();
        assert_eq!(config.project_slug.as_deref(), Some("p"));
    }
}
