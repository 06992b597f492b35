//! HTTP connections to the service.
//!
//! A request takes an idle connection, or makes one, drives it in the calling thread, and leaves it
//! for the next. So there is no thread of our own but for [`super::lookup`], callers do not wait for
//! each other, nothing runs between calls, and a connection is one descriptor. A forked child must
//! not touch its parent's connections.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
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

use super::connector::{self, Unconnected};
use super::failed_attempt::{ExchangeError, FailedAttempt};
use super::limits::{MAX_BODY, MAX_ERROR_BODY, connect_timeout};
use super::lookup::Threads;
use super::stream::{Link, Stream};
use super::waiting::{Interruption, Waiting, Woken};
use super::{Cancellation, tls, tunnel};
use crate::Options;
use crate::error::{Error, ErrorKind, Result};
use signpath_platform::lock::{Condvar, Mutex};
use signpath_platform::shortage::Shortage;

const AGENT: &str = concat!("signpath-pkcs11/", env!("CARGO_PKG_VERSION"));

/// Idle connections that are kept.
const MAX_IDLE: usize = 64;

/// How long a call tries to get a connection, its own or that of another call, where the process can
/// make no more.
const SHORTAGE_LIMIT: Duration = Duration::from_millis(800);

/// What is sent.
pub(crate) struct Outgoing {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// What the service sent back.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

/// The connections of one configuration.
pub struct Transport {
    options: Options,
    threads: Threads,
    /// Built at the first request and shared by all connections, so that new ones resume sessions.
    tls: OnceCell<Arc<ClientConfig>>,
    idle: Mutex<Idle>,
    /// A connection has been put back.
    returned: Condvar,
    /// Whether the service turned out to have `SignHash` only, whoever asks.
    pub(crate) only_sign_hash: AtomicBool,
}

#[derive(Default)]
struct Idle {
    connections: Vec<Connection>,
    /// Connections of an earlier one are not put back.
    generation: u64,
}

/// A connection, and the half of the HTTP client that moves its bytes.
struct Connection {
    /// That of the request that it was last used for.
    generation: u64,
    link: Arc<Link>,
    sender: SendRequest<Full<Bytes>>,
    driver: Pin<Box<http1::Connection<Stream, Full<Bytes>>>>,
    is_over: bool,
}

impl Outgoing {
    /// A request without a body.
    pub(crate) fn get(url: Url) -> Self {
        Self {
            method: Method::GET,
            url,
            headers: HeaderMap::new(),
            body: Bytes::new(),
        }
    }

    /// A request with a body of that type.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`] for what is no type.
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
    /// Connects to nothing yet.
    pub fn new(options: Options, threads: Threads) -> Self {
        Self {
            options,
            threads,
            tls: OnceCell::new(),
            idle: Mutex::default(),
            returned: Condvar::new(),
            only_sign_hash: AtomicBool::new(false),
        }
    }

    /// What it connects with.
    pub(crate) const fn options(&self) -> &Options {
        &self.options
    }

    /// Sends a request, and waits at most `time_limit` for the whole answer.
    ///
    /// # Errors
    /// See [`FailedAttempt`].
    pub(crate) fn send(
        &self,
        time_limit: Duration,
        cancellation: &Cancellation,
        request: Outgoing,
    ) -> std::result::Result<Answer, FailedAttempt> {
        self.options.check()?;
        // A logout from here on closes the connection behind this request.
        let generation = self.idle.lock().generation;
        cancellation.check_attempt()?;
        let waiting = Waiting {
            deadline: Instant::now() + time_limit,
            cancellation,
        };
        let request = self.request(request)?;
        let failed = |exchange| FailedAttempt::of_exchange(exchange, time_limit, &self.options);
        let mut connection = self
            .connection(&waiting)?
            .map_err(|unconnected| failed(ExchangeError::Unconnected(unconnected)))?;
        connection.generation = generation;
        let answer = connection.exchange(request, &waiting).map_err(failed)?;
        // The buffers of a connection still hold the credentials that went through it, and those that
        // are refused are nobody's.
        if !matches!(
            answer.status,
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN
        ) {
            self.put_back(connection);
        }
        Ok(answer)
    }

    /// The request as it goes over the wire: with what this side says of itself, and to a proxy that
    /// forwards it with the whole URL (RFC 9112, section 3.2.2).
    #[inline(never)] // What it takes of the stack is free again when the exchange begins.
    fn request(&self, outgoing: Outgoing) -> Result<Request<Full<Bytes>>> {
        let Outgoing {
            method,
            url,
            mut headers,
            body,
        } = outgoing;
        let authority = url.authority();
        headers.insert(
            HOST,
            HeaderValue::from_str(authority).map_err(|error| unsendable(&error))?,
        );
        headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
        let proxy = self
            .options
            .proxy_for(&url)
            .filter(|_| url.scheme() == "http");
        if let Some(authorization) = proxy.and_then(tunnel::authorization) {
            let mut value =
                HeaderValue::from_str(&authorization).map_err(|error| unsendable(&error))?;
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

    /// An idle connection that still is one, or else a new one.
    ///
    /// # Errors
    /// [`ErrorKind::Options`] of TLS; why there is none.
    fn connection(
        &self,
        waiting: &Waiting<'_>,
    ) -> Result<std::result::Result<Connection, Unconnected>> {
        let mut shortage: Option<(Shortage, Waiting<'_>)> = None;
        loop {
            if let Some(connection) = self.idle_connection() {
                return Ok(Ok(connection));
            }
            if let Some((shortage, limited)) = &shortage {
                match limited.slice() {
                    Ok(slice) => self.wait_for_idle(slice),
                    Err(Interruption::Canceled(reason)) => return Err(reason),
                    Err(_) => return Ok(Err(Unconnected::Shortage(*shortage))),
                }
            }
            match self.connect(waiting)? {
                Err(Unconnected::Shortage(short)) => {
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
    ) -> Result<std::result::Result<Connection, Unconnected>> {
        let tls = self
            .tls
            .get_or_try_init(|| tls::client_config(&self.options).map(Arc::new))?;
        let connecting = waiting.until(Instant::now() + connect_timeout(&self.options));
        let stream = connector::connect(&self.options, tls, self.threads, &connecting);
        Ok(stream.and_then(|stream| Connection::over(stream, &connecting)))
    }

    /// An idle connection that the server has not closed.
    fn idle_connection(&self) -> Option<Connection> {
        loop {
            let connection = self.idle.lock().connections.pop();
            // Looking at it, and closing it, need no lock.
            let mut connection = connection?;
            if connection.is_usable() {
                return Some(connection);
            }
        }
    }

    /// Waits until another call puts a connection back, or for `time`.
    fn wait_for_idle(&self, time: Duration) {
        let idle = self.idle.lock();
        if idle.connections.is_empty() {
            drop(self.returned.wait_for(idle, time));
        }
    }

    fn put_back(&self, mut connection: Connection) {
        if !connection.is_usable() {
            return;
        }
        let mut idle = self.idle.lock();
        if idle.connections.len() < MAX_IDLE && idle.generation == connection.generation {
            idle.connections.push(connection);
            self.returned.notify_one();
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
}

impl Connection {
    fn over(stream: Stream, waiting: &Waiting<'_>) -> std::result::Result<Self, Unconnected> {
        let link = stream.link();
        let handshake = http1::handshake(stream);
        // It says nothing to the peer, and is over at once.
        let (sender, driver) = waiting
            .drive(handshake, |waiting| link.wait(waiting))?
            .map_err(|error| Unconnected::Failed(std::io::Error::other(error)))?;
        Ok(Self {
            generation: 0,
            link,
            sender,
            driver: Box::pin(driver),
            is_over: false,
        })
    }

    /// Whether a request can be sent. Nobody drove the connection since the last one: now it sees what
    /// the server did meanwhile. One that still sends, or has answered before it had the whole request,
    /// is none.
    fn is_usable(&mut self) -> bool {
        let woken = Arc::new(Woken::default());
        let waker = Waker::from(woken.clone());
        self.link.socket.own().is_ok()
            && self
                .driver
                .as_mut()
                .poll(&mut Context::from_waker(&waker))
                .is_pending()
            && !woken.take()
            && !self.link.has_unsent()
            && self.sender.is_ready()
    }

    /// Sends a request, and waits for the whole answer.
    fn exchange(
        &mut self,
        request: Request<Full<Bytes>>,
        waiting: &Waiting<'_>,
    ) -> std::result::Result<Answer, ExchangeError> {
        let response = self.sender.send_request(request);
        let response = self
            .drive(response, waiting)?
            .map_err(ExchangeError::Http)?;
        let (head, body) = response.into_parts();
        let mut answer = Answer {
            status: head.status,
            headers: head.headers,
            body: Vec::new(),
        };
        let read = self
            .drive(read(body, &mut answer), waiting)
            .and_then(|read| read);
        match read {
            Err(canceled @ ExchangeError::Interrupted(Interruption::Canceled(_))) => Err(canceled),
            Err(failure) if answer.status == StatusCode::OK => Err(failure),
            // The status of a refusal says enough.
            _ => Ok(answer),
        }
    }

    /// Runs a part of an exchange while the bytes of the connection move.
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
            // How it ends is the part's to tell.
            self.is_over = self.is_over || self.driver.as_mut().poll(context).is_ready();
            part.as_mut().poll(context)
        });
        let link = &self.link;
        waiting
            .drive(both, |waiting| link.wait(waiting))
            .map_err(ExchangeError::Interrupted)
    }
}

/// Reads the body of an answer, or as much as is wanted of it.
async fn read(mut body: Incoming, answer: &mut Answer) -> std::result::Result<(), ExchangeError> {
    let is_refusal = answer.status != StatusCode::OK;
    if !is_refusal && body.size_hint().lower() > MAX_BODY as u64 {
        return Err(ExchangeError::TooLong);
    }
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(ExchangeError::Body)?;
        let data = frame.data_ref().map_or(&[][..], |data| data);
        answer.body.extend_from_slice(data);
        if is_refusal && answer.body.len() >= MAX_ERROR_BODY {
            answer.body.truncate(MAX_ERROR_BODY);
            break;
        }
        if answer.body.len() > MAX_BODY {
            return Err(ExchangeError::TooLong);
        }
    }
    Ok(())
}

fn unsendable(error: &dyn std::error::Error) -> Error {
    Error::new(
        ErrorKind::Internal,
        format!("the request cannot be sent: {error}"),
    )
}
