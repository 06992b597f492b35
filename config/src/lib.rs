//! Reads the environment and the configuration file into a validated [`Config`], and converts PINs
//! to [`Credentials`](signpath_client::Credentials). The module and the command share this crate.
//!
//! `settings` is the table of all settings. `sources` looks a setting up in the environment, then in the
//! `file`; `values` parses it, and `proxy` chooses the proxy. `report` describes where each value came
//! from.
//!
//! ```
//! use signpath_config::{Config, ErrorKind};
//!
//! let config = Config::load()?;
//! let credentials = config.credentials_of_login(b"", b"c3e1b8f0-5d2a-4a3c-9a51-000000000000:token")?;
//! assert_eq!(credentials.organization_id, "c3e1b8f0-5d2a-4a3c-9a51-000000000000");
//!
//! let error = config.credentials_of_login(b"", b"1234").err().ok_or("a PIN that means nothing")?;
//! assert_eq!(error.kind, ErrorKind::Pin);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![forbid(unsafe_code)]

mod api_token;
mod chain;
mod credentials;
mod error;
mod file;
mod proxy;
mod report;
#[cfg(test)]
mod schema_tests;
mod settings;
mod sources;
#[cfg(test)]
mod tests;
pub mod token_info;
#[cfg(test)]
mod token_tests;
mod values;

use std::path::PathBuf;
use std::time::Duration;

use log::warn;
use signpath_client::{ClientCertificate, Options, Secret, is_unencrypted};
use url::Url;

pub use api_token::ApiToken;
pub use credentials::PIN_CONFIG;
pub use error::{Error, ErrorKind, Result};
use proxy::ProxyChoice;
pub use report::{Described, Report};
use settings::setting;
pub use settings::{CONFIG_FILE, SETTINGS, Setting, SettingType, TOKEN_SETTINGS, TOKENS};
pub use sources::Origin;
use sources::{Sources, TokenSources};
use token_info::TokenInfo;
use values::{LOG_FORMATS, OUTPUT_STREAMS, SIGNING_APIS, named};

use signpath_logging::{self as logging, FileLog, Level, LogFormat, OutputStream};

/// The validated configuration of a token. What is not about a token is the same in that of each.
#[derive(Debug, Clone)]
pub struct Config {
    /// How the token identifies itself.
    pub token: TokenInfo,
    /// Whether there are other tokens, shown or not.
    pub has_others: bool,
    /// The organization of the configured API token.
    pub organization_id: Option<String>,
    /// The API token for the PIN `CONFIG`, and for requests before login.
    pub api_token: Option<ApiToken>,
    /// Whether the token has an organization or a URL of its own, and so does not use the API token that all tokens share.
    pub inherits_no_api_token: bool,
    /// The other API tokens in the configuration, which must not be shown either.
    pub other_api_tokens: Vec<ApiToken>,
    /// How to reach the service, and what to send in signing requests.
    pub client_options: Options,
    /// A PEM file of CA certificates to show as objects.
    pub chain_certificates_file: Option<PathBuf>,
    /// How long the list of signing policies is cached in a file. [`None`] disables the cache.
    pub policy_cache: Option<Duration>,
    /// Whether a signing policy without a certificate gets a dummy one.
    pub include_dummy_x509_certificate_for_gpg_keys: bool,
    /// Whether private keys are hidden until C_Login.
    pub login_required: bool,
    /// Whether read/write sessions can be opened.
    pub do_not_fail_on_read_write_sessions: bool,
    /// The level of the console.
    pub log_console_level: Level,
    /// The stream of the console.
    pub log_console_stream: OutputStream,
    /// The level of the log file.
    pub log_file_level: Level,
    /// The directory of the log file.
    pub log_file_directory: PathBuf,
    /// The format of the log file.
    pub log_file_format: LogFormat,
    /// The file to which each signature is added.
    pub log_journal: Option<PathBuf>,
    /// Warnings for the user, one line each. Only the first token has any.
    pub notices: Vec<String>,
}

impl Config {
    /// Reads the environment of the process and the file named by `SIGNPATH_CONFIG_FILE`. Returns the configuration
    /// of each token, at least one, in the order of the slots.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] for a file that cannot be read or is not JSON, and for an
    /// invalid value. The reason names the place, the setting and what was expected.
    /// [`ErrorKind::Shortage`] if the process has run out of a resource.
    pub fn load_tokens() -> Result<Vec<Self>> {
        let mut sources = Sources::of_process();
        sources.read_file()?;
        Self::of_tokens(&sources)
    }

    /// Like [`Self::load_tokens`], but configures logging first, so that an error can be logged as
    /// configured.
    ///
    /// # Errors
    /// Those of [`Self::load_tokens`].
    pub fn load_tokens_and_log() -> Result<Vec<Self>> {
        let mut sources = Sources::of_process();
        let read = sources.read_file();
        configure_logging(&sources);
        read?;
        Self::of_tokens(&sources)
    }

    /// The configuration of the first token.
    ///
    /// # Errors
    /// Those of [`Self::load_tokens`].
    pub fn load() -> Result<Self> {
        let first = Self::load_tokens()?.into_iter().next();
        first.ok_or_else(|| Error::new(ErrorKind::Internal, "there is no token"))
    }

    fn of_tokens(sources: &Sources) -> Result<Vec<Self>> {
        let mut tokens = Vec::new();
        for (slot_id, token) in (token_info::SLOT_ID..).zip(sources.tokens()) {
            tokens.push(Self::of_token(slot_id, &token)?);
        }
        let used = tokens.iter().filter_map(|token| token.api_token.clone());
        let mut api_tokens: Vec<_> = used.collect();
        if !sources.tokens().iter().any(TokenSources::uses_shared_token) {
            // The command line may contain it even so.
            let shared = sources.find(setting("ApiToken")).ok().flatten();
            api_tokens.extend(shared.and_then(|found| ApiToken::parse(&found.text).ok()));
        }
        let has_others = tokens.len() > 1;
        for token in &mut tokens {
            let is_other = |other: &&ApiToken| Some(*other) != token.api_token.as_ref();
            token.other_api_tokens = api_tokens.iter().filter(is_other).cloned().collect();
            token.has_others = has_others;
        }
        show_only(&mut tokens, sources)?;
        // The same proxy is chosen for each token whose URL has the same scheme.
        let mut notices = sources.notices()?;
        for token in &mut tokens {
            for notice in std::mem::take(&mut token.notices) {
                if !notices.contains(&notice) {
                    notices.push(notice);
                }
            }
        }
        if let Some(first) = tokens.first_mut() {
            first.notices = notices;
        }
        Ok(tokens)
    }

    fn of_token(slot_id: u32, sources: &TokenSources) -> Result<Self> {
        let text = |name| sources.set(name, |text| Some(text.to_owned()));
        let path = |name| sources.set(name, |text| Some(PathBuf::from(text)));
        let flag = |name| sources.value_or_default(name, values::flag);
        let seconds = |name| sources.value_or_default(name, |text| values::seconds(1, text));
        let level = |name| sources.value_or_default(name, Level::from_name);
        let allow_insecure_http = flag("AllowInsecureHttp")?;
        let api_url = api_url(sources, allow_insecure_http)?;
        let proxy_choice = ProxyChoice::to(&api_url, sources.all)?;
        let organization_id = text("OrganizationId")?;
        let label = sources.label().unwrap_or(token_info::LABEL);
        Ok(Self {
            token: match slot_id {
                token_info::SLOT_ID => TokenInfo::first(label),
                _ => TokenInfo::further(slot_id, label, organization_id.as_deref()),
            },
            organization_id,
            has_others: false,
            inherits_no_api_token: !sources.inherits_token(),
            other_api_tokens: Vec::new(),
            api_token: sources
                .find(setting("ApiToken"))?
                .map(|found| ApiToken::parse(&found.text).map_err(|error| found.with_place(error)))
                .transpose()?,
            client_options: Options {
                api_url,
                project_slug: text("ProjectSlug")?,
                signing_policy_slug: text("SigningPolicySlug")?,
                signing_api: sources
                    .value_or_default("SigningApi", |text| named(&SIGNING_APIS, text))?,
                http_request_timeout: seconds("HttpRequestTimeoutInSeconds")?,
                service_unavailable_timeout: seconds("ServiceUnavailableTimeoutInSeconds")?,
                allow_insecure_http,
                tls_ca_file: path("TlsCaFile")?,
                tls_client_certificate: tls_client_certificate(sources)?,
                http_proxy: proxy_choice.proxy,
                no_proxy: proxy_choice.no_proxy,
                artifact_configuration_slug: text("ArtifactConfigurationSlug")?,
                description: text("Description")?,
                metadata: sources.set("Metadata", values::object)?,
                metadata_command_line: flag("MetadataCommandLine")?,
                metadata_user: flag("MetadataUser")?,
            },
            chain_certificates_file: path("ChainCertificatesFile")?,
            policy_cache: Some(
                sources.value_or_default("PolicyCacheSeconds", |text| values::seconds(0, text))?,
            )
            .filter(|time| !time.is_zero()),
            include_dummy_x509_certificate_for_gpg_keys: flag(
                "IncludeDummyX509CertificateForGpgKeys",
            )?,
            login_required: flag("Cryptoki.LoginRequired")?,
            do_not_fail_on_read_write_sessions: flag("Cryptoki.DoNotFailOnReadWriteSessions")?,
            log_console_level: level("Log.Console.Level")?,
            log_console_stream: sources.value_or_default("Log.Console.OutputStream", |text| {
                named(&OUTPUT_STREAMS, text)
            })?,
            log_file_level: level("Log.File.Level")?,
            log_file_directory: sources
                .value_or_default("Log.File.Directory", |text| Some(logging::directory(text)))?,
            log_file_format: sources
                .value_or_default("Log.File.Format", |text| named(&LOG_FORMATS, text))?,
            // The application may change its directory between two signatures.
            log_journal: path("Log.Journal")?
                .map(|path| std::path::absolute(&path).unwrap_or(path)),
            notices: proxy_choice.notices,
        })
    }

    /// The other API tokens as they are now, without those that cannot be read.
    pub fn other_secrets(&self) -> Vec<Secret> {
        let tokens = self.other_api_tokens.iter();
        tokens.filter_map(|token| token.read().ok()).collect()
    }

    /// The beginning of a message about this token: its label, if there are others.
    pub fn message_prefix(&self) -> String {
        match self.has_others {
            true => format!("token {}: ", self.token.label),
            false => String::new(),
        }
    }

    /// Logs the [`Self::notices`]. Call it once logging has been configured.
    pub fn log_notices(&self) {
        for notice in &self.notices {
            warn!("{notice}");
        }
    }
}

/// Leaves only the token that the setting `TokenLabel` names, if it is set.
fn show_only(tokens: &mut Vec<Config>, sources: &Sources) -> Result<()> {
    let Some(found) = sources.find(setting("TokenLabel"))? else {
        return Ok(());
    };
    let labels: Vec<_> = tokens.iter().map(|config| config.token.label.clone()).collect();
    tokens.retain(|config| config.token.label == *found.text);
    match tokens.is_empty() {
        // The value may be an API token, so it is not repeated.
        true => Err(found
            .unusable(&format!("no token has this label; choose one of {}", labels.join(", ")))),
        false => Ok(()),
    }
}

/// Configures logging from the environment and the configuration file, for calls before
/// C_Initialize. Errors in them are ignored here; C_Initialize reports them.
pub fn start_logging() {
    let mut sources = Sources::of_process();
    let _ = sources.read_file();
    configure_logging(&sources);
}

/// Invalid settings get their defaults.
fn configure_logging(sources: &Sources) {
    let level = |name| sources.valid_or_default(name, Level::from_name);
    let directory =
        sources.valid_or_default("Log.File.Directory", |text| Some(logging::directory(text)));
    let stream =
        sources.valid_or_default("Log.Console.OutputStream", |text| named(&OUTPUT_STREAMS, text));
    let format = sources.valid_or_default("Log.File.Format", |text| named(&LOG_FORMATS, text));
    logging::configure(
        (
            level("Log.Console.Level").unwrap_or(Level::Warning),
            stream.unwrap_or(OutputStream::Stderr),
        ),
        FileLog {
            level: level("Log.File.Level").unwrap_or(Level::Info),
            directory: &directory.unwrap_or_default(),
            format: format.unwrap_or(LogFormat::Text),
        },
    );
}

fn api_url(sources: &TokenSources, allow_insecure_http: bool) -> Result<Url> {
    let url = sources.value_or_default("ApiUrl", signpath_client::base_url)?;
    if let Some(found) = sources.find(setting("ApiUrl"))? {
        if is_unencrypted(&url) && !allow_insecure_http {
            return Err(found.unusable(&format!(
                "{url} would send the API token unencrypted; use https, or set AllowInsecureHttp \
                 (SIGNPATH_ALLOW_INSECURE_HTTP) to true"
            )));
        }
    }
    Ok(url)
}

fn tls_client_certificate(sources: &TokenSources) -> Result<Option<ClientCertificate>> {
    let setting = setting("TlsClientCertificate");
    let Some(found) = sources.find(setting)? else {
        return Ok(None);
    };
    values::client_certificate(&found.text).map(Some).map_err(|reason| match reason {
        Some(reason) => found.unusable(reason),
        None => found.unexpected(setting.form),
    })
}
