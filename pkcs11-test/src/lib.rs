//! A local SignPath service with real keys. It implements the REST routes for hash signing and keeps its state in a
//! directory.
//!
//! ```no_run
//! # fn main() -> Result<(), pkcs11_test::Error> {
//! let service = pkcs11_test::Service::start(pkcs11_test::Options::new("state"))?;
//! for (name, value) in service.environment() {
//!     println!("{name}={value}");
//! }
//! # Ok(())
//! # }
//! ```
//!
//! The command `pkcs11-test serve` does the same for shells, and `pkcs11-test demo` has real tools sign with it.

/// The root of the repository.
pub const REPOSITORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

#[cfg(all(feature = "harness", unix))]
pub mod bench;
mod bodies;
mod built;
mod certificates;
mod digest;
mod error;
mod fault;
mod gate;
#[cfg(feature = "harness")]
pub mod harness;
mod http;
mod keys;
mod log;
mod openpgp;
mod options;
mod organization;
mod page;
mod policies;
mod problem;
mod routes;
mod service;
mod signing;
mod state;
mod tls;

pub use built::{BUILT_MODULE, built_file};
pub use error::Error;
pub use fault::{Effect, Fault};
pub use gate::Gate;
pub use keys::{KeyKind, KeyStoreKind, SoftHsmToken};
pub use log::{FormField, Log, RequestRecord};
pub use options::{Options, ServerCertificate, TlsOptions, TlsVersions};
pub use policies::{CertificateKind, PolicyEntry, PolicyFile, Slug, UserEntry};
pub use service::Service;
pub use state::write_secret;
