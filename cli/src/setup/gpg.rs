//! `setup gpg --home`: a GNUPGHOME that signs with one signing policy.

mod agent;
mod home;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use signpath_client::{PolicyName, SigningPolicy};

use self::agent::Gnupg;
use self::home::{Home, Wrapper};
use super::place;
use super::template::keygrip;
use crate::failure::Failure;
use crate::organization::{Organization, TokenChoice};
use crate::policy::key_text;
use crate::{module, output, program};

/// What replaces GnuPG's smart card daemon.
const SCDAEMON: &str = "gnupg-pkcs11-scd";

#[derive(clap::Args)]
#[group(skip)]
#[command(next_help_heading = "Options for gpg")]
pub struct Arguments {
    /// Make this directory a GNUPGHOME that signs with the signing policy [default: a directory of the signing policy in
    /// $XDG_DATA_HOME/signpath-pkcs11/gnupg, or in gnupg-LABEL there with --token LABEL]
    #[arg(long, value_name = "DIRECTORY", conflicts_with_all = ["output", "directory", "offline"])]
    home: Option<PathBuf>,

    /// Import the OpenPGP key of the signing policy from SignPath
    #[arg(long, conflicts_with_all = ["output", "directory", "offline"])]
    import: bool,

    /// Import the key, then sign a file and verify it; this is one signing request
    #[arg(long, conflicts_with_all = ["output", "directory", "offline"])]
    test: bool,

    /// Sign without asking for a PIN
    #[arg(long, conflicts_with_all = ["output", "directory", "offline"])]
    no_pin: bool,

    /// Remove what the command has set up in the directory
    #[arg(long, conflicts_with_all = ["output", "directory", "offline", "import", "test", "no_pin", "force", "module"])]
    undo: bool,
}

impl Arguments {
    /// Whether a GNUPGHOME is wanted, rather than configuration files.
    pub fn want_home(&self) -> bool {
        self.home.is_some() || self.import || self.test || self.no_pin || self.undo
    }
}

/// Sets up a GNUPGHOME, or removes what was set up.
pub fn run(
    arguments: &Arguments,
    choice: &TokenChoice,
    policy: Option<&PolicyName>,
    module: Option<&Path>,
    force: bool,
) -> Result<ExitCode, Failure> {
    let policy = policy.ok_or("gpg signs with one signing policy; name it after gpg")?;
    let home = Home::of(arguments.home.as_deref(), choice.token.as_deref(), policy)?;
    let gnupg = Gnupg::installed(&home)?;
    if arguments.undo {
        home.undo(&gnupg)?;
        return Ok(ExitCode::SUCCESS);
    }
    let scdaemon = program::find(SCDAEMON).ok_or_else(|| {
        format!("{SCDAEMON} is not installed, and gpg needs it; on Debian: apt install {SCDAEMON}")
    })?;
    let module = module::find(module)?;
    let organization = Organization::configured(choice)?;
    let config = &organization.config;
    let wanted = organization.named(policy)?;
    let keygrip = rsa_keygrip(&wanted)?;
    let key = match arguments.import || arguments.test {
        true => Some(organization.gpg_public_key(policy)?.ok_or_else(|| {
            format!(
                "the signing policy {policy} has no OpenPGP key in SignPath; name one of type GPG, or make a new OpenPGP key of \
                 this one as docs/tools/gpg.md shows"
            )
        })?),
        false => None,
    };
    let key = key.map(|key| gnupg.read_key(key, policy, &keygrip)).transpose()?;
    let wrapper = Wrapper {
        policy,
        // The daemon would look at each of them, wait for those that are down, and ask for the PIN of each.
        token: (config.has_others).then_some(&*config.token.label),
        scdaemon: &scdaemon,
        module: &module,
        asks_for_pin: !arguments.no_pin,
        keygrip: &keygrip,
        fingerprint: key.as_ref().map(|key| &*key.primary),
    };
    home.write(&wrapper, force)?;
    let shown = home.path_text()?;
    let mut lines = format!("export GNUPGHOME={}\n", place::SHELL.write(shown)?);
    if let Some(key) = &key {
        let agent = gnupg.start()?;
        agent.import(key)?;
        agent.learn(policy, &keygrip)?;
        lines.push_str(&format!("export GPG_KEY_ID={}\n", key.id));
        if arguments.test {
            let requests = agent.sign(key)?;
            let counted = match requests {
                1 => "1 signing request".to_owned(),
                number => format!("{number} signing requests"),
            };
            lines.push_str(&format!("# signed and verified a file: {counted}\n"));
        }
    } else {
        gnupg.stop();
    }
    output::print(&lines)?;
    Ok(ExitCode::SUCCESS)
}

/// GnuPG's identifier of the key, which must be RSA.
fn rsa_keygrip(policy: &SigningPolicy) -> Result<String, Failure> {
    let name = &policy.name;
    if let Some(reason) = policy.why_not_signing() {
        return Err(format!("signing policy {name}: {reason}").into());
    }
    policy.public_key.as_ref().and_then(keygrip).ok_or_else(|| {
        let key = key_text(policy);
        format!("{SCDAEMON} only knows RSA keys, and the key of the signing policy {name} is {key}; use one with an RSA key").into()
    })
}
