//! The state directory: persistent keys, certificates and generated identifiers.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Once;

use base64::prelude::{BASE64_STANDARD, Engine};
use fs4::FileExt;
use rsa::rand_core::{OsRng, RngCore};
use serde::{Deserialize, Serialize};
use signpath_platform::file::{self, Unfinished};
use uuid::Uuid;

use crate::error::{Context, Error};

const IDENTITIES: &str = "identities.json";

/// Readable by the owner only.
pub(crate) const SECRET: u32 = 0o600;
/// Readable by everyone with access to the directory.
pub(crate) const PUBLIC: u32 = 0o644;

/// A directory of mode 0700.
pub(crate) struct StateFolder {
    path: PathBuf,
    generating: Once,
}

impl StateFolder {
    pub fn open(path: &Path) -> Result<Self, Error> {
        create_folder(path)?;
        let path = path
            .canonicalize()
            .context(format!("cannot open the state directory {}", path.display()))?;
        Ok(Self { path, generating: Once::new() })
    }

    /// Announces once, on stderr, that keys are being generated: finding RSA primes can take a minute.
    pub fn announce_keys(&self) {
        self.generating.call_once(|| {
            eprintln!(
                "pkcs11-test: generating keys in {}, once; this can take a minute",
                self.path.display()
            );
        });
    }

    /// Keeps other processes from creating the same files until the returned file is dropped.
    pub fn lock(&self) -> Result<File, Error> {
        let path = self.path("lock");
        let file = file::open_or_create(&path, SECRET)
            .context(format!("cannot open {}", path.display()))?;
        FileExt::lock(&file).context(format!("cannot lock {}", path.display()))?;
        Ok(file)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    pub fn create_folder(&self, name: &str) -> Result<PathBuf, Error> {
        let path = self.path(name);
        create_folder(&path)?;
        Ok(path)
    }

    /// Reads a file, if it exists.
    pub fn read(&self, name: &str) -> Result<Option<String>, Error> {
        let path = self.path(name);
        match fs::read_to_string(&path) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).context(format!("cannot read {}", path.display())),
        }
    }

    /// Writes a file atomically.
    pub fn write(&self, name: &str, content: &str, mode: u32) -> Result<(), Error> {
        let path = self.path(name);
        if let Some(folder) = path.parent() {
            create_folder(folder)?;
        }
        write_atomically(&path, content.as_bytes(), mode)
    }
}

/// Writes a temporary file and renames it, so that readers never see an incomplete file.
pub(crate) fn write_atomically(path: &Path, content: &[u8], mode: u32) -> Result<(), Error> {
    let write = || {
        let mut new = Unfinished::beside(path, mode)?;
        new.file.write_all(content)?;
        new.file.sync_all()?;
        new.rename(path)
    };
    write().context(format!("cannot write {}", path.display()))
}

fn create_folder(path: &Path) -> Result<(), Error> {
    let failure = format!("cannot create the directory {}", path.display());
    file::create_folder(path, 0o700).context(failure)
}

/// Identifiers generated on first use.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Identities {
    pub organization_id: Uuid,
    tokens: BTreeMap<String, String>,
    policy_ids: BTreeMap<String, Uuid>,
}

impl Identities {
    pub fn load(state: &StateFolder) -> Result<Self, Error> {
        match state.read(IDENTITIES)? {
            Some(text) => serde_json::from_str(&text).context(format!(
                "{} is damaged; remove it to generate new identifiers",
                state.path(IDENTITIES).display()
            )),
            None => Ok(Self {
                organization_id: Uuid::new_v4(),
                tokens: BTreeMap::new(),
                policy_ids: BTreeMap::new(),
            }),
        }
    }

    pub fn save(&self, state: &StateFolder) -> Result<(), Error> {
        let text = serde_json::to_string_pretty(self).context("cannot write the identifiers")?;
        state.write(IDENTITIES, &text, SECRET)
    }

    pub fn token(&mut self, user: &str) -> String {
        self.tokens.entry(user.to_owned()).or_insert_with(generate_token).clone()
    }

    pub fn policy_id(&mut self, label: &str) -> Uuid {
        *self.policy_ids.entry(label.to_owned()).or_insert_with(Uuid::new_v4)
    }
}

/// 44 base64 characters including `/`, `+` and `=`, all of which a client must transmit correctly.
fn generate_token() -> String {
    let mut bytes = [0; 32];
    loop {
        OsRng.fill_bytes(&mut bytes);
        let token = BASE64_STANDARD.encode(bytes);
        if token.contains('/') && token.contains('+') {
            return token;
        }
    }
}

/// A random PIN of 32 hexadecimal digits.
pub(crate) fn generate_pin() -> String {
    let mut bytes = [0; 16];
    OsRng.fill_bytes(&mut bytes);
    Uuid::from_bytes(bytes).simple().to_string()
}

/// Writes a file of mode 0600 atomically.
///
/// # Errors
/// The file cannot be written.
pub fn write_secret(path: &Path, content: &str) -> Result<(), Error> {
    write_atomically(path, content.as_bytes(), SECRET)
}
