//! The result of a signing request.

use std::time::Duration;

use crate::problem::Reference;

/// A signature that has been verified with the public key of its signing policy, and how SignPath made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// The signature. An ECDSA signature is r‖s.
    pub signature: Vec<u8>,
    /// SignPath's ID of the signing request. The route of fast signing requests does not tell it.
    pub signing_request_id: Option<String>,
    /// The address of the signing request on SignPath's site, if the route tells it.
    pub web_link: Option<String>,
    /// How many attempts the signing request took at the route that signed.
    pub attempts: u32,
    /// How long all of it took, with retries and verification.
    pub duration: Duration,
}

/// What a route for signatures returned. Not verified yet.
pub(crate) struct Returned {
    pub(crate) signature: Vec<u8>,
    pub(crate) reference: Reference,
    pub(crate) attempts: u32,
}
