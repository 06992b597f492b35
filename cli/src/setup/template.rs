//! Templates of configuration files, and the values filled into them.

use std::path::Path;

use sha1::{Digest, Sha1};
use signpath_client::PolicyName;
use signpath_client::SigningPolicy;
use signpath_config::token_info::{SLOT_ID, TokenInfo};
use signpath_crypto::PublicKey;

use super::place::{self, Place};
use crate::failure::Failure;
use crate::policy::{key_text, percent, uri};
use crate::program;

/// A file with `@NAME@` as placeholder for each value.
pub struct Template {
    /// The usual file name.
    pub name: &'static str,
    text: &'static str,
    /// The file permissions.
    pub mode: u32,
    /// Where the paths of programs and libraries are inserted.
    path: Place,
    /// Where the name of a signing policy is inserted.
    policy: Place,
    /// Where the path of the file itself is inserted.
    file: Place,
}

macro_rules! template {
    ($name:literal, $mode:literal, $path:ident, $policy:ident, $file:ident) => {
        Template {
            name: $name,
            text: include_str!(concat!("templates/", $name)),
            mode: $mode,
            path: place::$path,
            policy: place::$policy,
            file: place::$file,
        }
    };
}

pub const ENGINE: Template = template!("signpath-engine.cnf", 0o644, OPENSSL, SHELL, SHELL);
pub const PROVIDER: Template = template!("signpath-provider.cnf", 0o644, OPENSSL, SHELL, SHELL);
pub const SUNPKCS11: Template =
    template!("signpath-sunpkcs11.cfg", 0o644, SUNPKCS11, JAVA_ALIAS, JAVA_FILE);
pub const OSSLSIGNCODE: Template = template!("signpath-osslsigncode", 0o755, SHELL, SHELL, SHELL);
pub const GPG_AGENT: Template = template!("gpg-agent.conf", 0o644, GPG_AGENT, SHELL, SHELL);
pub const GNUPG_PKCS11_SCD: Template =
    template!("gnupg-pkcs11-scd.conf", 0o644, GNUPG_PKCS11_SCD, SHELL, SHELL);
pub const GPG_KEY: Template = template!("signpath-gpg-key", 0o644, SHELL, GPG_USER, GPG_FILE);
pub const P11_KIT: Template = template!("signpath.module", 0o644, P11_KIT, SHELL, SHELL);
pub const NSS: Template = template!("signpath-nss", 0o755, SHELL, SHELL, SHELL);

/// Used if no signing policy is known.
const ANY_POLICY: &str = "PROJECT/POLICY";

/// The maximum length of a comment line in bytes: gnupg-pkcs11-scd treats everything after 1023 bytes as a new line.
const MAX_COMMENT: usize = 1000;

/// The values for templates.
pub struct Values {
    module: String,
    token: TokenInfo,
    /// The named signing policy, or the only one.
    policy: Option<String>,
    is_named: bool,
    rows: Vec<Row>,
}

/// A signing policy as shown in comments.
struct Row {
    name: String,
    key: String,
    /// GnuPG's identifier of the key, if it is an RSA key.
    keygrip: Option<String>,
    can_sign: bool,
}

impl Values {
    /// Collects the values from the signing policies, of which there are none if SignPath was not asked, or from the
    /// named one.
    pub fn new(
        module: &Path,
        token: &TokenInfo,
        mut policies: Vec<SigningPolicy>,
        named: Option<&PolicyName>,
    ) -> Result<Self, Failure> {
        if let Some(name) = named.filter(|_| !policies.is_empty()) {
            policies.retain(|policy| policy.name == *name);
            if policies.is_empty() {
                return Err(
                    format!("no signing policy {name}; `signpath-pkcs11 list` shows them").into()
                );
            }
            if let Some(reason) = policies.first().and_then(SigningPolicy::why_not_signing) {
                return Err(format!("signing policy {name}: {reason}").into());
            }
        }
        let signing = policies.iter().filter(|policy| policy.why_not_signing().is_none());
        let only = match signing.collect::<Vec<_>>()[..] {
            [only] => Some(only.name.to_string()),
            _ => None,
        };
        let module = module.to_str().ok_or_else(|| {
            let module = module.display();
            format!(
                "the module's path {module} is not valid UTF-8; move the module to another directory"
            )
        })?;
        Ok(Self {
            module: module.to_owned(),
            token: token.clone(),
            policy: named.map(ToString::to_string).or(only),
            is_named: named.is_some(),
            rows: policies.iter().map(Row::of).collect(),
        })
    }

    /// The named signing policy, or the only one.
    pub fn policy(&self) -> Option<&str> {
        self.policy.as_deref()
    }

    /// Fills in the template for a file that will be used as `file`. Returns [`None`] if there is no key that the
    /// template needs.
    ///
    /// # Errors
    /// A value cannot be written where the template requires it.
    pub fn fill(&self, template: &Template, file: &str) -> Result<Option<String>, Failure> {
        let Some((policy, keygrip)) = self.subject_of(template)? else {
            return Ok(None);
        };
        let path =
            |path: &str| with_remedy(template.path.write(path), "move it to another directory");
        let file_path = || with_remedy(template.file.write(file), "write it to another directory");
        let value = |name: &str| {
            Some(match name {
                "FILE" => file_path(),
                "KEY" => place::SHELL.write(&uri(&self.token.label, &policy, "private")),
                "KEYGRIP" => Ok(keygrip.clone()),
                "LABEL" => place::SHELL.write(&self.token.label),
                "MODULE" => path(&self.module),
                "NAME" => template.policy.write(&policy),
                "OBJECT" => Ok(percent(policy.as_bytes())),
                "POLICIES" => Ok(self.policies()),
                "POLICY" => Ok(policy.clone()),
                "PROPERTY" => file_path().and_then(|_| place::SHELL.write(&provider(file))),
                "PROVIDER" => Ok(self.provider_name()),
                "SCDAEMON" => path(&scdaemon()),
                "SLOT" => Ok(self.token.slot_id.to_string()),
                "TOKEN" => Ok(percent(self.token.label.as_bytes())),
                "USER_ID" => place::SHELL.write(&format!("={policy}")),
                _ => return None,
            })
        };
        filled(template.text, value).map(Some)
    }

    /// The name of Java's provider. Two providers of one name cannot be used side by side.
    fn provider_name(&self) -> String {
        match self.token.slot_id {
            SLOT_ID => "SignPath".to_owned(),
            slot => format!("SignPath-{slot}"),
        }
    }

    /// Whether there is a key that the template needs.
    ///
    /// # Errors
    /// The name of the signing policy cannot be written where the template requires it.
    pub fn has_key_for(&self, template: &Template) -> Result<bool, Failure> {
        Ok(self.subject_of(template)?.is_some())
    }

    /// The name of the signing policy that a template uses, and its keygrip if the template needs one: the policy that
    /// the user named, or else the first whose name can be written there. [`None`] if there is no suitable key.
    fn subject_of(&self, template: &Template) -> Result<Option<(String, String)>, Failure> {
        let needs_keygrip = template.text.contains("@KEYGRIP@");
        let rows = self.rows.iter().filter(|row| row.can_sign);
        let mut subjects: Vec<_> =
            rows.map(|row| (row.name.as_str(), row.keygrip.as_deref())).collect();
        if self.rows.is_empty() {
            subjects.push((self.policy().unwrap_or(ANY_POLICY), None));
        }
        subjects.retain(|(name, keygrip)| {
            (keygrip.is_some() || !needs_keygrip)
                && (self.is_named || template.policy.write(name).is_ok())
        });
        match subjects.first() {
            Some((name, keygrip)) => {
                with_remedy(template.policy.write(name), "choose another signing policy")?;
                let keygrip = keygrip.unwrap_or_default();
                Ok(Some(((*name).to_owned(), keygrip.to_owned())))
            }
            None if needs_keygrip => Ok(None),
            None => Ok(Some((ANY_POLICY.to_owned(), String::new()))),
        }
    }

    /// A comment with a line for each signing policy.
    fn policies(&self) -> String {
        if self.rows.is_empty() {
            return "#   `signpath-pkcs11 list` shows them".to_owned();
        }
        let label = &self.token.label;
        let lines = self.rows.iter().map(|row| row.comment(label));
        lines.collect::<Vec<_>>().join("\n")
    }
}

impl Row {
    fn of(policy: &SigningPolicy) -> Self {
        let key = policy.public_key.as_ref();
        Self {
            name: policy.name.to_string(),
            key: key_text(policy),
            keygrip: key.and_then(keygrip),
            can_sign: policy.why_not_signing().is_none(),
        }
    }

    /// The row as a comment line, with the key's URI if it signs, unless the line would be too long.
    fn comment(&self, token: &str) -> String {
        let without_uri = format!("#   {}, {}", self.name, self.key);
        let line = format!("{without_uri}: {}", uri(token, &self.name, "private"));
        match line.len() {
            _ if !self.can_sign => format!("{without_uri}, which cannot sign"),
            ..=MAX_COMMENT => line,
            _ => without_uri,
        }
    }
}

/// Replaces each `@NAME@` by its value. Values are not expanded again.
fn filled(
    text: &str,
    value: impl Fn(&str) -> Option<Result<String, Failure>>,
) -> Result<String, Failure> {
    let (mut filled, mut rest) = (String::new(), text);
    while let Some((before, after)) = rest.split_once('@') {
        filled.push_str(before);
        let known = after.split_once('@').and_then(|(name, after)| Some((value(name)?, after)));
        match known {
            Some((value, after)) => {
                filled.push_str(&value?);
                rest = after;
            }
            None => {
                filled.push('@');
                rest = after;
            }
        }
    }
    filled.push_str(rest);
    Ok(filled)
}

/// Appends a remedy to the failure.
fn with_remedy<T>(result: Result<T, Failure>, remedy: &str) -> Result<T, Failure> {
    result.map_err(|failure| match failure {
        Failure::Reason(reason) => Failure::Reason(format!("{reason}; {remedy}")),
        failure => failure,
    })
}

/// The line of java.security that adds the provider with the configuration `file` (Java 17 has 12 providers).
fn provider(file: &str) -> String {
    format!("security.provider.13=SunPKCS11 {}", place::java_property(file))
}

/// GnuPG's identifier of an RSA key: the SHA-1 of the modulus in libgcrypt's format, with a leading zero byte if the
/// first bit is set.
pub fn keygrip(key: &PublicKey) -> Option<String> {
    let (modulus, _) = key.rsa()?;
    let sign: &[u8] = match modulus.first() {
        Some(first) if first & 0x80 != 0 => &[0],
        _ => &[],
    };
    let digest = Sha1::new().chain_update(sign).chain_update(&modulus).finalize();
    Some(base16ct::upper::encode_string(&digest))
}

fn scdaemon() -> String {
    const NAME: &str = "gnupg-pkcs11-scd";
    let found = program::find(NAME).unwrap_or_else(|| Path::new("/usr/bin").join(NAME));
    found.display().to_string()
}
