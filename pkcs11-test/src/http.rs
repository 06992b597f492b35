//! HTTP/1.1 over TCP and TLS, one task per connection.

use std::convert::Infallible;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use axum::Router;
use axum::body::Body;
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
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;

use crate::fault::{Effect, FaultQueue};
use crate::log::RequestLog;
use crate::routes::{Call, CanonicalPath};

/// What every connection needs.
pub(crate) struct Server {
    pub router: Router,
    pub tls: Option<TlsAcceptor>,
    pub faults: Arc<FaultQueue>,
    pub log: Arc<RequestLog>,
}

impl Server {
    /// Accepts connections for ever from a listener that does not block.
    pub async fn run(self: Arc<Self>, listener: std::net::TcpListener) -> io::Result<Infallible> {
        let listener = TcpListener::from_std(listener)?;
        let mut connection = 0;
        loop {
            let stream = match listener.accept().await {
                Ok((stream, _)) => stream,
                Err(_) => {
                    // Out of file descriptors, most likely: let other tasks close theirs.
                    tokio::task::yield_now().await;
                    continue;
                }
            };
            connection += 1;
            let server = Arc::clone(&self);
            tokio::spawn(async move {
                // A small answer is not to wait for the acknowledgement of the one before.
                let _ = stream.set_nodelay(true);
                match &server.tls {
                    // A client that refuses the certificate is a client's matter.
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
        let service = service_fn(|request| self.answer(request, connection));
        // Clients go away as they like, and injected faults end a connection with an error.
        let _ = http1::Builder::new()
            .serve_connection(TokioIo::new(stream), service)
            .await;
    }

    async fn answer(
        &self,
        request: Request<Incoming>,
        connection: u64,
    ) -> Result<Response, ConnectionClosed> {
        let time = OffsetDateTime::from(SystemTime::now())
            .format(&Rfc3339)
            .unwrap_or_default();
        let (mut head, body) = request.into_parts();
        // Read as a whole, so that an early refusal leaves nothing in the connection.
        let body = body
            .collect()
            .await
            .map_err(|_| ConnectionClosed)?
            .to_bytes();
        let begin = Instant::now();

        let canonical = CanonicalPath::of(head.uri.path());
        let route = format!(
            "{} {}",
            head.method,
            canonical
                .as_ref()
                .map_or(head.uri.path(), |canonical| canonical.route)
        );
        let signs = canonical.as_ref().is_some_and(CanonicalPath::signs);
        if let Some(uri) = canonical.and_then(|canonical| with_path(&head.uri, &canonical.path)) {
            head.uri = uri;
        }
        let call = Call {
            fault: self.faults.take(&route, signs),
            ..Call::default()
        };
        call.note(|record| {
            record.time = time;
            record.connection = connection;
            record.method = head.method.to_string();
            record.route = route;
        });
        head.extensions.insert(call.clone());

        let Ok(response) = self
            .router
            .clone()
            .oneshot(Request::from_parts(head, Body::from(body)))
            .await;
        let response = match &call.fault {
            Some(Effect::Answer {
                status,
                headers,
                body,
            }) => Effect::answer(*status, headers, body).ok(),
            Some(Effect::Close | Effect::Hang) => None,
            Some(Effect::WrongSignature | Effect::SignatureLength(_)) | None => Some(response),
        };
        call.note(|record| {
            record.status = response.as_ref().map(|response| response.status().as_u16());
            record.duration_ms = begin.elapsed().as_micros() as f64 / 1000.0;
            self.log.add(record.clone());
        });
        if call.fault == Some(Effect::Hang) {
            std::future::pending::<()>().await;
        }
        response.ok_or(ConnectionClosed)
    }
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

/// The connection ends without an answer.
#[derive(Debug)]
struct ConnectionClosed;

impl fmt::Display for ConnectionClosed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the connection ends without an answer")
    }
}

impl std::error::Error for ConnectionClosed {}
