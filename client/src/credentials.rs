//! Who asks.

use crate::secret::Secret;

/// A user of an organization, by an API token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The organization's ID, a UUID; it shows in URLs and may be logged.
    pub organization_id: String,
    /// The bearer token.
    pub api_token: Secret,
}
