//! A running service.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use tokio::sync::oneshot;

use crate::error::{Context, Error};
use crate::fault::{Fault, FaultQueue};
use crate::http::Server;
use crate::keys::{self, SoftHsmToken};
use crate::log::{RequestLog, RequestRecord};
use crate::options::Options;
use crate::organization::Organization;
use crate::page::{History, Page};
use crate::routes::{self, Api};
use crate::state::{SECRET, StateFolder, generate_pin};
use crate::tls;

/// The first user's API token in the state directory, for `SIGNPATH_API_TOKEN=file:...`.
const TOKEN_FILE: &str = "token";

/// A running service with its own threads. It stops when it is dropped.
pub struct Service {
    api: Arc<Api>,
    faults: Arc<FaultQueue>,
    log: Arc<RequestLog>,
    tls_ca_file: Option<PathBuf>,
    client_certificate: Option<PathBuf>,
    softhsm: Option<SoftHsmToken>,
    page_url: Option<String>,
    running: Option<Running>,
}

struct Running {
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl Service {
    /// Creates what is missing in the state directory and starts the service. The first start generates keys, which can
    /// take a minute and is announced on stderr.
    ///
    /// # Errors
    /// The state directory or the log cannot be written, the address is in use, SoftHSM is missing, or a stored key does
    /// not have the type of its policy.
    pub fn start(options: Options) -> Result<Self, Error> {
        // Bind first, so that an address in use is reported before spending a minute on keys.
        let listener = listen(options.listen)?;
        let page_listener = options.page.map(listen).transpose()?;
        let log = Arc::new(RequestLog::open(&options.log, options.keep_requests)?);
        let state = Arc::new(StateFolder::open(&options.state)?);
        let lock = state.lock()?;
        let keys = keys::open(options.key_store, &state, options.softhsm_module.as_deref())?;
        let organization = Organization::open(&options.policies, &state, keys.as_ref())?;
        let tls =
            if options.tls { Some(tls::acceptor(&state, options.tls_options)?) } else { None };
        drop(lock);

        let address = reachable(listener.local_addr().context("cannot listen")?);
        let scheme = if options.tls { "https" } else { "http" };
        let api = Arc::new(Api { organization, url: format!("{scheme}://{address}/Api") });
        let faults = Arc::new(FaultQueue::default());
        let tls_ca_file = options.tls.then(|| state.path(tls::AUTHORITY_FILE));
        let client_certificate = options.tls.then(|| state.path(tls::CLIENT_FILE));
        let softhsm = keys.token().cloned();
        let page = match page_listener {
            Some(listener) => {
                let listening = listener.local_addr().context("cannot listen")?;
                let users = &api.organization.users;
                let token = users.first().map_or("", |user| &user.token);
                state.write(TOKEN_FILE, &format!("{token}\n"), SECRET)?;
                let secrets = users.iter().map(|user| user.token.clone()).collect();
                let page = Page {
                    api: Arc::clone(&api),
                    faults: Arc::clone(&faults),
                    history: Arc::new(History::new(secrets)),
                    keys,
                    token_file: state.path(TOKEN_FILE),
                    state,
                    key: generate_pin(),
                    listening,
                    tls_ca_file: tls_ca_file.clone(),
                };
                Some((Arc::new(page), listener))
            }
            None => None,
        };
        let page_url = page.as_ref().map(|(page, _)| page.url());
        let server = Arc::new(Server {
            router: routes::router(Arc::clone(&api)),
            tls,
            faults: Arc::clone(&faults),
            log: Arc::clone(&log),
            history: page.as_ref().map(|(page, _)| Arc::clone(&page.history)),
        });

        let (stop, stopped) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .thread_name("signpath-service")
            .build();
        let runtime = runtime.context("cannot start threads")?;
        // Use a separate thread, so that `start` and `stop` can be called from anywhere, including threads of other
        // runtimes.
        let thread = thread::Builder::new()
            .name("signpath-service".to_owned())
            .spawn(move || {
                runtime.spawn(server.run(listener));
                if let Some((page, listener)) = page {
                    runtime.spawn(page.run(listener));
                }
                // Dropping the sender also stops the service.
                let _ = runtime.block_on(stopped);
                // Dropping the runtime ends all tasks and closes all sockets before the thread ends.
            })
            .context("cannot start a thread")?;
        Ok(Self {
            api,
            faults,
            log,
            tls_ca_file,
            client_certificate,
            softhsm,
            page_url,
            running: Some(Running { stop, thread }),
        })
    }

    /// `http(s)://host:port/Api`
    pub fn api_url(&self) -> &str {
        &self.api.url
    }

    /// The address of the page with the key that it needs, if there is a page.
    pub fn page_url(&self) -> Option<&str> {
        self.page_url.as_deref()
    }

    /// The organization's UUID.
    pub fn organization_id(&self) -> String {
        self.api.organization.id.to_string()
    }

    /// The first user's API token.
    pub fn token(&self) -> &str {
        self.api.organization.users.first().map_or("", |user| &user.token)
    }

    /// The API token of a user.
    pub fn token_of(&self, user: &str) -> Option<&str> {
        self.api
            .organization
            .users
            .iter()
            .find(|candidate| candidate.name == user)
            .map(|user| user.token.as_str())
    }

    /// The environment variables that make a module use the service as its first user.
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        let mut environment = vec![
            ("SIGNPATH_API_URL", self.api_url().to_owned()),
            ("SIGNPATH_ORGANIZATION_ID", self.organization_id()),
            ("SIGNPATH_API_TOKEN", self.token().to_owned()),
        ];
        if let Some(file) = &self.tls_ca_file {
            environment.push(("SIGNPATH_TLS_CA_FILE", file.display().to_string()));
        }
        environment
    }

    /// A PEM file with a client certificate and its private key, if TLS is enabled.
    pub fn client_certificate(&self) -> Option<&Path> {
        self.client_certificate.as_deref()
    }

    /// The certificate of a policy that was there at the start, in DER.
    pub fn certificate_der(&self, project: &str, policy: &str) -> Option<&[u8]> {
        self.api
            .organization
            .policies
            .iter()
            .find(|candidate| {
                candidate.entry.project.as_str() == project
                    && candidate.entry.policy.as_str() == policy
            })?
            .certificate
            .as_deref()
    }

    /// All requests so far, if [`Options::keep_requests`] is set. A request is in the list before its client receives the response.
    pub fn requests(&self) -> Vec<RequestRecord> {
        self.log.records()
    }

    /// Makes something go wrong with the next requests that match. Faults for the same request form a queue.
    ///
    /// # Errors
    /// The response requested by the fault cannot be sent over HTTP.
    pub fn inject(&self, fault: impl Into<Fault>) -> Result<(), Error> {
        self.faults.push(fault.into())
    }

    /// Removes the faults that have not affected all of their requests yet.
    pub fn heal(&self) {
        self.faults.clear();
    }

    /// The token that holds the keys, if the key store is [`KeyStoreKind::SoftHsm`](crate::KeyStoreKind::SoftHsm).
    pub fn softhsm(&self) -> Option<&SoftHsmToken> {
        self.softhsm.as_ref()
    }

    /// Stops listening and closes all connections. [`Service::requests`] still works.
    pub fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            // Fails only if the thread has already ended.
            let _ = running.stop.send(());
            let _ = running.thread.join();
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.stop();
    }
}

fn listen(address: SocketAddr) -> Result<TcpListener, Error> {
    TcpListener::bind(address)
        .and_then(|listener| listener.set_nonblocking(true).map(|()| listener))
        .context(format!("cannot listen on {address}"))
}

/// The address that clients can connect to: the listening address, or loopback if it is unspecified.
pub(crate) fn reachable(listening: SocketAddr) -> SocketAddr {
    let ip = match listening.ip() {
        ip if !ip.is_unspecified() => ip,
        ip if ip.is_ipv4() => Ipv4Addr::LOCALHOST.into(),
        _ => Ipv6Addr::LOCALHOST.into(),
    };
    SocketAddr::new(ip, listening.port())
}
