//! The page of the service: its signing requests, signing policies and faults.
//!
//! It has a listener of its own, so that faults, TLS and the address of the API do not affect it. Each request needs the
//! key that is part of the printed address, and a Host and an Origin that no other site and no rebound name has.

mod chart;
mod faults;
mod guard;
mod handlers;
mod history;
mod policies;
mod stream;
mod try_it;
mod view;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Form, FromRequest, Json};
use axum::http::Request;
use axum::http::header::CONTENT_TYPE;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tower::ServiceExt;

use crate::fault::FaultQueue;
use crate::http::ACCEPT_PAUSE;
use crate::keys::KeyStore;
use crate::routes::Api;
use crate::state::StateFolder;

pub(crate) use history::History;

/// What the page shows and changes.
pub(crate) struct Page {
    pub api: Arc<Api>,
    pub faults: Arc<FaultQueue>,
    pub history: Arc<History>,
    pub keys: Box<dyn KeyStore>,
    pub state: Arc<StateFolder>,
    /// Part of the printed address.
    pub key: String,
    pub listening: SocketAddr,
    /// The first user's API token, with mode 0600.
    pub token_file: PathBuf,
    pub tls_ca_file: Option<PathBuf>,
}

impl Page {
    /// The address to open, with the key.
    pub fn url(&self) -> String {
        format!("http://{}{}", crate::service::reachable(self.listening), self.link("/"))
    }

    /// A path with the key.
    fn link(&self, path: &str) -> String {
        let separator = if path.contains('?') { '&' } else { '?' };
        format!("{path}{separator}key={}", self.key)
    }

    /// Accepts connections from a non-blocking listener, forever.
    pub async fn run(self: Arc<Self>, listener: std::net::TcpListener) -> io::Result<Infallible> {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let router = handlers::router(self);
        loop {
            let Ok((stream, _)) = listener.accept().await else {
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            };
            let router = router.clone();
            tokio::spawn(async move {
                let _ = stream.set_nodelay(true);
                let service = service_fn(move |request: Request<Incoming>| {
                    router.clone().oneshot(request.map(Body::new))
                });
                // Browsers may disconnect at any time.
                let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
            });
        }
    }
}

/// The fields of a form or of a JSON object. Empty ones count as missing.
pub(crate) struct Fields(BTreeMap<String, String>);

impl Fields {
    async fn read(request: axum::extract::Request) -> Result<Self, String> {
        let is_json = request
            .headers()
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .is_some_and(|value| value.to_ascii_lowercase().starts_with("application/json"));
        let fields = if is_json {
            let Json(fields): Json<BTreeMap<String, Value>> =
                Json::from_request(request, &()).await.map_err(|error| error.body_text())?;
            fields
                .into_iter()
                .filter(|(_, value)| !value.is_null())
                .map(|(name, value)| match value {
                    Value::String(text) => (name, text),
                    other => (name, other.to_string()),
                })
                .collect()
        } else {
            let Form(fields): Form<BTreeMap<String, String>> =
                Form::from_request(request, &()).await.map_err(|error| error.body_text())?;
            fields
        };
        Ok(Self(fields))
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())
    }

    fn number(&self, name: &str, range: RangeInclusive<u64>) -> Result<Option<u64>, String> {
        let Some(text) = self.get(name) else {
            return Ok(None);
        };
        text.parse().ok().filter(|number| range.contains(number)).map(Some).ok_or_else(|| {
            format!(
                "`{name}` is `{text}`: expected a number from {} to {}",
                range.start(),
                range.end()
            )
        })
    }
}
