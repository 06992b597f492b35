//! Caches the list of signing policies in the user's cache directory, so that the next process does
//! not have to request it. The list contains only public data: names, public keys and certificates.

use std::fs;
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base16ct::lower::encode_string as hex;
use log::warn;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::client::Client;
use crate::error::{ErrorKind, Result};
use crate::listed::Listed;
use crate::masker::Masker;
use crate::policy_list::PolicyList;
use crate::secret;
use signpath_platform::os_error::describe;
use signpath_platform::{file, folders};

/// The subdirectory of the user's cache directory.
const FOLDER: &str = "signpath-pkcs11";

/// The version of the file format. Files of other versions are ignored.
const VERSION: u32 = 1;

/// The largest file that is read, in bytes.
const MAX_LENGTH: u64 = 32 << 20;

/// The cache file for one user and one filter.
pub struct PolicyCache {
    path: PathBuf,
    max_age: Duration,
    masker: Arc<Masker>,
}

/// The content of a cache file.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Content<'a> {
    #[serde(flatten)]
    head: Head,
    signing_policies: &'a [Listed],
}

/// What a cache file contains besides the signing policies.
#[derive(Serialize, Deserialize)]
struct Head {
    version: u32,
    /// When the list was cached, in seconds since 1970.
    time: u64,
}

impl PolicyCache {
    /// The cache for lists that `client` gets, which are used for up to `max_age`. [`None`] if the
    /// user has no cache directory.
    pub fn new(client: &Client, max_age: Duration) -> Option<Self> {
        let Some(folder) = folders::cache() else {
            warn!("PolicyCacheSeconds has no effect: {}", folders::CACHE_VARIABLES);
            return None;
        };
        let named = |name: String| Self {
            path: folder.join(FOLDER).join(name),
            masker: client.api().masker.clone(),
            max_age,
        };
        let name = file_name(client);
        let route = named(format!("{name}.sign-hash"));
        client.api().transport.last_route.keep_in(route);
        Some(named(name))
    }

    /// The cached list, unless it is damaged, too old, or another user may have written it. A
    /// damaged file is removed. Certificates in the list may have expired.
    pub fn read(&self) -> Option<PolicyList> {
        self.read_at(SystemTime::now())
    }

    fn read_at(&self, now: SystemTime) -> Option<PolicyList> {
        match self.load(now) {
            Ok(listed) => {
                self.log(log::Level::Info, "using", "");
                Some(PolicyList::new(listed, &self.masker))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                self.log(log::Level::Info, "removing", &error.to_string());
                self.remove();
                None
            }
            Err(error) => {
                self.log(log::Level::Info, "ignoring", &describe(&error));
                None
            }
        }
    }

    pub(crate) fn load(&self, now: SystemTime) -> io::Result<Vec<Listed>> {
        let file = file::open_own(&self.path)?;
        if !file.metadata()?.is_file() {
            return Err(io::Error::other("not a regular file"));
        }
        let mut text = String::new();
        file.take(MAX_LENGTH).read_to_string(&mut text)?;
        let (digest, json) = text.split_once('\n').ok_or_else(damaged)?;
        if digest != hex_digest(json.as_bytes()) {
            return Err(damaged());
        }
        let head: Head = serde_json::from_str(json).map_err(|_| damaged())?;
        if head.version != VERSION {
            return Err(io::Error::other("it was written by another version"));
        }
        // A time in the future would make the file look fresh later on.
        let age = seconds(now).checked_sub(head.time).ok_or_else(damaged)?;
        if age > self.max_age.as_secs() {
            return Err(io::Error::other("it has expired"));
        }
        let (mut policies, mut is_complete) = (Vec::new(), true);
        let entry = |entry: std::result::Result<_, _>| {
            is_complete &= entry.is_ok();
            policies.extend(entry);
        };
        Listed::read_all(json.as_bytes(), entry).map_err(|_| damaged())?;
        if !is_complete {
            return Err(damaged());
        }
        Ok(policies)
    }

    /// Records what the service has just answered: caches a list, and removes the cached one if the service
    /// no longer accepts the user.
    pub fn note(&self, answer: &Result<PolicyList>) {
        match answer {
            Ok(policies) => self.write(policies),
            Err(error) if error.kind == ErrorKind::Unauthorized => self.remove(),
            Err(_) => {}
        }
    }

    /// Caches a list that the service has just sent. An empty list is not cached, so that the next
    /// process sees new signing policies at once. A failure is only logged.
    fn write(&self, policies: &PolicyList) {
        if policies.is_empty() {
            return self.remove();
        }
        if let Err(error) = self.store(&policies.listed, SystemTime::now()) {
            self.log(log::Level::Warn, "cannot write", &describe(&error));
        }
    }

    pub(crate) fn store(&self, policies: &[Listed], now: SystemTime) -> io::Result<()> {
        let json = serde_json::to_string(&Content {
            head: Head { version: VERSION, time: seconds(now) },
            signing_policies: policies,
        })?;
        let digest = hex_digest(json.as_bytes());
        if digest.len() + 1 + json.len() > MAX_LENGTH as usize {
            return Err(io::Error::other("the list is too long"));
        }
        let folder = self.path.parent().unwrap_or(&self.path);
        file::create_own_folder(folder)?;
        let mut new = file::Unfinished::beside(&self.path, 0o600)?;
        new.file.write_all(format!("{digest}\n").as_bytes())?;
        new.file.write_all(json.as_bytes())?;
        new.rename(&self.path)
    }

    /// Removes the cached list, because the service contradicts it.
    pub fn remove(&self) {
        // The file may be missing, and one that cannot be removed expires.
        let _ = fs::remove_file(&self.path);
    }

    fn log(&self, level: log::Level, what: &str, reason: &str) {
        let colon = if reason.is_empty() { "" } else { ": " };
        log::log!(
            level,
            "{what} the cached list of signing policies {}{colon}{reason}",
            self.path.display()
        );
    }
}

fn damaged() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "it is damaged")
}

/// Seconds since 1970.
fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// A file name that is different for each list. It is a single digest of everything the list
/// depends on, including the API token. The digest reveals nothing useful about the token, which is
/// too long to be guessed.
fn file_name(client: &Client) -> String {
    let (options, credentials) = (client.api().options(), &client.api().credentials);
    let parts = [
        options.api_url.as_str(),
        &credentials.organization_id,
        credentials.api_token.expose(),
        options.project_slug.as_deref().unwrap_or_default(),
        options.signing_policy_slug.as_deref().unwrap_or_default(),
    ];
    hex(&secret::secret_digest(&parts.map(str::as_bytes)))
}

fn hex_digest(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::credentials::Credentials;
    use crate::error::Error;
    use crate::lookup::Threads;
    use crate::options::Options;
    use crate::policy_name::PolicyName;
    use crate::secret::Secret;
    use crate::transport::Transport;

    const MINUTE: Duration = Duration::from_secs(60);

    fn cache(folder: &Path) -> PolicyCache {
        PolicyCache {
            path: folder.join("list"),
            max_age: MINUTE,
            masker: Arc::new(Masker::new([])),
        }
    }

    fn policies() -> Vec<Listed> {
        vec![Listed {
            name: PolicyName::new("demo", "release").unwrap(),
            key_type: "Rsa".to_owned(),
            key_size_in_bits: Some(2048),
            public_key: Some(b"key".to_vec()),
            certificate: None,
        }]
    }

    fn listed(list: Option<PolicyList>) -> Vec<Listed> {
        list.unwrap().listed
    }

    #[test]
    fn uses_a_list_until_it_expires_but_not_from_the_future() {
        let folder = tempfile::tempdir().unwrap();
        let cache = cache(folder.path());
        let now = UNIX_EPOCH + 1_000_000 * MINUTE;
        cache.store(&policies(), now).unwrap();
        assert_eq!(listed(cache.read_at(now)), policies());
        assert_eq!(listed(cache.read_at(now + MINUTE)), policies());
        assert!(cache.read_at(now + MINUTE + Duration::from_secs(1)).is_none());
        assert!(cache.read_at(now - Duration::from_secs(1)).is_none());
    }

    /// Such a process may be in another container.
    #[test]
    fn leaves_alone_what_a_process_with_the_same_id_writes() {
        let folder = tempfile::tempdir().unwrap();
        let name = |number| format!(".{}-{number}.new", std::process::id());
        let others = (0..100).map(|number| folder.path().join(name(number)));
        let others: Vec<_> = others.collect();
        for other in &others {
            fs::write(other, "").unwrap();
        }
        let cache = cache(folder.path());
        cache.store(&policies(), SystemTime::now()).unwrap();
        assert!(others.iter().all(|other| other.exists()));
        let files = fs::read_dir(folder.path()).unwrap();
        assert_eq!(files.count(), others.len() + 1);
    }

    #[test]
    fn removes_a_truncated_or_modified_file() {
        let folder = tempfile::tempdir().unwrap();
        let cache = cache(folder.path());
        cache.write(&PolicyList::new(policies(), &cache.masker));
        let good = fs::read(&cache.path).unwrap();
        for position in (0..good.len()).step_by(7) {
            fs::write(&cache.path, good.get(..position).unwrap()).unwrap();
            assert!(cache.read().is_none(), "cut off at {position}");
            assert!(!cache.path.exists(), "cut off at {position}");
            let mut changed = good.clone();
            *changed.get_mut(position).unwrap() ^= 1;
            fs::write(&cache.path, changed).unwrap();
            assert!(cache.read().is_none(), "changed at {position}");
            assert!(!cache.path.exists(), "changed at {position}");
        }
        fs::write(&cache.path, good).unwrap();
        assert_eq!(listed(cache.read()), policies());
    }

    #[test]
    fn file_names_differ_by_user_and_filter_and_hide_the_token() {
        let file_name = |url: &str, project: Option<&str>, organization: &str, token: &str| {
            let options = Options {
                project_slug: project.map(str::to_owned),
                ..Options::new(url.parse().unwrap())
            };
            let credentials = Credentials {
                organization_id: organization.to_owned(),
                api_token: Secret::new(token.to_owned()),
            };
            let transport = Arc::new(Transport::new(options, Threads::Allowed));
            file_name(&Client::new(transport, &credentials, &[]))
        };
        const URL: &str = "https://example.org/Api";
        let names = [
            file_name(URL, None, "a", "bc"),
            file_name(URL, None, "ab", "c"),
            file_name(URL, None, "a", "bd"),
            file_name(URL, Some("demo"), "a", "bc"),
            file_name("https://example.com/Api", None, "a", "bc"),
        ];
        let different: std::collections::BTreeSet<_> = names.iter().collect();
        assert_eq!(different.len(), names.len());
        assert!(names.iter().all(|name| name.len() == 64 && *name != hex_digest(b"bc")));
    }

    #[test]
    fn only_a_refused_user_loses_the_cached_list() {
        let directory = tempfile::tempdir().unwrap();
        let cache = cache(directory.path());
        cache.note(&Ok(PolicyList::new(policies(), &cache.masker)));
        for kind in [ErrorKind::Unavailable, ErrorKind::Failed, ErrorKind::Refused] {
            cache.note(&Err(Error::new(kind, "")));
            assert_eq!(listed(cache.read()), policies(), "{kind:?}");
        }
        cache.note(&Err(Error::new(ErrorKind::Unauthorized, "")));
        assert!(cache.read().is_none());
    }
}
