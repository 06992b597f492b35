//! HTTP connections to the service.
//!
//! A pool of {current-thread runtime, client} pairs: a request checks one out, drives it in the
//! calling thread, and puts it back with its connection alive. So there is no thread of our own but
//! for [`Lookup`], callers do not wait for each other, and nothing runs between calls. A forked child must not
//! touch its parent's pool, not even to drop it: both share the epoll instance.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use once_cell::sync::OnceCell;
use parking_lot::Mutex;
use reqwest::header::HeaderMap;
use reqwest::{Client as HttpClient, RequestBuilder, StatusCode, redirect};
use rustls::ClientConfig;
use tokio::runtime::{Builder, Runtime};
use tokio::time::Instant;

use super::connecting::Connecting;
use super::failure::{Circumstances, Exchange, Failure};
use super::lookup::{Lookup, Threads};
use super::tunnel::{self, Refusal};
use super::{Cancellation, tls};
use crate::config::Config;
use crate::error::{Error, Kind, Result};

const USER_AGENT: &str = concat!("signpath-pkcs11/", env!("CARGO_PKG_VERSION"));

/// Idle connections that are kept.
const MAX_IDLE: usize = 64;

/// The share of an attempt's time that it may take to connect. What takes longer has certainly not
/// reached the service.
const CONNECT_SHARE: f32 = 0.75;

/// The largest body that is read, in bytes: thousands of signing policies.
pub(super) const MAX_BODY: usize = 32 << 20;

/// How much of the body of an error is read, in bytes.
const MAX_ERROR_BODY: usize = 64 << 10;

/// What the service sent back.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

/// The connections of one configuration.
pub struct Transport {
    config: Config,
    threads: Threads,
    /// Built at the first request and shared by all connections, so that new ones resume sessions.
    tls: OnceCell<ClientConfig>,
    idle: Mutex<Idle>,
    /// Whether the service turned out to have `SignHash` only, whoever asks.
    pub(super) only_sign_hash: AtomicBool,
}

#[derive(Default)]
struct Idle {
    connections: Vec<Connection>,
    /// Connections of an earlier one are not put back.
    generation: u64,
}

struct Connection {
    generation: u64,
    runtime: Runtime,
    client: HttpClient,
    connecting: Connecting,
}

impl Transport {
    /// Connects to nothing yet.
    pub fn new(config: Config, threads: Threads) -> Self {
        Self {
            config,
            threads,
            tls: OnceCell::new(),
            idle: Mutex::default(),
            only_sign_hash: AtomicBool::new(false),
        }
    }

    /// What it connects with.
    pub(super) const fn config(&self) -> &Config {
        &self.config
    }

    /// Sends the request that `build` makes, and waits at most `time_limit` for the whole answer.
    ///
    /// # Errors
    /// See [`Failure`].
    pub(super) fn send(
        &self,
        time_limit: Duration,
        cancellation: &Cancellation,
        build: impl FnOnce(&HttpClient) -> RequestBuilder,
    ) -> std::result::Result<Answer, Failure> {
        let connection = self.connection()?;
        let request = build(&connection.client).timeout(time_limit);
        let deadline = Instant::now() + time_limit;
        connection.connecting.reset();
        let answer = connection.runtime.block_on(async {
            // Nobody drove the runtime since the last request: let it see that the server closed
            // the connection before the client picks it for this one. The first yield polls the
            // sockets, the second runs the connection that became ready.
            tokio::task::yield_now().await;
            tokio::task::yield_now().await;
            let exchange = async {
                match exchange(request).await {
                    Ok(answer) => Ok(answer),
                    Err(error) => {
                        let circumstances = Circumstances {
                            time_limit,
                            was_connecting: connection.connecting.is_under_way(),
                            refusal: self.refusal_of_proxy(&error, deadline).await,
                        };
                        Err(Failure::of_exchange(&error, circumstances, &self.config))
                    }
                }
            };
            cancellation.unless_canceled(exchange).await
        });
        self.put_back(connection);
        answer?
    }

    /// Why the proxy makes no tunnel, if that is what went wrong and can be found out.
    async fn refusal_of_proxy(&self, error: &Exchange, deadline: Instant) -> Option<Refusal> {
        let service = &self.config.api_url;
        let proxy = self.config.proxy_for(service)?;
        if !error.is_refused_by_proxy() {
            return None;
        }
        let resolver = Lookup(self.threads);
        let refusal = tunnel::refusal(proxy, service, &resolver);
        tokio::time::timeout_at(deadline, refusal)
            .await
            .ok()?
            .ok()?
    }

    /// Waits in the calling thread.
    ///
    /// # Errors
    /// The reason of the cancellation.
    pub(super) fn pause(&self, wait: Duration, cancellation: &Cancellation) -> Result<()> {
        let connection = self.connection()?;
        let result = connection
            .runtime
            .block_on(async { cancellation.unless_canceled(tokio::time::sleep(wait)).await });
        self.put_back(connection);
        result
    }

    fn connection(&self) -> Result<Connection> {
        let mut idle = self.idle.lock();
        let (connection, generation) = (idle.connections.pop(), idle.generation);
        drop(idle);
        connection.map_or_else(|| self.connect(generation), Ok)
    }

    fn put_back(&self, connection: Connection) {
        let mut idle = self.idle.lock();
        if idle.connections.len() < MAX_IDLE && idle.generation == connection.generation {
            idle.connections.push(connection);
        }
    }

    /// Closes the connections, those in use when their requests have ended: their buffers hold the API
    /// tokens that went through them.
    pub fn close_connections(&self) {
        let mut idle = self.idle.lock();
        idle.generation += 1;
        let connections = std::mem::take(&mut idle.connections);
        // Closing them needs no lock.
        drop(idle);
        drop(connections);
    }

    fn connect(&self, generation: u64) -> Result<Connection> {
        let tls = self
            .tls
            .get_or_try_init(|| tls::client_config(&self.config))?;
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| internal(&error))?;
        let connecting = Connecting::default();
        let mut client = HttpClient::builder()
            .connector_layer(connecting.clone())
            .tls_backend_preconfigured(tls.clone())
            .dns_resolver(Arc::new(Lookup(self.threads)))
            .no_proxy()
            .redirect(redirect::Policy::none())
            .referer(false)
            .connect_timeout(connect_timeout(&self.config))
            .pool_max_idle_per_host(1)
            .pool_idle_timeout(None)
            .user_agent(USER_AGENT);
        if let Some(proxy) = self.config.proxy_for(&self.config.api_url) {
            let mut all =
                reqwest::Proxy::all(proxy.url.clone()).map_err(|error| internal(&error))?;
            if let Some((user, password)) = &proxy.credentials {
                all = all.basic_auth(user, password.expose());
            }
            client = client.proxy(all);
        }
        let client = client.build().map_err(|error| internal(&error))?;
        Ok(Connection {
            generation,
            runtime,
            client,
            connecting,
        })
    }
}

/// How long it may take to connect.
pub(super) fn connect_timeout(config: &Config) -> Duration {
    config.http_request_timeout.mul_f32(CONNECT_SHARE)
}

async fn exchange(request: RequestBuilder) -> std::result::Result<Answer, Exchange> {
    let mut response = request.send().await.map_err(Exchange::Http)?;
    let (status, headers) = (response.status(), response.headers().clone());
    let announced = response.content_length().unwrap_or_default();
    if status == StatusCode::OK && announced > MAX_BODY as u64 {
        return Err(Exchange::TooLong);
    }
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => break,
            Err(error) if status == StatusCode::OK => return Err(Exchange::Body(error)),
            // The status of a refusal says enough.
            Err(_) => break,
        }
        if status != StatusCode::OK && body.len() >= MAX_ERROR_BODY {
            body.truncate(MAX_ERROR_BODY);
            break;
        }
        if body.len() > MAX_BODY {
            return Err(Exchange::TooLong);
        }
    }
    Ok(Answer {
        status,
        headers,
        body,
    })
}

fn internal(error: &dyn std::error::Error) -> Error {
    Error::new(
        Kind::Internal,
        format!("no HTTP client can be made: {error}"),
    )
}
