//! The policies file: users and their signing policies.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::Path;

use serde::Deserialize;
use uuid::Uuid;

use crate::error::{Context, Error};
use crate::keys::KeyKind;

/// An organization's users and signing policies, as described by the policies file (JSON).
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PolicyFile {
    /// The organization's UUID. `None`: generated on first start and kept in the state directory.
    pub organization_id: Option<Uuid>,
    /// The users, at least one. The environment lines contain the token of the first.
    #[serde(default = "default_users")]
    pub users: Vec<UserEntry>,
    /// The signing policies, in the order of the list returned by the API.
    #[serde(default = "default_policies")]
    pub policies: Vec<PolicyEntry>,
}

/// A user of the organization.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UserEntry {
    /// The name shown in the request log.
    pub name: String,
    /// The API token. `None`: generated on first start and kept in the state directory.
    pub token: Option<String>,
    /// The policies (`project/policy`) that the user is a Submitter of. `None`: all.
    pub submitter_of: Option<Vec<String>>,
}

/// A signing policy.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PolicyEntry {
    /// The project's slug.
    pub project: Slug,
    /// The policy's slug.
    pub policy: Slug,
    /// The key's type and size.
    pub key: KeyKind,
    /// Policies with the same key name share a key and a certificate. `None`: the policy has its own key.
    pub key_name: Option<Slug>,
    /// Whether the policy has an approval process, which hash signing does not support.
    #[serde(default)]
    pub approval: bool,
    /// What the API returns as the policy's certificate.
    #[serde(default)]
    pub certificate: CertificateKind,
}

impl PolicyEntry {
    /// `project/policy`, which is also the CKA_ID and CKA_LABEL of its objects.
    pub fn label(&self) -> String {
        format!("{}/{}", self.project.0, self.policy.0)
    }
}

/// What the API returns as a policy's certificate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub enum CertificateKind {
    /// An X.509 certificate for code signing.
    #[default]
    X509,
    /// An X.509 certificate for e-mail (S/MIME), which NSS requires for CMS signers.
    Email,
    /// None. The policy is of type GPG and has an OpenPGP key instead.
    None,
    /// Text that is not a certificate.
    Garbage,
}

/// A name that is safe in a URL, a file name and a distinguished name: letters, digits, `-`, `_` and `.`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct Slug(String);

impl Slug {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Slug {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if text.is_empty() || text.starts_with('.') || !text.chars().all(allowed) {
            return Err(format!(
                "`{text}` is not a valid slug: expected letters, digits, `-`, `_` and `.`, not starting with `.`"
            ));
        }
        Ok(Self(text))
    }
}

impl PolicyFile {
    /// Reads a policies file.
    ///
    /// # Errors
    /// The file cannot be read or is not a policies file; the message names the file, the line and what is expected.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let text = fs::read_to_string(path)
            .context(format!("cannot read the policies file {}", path.display()))?;
        Self::parse(&text).context(format!("policies file {}", path.display()))
    }

    /// Parses a policies file.
    ///
    /// # Errors
    /// The text is not JSON of the expected structure, contains duplicates, or refers to a policy that does not exist.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let file: Self =
            serde_json::from_str(text).map_err(|error| Error::new(error.to_string()))?;
        file.check()?;
        Ok(file)
    }

    fn check(&self) -> Result<(), Error> {
        let mut labels = HashSet::new();
        let mut kinds: HashMap<&Slug, KeyKind> = HashMap::new();
        for entry in &self.policies {
            if !labels.insert(entry.label()) {
                return Err(Error::new(format!("the policy `{}` is listed twice", entry.label())));
            }
            if let Some(name) = &entry.key_name {
                if *kinds.entry(name).or_insert(entry.key) != entry.key {
                    return Err(Error::new(format!(
                        "the key `{}` has two types; use the same `key` in all policies that share it",
                        name.0
                    )));
                }
            }
        }
        if self.users.is_empty() {
            return Err(Error::new(
                "`users` is empty: expected at least one user, or no `users` for the default one",
            ));
        }
        let mut names = HashSet::new();
        for user in &self.users {
            if !names.insert(&user.name) {
                return Err(Error::new(format!("the user `{}` is listed twice", user.name)));
            }
            if let Some(unknown) =
                user.submitter_of.iter().flatten().find(|label| !labels.contains(*label))
            {
                return Err(Error::new(format!(
                    "the user `{}` is Submitter of `{unknown}`, which is not in `policies`: expected `project/policy`",
                    user.name
                )));
            }
        }
        Ok(())
    }
}

/// One user who may sign with everything, and a project `demo` with one policy for each type and size of key.
impl Default for PolicyFile {
    fn default() -> Self {
        Self { organization_id: None, users: default_users(), policies: default_policies() }
    }
}

fn default_users() -> Vec<UserEntry> {
    vec![UserEntry { name: "ci".to_owned(), token: None, submitter_of: None }]
}

fn default_policies() -> Vec<PolicyEntry> {
    KeyKind::ALL
        .iter()
        .map(|&key| PolicyEntry {
            project: Slug("demo".to_owned()),
            policy: Slug(key.name().to_owned()),
            key,
            key_name: None,
            approval: false,
            certificate: CertificateKind::X509,
        })
        .collect()
}
