//! SignPath's REST API for signing hashes: blocking, cancellable, and without PKCS #11.
//!
//! [`Client`] makes two kinds of requests on behalf of a user: it lists signing policies, and it
//! signs a digest with one of them. Every signature is verified before it is returned. A call runs
//! in the calling thread and needs no runtime. The only thread that it may start resolves a host
//! name; [`Threads::Forbidden`] prevents that. Another thread can end a call with its
//! [`Cancellation`]. Transient failures are retried for as long as the [`Options`] allow.
//!
//! ```
//! use std::sync::Arc;
//!
//! use signpath_client::{Cancellation, Client, Credentials, Options, Retry, Secret, Threads, Transport};
//! use signpath_crypto::{HashAlgorithm, SignatureAlgorithm};
//!
//! # let folder = tempfile::tempdir()?;
//! # let service = pkcs11_test::Service::start(pkcs11_test::Options::new(folder.path()))?;
//! # let (api_url, organization_id, api_token) = (service.api_url(), service.organization_id(), service.token());
//! let transport = Transport::new(Options::new(api_url.parse()?), Threads::Allowed);
//! let credentials = Credentials {
//!     organization_id: organization_id.to_owned(),
//!     api_token: Secret::new(api_token.to_owned()),
//! };
//! let client = Client::new(Arc::new(transport), &credentials, &[]);
//! let cancellation = Cancellation::new();
//!
//! let policies = client.signing_policies(Retry::Configured, &cancellation)?.usable();
//! let policy = policies.iter().find(|policy| policy.name.to_string() == "demo/p-256");
//! let policy = policy.ok_or("no such signing policy")?;
//!
//! let digest = HashAlgorithm::Sha256.digest(b"what is signed");
//! let signed = client.sign(policy, SignatureAlgorithm::Ecdsa, &digest, &cancellation)?;
//! assert_eq!(signed.signature.len(), 64, "r and s of P-256");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The API token and the password of a proxy are wiped when they are dropped. Copies of them pass through the
//! buffers of HTTP, TLS and JSON; those are wiped only in a program whose allocator wipes all memory, as
//! the module's does.
//!
//! Overview of the modules: `client` has the two requests, and `fast_signing_request` and
//! `sign_hash` the two routes for signing. `exchange` sends a request until it gets a usable
//! response, `retry` decides when, and `status` and `unexpected` interpret responses other than
//! 200. `transport` keeps the connections that `connector` opens, directly or through a `tunnel`.

#![forbid(unsafe_code)]

mod any_case;
mod api_url;
mod call;
mod cancellation;
mod client;
mod command_line;
mod connect_error;
mod connector;
mod credentials;
mod encoding;
mod error;
mod exchange;
mod failed_attempt;
mod fast_signing_request;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod health;
mod journal;
mod limits;
mod listed;
mod lookup;
mod masker;
mod metadata;
mod multipart;
mod no_proxy;
mod options;
mod policy_cache;
mod policy_list;
mod policy_name;
mod pool;
mod problem;
mod proxy;
mod retry;
mod roots;
mod secret;
mod service_facts;
mod sign_hash;
mod signed;
mod signing_policy;
mod signing_route;
mod socket;
mod status;
mod stream;
pub mod tls;
mod transport;
#[cfg(test)]
mod transport_tests;
mod tunnel;
mod unexpected;
mod waiting;

pub use api_url::{base_url, is_unencrypted};
pub use cancellation::{Cancellation, POLL_INTERVAL};
pub use client::Client;
pub use credentials::Credentials;
pub use error::{Error, ErrorKind, Result};
pub use health::{Health, health};
pub use journal::{JournalEntry, Unverified};
pub use lookup::Threads;
pub use no_proxy::{EXPECTED as EXPECTED_NO_PROXY, NoProxy};
pub use options::{ClientCertificate, DEFAULT_API_URL, Options, SigningApi};
pub use policy_cache::PolicyCache;
pub use policy_list::PolicyList;
pub use policy_name::PolicyName;
pub use proxy::Proxy;
pub use retry::Retry;
pub use secret::{MASK, Secret, secret_digest};
pub use service_facts::Quota;
pub use signed::Signed;
pub use signing_policy::{RSA_KEY_SIZES, SigningPolicy, has_supported_size};
pub use transport::Transport;
pub use tunnel::{ConnectResponse, connect_request, connect_response};

/// The same random cases in each run.
#[cfg(test)]
fn same_cases() -> proptest::prelude::ProptestConfig {
    proptest::prelude::ProptestConfig {
        rng_seed: proptest::test_runner::RngSeed::Fixed(1),
        failure_persistence: None,
        ..Default::default()
    }
}
