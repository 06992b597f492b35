//! From the environment and the configuration file to one validated [`Config`], and from a PIN to
//! [`Credentials`].

mod credentials;
mod proxy;
mod settings;

use std::path::PathBuf;
use std::time::Duration;

pub use credentials::Credentials;
pub use proxy::Proxy;
use reqwest::Url;
use serde_json::{Map, Value};
pub use settings::{SETTINGS, Setting};
use settings::{Sources, setting};

use crate::error::{Error, Kind, Result};
use crate::logging::{self, Level, OutputStream};
use crate::secret::Secret;

/// The API of SignPath's own service.
pub const DEFAULT_API_URL: &str = "https://app.signpath.io/Api";

/// How signatures are asked for (REST documentation, "Signing a hash").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SigningApi {
    /// By a fast signing request, and by SignHash where that route is gone.
    Auto,
    /// `POST /SigningRequests`.
    FastSigningRequest,
    /// `POST /SigningRequests/SignHash`.
    SignHash,
}

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
    /// Whether an `http` API beyond this machine is accepted.
    pub allow_insecure_http: bool,
    /// The PEM certificate and key that the client shows in TLS.
    pub tls_client_certificate: Option<PathBuf>,
    /// The proxy for the API, unless [`Self::no_proxy`] exempts it.
    pub http_proxy: Option<Proxy>,
    /// Hosts that are reached without the proxy.
    pub no_proxy: Option<String>,
    /// The artifact configuration of signing requests.
    pub artifact_configuration_slug: Option<String>,
    /// The description of signing requests.
    pub description: Option<String>,
    /// What signing requests carry as metadata beside the process.
    pub metadata: Option<Map<String, Value>>,
    /// How signatures are asked for.
    pub signing_api: SigningApi,
    /// PEM certificates of authorities that become objects.
    pub chain_certificates_file: Option<PathBuf>,
    /// How long the list of signing policies is kept in a file; [`None`] where it is not.
    pub policy_cache: Option<Duration>,
    /// Whether a signing policy without certificate gets one made up.
    pub include_dummy_x509_certificate_for_gpg_keys: bool,
    /// Whether private keys show only after C_Login.
    pub login_required: bool,
    /// Whether read/write sessions are granted; [`None`] where nothing is said.
    pub do_not_fail_on_read_write_sessions: Option<bool>,
    /// What the console shows.
    pub log_console_level: Level,
    /// Where the console is.
    pub log_console_stream: OutputStream,
    /// What the log file shows.
    pub log_file_level: Level,
    /// The folder of the log file.
    pub log_file_directory: PathBuf,
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
        let flag = |name| sources.parsed(setting(name), parse_flag);
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
            allow_insecure_http: flag("AllowInsecureHttp")?.unwrap_or(false),
            tls_client_certificate: sources.parsed(setting("TlsClientCertificate"), parse_file)?,
            http_proxy: match sources.other(&["https_proxy", "HTTPS_PROXY"]) {
                Some(text) => Some(Proxy::parse(&text).map_err(|expected| {
                    let reason = format!("environment variable https_proxy: {expected}");
                    Error::new(Kind::Configuration, reason)
                })?),
                None => sources.parsed(setting("HttpProxy"), Proxy::parse)?,
            },
            no_proxy: sources.other(&["no_proxy", "NO_PROXY"]),
            artifact_configuration_slug: text("ArtifactConfigurationSlug")?,
            description: text("Description")?,
            metadata: sources.parsed(setting("Metadata"), parse_object)?,
            signing_api: one_of(
                sources,
                "SigningApi",
                &[
                    ("Auto", SigningApi::Auto),
                    ("FastSigningRequest", SigningApi::FastSigningRequest),
                    ("SignHash", SigningApi::SignHash),
                ],
            )?
            .unwrap_or(SigningApi::Auto),
            chain_certificates_file: text("ChainCertificatesFile")?.map(PathBuf::from),
            policy_cache: sources
                .parsed(setting("PolicyCacheSeconds"), parse_seconds_or_none)?
                .flatten(),
            include_dummy_x509_certificate_for_gpg_keys: flag(
                "IncludeDummyX509CertificateForGpgKeys",
            )?
            .unwrap_or(false),
            login_required: flag("Cryptoki.LoginRequired")?.unwrap_or(true),
            do_not_fail_on_read_write_sessions: flag("Cryptoki.DoNotFailOnReadWriteSessions")?,
            log_console_level: sources
                .parsed(setting("Log.Console.Level"), parse_level)?
                .unwrap_or(Level::Warning),
            log_console_stream: one_of(
                sources,
                "Log.Console.OutputStream",
                &[
                    ("stderr", OutputStream::Stderr),
                    ("stdout", OutputStream::Stdout),
                ],
            )?
            .unwrap_or(OutputStream::Stderr),
            log_file_level: sources
                .parsed(setting("Log.File.Level"), parse_level)?
                .unwrap_or(Level::Info),
            log_file_directory: text("Log.File.Directory")?
                .map_or_else(|| PathBuf::from(logging::DEFAULT_DIRECTORY), PathBuf::from),
        })
    }

    /// The proxy for `url`, if one is to be used.
    pub fn proxy_for(&self, url: &Url) -> Option<&Proxy> {
        let no_proxy = self.no_proxy.as_deref().unwrap_or_default();
        self.http_proxy
            .as_ref()
            .filter(|_| !proxy::is_exempt(no_proxy, url))
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

fn one_of<T: Copy>(sources: &Sources, name: &str, values: &[(&str, T)]) -> Result<Option<T>> {
    sources.parsed(setting(name), |text| {
        let found = values
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(text));
        found.map(|(_, value)| *value).ok_or_else(|| {
            let names: Vec<_> = values.iter().map(|(name, _)| *name).collect();
            format!("expected one of {}", names.join(", "))
        })
    })
}

fn parse_flag(text: &str) -> std::result::Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err("expected true or false".to_owned()),
    }
}

/// A file as the official library's settings would name one.
fn parse_file(text: &str) -> std::result::Result<PathBuf, String> {
    match text.strip_prefix("file:") {
        Some(path) if !path.is_empty() => Ok(PathBuf::from(path)),
        _ if text.starts_with("thumbprint:") => Err(
            "thumbprint: names a certificate in the store of Windows, which is not here; expected \
             file: and the path of a PEM file"
                .to_owned(),
        ),
        _ => Err("expected file: and the path of a PEM file".to_owned()),
    }
}

fn parse_object(text: &str) -> std::result::Result<Map<String, Value>, String> {
    serde_json::from_str(text).map_err(|_| "expected a JSON object".to_owned())
}

fn parse_seconds_or_none(text: &str) -> std::result::Result<Option<Duration>, String> {
    match text {
        "0" => Ok(None),
        _ => parse_seconds(text).map(Some),
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
        assert_eq!(config.log_console_level, Level::Info);
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
