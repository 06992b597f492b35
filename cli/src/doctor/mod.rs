//! `doctor`: finds problems and says how to fix them.

pub mod child;
mod configuration;
mod connection;
mod finding;
mod gpg;
pub mod module;
mod report;
mod service;
mod tls;
mod tool;
mod tools;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use finding::Finding;
use report::Report;
use signpath_client::SigningPolicy;
use signpath_config::Config;

use crate::failure::Failure;
use crate::organization::configure_logging;

/// Certificates that expire within this many days cause a warning.
const EXPIRES_SOON: i64 = 30;

/// The remedy if there is nothing more specific.
const NETWORK: &str = "check ApiUrl and the network";

const EXAMPLES: &str = "\
Examples:
  signpath-pkcs11 doctor
  signpath-pkcs11 doctor --no-tools
  signpath-pkcs11 doctor --json | jq -r '.findings[] | select(.status == \"failed\") | .message, .remedy'

JSON (--json): { \"version\", \"ok\": true or false, \"findings\": [ {
    \"check\": what was looked at, \"status\": \"ok\", \"warning\", \"failed\" or \"skipped\",
    \"message\": a sentence, \"remedy\": what to do or null, \"details\": [ names and values ]
  } ] }";

/// Check configuration, connection, module and tools
///
/// Checks the configuration and shows where each value comes from, without revealing secrets; name resolution, proxy,
/// TLS and the clock; the API token and the signing policies; the module; and the signing tools on this machine. Tools
/// that can load the module without signing are run to see whether they do. Nothing is signed.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// Print JSON
    #[arg(long)]
    json: bool,

    /// The PKCS #11 module to check, instead of the installed one
    #[arg(long, value_name = "FILE")]
    module: Option<PathBuf>,

    /// Skip the signing tools
    #[arg(long)]
    no_tools: bool,
}

/// Runs all checks. If a check depends on something that another check found missing, it is skipped.
pub fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let mut report = Report::new(arguments.json);
    let (settings, configs) = configuration::settings();
    report.add(settings)?;
    match configs {
        Some(configs) => check(&configs, arguments, &mut report)?,
        None => report.add(Finding::skipped(
            "other checks",
            "skipped, because the module requires a valid configuration",
        ))?,
    }
    report.finish()
}

fn check(configs: &[Config], arguments: &Arguments, report: &mut Report) -> Result<(), Failure> {
    let Some(first) = configs.first() else {
        return Ok(());
    };
    configure_logging(first);
    let (mut tokens, mut starts) = (Vec::new(), true);
    for (index, config) in configs.iter().enumerate() {
        report.token = (configs.len() > 1).then(|| config.token.label.clone());
        starts &= check_credentials(config, report)?;
        if index == 0 {
            check_files(config, report)?;
        }
        tokens.push((config, check_service(config, report)?));
    }
    report.token = None;
    if !starts {
        let message = "skipped, because the module requires the chain certificates";
        return report.add(Finding::skipped("module", message));
    }
    match crate::module::find(arguments.module.as_deref()) {
        Ok(path) => check_module(tokens, &path, arguments, report),
        Err(Failure::Reason(reason)) => {
            report.add(Finding::error("module", &reason, "check the path given by --module"))
        }
        Err(failure) => Err(failure),
    }
}

/// Returns whether the module can start with the configuration of the token.
fn check_credentials(config: &Config, report: &mut Report) -> Result<bool, Failure> {
    report.add(configuration::credentials(config))?;
    let chain = configuration::chain(config);
    let starts = !chain.as_ref().is_some_and(Finding::is_failed);
    if let Some(chain) = chain {
        report.add(chain)?;
    }
    Ok(starts)
}

/// Checks the files that all tokens share.
fn check_files(config: &Config, report: &mut Report) -> Result<(), Failure> {
    let token = report.token.take();
    report.add(configuration::log(config))?;
    if let Some(journal) = configuration::journal(config) {
        report.add(journal)?;
    }
    report.token = token;
    Ok(())
}

/// Checks the way to the service of the token. Returns its signing policies.
fn check_service(config: &Config, report: &mut Report) -> Result<Vec<SigningPolicy>, Failure> {
    if !is_reachable(config, report)? {
        let message = "skipped, because the service cannot be reached";
        report.add(Finding::skipped("service", message))?;
        return Ok(Vec::new());
    }
    service::check_health(config, report)?;
    service::check_policies(config, report)
}

fn is_reachable(config: &Config, report: &mut Report) -> Result<bool, Failure> {
    let Some(way) = connection::check(config, report)? else {
        return Ok(false);
    };
    if !way.is_tls {
        return Ok(true);
    }
    let tls = tls::check(config, &way);
    let is_trusted = !tls.is_failed();
    report.add(tls)?;
    Ok(is_trusted)
}

fn check_module(
    tokens: Vec<(&Config, Vec<SigningPolicy>)>,
    path: &Path,
    arguments: &Arguments,
    report: &mut Report,
) -> Result<(), Failure> {
    let module = module::check(path);
    let is_loaded = !module.is_failed();
    report.add(module)?;
    if !is_loaded || arguments.no_tools {
        return Ok(());
    }
    tools::check(tokens, path, report)
}
