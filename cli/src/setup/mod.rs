//! `setup`: configurations of signing tools.

mod gpg;
mod place;
pub mod template;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::ValueEnum;
use signpath_client::PolicyName;
use template::{Template, Values};

use signpath_platform::file;
use signpath_platform::os_error::describe;

use crate::failure::Failure;
use crate::organization::{Organization, TokenChoice};
use crate::output::Target;
use crate::{module, output};

const EXAMPLES: &str = "\
Examples:
  signpath-pkcs11 setup openssl-engine --output signpath.cnf
  signpath-pkcs11 setup gpg app/release --directory ~/.gnupg
  eval \"$(signpath-pkcs11 setup gpg app/release --import --no-pin)\" && gpg --local-user $GPG_KEY_ID --detach-sign file
  signpath-pkcs11 setup osslsigncode app/release --offline --module /opt/signpath/libsignpath_pkcs11.so
  signpath-pkcs11 setup p11-kit --directory /etc/pkcs11/modules";

/// Configure a signing tool for the module
///
/// Writes the configuration of a tool, with a comment that explains how to use it and lists your signing policies. It
/// contains no secrets: the PIN is CONFIG, which stands for the organization and API token from the environment or the
/// configuration file. Nothing is signed.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    #[arg(value_enum)]
    tool: Tool,

    /// Signing policy for the examples, and the one that osslsigncode and gpg will use
    #[arg(value_name = "PROJECT/POLICY")]
    policy: Option<PolicyName>,

    /// The PKCS #11 module to use, instead of the installed one
    #[arg(long, value_name = "FILE")]
    module: Option<PathBuf>,

    /// Do not connect to SignPath; only the named signing policy is known
    #[arg(long)]
    offline: bool,

    /// File to write to, instead of standard output
    #[arg(long, short, value_name = "FILE", conflicts_with = "directory")]
    output: Option<PathBuf>,

    /// Directory to write to; each file gets its usual name
    #[arg(long, short, value_name = "DIRECTORY")]
    directory: Option<PathBuf>,

    /// Replace existing files
    #[arg(long)]
    force: bool,

    #[command(flatten)]
    choice: TokenChoice,

    #[command(flatten)]
    gpg: gpg::Arguments,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Tool {
    /// openssl with the libp11 engine
    OpensslEngine,
    /// openssl 3 with pkcs11-provider
    OpensslProvider,
    /// keytool, jarsigner, apksigner and other Java programs
    #[value(aliases = ["java", "jarsigner", "keytool"])]
    Sunpkcs11,
    /// Script that signs with one signing policy
    Osslsigncode,
    /// gpg with gnupg-pkcs11-scd
    Gpg,
    /// GnuTLS and other applications that use p11-kit
    P11Kit,
    /// Script that adds the module to an NSS database, as used by certutil, cmsutil, pesign, Firefox ...
    Nss,
}

impl Tool {
    fn templates(self) -> &'static [Template] {
        match self {
            Self::OpensslEngine => &[template::ENGINE],
            Self::OpensslProvider => &[template::PROVIDER],
            Self::Sunpkcs11 => &[template::SUNPKCS11],
            Self::Osslsigncode => &[template::OSSLSIGNCODE],
            Self::Gpg => &[template::GPG_AGENT, template::GNUPG_PKCS11_SCD, template::GPG_KEY],
            Self::P11Kit => &[template::P11_KIT],
            Self::Nss => &[template::NSS],
        }
    }

    /// The permissions of the directory, if it has to be created. gpg requires that only its owner can access it.
    fn folder_mode(self) -> u32 {
        match self {
            Self::Gpg => 0o700,
            _ => 0o755,
        }
    }

    fn is_for_one_policy(self) -> bool {
        self == Self::Osslsigncode
    }
}

/// Writes a configuration. Sends at most one request, for the list of signing policies.
pub fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    if arguments.gpg.want_home() {
        if arguments.tool != Tool::Gpg {
            return Err("--home, --import, --test, --no-pin and --undo are for gpg".into());
        }
        let (policy, module) = (arguments.policy.as_ref(), arguments.module.as_deref());
        return gpg::run(&arguments.gpg, &arguments.choice, policy, module, arguments.force);
    }
    let module = module::find(arguments.module.as_deref())?;
    let (token, policies) = match arguments.offline {
        true => (arguments.choice.info_offline()?, Vec::new()),
        false => {
            let config = arguments.choice.config()?;
            if config.credentials()?.is_none() {
                return Err(format!("{}; or use --offline", config.missing_credentials()).into());
            }
            let token = config.token.clone();
            let organization = Organization::of(config)?;
            let policies = match arguments.policy {
                Some(_) => organization.policies_to_sign(),
                None => organization.policies(),
            };
            (token, policies?)
        }
    };
    let values = Values::new(&module, &token, policies, arguments.policy.as_ref())?;
    if arguments.tool.is_for_one_policy() && values.policy().is_none() {
        return Err("this tool's script uses one signing policy; name it after the tool".into());
    }
    let mut templates = Vec::new();
    for template in arguments.tool.templates() {
        if values.has_key_for(template)? {
            templates.push(template);
        }
    }
    if arguments.output.is_some() && templates.len() > 1 {
        return Err("the configuration consists of several files; use --directory".into());
    }
    let path_of = |template: &Template| match (&arguments.output, &arguments.directory) {
        (Some(file), _) => Some(file.clone()),
        (None, Some(folder)) => Some(folder.join(template.name)),
        (None, None) => None,
    };
    let mut files = Vec::new();
    for template in &templates {
        let path = path_of(template).map(std::path::absolute).transpose();
        let path = path.map_err(|error| {
            format!("cannot determine the current directory: {}", describe(&error))
        })?;
        let name = path.as_deref().unwrap_or(Path::new(template.name));
        let name = name.to_str().ok_or_else(|| {
            format!("{} is not valid UTF-8; choose another directory", name.display())
        })?;
        let content = values.fill(template, name)?.unwrap_or_default();
        files.push((*template, path, content));
    }
    let existing =
        files.iter().filter_map(|(_, path, _)| path.as_deref()).find(|path| path.exists());
    if let Some(path) = existing.filter(|_| !arguments.force) {
        return Err(format!(
            "{} already exists; merge the configuration by hand, or use --force to replace it",
            path.display()
        )
        .into());
    }
    let several = files.len() > 1;
    let mut targets = Vec::new();
    for (template, path, content) in files {
        let folder_mode = arguments.tool.folder_mode();
        let target = path.map(|path| open(&path, folder_mode, template.mode)).transpose()?;
        targets.push((template.name, target, content));
    }
    for (name, target, content) in targets {
        match target {
            Some(target) => target.write(content.as_bytes())?,
            None if several => output::print(&format!("# ===== {name} =====\n{content}\n"))?,
            None => output::print(&content)?,
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn open(path: &Path, folder_mode: u32, mode: u32) -> Result<Target, Failure> {
    if let Some(folder) = path.parent() {
        file::create_folder(folder, folder_mode)
            .map_err(|error| Failure::write(&path.display().to_string(), &error))?;
    }
    Target::file(path, mode)
}
