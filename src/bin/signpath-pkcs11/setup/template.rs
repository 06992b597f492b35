//! The files of a configuration, and what is filled into them.

use std::path::Path;

use sha1::{Digest, Sha1};
use signpath_pkcs11::crypto::PublicKey;
use signpath_pkcs11::object::Policy;

use crate::failure::Failure;
use crate::policy::{KeySummary, percent, uri};
use crate::program;

/// A file with `@NAME@` where a value belongs.
pub struct Template {
    /// Its usual name.
    pub name: &'static str,
    text: &'static str,
    /// Its permissions.
    pub mode: u32,
}

macro_rules! template {
    ($name:literal, $mode:literal) => {
        Template {
            name: $name,
            text: include_str!(concat!("templates/", $name)),
            mode: $mode,
        }
    };
}

pub const ENGINE: Template = template!("signpath-engine.cnf", 0o644);
pub const PROVIDER: Template = template!("signpath-provider.cnf", 0o644);
pub const SUNPKCS11: Template = template!("signpath-sunpkcs11.cfg", 0o644);
pub const OSSLSIGNCODE: Template = template!("signpath-osslsigncode", 0o755);
pub const GPG_AGENT: Template = template!("gpg-agent.conf", 0o644);
pub const GNUPG_PKCS11_SCD: Template = template!("gnupg-pkcs11-scd.conf", 0o644);
pub const GPG_KEY: Template = template!("signpath-gpg-key", 0o644);
pub const P11_KIT: Template = template!("signpath.module", 0o644);
pub const NSS: Template = template!("signpath-nss", 0o755);

/// In the place of a signing policy where none is known.
const ANY_POLICY: &str = "PROJECT/POLICY";

/// What is filled into templates.
pub struct Values {
    module: String,
    /// The signing policy that is named, or the only one.
    policy: Option<String>,
    /// The keygrip of the first RSA key, and the name of its policy.
    gpg_key: Option<(String, String)>,
    /// Name, key and URI of each signing policy.
    rows: Vec<[String; 3]>,
}

impl Values {
    /// Values for all signing policies, which are none if the service was not asked, or the named one.
    pub fn new(
        module: &Path,
        mut policies: Vec<Policy>,
        named: Option<&str>,
    ) -> Result<Self, Failure> {
        if let Some(name) = named.filter(|_| !policies.is_empty()) {
            policies.retain(|policy| policy.name.to_string() == name);
            if policies.is_empty() {
                return Err(format!("no signing policy is called {name}; `signpath-pkcs11 list` shows those that there are").into());
            }
        }
        let only = match policies.as_slice() {
            [only] => Some(only.name.to_string()),
            _ => None,
        };
        Ok(Self {
            module: plain(module)?,
            policy: named.map(str::to_owned).or(only),
            gpg_key: policies.iter().find_map(gpg_key),
            rows: policies.iter().map(row).collect(),
        })
    }

    /// The signing policy that is named, or the only one.
    pub fn policy(&self) -> Option<&str> {
        self.policy.as_deref()
    }

    /// The content of the file that will be used as `file`; [`None`] if the template needs a key that there is not.
    pub fn fill(&self, template: &Template, file: &str) -> Option<String> {
        let (of_gpg, keygrip) = self
            .gpg_key
            .as_ref()
            .map(|(name, keygrip)| (name.as_str(), keygrip.as_str()))
            .unzip();
        let is_key = template.text.contains("@KEYGRIP@");
        let first = self.rows.first().map(|[name, ..]| name.as_str());
        let policy = match is_key {
            true => of_gpg?,
            false => self.policy().or(first).unwrap_or(ANY_POLICY),
        };
        let values = [
            ("@FILE@", file.to_owned()),
            ("@KEY@", uri(policy)),
            ("@KEYGRIP@", keygrip.unwrap_or_default().to_owned()),
            ("@MODULE@", self.module.clone()),
            ("@OBJECT@", percent(policy.as_bytes())),
            ("@POLICIES@", self.policies()),
            ("@POLICY@", policy.to_owned()),
            ("@SCDAEMON@", scdaemon()),
        ];
        let text = template.text.to_owned();
        Some(
            values
                .iter()
                .fold(text, |text, (name, value)| text.replace(name, value)),
        )
    }

    /// A comment with a line for each signing policy.
    fn policies(&self) -> String {
        if self.rows.is_empty() {
            return "#   `signpath-pkcs11 list` shows them".to_owned();
        }
        let lines = self
            .rows
            .iter()
            .map(|[name, key, uri]| format!("#   {name}, {key}: {uri}"));
        lines.collect::<Vec<_>>().join("\n")
    }
}

fn row(policy: &Policy) -> [String; 3] {
    let key = policy.public_key.as_ref().map(KeySummary::of);
    let key = key.map_or_else(
        || "a key that the module cannot sign with".to_owned(),
        |key| key.text(),
    );
    let name = policy.name.to_string();
    let uri = uri(&name);
    [name, key, uri]
}

fn gpg_key(policy: &Policy) -> Option<(String, String)> {
    let keygrip = keygrip(policy.public_key.as_ref()?)?;
    Some((policy.name.to_string(), keygrip))
}

/// What GnuPG calls an RSA key: the SHA-1 of the modulus as libgcrypt writes numbers, with a zero byte before a set bit.
fn keygrip(key: &PublicKey) -> Option<String> {
    use rsa::traits::PublicKeyParts;
    let modulus = key.rsa()?.n().to_bytes_be();
    let sign: &[u8] = match modulus.first() {
        Some(first) if first & 0x80 != 0 => &[0],
        _ => &[],
    };
    let digest = Sha1::new()
        .chain_update(sign)
        .chain_update(&modulus)
        .finalize();
    Some(base16ct::upper::encode_string(&digest))
}

fn scdaemon() -> String {
    const NAME: &str = "gnupg-pkcs11-scd";
    let found = program::find(NAME).unwrap_or_else(|| Path::new("/usr/bin").join(NAME));
    found.display().to_string()
}

/// The path as text that means itself in every configuration file and between quotes in a shell.
fn plain(path: &Path) -> Result<String, Failure> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+~ ".contains(c);
    match path.to_str() {
        Some(text) if text.chars().all(is_plain) => Ok(text.to_owned()),
        _ => Err(format!(
            "the path {} has characters that not every configuration takes; put the module into a folder with a plain name",
            path.display()
        )
        .into()),
    }
}
