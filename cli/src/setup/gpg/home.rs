//! The directory: its files, and how they are removed again.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use signpath_client::PolicyName;
use signpath_platform::file;
use signpath_platform::os_error::describe;

use super::agent::Gnupg;
use crate::failure::Failure;
use crate::output::Target;
use crate::policy::percent;
use crate::setup::place;

const AGENT_CONF: &str = "gpg-agent.conf";
const SCD_CONF: &str = "gnupg-pkcs11-scd.conf";
const GPG_CONF: &str = "gpg.conf";
const WRAPPER: &str = "signpath-scdaemon";
const PRIVATE_KEYS: &str = "private-keys-v1.d";

/// Begins the comment of each file, and shows that it was written by this command.
const MARK: &str = "Written by `signpath-pkcs11 setup gpg`";

/// Added to the name of a file that was replaced.
const REPLACED: &str = ".before-signpath";

/// Comments of the wrapper that undoing depends on.
const KEYGRIP: &str = "# keygrip: ";
const FINGERPRINT: &str = "# OpenPGP key: ";
const NEW_FOLDER: &str = "# The directory was new.";

/// A GNUPGHOME.
pub struct Home {
    path: PathBuf,
}

/// What the script that gpg-agent starts in place of its smart card daemon does and tells.
pub struct Wrapper<'a> {
    pub policy: &'a PolicyName,
    /// The label of the policy's token, if there are others.
    pub token: Option<&'a str>,
    pub scdaemon: &'a Path,
    pub module: &'a Path,
    pub asks_for_pin: bool,
    pub keygrip: &'a str,
    /// That of the imported key.
    pub fingerprint: Option<&'a str>,
}

impl Home {
    /// The named directory, or that of the signing policy in the user's data directory (XDG Base Directory Specification).
    /// Policies of several tokens may have the same name, so that a token that was named has a directory of its own.
    pub fn of(
        named: Option<&Path>,
        token: Option<&str>,
        policy: &PolicyName,
    ) -> Result<Self, Failure> {
        let variable = |name| std::env::var_os(name).map(PathBuf::from);
        let absolute = |name| variable(name).filter(|path| path.is_absolute());
        let data = || {
            absolute("XDG_DATA_HOME")
                .or_else(|| absolute("HOME").map(|home| home.join(".local/share")))
        };
        let path = match named {
            Some(path) => path.to_owned(),
            None => data()
                .ok_or("neither XDG_DATA_HOME nor HOME names a directory; name one with --home")?
                .join("signpath-pkcs11")
                .join(match token {
                    Some(label) => format!("gnupg-{}", percent(label.as_bytes())),
                    None => "gnupg".to_owned(),
                })
                .join(policy.project_slug())
                .join(policy.signing_policy_slug()),
        };
        let path = std::path::absolute(&path).map_err(|error| {
            format!("cannot determine the current directory: {}", describe(&error))
        })?;
        Ok(Self { path })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn path_text(&self) -> Result<&str, Failure> {
        let shown = self.path.display();
        let text = self.path.to_str();
        text.ok_or_else(|| {
            format!("{shown} is not UTF-8; name a directory with a plain name with --home").into()
        })
    }

    fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Writes the configuration. Files of others are only replaced by `force`, and come back when it is undone.
    pub fn write(&self, wrapper: &Wrapper<'_>, force: bool) -> Result<(), Failure> {
        let before = fs::read_to_string(self.file(WRAPPER)).unwrap_or_default();
        let is_new = !self.path.exists() || before.lines().any(|line| line == NEW_FOLDER);
        // A key that an earlier run imported is still there, and has to be removed.
        let fingerprint = wrapper.fingerprint.or_else(|| note(&before, FINGERPRINT));
        let files = [
            (WRAPPER, 0o700, self.wrapper(wrapper, fingerprint, is_new)?),
            (SCD_CONF, 0o600, scd_conf(wrapper.module)?),
            (AGENT_CONF, 0o600, self.agent_conf()?),
        ];
        let mut files = Vec::from(files);
        // It changes how other keys sign.
        if is_new {
            files.push((GPG_CONF, 0o600, gpg_conf(wrapper.asks_for_pin)));
        }
        let foreign: Vec<_> = files
            .iter()
            .map(|(name, ..)| self.file(name))
            .filter(|path| path.exists() && !is_ours(path))
            .collect();
        if let Some(path) = foreign.first().filter(|_| !force) {
            return Err(format!(
                "{} exists and configures something else; name another directory with --home, or replace the file with --force \
                 (--undo brings it back)",
                path.display()
            )
            .into());
        }
        let kept = foreign.iter().map(|path| replaced(path)).find(|path| path.exists());
        if let Some(kept) = kept {
            return Err(format!(
                "{} keeps a file that was replaced before and would be lost; use --undo first, or move it away",
                kept.display()
            )
            .into());
        }
        for path in foreign {
            fs::rename(&path, replaced(&path)).map_err(|error| failed_to_write(&path, &error))?;
        }
        file::create_folder(&self.path, 0o700)
            .map_err(|error| failed_to_write(&self.path, &error))?;
        for (name, mode, content) in files {
            Target::file(&self.file(name), mode)?.write(content.as_bytes())?;
        }
        Ok(())
    }

    fn wrapper(
        &self,
        wrapper: &Wrapper<'_>,
        fingerprint: Option<&str>,
        is_new: bool,
    ) -> Result<String, Failure> {
        let shell = |text: &str| place::SHELL.write(text);
        let scdaemon = shell(&wrapper.scdaemon.display().to_string())?;
        let mut notes = format!("{KEYGRIP}{}\n", wrapper.keygrip);
        if let Some(fingerprint) = fingerprint {
            notes.push_str(&format!("{FINGERPRINT}{fingerprint}\n"));
        }
        if is_new {
            notes.push_str(&format!("{NEW_FOLDER}\n"));
        }
        let token = match wrapper.token {
            Some(label) => format!("export SIGNPATH_TOKEN_LABEL={}\n", shell(label)?),
            None => String::new(),
        };
        let pin = match wrapper.asks_for_pin {
            true => "",
            false => "export SIGNPATH_CRYPTOKI_LOGIN_REQUIRED=false\n",
        };
        Ok(format!(
            "#!/bin/sh\n\
             # {MARK}: gpg-agent starts this in place of its smart card daemon.\n\
             # Only one signing policy of one token is visible: gpg 2.4 waits for a card without end if gnupg-pkcs11-scd sees a key that is\n\
             # not RSA. Organization and API token come from the environment of gpg-agent, or from the file that\n\
             # SIGNPATH_CONFIG_FILE names there. gnupg-pkcs11-scd speaks its protocol on standard output.\n\
             #\n\
             {notes}\
             {token}\
             export SIGNPATH_PROJECT_SLUG={}\n\
             export SIGNPATH_SIGNING_POLICY_SLUG={}\n\
             export SIGNPATH_INCLUDE_DUMMY_X509CERTIFICATE_FOR_GPG_KEYS=true\n\
             export SIGNPATH_LOG_CONSOLE_OUTPUT_STREAM=stderr\n\
             {pin}\
             exec {scdaemon} \"$@\"\n",
            shell(wrapper.policy.project_slug())?,
            shell(wrapper.policy.signing_policy_slug())?,
        ))
    }

    fn agent_conf(&self) -> Result<String, Failure> {
        let wrapper = self.file(WRAPPER);
        let wrapper = place::GPG_AGENT.write(&wrapper.display().to_string());
        let wrapper = wrapper
            .map_err(|failure| and(failure, "name a directory with a plain name with --home"))?;
        Ok(format!("# {MARK}.\nscdaemon-program {wrapper}\n"))
    }

    /// Removes what was written and imported. Keys of others stay.
    pub fn undo(&self, gnupg: &Gnupg<'_>) -> Result<(), Failure> {
        let shown = self.path.display();
        let wrapper = fs::read_to_string(self.file(WRAPPER))
            .map_err(|_| format!("nothing is set up in {shown}; name the directory with --home"))?;
        gnupg.stop();
        if let Some(keygrip) = note(&wrapper, KEYGRIP) {
            self.remove_stub(keygrip)?;
        }
        if let Some(fingerprint) = note(&wrapper, FINGERPRINT) {
            gnupg.delete_key(fingerprint)?;
        }
        for name in [GPG_CONF, AGENT_CONF, SCD_CONF, WRAPPER] {
            let path = self.file(name);
            self.remove_ours(name)?;
            let before = replaced(&path);
            if before.exists() && !path.exists() {
                fs::rename(&before, &path).map_err(|error| failed_to_write(&path, &error))?;
            }
        }
        let is_new = wrapper.lines().any(|line| line == NEW_FOLDER);
        if is_new && !self.has_private_keys() && !gnupg.has_keys()? {
            fs::remove_dir_all(&self.path).map_err(|error| failed_to_remove(&self.path, &error))?;
        }
        Ok(())
    }

    fn remove_ours(&self, name: &str) -> Result<(), Failure> {
        let path = self.file(name);
        match is_ours(&path) {
            true => fs::remove_file(&path).map_err(|error| failed_to_remove(&path, &error)),
            false => Ok(()),
        }
    }

    /// Removes the file that says which card has the private key. A private key itself is never removed.
    fn remove_stub(&self, keygrip: &str) -> Result<(), Failure> {
        const ON_A_CARD: &[u8] = b"shadowed-private-key";
        let path = self.file(PRIVATE_KEYS).join(format!("{keygrip}.key"));
        let content = fs::read(&path).unwrap_or_default();
        let mut places = content.windows(ON_A_CARD.len());
        match places.any(|place| place == ON_A_CARD) {
            true => fs::remove_file(&path).map_err(|error| failed_to_remove(&path, &error)),
            false => Ok(()),
        }
    }

    fn has_private_keys(&self) -> bool {
        fs::read_dir(self.file(PRIVATE_KEYS)).is_ok_and(|mut files| files.next().is_some())
    }
}

/// gpg signs with SHA-1 if it is called with --openpgp, as debsigs does, unless another hash algorithm is preferred. And gpg 2.4
/// asks for a card without end if signing fails, and so hangs where nobody answers.
fn gpg_conf(asks_for_pin: bool) -> String {
    let pinentry = match asks_for_pin {
        true => "",
        false => "pinentry-mode cancel\n",
    };
    format!("# {MARK}.\npersonal-digest-preferences SHA512 SHA256\n{pinentry}")
}

fn scd_conf(module: &Path) -> Result<String, Failure> {
    let module = place::GNUPG_PKCS11_SCD.write(&module.display().to_string());
    let module =
        module.map_err(|failure| and(failure, "put it into a directory with a plain name"))?;
    Ok(format!("# {MARK}.\nproviders signpath\nprovider-signpath-library {module}\n"))
}

/// What a comment of the wrapper says, by its beginning.
fn note<'a>(wrapper: &'a str, beginning: &str) -> Option<&'a str> {
    let mut lines = wrapper.lines();
    lines.find_map(|line| line.strip_prefix(beginning))
}

/// Whether the file was written by this command.
fn is_ours(path: &Path) -> bool {
    fs::read_to_string(path).is_ok_and(|content| content.contains(MARK))
}

fn replaced(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(REPLACED);
    path.with_file_name(name)
}

fn failed_to_write(path: &Path, error: &io::Error) -> Failure {
    Failure::write(&path.display().to_string(), error)
}

fn failed_to_remove(path: &Path, error: &io::Error) -> Failure {
    format!("cannot remove {}: {}", path.display(), describe(error)).into()
}

/// Appends a remedy.
fn and(failure: Failure, remedy: &str) -> Failure {
    match failure {
        Failure::Reason(reason) => Failure::Reason(format!("{reason}; {remedy}")),
        failure => failure,
    }
}
