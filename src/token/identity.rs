//! Someone whom the service knows.

use std::sync::Arc;

use crate::catalog::{Catalog, Known};
use crate::config::{Config, Credentials};
use crate::crypto::{Digest, SignatureAlgorithm};
use crate::error::{Kind, Result};
use crate::object::Options;
use crate::policy_cache::PolicyCache;
use crate::secret;
use crate::signpath::{Cancellation, Client, PolicyName, Retry, Service, SigningPolicy, Transport};

/// Credentials, a client with them, and what they give access to.
pub struct Identity {
    /// Who it is.
    pub credentials: Credentials,
    /// The signing policies.
    pub catalog: Catalog,
    organization_id: Arc<str>,
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
            organization_id: credentials.organization_id.as_str().into(),
            credentials,
            service,
        })
    }

    pub(super) fn organization_id(&self) -> &Arc<str> {
        &self.organization_id
    }
}

/// What somebody knew who has logged out, without the token: its list of the signing policies, and what
/// it takes to recognize the same credentials.
#[derive(Clone)]
pub struct Memory {
    salt: [u8; 32],
    /// Of the salt and the credentials.
    digest: [u8; 32],
    known: Known,
}

impl Memory {
    /// Of nobody who knows nothing, nor where the system has no random numbers.
    pub fn of(identity: &Identity) -> Option<Self> {
        let known = identity.catalog.knowledge()?;
        let mut salt = [0; 32];
        getrandom::fill(&mut salt).ok()?;
        let digest = salted_digest(&salt, &identity.credentials);
        Some(Self {
            salt,
            digest,
            known,
        })
    }

    /// Tells it to somebody who has the same credentials.
    pub fn remind(self, identity: &Identity) {
        if self.digest == salted_digest(&self.salt, &identity.credentials) {
            identity.catalog.start_with(self.known);
        }
    }
}

fn salted_digest(salt: &[u8], credentials: &Credentials) -> [u8; 32] {
    secret::digest(&[
        salt,
        credentials.organization_id.as_bytes(),
        credentials.api_token.expose().as_bytes(),
    ])
}

/// Signs in its name. A refusal, or a signature of another key, means that the list of the signing
/// policies may be outdated.
impl Service for Identity {
    fn signing_policies(
        &self,
        retry: Retry,
        cancellation: &Cancellation,
    ) -> Result<Vec<SigningPolicy>> {
        self.service.signing_policies(retry, cancellation)
    }

    fn sign(
        &self,
        policy: &PolicyName,
        algorithm: SignatureAlgorithm,
        digest: &Digest,
        cancellation: &Cancellation,
    ) -> Result<Vec<u8>> {
        self.catalog.renew(policy, cancellation)?;
        let result = self.service.sign(policy, algorithm, digest, cancellation);
        if let Err(error) = &result {
            if matches!(error.kind, Kind::ServiceUnauthorized | Kind::ServiceRefused) {
                self.catalog.doubt();
            }
        }
        result
    }

    fn masked(&self, text: &str) -> String {
        self.service.masked(text)
    }

    fn doubt_policies(&self) {
        self.catalog.doubt();
    }
}
