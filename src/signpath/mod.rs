//! The SignPath service: what the module asks of it, and the client that asks over HTTP.
//!
//! Nothing here knows PKCS #11.

mod cancellation;
mod client;
mod command_line;
mod connector;
mod encoding;
mod failure;
mod health;
mod limits;
mod lookup;
mod metadata;
mod multipart;
mod policy_name;
mod retry;
mod socket;
mod status;
mod stream;
pub mod tls;
mod transport;
#[cfg(test)]
mod transport_tests;
mod tunnel;
mod waiting;
mod wire;

pub use cancellation::{Cancellation, PATIENCE};
pub use client::Client;
pub use health::{Health, health};
pub use lookup::Threads;
pub use policy_name::PolicyName;
pub use retry::Retry;
pub use transport::Transport;
pub use tunnel::connect_request;

use crate::crypto::{Digest, SignatureAlgorithm};
use crate::error::Result;

/// A signing policy as the service lists it. Its key and certificate have not been looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SigningPolicy {
    /// Its name.
    pub name: PolicyName,
    /// The type of its key in the service's words.
    pub key_type: String,
    /// The size of its key.
    pub key_size_in_bits: Option<u32>,
    /// An RSAPublicKey, a SubjectPublicKeyInfo or a point.
    pub public_key: Option<Vec<u8>>,
    /// A DER X.509 certificate.
    pub certificate: Option<Vec<u8>>,
}

/// What the module asks of SignPath.
pub trait Service: Send + Sync {
    /// The signing policies for which the user is Submitter, one request.
    ///
    /// # Errors
    /// A kind that begins with `Service`, and the reason of the cancellation.
    fn signing_policies(
        &self,
        retry: Retry,
        cancellation: &Cancellation,
    ) -> Result<Vec<SigningPolicy>>;

    /// A signature of `digest` with the key of `policy`, one signing request. An ECDSA signature
    /// is r‖s.
    ///
    /// # Errors
    /// A kind that begins with `Service`, and the reason of the cancellation.
    fn sign(
        &self,
        policy: &PolicyName,
        algorithm: SignatureAlgorithm,
        digest: &Digest,
        cancellation: &Cancellation,
    ) -> Result<Vec<u8>>;

    /// What the service said, such as the name of a signing policy, without the secrets of the user
    /// if they are in it.
    fn masked(&self, text: &str) -> String;

    /// Takes note that a signature is not of the key that was listed for its policy.
    fn doubt_policies(&self) {}
}
