//! The list of signing policies, kept in the user's cache folder so that the next process need not
//! ask for it. It is public data: names, public keys and certificates.

use std::ffi::OsString;
use std::fs::{self, DirBuilder, Metadata, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base16ct::lower::encode_string as hex;
use log::warn;
use nix::fcntl::OFlag;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::client::Client;
use crate::error::{ErrorKind, Result};
use crate::policy_list::{Listed, PolicyList};
use crate::secret::{self, Masker};
use signpath_platform::environment;

/// The folder in the user's cache folder.
const FOLDER: &str = "signpath-pkcs11";

/// The form of the files. Those of another form are not read.
const VERSION: u32 = 1;

/// The largest file that is read, in bytes.
const MAX_LENGTH: u64 = 32 << 20;

/// The kept list of one user with one filter.
pub struct PolicyCache {
    path: PathBuf,
    max_age: Duration,
    masker: Arc<Masker>,
}

/// A kept list.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Content<'a> {
    #[serde(flatten)]
    head: Head,
    signing_policies: &'a [Listed],
}

/// What is kept beside the signing policies.
#[derive(Serialize, Deserialize)]
struct Head {
    version: u32,
    /// When the service sent it, in seconds since 1970.
    time: u64,
}

impl PolicyCache {
    /// Where the list that `client` gets is kept for up to `max_age`, if the user has a cache folder
    /// (`XDG_CACHE_HOME`, or `HOME` and `.cache`).
    pub fn new(client: &Client, max_age: Duration) -> Option<Self> {
        let Some(folder) = cache_folder(environment::var_os) else {
            warn!(
                "PolicyCacheSeconds has no effect: neither XDG_CACHE_HOME nor HOME names a \
                     folder"
            );
            return None;
        };
        Some(Self {
            path: folder.join(FOLDER).join(file_name(client)),
            masker: client.masker.clone(),
            max_age,
        })
    }

    /// The kept list, unless it is damaged, too old, or could be somebody else's. A damaged one is
    /// removed. Certificates in it may have expired.
    pub fn read(&self) -> Option<PolicyList> {
        self.read_at(SystemTime::now())
    }

    fn read_at(&self, now: SystemTime) -> Option<PolicyList> {
        match self.load(now) {
            Ok(listed) => {
                self.say(log::Level::Info, &"is used, and the service not asked");
                Some(PolicyList::new(listed, &self.masker))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                self.say(log::Level::Info, &format_args!("is removed: {error}"));
                self.remove();
                None
            }
            Err(error) => {
                self.say(log::Level::Info, &format_args!("is not used: {error}"));
                None
            }
        }
    }

    fn load(&self, now: SystemTime) -> io::Result<Vec<Listed>> {
        let folder = self.path.parent().unwrap_or(&self.path);
        check_private(&fs::symlink_metadata(folder)?)?;
        let file = OpenOptions::new()
            .read(true)
            .custom_flags((OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK).bits())
            .open(&self.path)?;
        let metadata = file.metadata()?;
        check_private(&metadata)?;
        if !metadata.is_file() {
            return Err(io::Error::other("it is no file"));
        }
        let mut text = String::new();
        file.take(MAX_LENGTH).read_to_string(&mut text)?;
        let (digest, json) = text.split_once('\n').ok_or_else(damaged)?;
        if digest != hex_digest(json.as_bytes()) {
            return Err(damaged());
        }
        let head: Head = serde_json::from_str(json).map_err(|_| damaged())?;
        if head.version != VERSION {
            return Err(io::Error::other("it is of another version"));
        }
        // One from the future would be taken for a new one some day.
        let age = seconds(now).checked_sub(head.time).ok_or_else(damaged)?;
        if age > self.max_age.as_secs() {
            return Err(io::Error::other("it is too old"));
        }
        let (mut policies, mut is_whole) = (Vec::new(), true);
        let entry = |entry: std::result::Result<_, _>| {
            is_whole &= entry.is_ok();
            policies.extend(entry);
        };
        Listed::read_all(json.as_bytes(), entry).map_err(|_| damaged())?;
        if !is_whole {
            return Err(damaged());
        }
        Ok(policies)
    }

    /// Takes note of what the service has just answered: keeps a list, and forgets the kept one if the
    /// service does not accept the user any more.
    pub fn note(&self, answer: &Result<PolicyList>) {
        match answer {
            Ok(policies) => self.write(policies),
            Err(error) if error.kind == ErrorKind::Unauthorized => self.remove(),
            Err(_) => {}
        }
    }

    /// Keeps a list that the service has just sent. One without policies is not worth it: the next
    /// process is to see at once that there are some. A failure is said, and costs nothing else.
    fn write(&self, policies: &PolicyList) {
        if policies.is_empty() {
            return self.remove();
        }
        if let Err(error) = self.store(&policies.listed, SystemTime::now()) {
            self.say(log::Level::Warn, &format_args!("cannot be kept: {error}"));
        }
    }

    fn store(&self, policies: &[Listed], now: SystemTime) -> io::Result<()> {
        let json = serde_json::to_string(&Content {
            head: Head {
                version: VERSION,
                time: seconds(now),
            },
            signing_policies: policies,
        })?;
        let digest = hex_digest(json.as_bytes());
        if digest.len() + 1 + json.len() > MAX_LENGTH as usize {
            return Err(io::Error::other("it is too long"));
        }
        let folder = self.path.parent().unwrap_or(&self.path);
        create_private(folder)?;

        static UNFINISHED: AtomicU32 = AtomicU32::new(0);
        let number = UNFINISHED.fetch_add(1, Ordering::Relaxed);
        let unfinished = folder.join(format!(".{}-{number}.new", std::process::id()));
        // Left by a process that was killed and had the same ID.
        let _ = fs::remove_file(&unfinished);
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&unfinished)?;
        let written = file
            .write_all(format!("{digest}\n").as_bytes())
            .and_then(|()| file.write_all(json.as_bytes()))
            .and_then(|()| fs::rename(&unfinished, &self.path));
        if written.is_err() {
            // The first error is the one to tell.
            let _ = fs::remove_file(&unfinished);
        }
        written
    }

    /// Forgets the list, because the service contradicts it.
    pub fn remove(&self) {
        // There may be none, and a list that cannot be removed grows old.
        let _ = fs::remove_file(&self.path);
    }

    fn say(&self, level: log::Level, what: &dyn std::fmt::Display) {
        log::log!(
            level,
            "the list of signing policies in {} {what}",
            self.path.display()
        );
    }
}

fn damaged() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "it is damaged")
}

/// Since 1970.
fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs()
}

/// The user's cache folder (XDG Base Directory Specification, which has relative paths ignored).
fn cache_folder(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let absolute = |name| {
        variable(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    absolute("XDG_CACHE_HOME").or_else(|| absolute("HOME").map(|home| home.join(".cache")))
}

/// A name that tells lists apart. It is one digest of everything they depend on, so that it says
/// nothing of the token to somebody who does not know all the rest, and little to one who does: a
/// token is too long to be guessed.
fn file_name(client: &Client) -> String {
    let (options, credentials) = (client.options(), &client.credentials);
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

fn create_private(folder: &Path) -> io::Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)?;
    check_private(&fs::symlink_metadata(folder)?)
}

/// Whether only this user can have written it.
fn check_private(metadata: &Metadata) -> io::Result<()> {
    if metadata.is_symlink() {
        return Err(io::Error::other("a symbolic link is not followed"));
    }
    if metadata.uid() != nix::unistd::geteuid().as_raw() {
        return Err(io::Error::other("it is another user's"));
    }
    if metadata.mode() & 0o022 != 0 {
        return Err(io::Error::other("others may write it"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credentials::Credentials;
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
    fn a_list_is_used_until_it_is_as_old_as_it_may_be_and_not_from_the_future() {
        let folder = tempfile::tempdir().unwrap();
        let cache = cache(folder.path());
        let now = UNIX_EPOCH + 1_000_000 * MINUTE;
        cache.store(&policies(), now).unwrap();
        assert_eq!(listed(cache.read_at(now)), policies());
        assert_eq!(listed(cache.read_at(now + MINUTE)), policies());
        assert!(
            cache
                .read_at(now + MINUTE + Duration::from_secs(1))
                .is_none()
        );
        assert!(cache.read_at(now - Duration::from_secs(1)).is_none());
    }

    #[test]
    fn a_file_that_lost_or_changed_a_byte_is_removed() {
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
    fn the_folder_is_that_of_the_xdg_base_directory_specification() {
        for (xdg, home, expected) in [
            (Some("/x"), Some("/home/u"), Some("/x")),
            (None, Some("/home/u"), Some("/home/u/.cache")),
            (Some(""), Some("/home/u"), Some("/home/u/.cache")),
            (Some("relative"), Some("/home/u"), Some("/home/u/.cache")),
            (None, Some(""), None),
            (None, None, None),
        ] {
            let variable = |name: &str| {
                let value = if name == "HOME" { home } else { xdg };
                value.map(OsString::from)
            };
            assert_eq!(cache_folder(variable), expected.map(PathBuf::from));
        }
    }

    #[test]
    fn lists_that_can_differ_have_different_names_without_token_or_its_digest() {
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
        assert!(
            names
                .iter()
                .all(|name| name.len() == 64 && *name != hex_digest(b"bc"))
        );
    }
}
