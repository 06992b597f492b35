//! HTTP/1.1 over TCP and TLS, with one task per connection.

use std::convert::Infallible;
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::HeaderValue;
use axum::http::header::{ACCEPT, CONNECTION, CONTENT_LENGTH, HeaderName, USER_AGENT};
use axum::http::request::Parts as RequestParts;
use axum::http::response::Parts;
use axum::http::uri::PathAndQuery;
use axum::http::{Request, Uri};
use axum::response::Response;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::sleep;
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;

use crate::bodies;
use crate::fault::{Effect, FaultQueue};
use crate::log::RequestLog;
use crate::page::History;
use crate::routes::{Call, CanonicalPath};

/// After a failure to accept a connection, most likely for want of a file descriptor, which stays until others are closed.
pub(crate) const ACCEPT_PAUSE: Duration = Duration::from_millis(10);

/// What all connections share.
pub(crate) struct Server {
    pub router: Router,
    pub tls: Option<TlsAcceptor>,
    pub faults: Arc<FaultQueue>,
    pub log: Arc<RequestLog>,
    /// What the page shows, if there is one.
    pub history: Option<Arc<History>>,
}

impl Server {
    /// Accepts connections from a non-blocking listener, forever.
    pub async fn run(self: Arc<Self>, listener: std::net::TcpListener) -> io::Result<Infallible> {
        let listener = TcpListener::from_std(listener)?;
        let mut connection = 0;
        loop {
            let stream = match listener.accept().await {
                Ok((stream, _)) => stream,
                Err(_) => {
                    sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            connection += 1;
            let server = Arc::clone(&self);
            tokio::spawn(async move {
                // Do not delay small responses until the previous one is acknowledged (Nagle's algorithm).
                let _ = stream.set_nodelay(true);
                match &server.tls {
                    // A client that rejects the certificate is not an error of the service.
                    Some(tls) => {
                        if let Ok(stream) = tls.accept(stream).await {
                            server.serve(stream, connection).await;
                        }
                    }
                    None => server.serve(stream, connection).await,
                }
            });
        }
    }

    async fn serve(&self, stream: impl AsyncRead + AsyncWrite + Unpin, connection: u64) {
        let raw = Mutex::default();
        let service = service_fn(|request| Box::pin(self.respond(request, connection, &raw)));
        let mut http = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        // Clients may disconnect at any time, and injected faults end connections with an error.
        let ended = poll_fn(|context| http.poll_without_shutdown(context)).await;
        let mut stream = http.into_parts().io.into_inner();
        let raw = std::mem::take(&mut *raw.lock().unwrap_or_else(PoisonError::into_inner));
        if ended.is_ok() || (stream.write_all(&raw).await.is_ok() && !raw.is_empty()) {
            let _ = stream.shutdown().await;
        }
    }

    async fn respond(
        &self,
        request: Request<Incoming>,
        connection: u64,
        raw: &Mutex<Vec<u8>>,
    ) -> Result<Response, ConnectionClosed> {
        let time = OffsetDateTime::from(SystemTime::now()).format(&Rfc3339).unwrap_or_default();
        let (mut head, body) = request.into_parts();
        // Read the whole body, so that refusing a request early leaves nothing unread in the connection.
        let body = body.collect().await.map_err(|_| ConnectionClosed)?.to_bytes();

        let canonical = CanonicalPath::of(head.uri.path());
        let route = format!(
            "{} {}",
            head.method,
            canonical.as_ref().map_or(head.uri.path(), |canonical| canonical.route)
        );
        let signs = canonical.as_ref().is_some_and(CanonicalPath::signs);
        if let Some(uri) = canonical.and_then(|canonical| with_path(&head.uri, &canonical.path)) {
            head.uri = uri;
        }
        let fault = self.faults.take(&route, signs);
        let gate = fault.as_ref().and_then(|fault| fault.gate.clone());
        let effect = fault.map_or(Effect::Usual, |fault| fault.effect);
        let call = Call::new(effect.clone());
        call.note(|record| {
            record.time = time;
            record.connection = connection;
            record.method = head.method.to_string();
            record.route = route;
            record.user_agent = header(&head, USER_AGENT);
            record.accept = header(&head, ACCEPT);
        });
        head.extensions.insert(call.clone());
        // Records the request even if the client disconnects, which drops everything below.
        let mut recording = Recording {
            log: &self.log,
            history: self.history.as_deref(),
            call: &call,
            sent: body.clone(),
            answered: Bytes::new(),
            begin: Instant::now(),
            is_done: false,
        };
        if let Some(gate) = gate {
            gate.pass().await;
        }
        let Ok(mut response) =
            self.router.clone().oneshot(Request::from_parts(head, Body::from(body))).await;
        if self.history.is_some() {
            let (head, body) = collect(response).await?;
            recording.answered = body.clone();
            response = Response::from_parts(head, Body::from(body));
        }
        let response = match effect {
            Effect::Usual
            | Effect::WrongSignature
            | Effect::SignatureLength(_)
            | Effect::OtherEncoding => Some(response),
            Effect::Last => {
                let close = HeaderValue::from_static("close");
                response.headers_mut().insert(CONNECTION, close);
                Some(response)
            }
            Effect::Answer { .. } | Effect::Long { .. } => {
                recording.answered = match &effect {
                    Effect::Answer { body, .. } => Bytes::copy_from_slice(body),
                    _ => Bytes::new(),
                };
                effect.own_answer().ok().flatten()
            }
            Effect::Late(delay) => {
                sleep(delay).await;
                Some(response)
            }
            Effect::Trickle(pause) => {
                let (head, body) = collect(response).await?;
                Some(Response::from_parts(head, bodies::trickle(body, pause)))
            }
            Effect::Truncate => {
                let (head, body) = collect(response).await?;
                set(raw, serialize(&head, &body, body.len() / 2));
                None
            }
            Effect::Raw(bytes) => {
                set(raw, bytes);
                None
            }
            Effect::Hang => {
                recording.finish(None);
                std::future::pending().await
            }
            Effect::Close | Effect::ProcessAndClose => None,
        };
        recording.finish(response.as_ref().map(|response| response.status().as_u16()));
        response.ok_or(ConnectionClosed)
    }
}

fn header(head: &RequestParts, name: HeaderName) -> Option<String> {
    let value = head.headers.get(name)?;
    Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
}

/// Adds the record of a request to the log, once.
struct Recording<'a> {
    log: &'a RequestLog,
    history: Option<&'a History>,
    call: &'a Call,
    sent: Bytes,
    answered: Bytes,
    begin: Instant,
    is_done: bool,
}

impl Recording<'_> {
    fn finish(&mut self, status: Option<u16>) {
        if std::mem::replace(&mut self.is_done, true) {
            return;
        }
        self.call.note(|record| {
            record.status = status;
            record.duration_ms = self.begin.elapsed().as_micros() as f64 / 1000.0;
            self.log.add(record.clone());
            if let Some(history) = self.history {
                history.add(record.clone(), &self.sent, &self.answered, &self.call.effect);
            }
        });
    }
}

impl Drop for Recording<'_> {
    fn drop(&mut self) {
        self.finish(None);
    }
}

async fn collect(response: Response) -> Result<(Parts, Bytes), ConnectionClosed> {
    let (head, body) = response.into_parts();
    let body = body.collect().await.map_err(|_| ConnectionClosed)?;
    Ok((head, body.to_bytes()))
}

fn set(raw: &Mutex<Vec<u8>>, bytes: Vec<u8>) {
    *raw.lock().unwrap_or_else(PoisonError::into_inner) = bytes;
}

/// A response as sent over the wire, with the first `sent` bytes of its body.
fn serialize(head: &Parts, body: &Bytes, sent: usize) -> Vec<u8> {
    let mut text =
        format!("HTTP/1.1 {}\r\ncontent-length: {}\r\n", head.status, body.len()).into_bytes();
    for (name, value) in head.headers.iter().filter(|(name, _)| *name != CONTENT_LENGTH) {
        text.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    text.extend(b"\r\n");
    text.extend(&body[..sent]);
    text
}

fn with_path(uri: &Uri, path: &str) -> Option<Uri> {
    let path_and_query = match uri.query() {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(path_and_query).ok()?);
    Uri::from_parts(parts).ok()
}

/// The connection ends without a response.
#[derive(Debug)]
struct ConnectionClosed;

impl fmt::Display for ConnectionClosed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("connection closed without a response")
    }
}

impl std::error::Error for ConnectionClosed {}
