//! From the environment and the configuration file to one validated [`Config`], and from a PIN to
//! [`Credentials`](signpath_client::Credentials). The module and the command share it.

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
mod values;

use std::path::PathBuf;
use std::time::Duration;

use log::warn;
use signpath_client::{Options, is_loopback};
use url::Url;

pub use api_token::ApiToken;
pub use credentials::PIN_CONFIG;
pub use error::{Error, ErrorKind, Result};
use proxy::ProxyChoice;
pub use report::{Described, Report};
use settings::setting;
pub use settings::{CONFIG_FILE, SETTINGS, Setting, SettingType};
pub use sources::Origin;
use sources::Sources;
use values::{OUTPUT_STREAMS, SIGNING_APIS, named};

use signpath_logging::{self as logging, Level, OutputStream};

/// A configuration that has been checked.
#[derive(Debug, Clone)]
pub struct Config {
    /// The organization that the configured token belongs to.
    pub organization_id: Option<String>,
    /// The token to use with the PIN `CONFIG`, and before login.
    pub api_token: Option<ApiToken>,
    /// How the service is reached, and what signing requests carry.
    pub client_options: Options,
    /// PEM CA certificates that become objects.
    pub chain_certificates_file: Option<PathBuf>,
    /// How long the list of signing policies is kept in a file; [`None`] where it is not.
    pub policy_cache: Option<Duration>,
    /// Whether a signing policy without certificate gets one made up.
    pub include_dummy_x509_certificate_for_gpg_keys: bool,
    /// Whether private keys show only after C_Login.
    pub login_required: bool,
    /// Whether read/write sessions are granted.
    pub do_not_fail_on_read_write_sessions: bool,
    /// What the console shows.
    pub log_console_level: Level,
    /// Where the console is.
    pub log_console_stream: OutputStream,
    /// What the log file shows.
    pub log_file_level: Level,
    /// The folder of the log file.
    pub log_file_directory: PathBuf,
    /// What a user should know although it stops nothing, a line each.
    pub notices: Vec<String>,
}

impl Config {
    /// Reads the environment of the process and the file that `SIGNPATH_CONFIG_FILE` names.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] for a file that cannot be read or is not JSON, and for a
    /// value that its setting cannot have; the reason names the place, the setting and what is expected.
    pub fn load() -> Result<Self> {
        let mut sources = Sources::of_process();
        sources.read_file()?;
        Self::from_sources(&sources)
    }

    /// The same, with the log where it is wanted, so that it tells of an error too.
    ///
    /// # Errors
    /// Those of [`Self::load`].
    pub fn load_and_log() -> Result<Self> {
        let mut sources = Sources::of_process();
        let read = sources.read_file();
        configure_logging(&sources);
        read?;
        Self::from_sources(&sources)
    }

    fn from_sources(sources: &Sources) -> Result<Self> {
        let text = |name| sources.set(name, |text| Some(text.to_owned()));
        let path = |name| sources.set(name, |text| Some(PathBuf::from(text)));
        let flag = |name| sources.in_force(name, values::flag);
        let seconds = |name| sources.in_force(name, |text| values::seconds(1, text));
        let level = |name| sources.in_force(name, Level::from_name);
        let allow_insecure_http = flag("AllowInsecureHttp")?;
        let api_url = api_url(sources, allow_insecure_http)?;
        let choice = ProxyChoice::to(&api_url, sources)?;
        Ok(Self {
            organization_id: text("OrganizationId")?,
            api_token: sources
                .find(setting("ApiToken"))?
                .map(|found| ApiToken::parse(&found.text).map_err(|error| found.with_place(error)))
                .transpose()?,
            client_options: Options {
                api_url,
                project_slug: text("ProjectSlug")?,
                signing_policy_slug: text("SigningPolicySlug")?,
                signing_api: sources.in_force("SigningApi", |text| named(&SIGNING_APIS, text))?,
                http_request_timeout: seconds("HttpRequestTimeoutInSeconds")?,
                service_unavailable_timeout: seconds("ServiceUnavailableTimeoutInSeconds")?,
                allow_insecure_http,
                tls_ca_file: path("TlsCaFile")?,
                tls_client_certificate: tls_client_certificate(sources)?,
                http_proxy: choice.proxy,
                no_proxy: choice.no_proxy,
                artifact_configuration_slug: text("ArtifactConfigurationSlug")?,
                description: text("Description")?,
                metadata: sources.set("Metadata", values::object)?,
                metadata_command_line: flag("MetadataCommandLine")?,
                metadata_user: flag("MetadataUser")?,
            },
            chain_certificates_file: path("ChainCertificatesFile")?,
            policy_cache: Some(
                sources.in_force("PolicyCacheSeconds", |text| values::seconds(0, text))?,
            )
            .filter(|time| !time.is_zero()),
            include_dummy_x509_certificate_for_gpg_keys: flag(
                "IncludeDummyX509CertificateForGpgKeys",
            )?,
            login_required: flag("Cryptoki.LoginRequired")?,
            do_not_fail_on_read_write_sessions: flag("Cryptoki.DoNotFailOnReadWriteSessions")?,
            log_console_level: level("Log.Console.Level")?,
            log_console_stream: sources.in_force("Log.Console.OutputStream", |text| {
                named(&OUTPUT_STREAMS, text)
            })?,
            log_file_level: level("Log.File.Level")?,
            log_file_directory: sources
                .in_force("Log.File.Directory", |text| Some(PathBuf::from(text)))?,
            notices: [sources.notices()?, choice.notices].concat(),
        })
    }

    /// Says the [`Self::notices`], once the log is where the configuration wants it.
    pub fn say_notices(&self) {
        for notice in &self.notices {
            warn!("{notice}");
        }
    }
}

/// Has the log where the environment and the configuration file want it, for calls that come before
/// C_Initialize. What is wrong with them is C_Initialize's to say.
pub fn start_logging() {
    let mut sources = Sources::of_process();
    let _ = sources.read_file();
    configure_logging(&sources);
}

/// Of settings that cannot be used, the defaults hold.
fn configure_logging(sources: &Sources) {
    let level = |name| sources.usable(name, Level::from_name);
    logging::configure(
        (
            level("Log.Console.Level").unwrap_or(Level::Warning),
            sources
                .usable("Log.Console.OutputStream", |text| {
                    named(&OUTPUT_STREAMS, text)
                })
                .unwrap_or(OutputStream::Stderr),
        ),
        (
            level("Log.File.Level").unwrap_or(Level::Info),
            &sources
                .usable("Log.File.Directory", |text| Some(PathBuf::from(text)))
                .unwrap_or_default(),
        ),
    );
}

fn api_url(sources: &Sources, allow_insecure_http: bool) -> Result<Url> {
    let url = sources.in_force("ApiUrl", signpath_client::base_url)?;
    if let Some(found) = sources.find(setting("ApiUrl"))? {
        if url.scheme() == "http" && !is_loopback(&url) && !allow_insecure_http {
            return Err(found.unusable(&format!(
                "{url} would send the API token unencrypted over the network; expected an https URL, \
                 or AllowInsecureHttp or SIGNPATH_ALLOW_INSECURE_HTTP with true"
            )));
        }
    }
    Ok(url)
}

fn tls_client_certificate(sources: &Sources) -> Result<Option<PathBuf>> {
    let setting = setting("TlsClientCertificate");
    let Some(found) = sources.find(setting)? else {
        return Ok(None);
    };
    values::pem_file(&found.text)
        .map(Some)
        .map_err(|reason| match reason {
            Some(reason) => found.unusable(reason),
            None => found.not_expected(setting.form),
        })
}
