//! The organization of the configured user, and its signing policies.

use std::borrow::Borrow;
use std::sync::Arc;

use signpath_pkcs11::catalog::Snapshot;
use signpath_pkcs11::config::Config;
use signpath_pkcs11::logging::{self, OutputStream};
use signpath_pkcs11::object::{Options, Policy};
use signpath_pkcs11::signpath::{Cancellation, PolicyName, Retry, Service, Threads, Transport};
use signpath_pkcs11::token::Identity;

use crate::failure::Failure;
use crate::progress::Progress;

/// What to do where the configuration names no user.
pub const NO_CREDENTIALS: &str = "there are no credentials; set SIGNPATH_ORGANIZATION_ID and SIGNPATH_API_TOKEN, or \
     OrganizationId and ApiToken in the file that SIGNPATH_CONFIG_FILE names";

/// How many signing policies a message names.
const NAMED: usize = 10;

/// The organization that the configuration leads to.
pub struct Organization {
    /// The configuration.
    pub config: Config,
    /// The configured user, in whose name the service is asked.
    pub identity: Arc<Identity>,
}

impl Organization {
    /// Reads the configuration; asks nothing yet.
    pub fn configured() -> Result<Self, Failure> {
        let config = Config::load()?;
        configure_logging(&config);
        config.say_notices();
        let credentials = config.credentials()?.ok_or(NO_CREDENTIALS)?;
        let transport = Arc::new(Transport::new(config.clone(), Threads::Allowed));
        let options = Arc::new(Options::default());
        Ok(Self {
            identity: Identity::new(&transport, &config, &options, credentials),
            config,
        })
    }

    /// Asks for the signing policies. One that cannot be used is left out with a warning.
    pub fn policies(&self) -> Result<Vec<Policy>, Failure> {
        let _progress = self.progress();
        let policies = self
            .identity
            .signing_policies(Retry::Configured, &Cancellation::new())?;
        let masked = |text: &str| self.identity.masked(text);
        Ok(Policy::usable(policies, false, masked))
    }

    /// The signing policy of that name, or the only one there is.
    pub fn policy(&self, name: Option<&PolicyName>) -> Result<Policy, Failure> {
        choose(self.policies()?, name)
    }

    /// The same to sign with: as the module does, from the list that is kept on disk if the configuration wants that.
    pub fn policy_to_sign(&self, name: Option<&PolicyName>) -> Result<Arc<Policy>, Failure> {
        let _progress = self.progress();
        let (catalog, cancellation) = (&self.identity.catalog, Cancellation::new());
        choose(policies_of(&*catalog.get(&cancellation)?), name)
            .or_else(|_| choose(policies_of(&*catalog.confirmed(&cancellation)?), name))
    }

    fn progress(&self) -> Progress {
        let url = &self.config.api_url;
        Progress::start(format!("Asking {url} for the signing policies"))
    }
}

/// The signing policy of that name, or the only one.
fn choose<P: Borrow<Policy>>(
    mut policies: Vec<P>,
    name: Option<&PolicyName>,
) -> Result<P, Failure> {
    let all = named(&policies);
    match name {
        Some(name) => policies
            .into_iter()
            .find(|policy| policy.borrow().name == *name)
            .ok_or_else(|| format!("no signing policy is called {name}; there are {all}").into()),
        None if policies.len() > 1 => {
            Err(format!("there is more than one signing policy; name one of {all}").into())
        }
        None => policies.pop().ok_or_else(|| NO_POLICIES.into()),
    }
}

fn policies_of(snapshot: &Snapshot) -> Vec<Arc<Policy>> {
    let policies = snapshot
        .objects()
        .iter()
        .filter_map(|object| object.policy());
    let mut policies: Vec<_> = policies.cloned().collect();
    policies.dedup_by(|one, other| Arc::ptr_eq(one, other));
    policies
}

/// Logs as the module does, but never to standard output, where the result goes.
pub fn configure_logging(config: &Config) {
    logging::configure(
        (config.log_console_level, OutputStream::Stderr),
        (config.log_file_level, &config.log_file_directory),
    );
}

/// What to do where there is no signing policy.
pub const NO_POLICIES: &str = "the user of the API token is Submitter of no signing policy that the configuration shows; add the \
     user to the submitters of a signing policy, and check ProjectSlug and SigningPolicySlug";

fn named<P: Borrow<Policy>>(policies: &[P]) -> String {
    let mut names: Vec<_> = policies
        .iter()
        .take(NAMED)
        .map(|policy| policy.borrow().name.to_string())
        .collect();
    match policies.len().saturating_sub(NAMED) {
        0 if names.is_empty() => return "none".to_owned(),
        0 => {}
        more => names.push(format!("{more} more")),
    }
    names.join(", ")
}
