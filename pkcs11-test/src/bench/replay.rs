//! A service that costs next to nothing: it repeats over TLS 1.3 what the local service answered to the first request of a kind, after
//! the time that a network would take.

use std::collections::HashMap;
use std::io::{self, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::message;
use crate::error::{Context, Error};
use crate::options::{TlsOptions, TlsVersions};
use crate::state::StateFolder;
use crate::{Service, tls};

/// What the services of a run share.
pub(super) struct Origin {
    local: SocketAddr,
    tls: Arc<ServerConfig>,
    answers: Mutex<HashMap<Vec<u8>, Arc<Vec<u8>>>>,
    last_post: Mutex<Vec<u8>>,
}

/// A listening service.
pub(super) struct Replay {
    pub address: SocketAddr,
    seen: Arc<Seen>,
}

/// How many connections and requests there have been.
#[derive(Default)]
struct Seen {
    connections: AtomicUsize,
    requests: AtomicUsize,
}

impl Origin {
    /// Repeats what `service` answers, with the certificate of its state folder.
    pub fn new(service: &Service, state: &Path) -> Result<Arc<Self>, Error> {
        let only_13 = TlsOptions { versions: TlsVersions::Only13, ..TlsOptions::default() };
        let url = service.api_url().trim_start_matches("http://");
        let address = url.split('/').next().unwrap_or_default();
        Ok(Arc::new(Self {
            local: address.parse().context("the local service")?,
            tls: tls::server_configuration(&StateFolder::open(state)?, only_13)?,
            answers: Mutex::default(),
            last_post: Mutex::default(),
        }))
    }

    /// The last POST to which the answer was not known yet.
    pub fn last_post(&self) -> Vec<u8> {
        self.last_post.lock().unwrap().clone()
    }

    /// The list of signing policies, once somebody has asked for it.
    pub fn list(&self) -> Vec<u8> {
        let answers = self.answers.lock().unwrap();
        let list = answers.iter().find(|(kind, _)| kind.starts_with(b"GET"));
        list.map_or(Vec::new(), |(_, answer)| message::body(answer).to_vec())
    }

    /// The answer to a request.
    fn answer(&self, request: &[u8]) -> io::Result<Arc<Vec<u8>>> {
        let kind = kind(request);
        if let Some(known) = self.answers.lock().unwrap().get(&kind) {
            return Ok(known.clone());
        }
        let mut local = TcpStream::connect(self.local)?;
        local.write_all(request)?;
        let mut answer = Vec::new();
        message::read(&mut local, &mut answer)?;
        if request.starts_with(b"POST") {
            *self.last_post.lock().unwrap() = request.to_vec();
        }
        let answer = Arc::new(answer);
        self.answers.lock().unwrap().insert(kind, answer.clone());
        Ok(answer)
    }
}

/// What tells requests with different answers apart: the first line, the signing policy and the digest. The rest differs between
/// processes or, as the boundary of a form, at random.
fn kind(request: &[u8]) -> Vec<u8> {
    let line = request.split(|byte| *byte == b'\r').next();
    let policy = message::between(request, "name=\"SigningPolicySlug\"", "\r\n--");
    let digest = message::between(request, "\"Base64EncodedHash\":\"", "\"");
    [line.unwrap_or_default(), policy, digest].join(&0)
}

impl Replay {
    /// Answers each request after `latency`. If there is a `list`, that is the list of signing policies.
    pub fn start(
        origin: &Arc<Origin>,
        latency: Duration,
        list: Option<Vec<u8>>,
    ) -> Result<Self, Error> {
        let listener = TcpListener::bind("127.0.0.1:0").context("cannot listen")?;
        let address = listener.local_addr().context("cannot listen")?;
        let seen = Arc::new(Seen::default());
        let list = list.map(|list| Arc::new(message::json_answer(&list)));
        let (origin, counted) = (origin.clone(), seen.clone());
        // Ends with the process.
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                counted.connections.fetch_add(1, Ordering::Relaxed);
                let (origin, seen, list) = (origin.clone(), counted.clone(), list.clone());
                thread::spawn(move || serve(stream, &origin, &seen, latency, list.as_ref()));
            }
        });
        Ok(Self { address, seen })
    }

    /// The API's URL for a module.
    pub fn api_url(&self) -> String {
        format!("https://{}/Api", self.address)
    }

    /// The numbers of connections and requests since the last time.
    pub fn take_seen(&self) -> (usize, usize) {
        let take = |counter: &AtomicUsize| counter.swap(0, Ordering::Relaxed);
        (take(&self.seen.connections), take(&self.seen.requests))
    }
}

/// Serves a connection until the client closes it.
fn serve(
    stream: TcpStream,
    origin: &Origin,
    seen: &Seen,
    latency: Duration,
    list: Option<&Arc<Vec<u8>>>,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let tls = ServerConnection::new(origin.tls.clone()).map_err(io::Error::other)?;
    let mut stream = StreamOwned::new(tls, stream);
    let mut request = Vec::new();
    while message::read(&mut stream, &mut request)? {
        seen.requests.fetch_add(1, Ordering::Relaxed);
        let answer = match list.filter(|_| request.starts_with(b"GET")) {
            Some(list) => list.clone(),
            None => origin.answer(&request)?,
        };
        if !latency.is_zero() {
            thread::sleep(latency);
        }
        stream.write_all(&answer)?;
        stream.flush()?;
    }
    Ok(())
}
