//! `signpath-pkcs11`: what a user of the module wants to know and do without a PKCS #11 program.

#![forbid(unsafe_code)]
#![deny(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]

mod certificate;
mod failure;
mod list;
mod module;
mod organization;
mod output;
mod policy;
mod program;
mod progress;
mod setup;
mod sign;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

const ABOUT: &str = "\
Lists SignPath signing policies, exports their certificates, signs, configures signing tools for the PKCS #11 module, and \
finds out what is wrong.

Organization and API token come from the environment (SIGNPATH_ORGANIZATION_ID, SIGNPATH_API_TOKEN) or from the JSON file \
that SIGNPATH_CONFIG_FILE names, as for the module itself.";

const AFTER_HELP: &str = "\
Exit status:
  0  done
  1  it failed, or `doctor` found a problem
  2  the command line is wrong";

/// The command line of the PKCS #11 module that signs with SignPath
#[derive(Parser)]
#[command(name = "signpath-pkcs11", version, long_about = ABOUT, after_help = AFTER_HELP)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    List(list::Arguments),
    Certificate(certificate::Arguments),
    Sign(sign::Arguments),
    Setup(setup::Arguments),
}

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::List(arguments) => list::run(&arguments),
        Command::Certificate(arguments) => certificate::run(&arguments),
        Command::Sign(arguments) => sign::run(&arguments),
        Command::Setup(arguments) => setup::run(&arguments),
    };
    result.unwrap_or_else(|failure| failure.report())
}
