//! The settings: their names, types and defaults.

use signpath_client::DEFAULT_API_URL;

use super::values::{LOG_FORMATS, OUTPUT_STREAMS, SIGNING_APIS};
use signpath_logging::{self as logging, Level};
use signpath_platform::json::MAX_DEPTH;

/// The variable that names the JSON file.
pub const CONFIG_FILE: &str = "SIGNPATH_CONFIG_FILE";

/// The proxy for https URLs, shared by many programs. It overrides `HttpProxy`.
pub const HTTPS_PROXY: [&str; 2] = ["https_proxy", "HTTPS_PROXY"];

/// The hosts to reach without a proxy, shared by many programs.
pub const NO_PROXY: [&str; 2] = ["no_proxy", "NO_PROXY"];

/// The type of a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SettingType {
    /// Any string.
    Text,
    /// An API token, or `file:` and the path of a file with one.
    Token,
    /// The base URL of the API.
    Url,
    /// An HTTP proxy, with or without credentials.
    Proxy,
    /// The path of a file or a directory.
    Path,
    /// `file:` and the path of a PEM file.
    PemFile,
    /// `true` or `false`.
    Flag,
    /// A whole number of seconds, at least this many and at most [`u32::MAX`].
    Seconds(u32),
    /// The name of a [`Level`].
    Level,
    /// The name of a standard stream.
    OutputStream,
    /// The name of a [`LogFormat`](signpath_logging::LogFormat).
    LogFormat,
    /// The name of a [`SigningApi`](signpath_client::SigningApi).
    SigningApi,
    /// A JSON object.
    Object,
}

impl SettingType {
    /// The description of valid values, for messages.
    pub fn expected(self) -> String {
        match self {
            Self::Text | Self::Token | Self::Path => "a string".to_owned(),
            Self::Url => {
                format!(
                    "a URL such as {DEFAULT_API_URL}, without user, password, query or fragment"
                )
            }
            Self::Proxy => "host:port or http://[user:password@]host:port".to_owned(),
            Self::PemFile => "file: and the path of a PEM file".to_owned(),
            Self::Flag => "true or false".to_owned(),
            Self::Seconds(least) => {
                format!("a whole number of seconds from {least} to {}", u32::MAX)
            }
            Self::Level | Self::OutputStream | Self::LogFormat | Self::SigningApi => {
                format!("one of {}", self.names().join(", "))
            }
            Self::Object => format!("a JSON object, nested at most {MAX_DEPTH} levels deep"),
        }
    }

    /// The valid names, if the type is an enumeration.
    pub fn names(self) -> Vec<&'static str> {
        match self {
            Self::Level => names(&Level::NAMES),
            Self::OutputStream => names(&OUTPUT_STREAMS),
            Self::LogFormat => names(&LOG_FORMATS),
            Self::SigningApi => names(&SIGNING_APIS),
            _ => Vec::new(),
        }
    }
}

fn names<T>(values: &[(&'static str, T)]) -> Vec<&'static str> {
    values.iter().map(|(name, _)| *name).collect()
}

/// A setting.
#[derive(Debug, PartialEq, Eq)]
pub struct Setting {
    /// Its path in the JSON file. Each dot is a level of nesting.
    pub json: &'static str,
    /// Its environment variable, which overrides the file.
    pub variable: &'static str,
    /// Its previous names (JSON, variable), which are still accepted.
    pub older: Option<(&'static str, &'static str)>,
    /// Its type.
    pub form: SettingType,
    /// Its default, as text.
    pub default: Option<&'static str>,
}

/// All settings of this version.
pub const SETTINGS: &[Setting] = &[
    row("OrganizationId", "SIGNPATH_ORGANIZATION_ID", SettingType::Text),
    Setting {
        older: Some(("CIUserToken", "SIGNPATH_CI_USER_TOKEN")),
        ..row("ApiToken", "SIGNPATH_API_TOKEN", SettingType::Token)
    },
    row("ApiUrl", "SIGNPATH_API_URL", SettingType::Url).or(DEFAULT_API_URL),
    row("ProjectSlug", "SIGNPATH_PROJECT_SLUG", SettingType::Text),
    row("SigningPolicySlug", "SIGNPATH_SIGNING_POLICY_SLUG", SettingType::Text),
    row("ArtifactConfigurationSlug", "SIGNPATH_ARTIFACT_CONFIGURATION_SLUG", SettingType::Text),
    row("Description", "SIGNPATH_DESCRIPTION", SettingType::Text),
    row("Metadata", "SIGNPATH_METADATA", SettingType::Object),
    row("MetadataCommandLine", "SIGNPATH_METADATA_COMMAND_LINE", SettingType::Flag).or("true"),
    row("MetadataUser", "SIGNPATH_METADATA_USER", SettingType::Flag).or("true"),
    row("SigningApi", "SIGNPATH_SIGNING_API", SettingType::SigningApi).or("Auto"),
    row("AllowInsecureHttp", "SIGNPATH_ALLOW_INSECURE_HTTP", SettingType::Flag).or("false"),
    row("TlsCaFile", "SIGNPATH_TLS_CA_FILE", SettingType::Path),
    row("TlsClientCertificate", "SIGNPATH_TLS_CLIENT_CERTIFICATE", SettingType::PemFile),
    row("HttpProxy", "http_proxy", SettingType::Proxy),
    row("ChainCertificatesFile", "SIGNPATH_CHAIN_CERTIFICATES_FILE", SettingType::Path),
    row("PolicyCacheSeconds", "SIGNPATH_POLICY_CACHE_SECONDS", SettingType::Seconds(0)).or("0"),
    row(
        "IncludeDummyX509CertificateForGpgKeys",
        "SIGNPATH_INCLUDE_DUMMY_X509CERTIFICATE_FOR_GPG_KEYS",
        SettingType::Flag,
    )
    .or("false"),
    row("Cryptoki.LoginRequired", "SIGNPATH_CRYPTOKI_LOGIN_REQUIRED", SettingType::Flag).or("true"),
    row(
        "Cryptoki.DoNotFailOnReadWriteSessions",
        "SIGNPATH_CRYPTOKI_DO_NOT_FAIL_ON_READ_WRITE_SESSIONS",
        SettingType::Flag,
    )
    .or("true"),
    row(
        "HttpRequestTimeoutInSeconds",
        "SIGNPATH_HTTP_REQUEST_TIMEOUT_IN_SECONDS",
        SettingType::Seconds(1),
    )
    .or("30"),
    row(
        "ServiceUnavailableTimeoutInSeconds",
        "SIGNPATH_SERVICE_UNAVAILABLE_TIMEOUT_IN_SECONDS",
        SettingType::Seconds(1),
    )
    .or("600"),
    row("Log.Console.Level", "SIGNPATH_LOG_CONSOLE_LEVEL", SettingType::Level).or("warning"),
    row(
        "Log.Console.OutputStream",
        "SIGNPATH_LOG_CONSOLE_OUTPUT_STREAM",
        SettingType::OutputStream,
    )
    .or("stderr"),
    row("Log.File.Level", "SIGNPATH_LOG_FILE_LEVEL", SettingType::Level).or("info"),
    row("Log.File.Directory", "SIGNPATH_LOG_FILE_DIRECTORY", SettingType::Path)
        .or(logging::DEFAULT_DIRECTORY),
    row("Log.File.Format", "SIGNPATH_LOG_FILE_FORMAT", SettingType::LogFormat).or("text"),
    row("Log.Journal", "SIGNPATH_LOG_JOURNAL", SettingType::Path),
    row("TokenLabel", "SIGNPATH_TOKEN_LABEL", SettingType::Text),
];

/// The list of tokens in the JSON file. It has no variable: a list has no place in one.
pub const TOKENS: &str = "Tokens";

/// The label of an entry of [`TOKENS`].
pub(crate) const TOKEN_LABEL: &str = "Label";

/// The settings that an entry of [`TOKENS`] may have of its own.
pub const TOKEN_SETTINGS: [&str; 6] = [
    "OrganizationId",
    "ApiToken",
    "ApiUrl",
    "ProjectSlug",
    "SigningPolicySlug",
    "ChainCertificatesFile",
];

/// A setting that only version 5.x of the official library had.
pub(crate) struct RemovedSetting {
    /// Its path in the JSON file.
    pub(crate) json: &'static str,
    /// Its environment variable.
    pub(crate) variable: &'static str,
    /// What to use instead.
    pub(crate) instead: &'static str,
}

/// The settings that version 6.0 of the official library removed.
pub(crate) const REMOVED_SETTINGS: [RemovedSetting; 3] = [
    RemovedSetting {
        json: "Timeouts.HttpRequest",
        variable: "SIGNPATH_TIMEOUTS_HTTP_REQUEST",
        instead: "use HttpRequestTimeoutInSeconds",
    },
    RemovedSetting {
        json: "Timeouts.FirstRetryDelay",
        variable: "SIGNPATH_TIMEOUTS_FIRST_RETRY_DELAY",
        instead: "the delay is fixed, but ServiceUnavailableTimeoutInSeconds limits all attempts \
                  together",
    },
    RemovedSetting {
        json: "Timeouts.RetryCount",
        variable: "SIGNPATH_TIMEOUTS_RETRY_COUNT",
        instead: "use ServiceUnavailableTimeoutInSeconds, which limits all attempts together",
    },
];

impl RemovedSetting {
    /// The warning for a user who still has this setting.
    pub(crate) fn notice(&self) -> String {
        format!("removed in version 6, ignored; {}", self.instead)
    }
}

const fn row(json: &'static str, variable: &'static str, form: SettingType) -> Setting {
    Setting { json, variable, older: None, form, default: None }
}

impl Setting {
    const fn or(self, default: &'static str) -> Self {
        Self { default: Some(default), ..self }
    }

    /// Its paths in the JSON file, the current one first.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &'static str> {
        [self.json].into_iter().chain(self.older.map(|(json, _)| json))
    }

    /// Its environment variables, the current one first.
    pub(crate) fn variables(&self) -> impl Iterator<Item = &'static str> {
        [self.variable].into_iter().chain(self.older.map(|(_, variable)| variable))
    }
}

/// The setting with this path in the JSON file.
pub(crate) fn setting(json: &str) -> &'static Setting {
    const NONE: Setting = row("", "", SettingType::Text);
    SETTINGS.iter().find(|setting| setting.json == json).unwrap_or(&NONE)
}

/// The entry of `names` that `name` was probably meant to be: they differ in case, in a few
/// letters, or `name` lacks the levels above it.
pub(crate) fn nearest(
    name: &str,
    names: impl Iterator<Item = &'static str>,
) -> Option<&'static str> {
    /// Up to one mistake per this many letters counts as a typo.
    const LETTERS_PER_MISTAKE: usize = 5;
    let name = name.to_lowercase();
    names
        .map(|known| {
            let last = known.rsplit('.').next().unwrap_or(known);
            let distance = [known, last]
                .map(|known| strsim::osa_distance(&name, &known.to_lowercase()))
                .into_iter()
                .min()
                .unwrap_or(usize::MAX);
            (distance, known)
        })
        .filter(|(distance, _)| *distance <= name.len().div_ceil(LETTERS_PER_MISTAKE))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, known)| known)
}
