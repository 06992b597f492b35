//! The configured organization and its signing policies.

use std::sync::Arc;
use std::time::Duration;

use log::warn;
use signpath_client::{
    Cancellation, Client, ErrorKind, PolicyCache, PolicyList, PolicyName, Retry, SigningPolicy,
    Threads, Transport,
};
use signpath_config::Config;
use signpath_config::token_info::TokenInfo;
use signpath_crypto::{Digest, SignatureAlgorithm};
use signpath_logging::{FileLog, OutputStream};

use crate::failure::Failure;
use crate::progress::Progress;

/// The longest wait for a newer list than the one that is kept.
const REFRESH_LIMIT: Duration = Duration::from_secs(5);

/// How many signing policies a message names.
pub const NAMED: usize = 10;

/// Which of the configured tokens.
#[derive(clap::Args)]
pub struct TokenChoice {
    /// Token to use if the setting Tokens lists several [default: the first]
    #[arg(long, value_name = "LABEL")]
    pub token: Option<String>,
}

impl TokenChoice {
    /// The configuration of the token.
    pub fn config(&self) -> Result<Config, Failure> {
        let mut configs = configured()?;
        let Some(label) = &self.token else {
            return Ok(configs.swap_remove(0));
        };
        let index = configs.iter().position(|config| config.token.label == *label);
        index.map(|index| configs.swap_remove(index)).ok_or_else(|| {
            let labels = configs.iter().map(|config| config.token.label.as_str());
            let labels: Vec<_> = labels.collect();
            format!("no token {label}; choose one of {}", labels.join(", ")).into()
        })
    }

    /// How the token identifies itself, for a command that needs nothing else of the configuration: without the option,
    /// one that cannot be used does not matter.
    pub fn info_offline(&self) -> Result<TokenInfo, Failure> {
        match self.token {
            Some(_) => Ok(self.config()?.token),
            None => Ok(Config::load().map(|config| config.token).unwrap_or_default()),
        }
    }
}

/// The configuration of each token, at least one, with logging as it wants.
pub fn configured() -> Result<Vec<Config>, Failure> {
    let configs = Config::load_tokens()?;
    if let Some(first) = configs.first() {
        configure_logging(first);
        first.log_notices();
    }
    Ok(configs)
}

/// The organization of a token.
pub struct Organization {
    /// The configuration.
    pub config: Config,
    /// Uses the configured credentials.
    client: Client,
    /// Where the list of signing policies is kept, if the configuration wants that.
    cache: Option<PolicyCache>,
}

impl Organization {
    /// Reads the configuration of a token. Sends no request.
    pub fn configured(choice: &TokenChoice) -> Result<Self, Failure> {
        Self::of(choice.config()?)
    }

    /// The organization with this configuration. Sends no request.
    pub fn of(config: Config) -> Result<Self, Failure> {
        let credentials = config.credentials()?.ok_or_else(|| config.missing_credentials())?;
        let transport = Arc::new(Transport::new(config.client_options.clone(), Threads::Allowed));
        let others = config.other_secrets();
        let client = Client::new(transport, &credentials, &others.iter().collect::<Vec<_>>());
        let cache = config.policy_cache;
        Ok(Self {
            cache: cache.and_then(|max_age| PolicyCache::new(&client, max_age)),
            client,
            config,
        })
    }

    /// Requests the signing policies. Unusable ones are skipped with a warning.
    pub fn policies(&self) -> Result<Vec<SigningPolicy>, Failure> {
        Ok(self.ask(Retry::Configured)?.usable())
    }

    /// The same for a caller that refuses the policy it needs if its key cannot sign.
    pub fn policies_to_sign(&self) -> Result<Vec<SigningPolicy>, Failure> {
        Ok(self.ask(Retry::Configured)?.usable_to_sign())
    }

    /// The same as [`Self::policies`] in one attempt, for a token among others that are to be shown too.
    pub fn policies_at_once(&self) -> Result<Vec<SigningPolicy>, Failure> {
        let limit = self.config.client_options.http_request_timeout;
        Ok(self.ask(Retry::Once(limit))?.usable())
    }

    /// The signing policy with that name, or the only one.
    pub fn policy(&self, name: Option<&PolicyName>) -> Result<SigningPolicy, Failure> {
        choose(self.policies()?, name)
    }

    /// The signing policy with that name, which the caller refuses if its key cannot sign.
    pub fn named(&self, name: &PolicyName) -> Result<SigningPolicy, Failure> {
        choose(self.policies_to_sign()?, Some(name))
    }

    /// Like [`Self::policy`], but as the module does for signing: uses the list cached on disk, if enabled, unless it
    /// lacks the policy or its certificate has expired.
    pub fn policy_to_sign(&self, name: Option<&PolicyName>) -> Result<SigningPolicy, Failure> {
        let Some(cache) = &self.cache else {
            return choose(self.policies_to_sign()?, name);
        };
        let Some(kept) = cache.read() else {
            let answer = self.ask(Retry::Configured);
            cache.note(&answer);
            return choose(answer?.usable_to_sign(), name);
        };
        let mut kept = kept.usable_to_sign();
        if let Ok(index) = position(&kept, name) {
            if kept.get(index).is_some_and(|policy| !policy.has_expired()) {
                return Ok(kept.swap_remove(index));
            }
        }
        let answer = self.ask(Retry::Once(REFRESH_LIMIT));
        cache.note(&answer);
        let policies = match answer {
            Err(error) if error.kind != ErrorKind::Unauthorized => {
                warn!(
                    "cannot refresh the list of signing policies, using the previous one: {}",
                    error.reason
                );
                kept
            }
            answer => answer?.usable_to_sign(),
        };
        choose(policies, name)
    }

    /// The transferable public key of a signing policy with an OpenPGP key.
    pub fn gpg_public_key(&self, policy: &PolicyName) -> Result<Option<Vec<u8>>, Failure> {
        let _progress = Progress::start(format!("Asking for the OpenPGP key of {policy}"));
        Ok(self.client.gpg_public_key(policy, &Cancellation::new())?)
    }

    /// Signs with the key of `policy`, in one signing request. If SignPath contradicts the list cached on disk, the
    /// cache is removed.
    pub fn sign(
        &self,
        policy: &SigningPolicy,
        algorithm: SignatureAlgorithm,
        digest: &Digest,
    ) -> Result<Vec<u8>, Failure> {
        let signed = self.client.sign(policy, algorithm, digest, &Cancellation::new());
        if let (Err(error), Some(cache)) = (&signed, &self.cache) {
            if error.contradicts_policies() {
                cache.remove();
            }
        }
        let signed = signed?;
        if let Some(journal) = &self.config.log_journal {
            let entry = self.client.journal_entry(policy, algorithm, digest, &signed);
            signpath_logging::journal::append(journal, &entry);
        }
        Ok(signed.signature)
    }

    fn ask(&self, retry: Retry) -> signpath_client::Result<PolicyList> {
        let url = &self.config.client_options.api_url;
        let _progress = Progress::start(format!("Requesting the signing policies from {url}"));
        self.client.signing_policies(retry, &Cancellation::new())
    }
}

/// Chooses the signing policy with that name, or the only one.
fn choose(
    mut policies: Vec<SigningPolicy>,
    name: Option<&PolicyName>,
) -> Result<SigningPolicy, Failure> {
    position(&policies, name).map(|index| policies.swap_remove(index))
}

fn position(policies: &[SigningPolicy], name: Option<&PolicyName>) -> Result<usize, Failure> {
    match (name, policies.len()) {
        (Some(name), _) => {
            policies.iter().position(|policy| policy.name == *name).ok_or_else(|| {
                let all = named(policies);
                format!("no signing policy {name}; choose one of {all}").into()
            })
        }
        (None, 0) => Err(NO_POLICIES.into()),
        (None, 1) => Ok(0),
        (None, _) => {
            let signing = policies.iter().filter(|policy| policy.why_not_signing().is_none());
            let mut signing = signing.map(|policy| &policy.name);
            match (signing.next(), signing.next()) {
                (Some(only), None) => position(policies, Some(only)),
                _ => {
                    let all = named(policies);
                    Err(format!("more than one signing policy; choose one of {all}").into())
                }
            }
        }
    }
}

/// Logs as the module does, but never to standard output, which is for the result.
pub fn configure_logging(config: &Config) {
    signpath_logging::configure(
        (config.log_console_level, OutputStream::Stderr),
        FileLog {
            level: config.log_file_level,
            directory: &config.log_file_directory,
            format: config.log_file_format,
        },
    );
}

/// The message if there is no signing policy.
pub const NO_POLICIES: &str = "no signing policies; make the user of the API token a Submitter of a signing policy, and check \
     ProjectSlug and SigningPolicySlug";

fn named(policies: &[SigningPolicy]) -> String {
    let mut names: Vec<_> =
        policies.iter().take(NAMED).map(|policy| policy.name.to_string()).collect();
    match policies.len().saturating_sub(NAMED) {
        0 if names.is_empty() => return "none".to_owned(),
        0 => {}
        more => names.push(format!("{more} more")),
    }
    names.join(", ")
}
