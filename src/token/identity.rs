//! Someone whom the service knows.

use std::sync::Arc;
use std::time::Duration;

use crate::catalog::Catalog;
use crate::config::{Config, Credentials};
use crate::crypto::{Digest, SignatureAlgorithm};
use crate::error::{Kind, Result};
use crate::object::Options;
use crate::policy_cache::PolicyCache;
use crate::signpath::{Cancellation, Client, PolicyName, Service, SigningPolicy, Transport};

/// Credentials, a client with them, and what they give access to.
pub struct Identity {
    /// Who it is.
    pub credentials: Credentials,
    /// The signing policies.
    pub catalog: Catalog,
    service: Arc<dyn Service>,
}

impl Identity {
    /// Asks nothing yet.
    pub fn new(
        transport: &Arc<Transport>,
        config: &Config,
        options: &Arc<Options>,
        credentials: Credentials,
    ) -> Arc<Self> {
        let service = Arc::new(Client::new(transport.clone(), config, &credentials));
        let cache = PolicyCache::new(config, &credentials);
        Arc::new(Self {
            catalog: Catalog::new(service.clone(), cache, options.clone()),
            credentials,
            service,
        })
    }

    pub(super) fn organization_id(&self) -> &str {
        &self.credentials.organization_id
    }
}

/// Signs in its name. A refusal, or a signature of another key, means that the list of the signing
/// policies may be outdated.
impl Service for Identity {
    fn signing_policies(
        &self,
        limit: Option<Duration>,
        cancellation: &Cancellation,
    ) -> Result<Vec<SigningPolicy>> {
        self.service.signing_policies(limit, cancellation)
    }

    fn sign(
        &self,
        policy: &PolicyName,
        algorithm: SignatureAlgorithm,
        digest: &Digest,
        cancellation: &Cancellation,
    ) -> Result<Vec<u8>> {
        let result = self.service.sign(policy, algorithm, digest, cancellation);
        if let Err(error) = &result {
            if matches!(error.kind, Kind::ServiceUnauthorized | Kind::ServiceRefused) {
                self.catalog.doubt();
            }
        }
        result
    }

    fn doubt_policies(&self) {
        self.catalog.doubt();
    }
}
