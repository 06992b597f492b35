//! HTTP connections to the service.
//!
//! A pool of {current-thread runtime, client} pairs: a request checks one out, drives it in the
//! calling thread, and puts it back with its connection alive. So there is no thread of our own,
//! callers do not wait for each other, and nothing runs between calls. A forked child must not
//! touch its parent's pool, not even to drop it: both share the epoll instance.

use std::error::Error as StdError;
use std::io;
use std::net::ToSocketAddrs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use once_cell::sync::OnceCell;
use parking_lot::Mutex;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Client as HttpClient, RequestBuilder, StatusCode, redirect};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio::runtime::{Builder, Runtime};

use super::Cancellation;
use crate::config::Config;
use crate::error::{Error, Kind, Result};
use crate::logging::{self, Level};

const USER_AGENT: &str = concat!("signpath-pkcs11/", env!("CARGO_PKG_VERSION"));

/// Idle connections that are kept.
const MAX_IDLE: usize = 64;

/// The largest body that is read, in bytes: thousands of signing policies.
const MAX_BODY: usize = 32 << 20;

/// What the service sent back.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) body: Vec<u8>,
    /// From the first byte out to the last byte in.
    pub(super) duration: Duration,
}

/// The connections of one configuration.
pub struct Transport {
    config: Config,
    /// Built at the first request and shared by all connections, so that new ones resume sessions.
    tls: OnceCell<ClientConfig>,
    idle: Mutex<Vec<Connection>>,
}

struct Connection {
    runtime: Runtime,
    client: HttpClient,
}

impl Transport {
    /// Connects to nothing yet.
    pub fn new(config: Config) -> Self {
        Self {
            config,
            tls: OnceCell::new(),
            idle: Mutex::new(Vec::new()),
        }
    }

    /// Sends the request that `build` makes, and waits for the whole answer.
    ///
    /// # Errors
    /// [`Kind::ServiceUnavailable`], [`Kind::ServiceUnintelligible`] for a connection that cannot
    /// be trusted, [`Kind::Configuration`] for certificates that cannot be read, or the reason of
    /// the cancellation.
    pub(super) fn send(
        &self,
        cancellation: &Cancellation,
        build: impl FnOnce(&HttpClient) -> RequestBuilder,
    ) -> Result<Answer> {
        let started = Instant::now();
        let connection = self.connection()?;
        let request = build(&connection.client).timeout(self.time_limit());
        let answer = connection.runtime.block_on(async {
            // Nobody drove the runtime since the last request: let it see that the server closed
            // the connection before the client picks it for this one. The first yield polls the
            // sockets, the second runs the connection that became ready.
            tokio::task::yield_now().await;
            tokio::task::yield_now().await;
            cancellation.unless_canceled(exchange(request)).await
        });
        self.put_back(connection);
        let (status, body) = answer?.map_err(|error| self.failure(&error))?;
        Ok(Answer {
            status,
            body,
            duration: started.elapsed(),
        })
    }

    fn connection(&self) -> Result<Connection> {
        let idle = self.idle.lock().pop();
        idle.map_or_else(|| self.connect(), Ok)
    }

    fn put_back(&self, connection: Connection) {
        let mut idle = self.idle.lock();
        if idle.len() < MAX_IDLE {
            idle.push(connection);
        }
    }

    fn connect(&self) -> Result<Connection> {
        let tls = self.tls.get_or_try_init(|| client_config(&self.config))?;
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| internal(&error))?;
        let client = HttpClient::builder()
            .tls_backend_preconfigured(tls.clone())
            .dns_resolver(Arc::new(CallingThread))
            .no_proxy()
            .redirect(redirect::Policy::none())
            .referer(false)
            .pool_max_idle_per_host(1)
            .pool_idle_timeout(None)
            .user_agent(USER_AGENT)
            .build()
            .map_err(|error| internal(&error))?;
        Ok(Connection { runtime, client })
    }

    /// How long one request may take.
    fn time_limit(&self) -> Duration {
        self.config
            .http_request_timeout
            .min(self.config.service_unavailable_timeout)
    }

    fn failure(&self, error: &Failure) -> Error {
        let url = &self.config.api_url;
        match error {
            Failure::TooLong => Error::new(
                Kind::ServiceUnintelligible,
                format!("the answer of {url} is longer than {MAX_BODY} bytes; check ApiUrl"),
            ),
            Failure::Http(error) if error.is_timeout() => Error::new(
                Kind::ServiceUnavailable,
                format!(
                    "no answer from {url} within {} s; check the network and proxies, or raise \
                     HttpRequestTimeoutInSeconds",
                    self.time_limit().as_secs()
                ),
            ),
            Failure::Http(error) => match certificate_error(error) {
                Some(reason) => Error::new(
                    Kind::ServiceUnintelligible,
                    format!(
                        "the certificate of {url} cannot be trusted ({reason}); if its \
                         certification authority is your own, name it with TlsCaFile or \
                         SIGNPATH_TLS_CA_FILE"
                    ),
                ),
                None => Error::new(
                    Kind::ServiceUnavailable,
                    format!(
                        "{url} cannot be reached ({}); check ApiUrl and the network",
                        root_cause(error)
                    ),
                ),
            },
        }
    }
}

enum Failure {
    Http(reqwest::Error),
    TooLong,
}

impl From<reqwest::Error> for Failure {
    fn from(error: reqwest::Error) -> Self {
        Self::Http(error)
    }
}

async fn exchange(request: RequestBuilder) -> std::result::Result<(StatusCode, Vec<u8>), Failure> {
    let mut response = request.send().await?;
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        body.extend_from_slice(&chunk);
        if body.len() > MAX_BODY {
            return Err(Failure::TooLong);
        }
    }
    Ok((response.status(), body))
}

/// Resolves names in the calling thread; the client's own resolver would start one.
struct CallingThread;

impl Resolve for CallingThread {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let addresses: Vec<_> = (name.as_str(), 0).to_socket_addrs()?.collect();
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

fn client_config(config: &Config) -> Result<ClientConfig> {
    let mut client_config =
        ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| internal(&error))?
            .with_root_certificates(root_certificates(config)?)
            .with_no_client_auth();
    client_config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(client_config)
}

fn root_certificates(config: &Config) -> Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    if config.api_url.scheme() != "https" {
        return Ok(roots);
    }
    let native = rustls_native_certs::load_native_certs();
    for error in native.errors {
        logging::write(
            Level::Info,
            format_args!("a root certificate of the system is skipped: {error}"),
        );
    }
    roots.add_parsable_certificates(native.certs);
    if let Some(path) = &config.tls_ca_file {
        let unusable = |reason: String| {
            Error::new(
                Kind::Configuration,
                format!("TlsCaFile {}: {reason}", path.display()),
            )
        };
        let certificates = CertificateDer::pem_file_iter(path)
            .and_then(Iterator::collect::<std::result::Result<Vec<_>, _>>)
            .map_err(|error| unusable(format!("cannot be read as PEM ({error})")))?;
        if certificates.is_empty() {
            return Err(unusable("holds no PEM certificate".to_owned()));
        }
        for certificate in certificates {
            roots
                .add(certificate)
                .map_err(|error| unusable(format!("holds an unusable certificate ({error})")))?;
        }
    }
    Ok(roots)
}

/// What TLS has against the server's certificate, if that is the error.
fn certificate_error(error: &reqwest::Error) -> Option<String> {
    causes(error).find_map(|cause| match cause.downcast_ref::<rustls::Error>()? {
        rustls::Error::InvalidCertificate(reason) => Some(reason.to_string()),
        _ => None,
    })
}

fn root_cause(error: &reqwest::Error) -> String {
    causes(error)
        .last()
        .map_or_else(|| error.to_string(), ToString::to_string)
}

/// The errors behind an error. The source of an [`io::Error`] is not what it wraps, but the source
/// of that; both are wanted here.
fn causes(error: &reqwest::Error) -> impl Iterator<Item = &(dyn StdError + 'static)> {
    let mut next = error.source();
    std::iter::from_fn(move || {
        let cause = next?;
        let wrapped = cause.downcast_ref().and_then(io::Error::get_ref);
        next = wrapped.map_or_else(|| cause.source(), |wrapped| Some(wrapped));
        Some(cause)
    })
}

fn internal(error: &dyn StdError) -> Error {
    Error::new(
        Kind::Internal,
        format!("no HTTP client can be made: {error}"),
    )
}
