//! The list of signing policies, as returned by `GET /Cryptoki/MySigningPolicies` and as cached on
//! disk.

use std::fmt;
use std::sync::Arc;

use signpath_platform::repeated_warnings::RepeatedWarnings;

use crate::listed::Listed;
use crate::masker::Masker;
use crate::signing_policy::SigningPolicy;

/// The signing policies that the service lists for a user. Keys and certificates are not parsed
/// until [`usable`](Self::usable) or [`read`](Self::read) is called.
#[derive(Clone)]
pub struct PolicyList {
    pub(crate) listed: Vec<Listed>,
    masker: Arc<Masker>,
}

impl fmt::Debug for PolicyList {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.listed.iter().map(|listed| &listed.name);
        formatter.debug_list().entries(names).finish()
    }
}

impl PolicyList {
    /// A list. `masker` masks secrets in messages about it.
    pub(crate) fn new(listed: Vec<Listed>, masker: &Arc<Masker>) -> Self {
        Self { listed, masker: masker.clone() }
    }

    /// Parses the service's response. Invalid entries are skipped, so that they do not hide the
    /// others, and the first few are logged as warnings.
    ///
    /// # Errors
    /// If the list as a whole is invalid.
    pub(crate) fn from_json(body: &[u8], masker: &Arc<Masker>) -> serde_json::Result<Self> {
        let mut listed = Vec::new();
        let mut left_out =
            RepeatedWarnings::new("more invalid entries in the list of signing policies, skipped");
        Listed::read_all(body, |entry| match entry {
            Ok(policy) => listed.push(policy),
            Err(reason) => {
                left_out.warn(|| format!("{}; skipped", masker.mask(&reason)));
            }
        })?;
        Ok(Self::new(listed, masker))
    }

    /// Whether the list is empty.
    pub fn is_empty(&self) -> bool {
        self.listed.is_empty()
    }

    /// Parses keys and certificates. For an unusable entry, the error is the reason, a sentence
    /// without secrets.
    pub fn read(self) -> impl Iterator<Item = Result<SigningPolicy, String>> {
        let masker = self.masker;
        let policies = self.listed.into_iter().map(SigningPolicy::read);
        policies.map(move |policy| policy.map_err(|reason| masker.mask(&reason)))
    }

    /// Parses keys and certificates and returns the usable signing policies. The first few others
    /// are logged as warnings, and so are the first few with a key that cannot sign.
    pub fn usable(self) -> Vec<SigningPolicy> {
        let masker = self.masker.clone();
        let mut without_key = RepeatedWarnings::new("more signing policies whose key cannot sign");
        let policies = self.usable_to_sign();
        for policy in &policies {
            if let Some(reason) = policy.why_not_signing() {
                without_key
                    .warn(|| masker.mask(&format!("signing policy {}: {reason}", policy.name)));
            }
        }
        policies
    }

    /// Like [`usable`](Self::usable), for a caller that refuses the policy it needs if its key cannot
    /// sign, and so logs nothing about keys.
    pub fn usable_to_sign(self) -> Vec<SigningPolicy> {
        let mut left_out = RepeatedWarnings::new("more unusable signing policies, skipped");
        let mut skip = |reason: &String| left_out.warn(|| format!("{reason}; skipped"));
        self.read().filter_map(|policy| policy.inspect_err(&mut skip).ok()).collect()
    }
}
