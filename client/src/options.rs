//! How to reach the service, and what to send in signing requests.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Map, Value};
use url::Url;

use crate::api_url::{is_base_url, is_unencrypted};
use crate::error::{Error, ErrorKind, Result};
use crate::no_proxy::NoProxy;
use crate::proxy::Proxy;

/// The API URL of SignPath's own service.
pub const DEFAULT_API_URL: &str = "https://app.signpath.io/Api";

/// Where a client certificate and its private key are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientCertificate {
    /// In a PEM file.
    File(PathBuf),
    /// In the certificate store of Windows, with this SHA-1 digest.
    Store(Vec<u8>),
}

/// How to reach the service, and what to send in signing requests.
///
/// ```
/// use signpath_client::{DEFAULT_API_URL, NoProxy, Options, Proxy};
///
/// let (no_proxy, unreadable) = NoProxy::parse("localhost, 10.0.0.0/8, .corp.example");
/// assert!(unreadable.is_empty());
/// let options = Options {
///     project_slug: Some("app".to_owned()),
///     http_proxy: Proxy::parse("http://user:password@proxy.example:3128"),
///     no_proxy,
///     ..Options::new(DEFAULT_API_URL.parse()?)
/// };
/// let proxy = options.proxy_for(&options.api_url).ok_or("no proxy")?;
/// assert_eq!(proxy.to_string(), "http://proxy.example:3128/", "without the password");
/// assert!(options.proxy_for(&"https://signpath.corp.example/".parse()?).is_none());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// The base URL of the API, without the version (`v1`).
    pub api_url: Url,
    /// Only signing policies of this project are listed.
    pub project_slug: Option<String>,
    /// Only signing policies with this slug are listed.
    pub signing_policy_slug: Option<String>,
    /// The API for signing.
    pub signing_api: SigningApi,
    /// The time limit of one attempt.
    pub http_request_timeout: Duration,
    /// The time limit of a call, including retries.
    pub service_unavailable_timeout: Duration,
    /// Whether an `http` URL on another machine is accepted.
    pub allow_insecure_http: bool,
    /// A PEM file of CA certificates to trust in addition to the system's.
    pub tls_ca_file: Option<PathBuf>,
    /// The client certificate for TLS, if any.
    pub tls_client_certificate: Option<ClientCertificate>,
    /// The HTTP proxy, if any.
    pub http_proxy: Option<Proxy>,
    /// The hosts to reach without the proxy.
    pub no_proxy: NoProxy,
    /// The artifact configuration of signing requests.
    pub artifact_configuration_slug: Option<String>,
    /// The description of signing requests.
    pub description: Option<String>,
    /// The metadata of signing requests, in addition to that about the process.
    pub metadata: Option<Map<String, Value>>,
    /// Whether signing requests contain the command line of the process.
    pub metadata_command_line: bool,
    /// Whether signing requests contain the user name.
    pub metadata_user: bool,
}

/// The API for signing (REST documentation, "Signing a hash").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SigningApi {
    /// Fast signing requests, or SignHash if the service no longer has that route.
    Auto,
    /// `POST /SigningRequests`.
    FastSigningRequest,
    /// `POST /SigningRequests/SignHash`.
    SignHash,
}

impl Options {
    /// The default options for the API at `api_url`.
    pub fn new(api_url: Url) -> Self {
        Self {
            api_url,
            project_slug: None,
            signing_policy_slug: None,
            signing_api: SigningApi::Auto,
            http_request_timeout: Duration::from_secs(30),
            service_unavailable_timeout: Duration::from_secs(600),
            allow_insecure_http: false,
            tls_ca_file: None,
            tls_client_certificate: None,
            http_proxy: None,
            no_proxy: NoProxy::default(),
            artifact_configuration_slug: None,
            description: None,
            metadata: None,
            metadata_command_line: true,
            metadata_user: true,
        }
    }

    /// Whether a token may be sent to the API.
    ///
    /// # Errors
    /// [`ErrorKind::Options`] for what is not the [base URL of an API](crate::base_url), and for an `http` URL beyond this
    /// machine without [`Self::allow_insecure_http`].
    pub(crate) fn check(&self) -> Result<()> {
        if !is_base_url(&self.api_url) {
            return Err(Error::new(
                ErrorKind::Options,
                "ApiUrl is not the URL of an API; use a URL such as https://app.signpath.io/Api, without \
                 user, password, query or fragment",
            ));
        }
        if is_unencrypted(&self.api_url) && !self.allow_insecure_http {
            let reason = format!(
                "{} would send the API token unencrypted; use https, or set AllowInsecureHttp to true",
                self.api_url
            );
            return Err(Error::new(ErrorKind::Options, reason));
        }
        Ok(())
    }

    /// The proxy to use for `url`, if any.
    pub fn proxy_for(&self, url: &Url) -> Option<&Proxy> {
        self.http_proxy.as_ref().filter(|_| !self.no_proxy.exempts(url))
    }
}
