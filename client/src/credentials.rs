//! The credentials of a user.

use crate::secret::Secret;

/// A user of an organization, identified by an API token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The organization's ID, a UUID. It is part of URLs and not secret.
    pub organization_id: String,
    /// The bearer token.
    pub api_token: Secret,
}
