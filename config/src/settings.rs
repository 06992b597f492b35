//! The settings: their names, what they can be, and what holds without them.

use signpath_client::DEFAULT_API_URL;

use super::values::{OUTPUT_STREAMS, SIGNING_APIS};
use signpath_logging::{self as logging, Level};

/// The variable that names the JSON file.
pub const CONFIG_FILE: &str = "SIGNPATH_CONFIG_FILE";

/// The proxy for https URLs, which many programs share; it wins over `HttpProxy`.
pub const HTTPS_PROXY: [&str; 2] = ["https_proxy", "HTTPS_PROXY"];

/// The hosts that need no proxy, which many programs share.
pub const NO_PROXY: [&str; 2] = ["no_proxy", "NO_PROXY"];

/// What the value of a setting can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SettingType {
    /// Any text.
    Text,
    /// An API token or what stands for one.
    Token,
    /// The base URL of an API.
    Url,
    /// A proxy, perhaps with credentials.
    Proxy,
    /// The path of a file or a folder.
    Path,
    /// `file:` and the path of a PEM file.
    PemFile,
    /// `true` or `false`.
    Flag,
    /// A whole number of seconds, no less than this.
    Seconds(u32),
    /// The name of a [`Level`].
    Level,
    /// The name of a standard stream.
    OutputStream,
    /// The name of a [`SigningApi`](signpath_client::SigningApi).
    SigningApi,
    /// A JSON object.
    Object,
}

impl SettingType {
    /// What a message says was expected.
    pub fn expected(self) -> String {
        match self {
            Self::Text | Self::Token | Self::Path => "a text".to_owned(),
            Self::Url => {
                format!(
                    "a URL such as {DEFAULT_API_URL}, without user, password, query and fragment"
                )
            }
            Self::Proxy => "host:port or http://[user:password@]host:port".to_owned(),
            Self::PemFile => "file: and the path of a PEM file".to_owned(),
            Self::Flag => "true or false".to_owned(),
            Self::Seconds(least) => format!("a whole number of seconds, at least {least}"),
            Self::Level | Self::OutputStream | Self::SigningApi => {
                format!("one of {}", self.names().join(", "))
            }
            Self::Object => "a JSON object".to_owned(),
        }
    }

    /// The names that a value of this form can be, if it has to be one of some.
    pub fn names(self) -> Vec<&'static str> {
        match self {
            Self::Level => names(&Level::NAMES),
            Self::OutputStream => names(&OUTPUT_STREAMS),
            Self::SigningApi => names(&SIGNING_APIS),
            _ => Vec::new(),
        }
    }
}

fn names<T>(values: &[(&'static str, T)]) -> Vec<&'static str> {
    values.iter().map(|(name, _)| *name).collect()
}

/// One setting, by its names.
#[derive(Debug, PartialEq, Eq)]
pub struct Setting {
    /// Its path in the JSON file; a dot is one level of nesting.
    pub json: &'static str,
    /// Its environment variable, which wins over the file.
    pub variable: &'static str,
    /// The names it had before (JSON, variable), still accepted.
    pub older: Option<(&'static str, &'static str)>,
    /// What it can be.
    pub form: SettingType,
    /// What holds unless it is set.
    pub default: Option<&'static str>,
}

/// All settings of this version.
pub const SETTINGS: &[Setting] = &[
    row(
        "OrganizationId",
        "SIGNPATH_ORGANIZATION_ID",
        SettingType::Text,
    ),
    Setting {
        older: Some(("CIUserToken", "SIGNPATH_CI_USER_TOKEN")),
        ..row("ApiToken", "SIGNPATH_API_TOKEN", SettingType::Token)
    },
    row("ApiUrl", "SIGNPATH_API_URL", SettingType::Url).or(DEFAULT_API_URL),
    row("ProjectSlug", "SIGNPATH_PROJECT_SLUG", SettingType::Text),
    row(
        "SigningPolicySlug",
        "SIGNPATH_SIGNING_POLICY_SLUG",
        SettingType::Text,
    ),
    row(
        "ArtifactConfigurationSlug",
        "SIGNPATH_ARTIFACT_CONFIGURATION_SLUG",
        SettingType::Text,
    ),
    row("Description", "SIGNPATH_DESCRIPTION", SettingType::Text),
    row("Metadata", "SIGNPATH_METADATA", SettingType::Object),
    row(
        "MetadataCommandLine",
        "SIGNPATH_METADATA_COMMAND_LINE",
        SettingType::Flag,
    )
    .or("true"),
    row("MetadataUser", "SIGNPATH_METADATA_USER", SettingType::Flag).or("true"),
    row(
        "SigningApi",
        "SIGNPATH_SIGNING_API",
        SettingType::SigningApi,
    )
    .or("Auto"),
    row(
        "AllowInsecureHttp",
        "SIGNPATH_ALLOW_INSECURE_HTTP",
        SettingType::Flag,
    )
    .or("false"),
    row("TlsCaFile", "SIGNPATH_TLS_CA_FILE", SettingType::Path),
    row(
        "TlsClientCertificate",
        "SIGNPATH_TLS_CLIENT_CERTIFICATE",
        SettingType::PemFile,
    ),
    row("HttpProxy", "http_proxy", SettingType::Proxy),
    row(
        "ChainCertificatesFile",
        "SIGNPATH_CHAIN_CERTIFICATES_FILE",
        SettingType::Path,
    ),
    row(
        "PolicyCacheSeconds",
        "SIGNPATH_POLICY_CACHE_SECONDS",
        SettingType::Seconds(0),
    )
    .or("0"),
    row(
        "IncludeDummyX509CertificateForGpgKeys",
        "SIGNPATH_INCLUDE_DUMMY_X509CERTIFICATE_FOR_GPG_KEYS",
        SettingType::Flag,
    )
    .or("false"),
    row(
        "Cryptoki.LoginRequired",
        "SIGNPATH_CRYPTOKI_LOGIN_REQUIRED",
        SettingType::Flag,
    )
    .or("true"),
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
    row(
        "Log.Console.Level",
        "SIGNPATH_LOG_CONSOLE_LEVEL",
        SettingType::Level,
    )
    .or("warning"),
    row(
        "Log.Console.OutputStream",
        "SIGNPATH_LOG_CONSOLE_OUTPUT_STREAM",
        SettingType::OutputStream,
    )
    .or("stderr"),
    row(
        "Log.File.Level",
        "SIGNPATH_LOG_FILE_LEVEL",
        SettingType::Level,
    )
    .or("info"),
    row(
        "Log.File.Directory",
        "SIGNPATH_LOG_FILE_DIRECTORY",
        SettingType::Path,
    )
    .or(logging::DEFAULT_DIRECTORY),
];

/// A setting that the official library had in its versions 5.x and not any more.
pub(crate) struct Former {
    /// Its path in the JSON file.
    pub(crate) json: &'static str,
    /// Its environment variable, named as those of all settings are.
    pub(crate) variable: &'static str,
    /// What to use in its place.
    pub(crate) instead: &'static str,
}

/// The settings that 6.0 of the official library removed.
pub(crate) const FORMER: [Former; 3] = [
    Former {
        json: "Timeouts.HttpRequest",
        variable: "SIGNPATH_TIMEOUTS_HTTP_REQUEST",
        instead: "use HttpRequestTimeoutInSeconds",
    },
    Former {
        json: "Timeouts.FirstRetryDelay",
        variable: "SIGNPATH_TIMEOUTS_FIRST_RETRY_DELAY",
        instead: "the delay is fixed, and ServiceUnavailableTimeoutInSeconds limits all attempts \
                  together",
    },
    Former {
        json: "Timeouts.RetryCount",
        variable: "SIGNPATH_TIMEOUTS_RETRY_COUNT",
        instead: "use ServiceUnavailableTimeoutInSeconds, which limits all attempts together",
    },
];

impl Former {
    /// What to tell a user who still has it.
    pub(crate) fn notice(&self) -> String {
        format!("removed in version 6, ignored; {}", self.instead)
    }
}

const fn row(json: &'static str, variable: &'static str, form: SettingType) -> Setting {
    Setting {
        json,
        variable,
        older: None,
        form,
        default: None,
    }
}

impl Setting {
    const fn or(self, default: &'static str) -> Self {
        Self {
            default: Some(default),
            ..self
        }
    }

    /// Its paths in the JSON file, the current one first.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &'static str> {
        [self.json]
            .into_iter()
            .chain(self.older.map(|(json, _)| json))
    }

    /// Its environment variables, the current one first.
    pub(crate) fn variables(&self) -> impl Iterator<Item = &'static str> {
        [self.variable]
            .into_iter()
            .chain(self.older.map(|(_, variable)| variable))
    }
}

/// The setting with that path in the JSON file.
pub(crate) fn setting(json: &str) -> &'static Setting {
    const NONE: Setting = row("", "", SettingType::Text);
    SETTINGS
        .iter()
        .find(|setting| setting.json == json)
        .unwrap_or(&NONE)
}

/// The one of `names` that `name` was probably meant to be: it differs in case, in few letters, or
/// lacks the levels above it.
pub(crate) fn nearest(
    name: &str,
    names: impl Iterator<Item = &'static str>,
) -> Option<&'static str> {
    /// One mistake in so many letters is a slip; more make another word.
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
