//! HTTP connections to the service.
//!
//! A request takes an idle connection or opens a new one, drives it in the calling thread, and
//! returns it to the pool. No threads are needed except in [`super::lookup`], callers do not wait
//! for each other, nothing runs between calls, and each connection uses one descriptor. A forked
//! child must not use its parent's connections.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{CONTENT_TYPE, HOST, HeaderMap, HeaderValue, PROXY_AUTHORIZATION, USER_AGENT};
use hyper::{Method, Request, StatusCode};
use once_cell::sync::OnceCell;
use rustls::ClientConfig;
use url::Url;

use super::connect_error::ConnectError;
use super::connector;
use super::failed_attempt::{ExchangeError, FailedAttempt};
use super::limits::{MAX_BODY, MAX_ERROR_BODY, connect_timeout};
use super::lookup::Threads;
use super::stream::{Link, Stream};
use super::waiting::{Interruption, Waiting, Woken};
use super::{Cancellation, tls};
use crate::Options;
use crate::error::{Error, ErrorKind, Result};
use crate::pool::{Pool, Reusable};
use crate::signing_route::LastRoute;
use signpath_platform::shortage::Shortage;

/// What requests call this client.
pub(crate) const AGENT: &str = concat!("signpath-pkcs11/", env!("CARGO_PKG_VERSION"));

/// How long a call tries to open a connection, or waits for one from another call, if the process
/// has run out of a resource.
const SHORTAGE_LIMIT: Duration = Duration::from_millis(800);

/// A request to send.
pub(crate) struct Outgoing {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// A response of the service.
pub(crate) struct Response {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

/// The pool of connections for one set of [`Options`].
pub struct Transport {
    options: Options,
    threads: Threads,
    /// Created at the first request and shared by all connections, so that TLS sessions are
    /// resumed.
    tls: OnceCell<Arc<ClientConfig>>,
    idle: Pool<Connection>,
    /// The signing route that the service has. This holds for all users.
    pub(crate) last_route: LastRoute,
}

/// A connection, and the HTTP client's future that does its I/O.
struct Connection {
    link: Arc<Link>,
    sender: SendRequest<Full<Bytes>>,
    driver: Pin<Box<http1::Connection<Stream, Full<Bytes>>>>,
    is_over: bool,
}

impl Outgoing {
    /// A request without a body.
    pub(crate) fn get(url: Url) -> Self {
        Self { method: Method::GET, url, headers: HeaderMap::new(), body: Bytes::new() }
    }

    /// A request with a body of this content type.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`] for an invalid content type.
    pub(crate) fn post(url: Url, content_type: &str, body: Bytes) -> Result<Self> {
        let content_type =
            HeaderValue::from_str(content_type).map_err(|error| unsendable(&error))?;
        Ok(Self {
            method: Method::POST,
            url,
            headers: HeaderMap::from_iter([(CONTENT_TYPE, content_type)]),
            body,
        })
    }
}

impl Transport {
    /// Creates the pool without opening a connection.
    pub fn new(options: Options, threads: Threads) -> Self {
        Self {
            options,
            threads,
            tls: OnceCell::new(),
            idle: Pool::default(),
            last_route: LastRoute::default(),
        }
    }

    /// The options it was created with.
    pub(crate) const fn options(&self) -> &Options {
        &self.options
    }

    /// Sends a request, and waits at most `time_limit` for the whole response.
    ///
    /// # Errors
    /// See [`FailedAttempt`].
    pub(crate) fn send(
        &self,
        time_limit: Duration,
        cancellation: &Cancellation,
        request: Outgoing,
    ) -> std::result::Result<Response, FailedAttempt> {
        self.options.check()?;
        // After a logout from now on, the connection is closed when this request has finished.
        let generation = self.idle.generation();
        cancellation.check_attempt()?;
        let started = Instant::now();
        let waiting = Waiting { deadline: started + time_limit, cancellation };
        let request = self.request(request)?;
        let failed = |exchange| FailedAttempt::of_exchange(exchange, time_limit, &self.options);
        let connecting = waiting.until(started + connect_timeout(time_limit));
        let mut connection =
            self.connection(&connecting)?.map_err(|error| failed(ExchangeError::Connect(error)))?;
        // The user may have logged out while it was being opened.
        cancellation.check_attempt()?;
        let response = connection.exchange(request, &waiting);
        // A cancellation ends the connection, which looks like an error or the end of the response.
        cancellation.check()?;
        let response = response.map_err(failed)?;
        // The connection's buffers still contain the API token. If it was refused, they are not
        // kept.
        if !matches!(response.status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
            self.idle.put_back(connection, generation);
        }
        Ok(response)
    }

    /// The complete request. It has an absolute URL if a proxy forwards it (RFC 9112, section
    /// 3.2.2).
    #[inline(never)] // Frees its stack before the exchange starts.
    fn request(&self, outgoing: Outgoing) -> Result<Request<Full<Bytes>>> {
        let Outgoing { method, url, mut headers, body } = outgoing;
        let authority = url.authority();
        headers.insert(HOST, HeaderValue::from_str(authority).map_err(|error| unsendable(&error))?);
        headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
        let proxy = self.options.proxy_for(&url).filter(|_| url.scheme() == "http");
        if let Some(authorization) = proxy.and_then(|proxy| proxy.authorization.as_ref()) {
            let mut value = HeaderValue::from_str(authorization.expose())
                .map_err(|error| unsendable(&error))?;
            value.set_sensitive(true);
            headers.insert(PROXY_AUTHORIZATION, value);
        }
        let target = match proxy {
            Some(_) => url.as_str().to_owned(),
            None => match url.query() {
                Some(query) => format!("{}?{query}", url.path()),
                None => url.path().to_owned(),
            },
        };
        let mut request = Request::builder()
            .method(method)
            .uri(target)
            .body(Full::new(body))
            .map_err(|error| unsendable(&error))?;
        *request.headers_mut() = headers;
        Ok(request)
    }

    /// A usable idle connection, or else a new one.
    ///
    /// # Errors
    /// Those of [`tls::client_config`], and the reason of a cancellation. The inner error is why no
    /// connection could be established.
    fn connection(
        &self,
        waiting: &Waiting<'_>,
    ) -> Result<std::result::Result<Connection, ConnectError>> {
        let mut shortage: Option<(Shortage, Waiting<'_>)> = None;
        loop {
            if let Some(connection) = self.idle.take() {
                return Ok(Ok(connection));
            }
            if let Some((shortage, limited)) = &shortage {
                match limited.slice() {
                    Ok(slice) => self.idle.wait(slice),
                    Err(Interruption::Cancelled(reason)) => return Err(reason),
                    Err(_) => return Ok(Err(ConnectError::Shortage(*shortage))),
                }
            }
            match self.connect(waiting)? {
                Err(ConnectError::Shortage(short)) => {
                    let limited = || waiting.until(Instant::now() + SHORTAGE_LIMIT);
                    shortage.get_or_insert_with(|| (short, limited()));
                }
                connected => return Ok(connected),
            }
        }
    }

    fn connect(
        &self,
        waiting: &Waiting<'_>,
    ) -> Result<std::result::Result<Connection, ConnectError>> {
        let tls = self.tls.get_or_try_init(|| tls::client_config(&self.options).map(Arc::new))?;
        let stream = connector::connect(&self.options, tls, self.threads, waiting);
        Ok(stream.and_then(|stream| Connection::over(stream, waiting)))
    }

    /// Closes all connections, those in use as soon as their requests have finished. Their buffers
    /// contain API tokens.
    pub fn close_connections(&self) {
        self.idle.clear();
    }
}

impl Reusable for Connection {
    /// It is not usable if the server has closed it, if it is still sending, or if the server responded before it had the whole
    /// request.
    fn is_usable(&mut self) -> bool {
        let woken = Arc::new(Woken::default());
        let waker = Waker::from(woken.clone());
        let driven = self.driver.as_mut().poll(&mut Context::from_waker(&waker));
        driven.is_pending() && !woken.take() && !self.link.has_unsent() && self.sender.is_ready()
    }

    /// An idle connection is read from, which fails if the server has sent something or closed it, or if the application has closed
    /// its descriptor.
    fn is_still_usable(&mut self) -> bool {
        self.link.look_again();
        self.is_usable()
    }
}

impl Connection {
    fn over(stream: Stream, waiting: &Waiting<'_>) -> std::result::Result<Self, ConnectError> {
        let link = stream.link();
        let handshake = http1::handshake(stream);
        // For HTTP/1.1 this sends nothing and is ready immediately.
        let (sender, driver) = waiting
            .drive(handshake, |waiting| link.wait(waiting))?
            .map_err(|error| ConnectError::Failed(std::io::Error::other(error)))?;
        Ok(Self { link, sender, driver: Box::pin(driver), is_over: false })
    }

    /// Sends a request, and waits for the whole response.
    fn exchange(
        &mut self,
        request: Request<Full<Bytes>>,
        waiting: &Waiting<'_>,
    ) -> std::result::Result<Response, ExchangeError> {
        let response = self.sender.send_request(request);
        let response = self.drive(response, waiting)?.map_err(ExchangeError::Http)?;
        let (head, body) = response.into_parts();
        let mut response =
            Response { status: head.status, headers: head.headers, body: Vec::new() };
        let read = self.drive(read(body, &mut response), waiting).and_then(|read| read);
        match read {
            Err(cancelled @ ExchangeError::Interrupted(Interruption::Cancelled(_))) => {
                Err(cancelled)
            }
            Err(failure) if response.status == StatusCode::OK => Err(failure),
            // For an error response, the status is enough.
            _ => Ok(response),
        }
    }

    /// Runs a part of an exchange and the connection's I/O at the same time.
    fn drive<T>(
        &mut self,
        part: impl Future<Output = T>,
        waiting: &Waiting<'_>,
    ) -> std::result::Result<T, ExchangeError> {
        let mut part = pin!(part);
        let both = poll_fn(|context| {
            if let Poll::Ready(output) = part.as_mut().poll(context) {
                return Poll::Ready(output);
            }
            // If the connection fails, `part` reports the error.
            self.is_over = self.is_over || self.driver.as_mut().poll(context).is_ready();
            part.as_mut().poll(context)
        });
        let link = &self.link;
        waiting.drive(both, |waiting| link.wait(waiting)).map_err(ExchangeError::Interrupted)
    }
}

/// Reads the body of a response, up to the limit for its status.
async fn read(
    mut body: Incoming,
    response: &mut Response,
) -> std::result::Result<(), ExchangeError> {
    let is_refusal = response.status != StatusCode::OK;
    if !is_refusal {
        let announced = body.size_hint().lower();
        if announced > MAX_BODY as u64 {
            return Err(ExchangeError::TooLong);
        }
        // Growing it again and again would copy a long list of signing policies several times. If there is not that much memory, it
        // grows as the body arrives.
        let _ = response.body.try_reserve_exact(announced as usize);
    }
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(ExchangeError::Body)?;
        let data = frame.data_ref().map_or(&[][..], |data| data);
        response.body.extend_from_slice(data);
        if is_refusal && response.body.len() >= MAX_ERROR_BODY {
            response.body.truncate(MAX_ERROR_BODY);
            break;
        }
        if response.body.len() > MAX_BODY {
            return Err(ExchangeError::TooLong);
        }
    }
    Ok(())
}

fn unsendable(error: &dyn std::error::Error) -> Error {
    Error::new(ErrorKind::Internal, format!("cannot build the request: {error}"))
}
