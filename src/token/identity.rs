//! A user known to SignPath.

use std::path::PathBuf;
use std::sync::Arc;

use crate::catalog::{Catalog, Known};
use crate::error::{Error, Result};
use crate::object::Options;
use crate::operation::SigningService;
use signpath_client::{
    Cancellation, Client, Credentials, PolicyCache, SigningPolicy, Transport, secret_digest,
};
use signpath_config::Config;
use signpath_crypto::{Digest, SignatureAlgorithm};

/// Credentials, a client that uses them, and the signing policies they give access to.
pub struct Identity {
    /// The credentials.
    pub credentials: Credentials,
    /// The signing policies.
    pub catalog: Catalog,
    organization_id: Arc<str>,
    client: Arc<Client>,
    /// The file to which each signature is added.
    journal: Option<PathBuf>,
}

impl Identity {
    /// Creates an identity. Does not use the network.
    pub fn new(
        transport: &Arc<Transport>,
        config: &Config,
        options: &Arc<Options>,
        credentials: Credentials,
    ) -> Arc<Self> {
        let configured = config.api_token.as_ref();
        let configured = configured.and_then(|token| token.read().ok());
        let others = config.other_secrets();
        let secrets: Vec<_> = configured.iter().chain(&others).collect();
        let client = Arc::new(Client::new(transport.clone(), &credentials, &secrets));
        let cache = config.policy_cache.and_then(|max_age| PolicyCache::new(&client, max_age));
        Arc::new(Self {
            catalog: Catalog::new(client.clone(), cache, options.clone()),
            organization_id: credentials.organization_id.as_str().into(),
            credentials,
            client,
            journal: config.log_journal.clone(),
        })
    }

    /// Text from SignPath, such as the name of a signing policy, with the user's secrets masked.
    pub(super) fn masked(&self, text: &str) -> String {
        self.client.masked(text)
    }

    pub(super) fn organization_id(&self) -> &Arc<str> {
        &self.organization_id
    }
}

/// What is remembered of a user who has logged out: the list of signing policies, and a salted
/// digest for recognizing the same credentials. The API token is not kept.
#[derive(Clone)]
pub struct RememberedPolicies {
    salt: [u8; 32],
    /// The digest of the salt and the credentials.
    digest: [u8; 32],
    known: Known,
}

impl RememberedPolicies {
    /// Returns `None` if there is nothing to remember or the system has no random numbers.
    pub fn of(identity: &Identity) -> Option<Self> {
        let known = identity.catalog.knowledge()?;
        let mut salt = [0; 32];
        getrandom::fill(&mut salt).ok()?;
        let digest = salted_digest(&salt, &identity.credentials);
        Some(Self { salt, digest, known })
    }

    /// Restores the list if the identity has the same credentials.
    pub fn restore_to(self, identity: &Identity) {
        if self.digest == salted_digest(&self.salt, &identity.credentials) {
            identity.catalog.start_with(self.known);
        }
    }
}

fn salted_digest(salt: &[u8], credentials: &Credentials) -> [u8; 32] {
    secret_digest(&[
        salt,
        credentials.organization_id.as_bytes(),
        credentials.api_token.expose().as_bytes(),
    ])
}

impl SigningService for Identity {
    fn sign(
        &self,
        policy: &SigningPolicy,
        algorithm: SignatureAlgorithm,
        digest: &Digest,
        cancellation: &Cancellation,
    ) -> Result<Vec<u8>> {
        self.catalog.renew(&policy.name, cancellation)?;
        let signed = self.client.sign(policy, algorithm, digest, cancellation);
        let signed = signed.map_err(|error| {
            if error.contradicts_policies() {
                self.catalog.mark_contradicted();
            }
            Error::from(error)
        })?;
        if let Some(journal) = &self.journal {
            let entry = self.client.journal_entry(policy, algorithm, digest, &signed);
            signpath_logging::journal::append(journal, &entry);
        }
        Ok(signed.signature)
    }
}
