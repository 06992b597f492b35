//! `signpath-pkcs11`: SignPath's signing policies and the module's setup from the command line.

#![forbid(unsafe_code)]
#![deny(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

mod certificate;
mod completions;
mod doctor;
mod failure;
mod journal;
mod list;
mod man;
mod module;
mod organization;
mod output;
mod policy;
mod program;
mod progress;
mod setup;
mod sign;
mod temporary;

use std::alloc::System;
use std::process::ExitCode;

use clap::error::ContextValue;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use failure::Failure;
use signpath_platform::escape::escaped;
use zeroizing_alloc::ZeroAlloc;

/// Wipes all memory when it is freed, as the module does.
#[global_allocator]
static ALLOCATOR: ZeroAlloc<System> = ZeroAlloc(System);

const ABOUT: &str = "\
Lists SignPath signing policies, exports their certificates, signs, configures signing tools for the PKCS #11 module, and \
diagnoses problems.

The organization ID and API token are read from the environment (SIGNPATH_ORGANIZATION_ID, SIGNPATH_API_TOKEN) or from the \
JSON file named by SIGNPATH_CONFIG_FILE, as in the module itself.";

const EXAMPLES: &str = "\
Examples:
  signpath-pkcs11 doctor
  signpath-pkcs11 list
  signpath-pkcs11 setup openssl-engine --output signpath.cnf";

/// Shared by all commands.
const EXIT_STATUS: &str = "\
Exit status:
  0  success
  1  failure, or a problem found by `doctor`; no file has been replaced
  2  invalid command line";

/// Command-line tool for the PKCS #11 module that signs with SignPath
#[derive(Parser)]
#[command(name = "signpath-pkcs11", version, long_about = ABOUT, after_help = EXAMPLES, disable_help_subcommand = true)]
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
    Doctor(doctor::Arguments),
    Journal(journal::Arguments),
    Completions(completions::Arguments),
    Man(man::Arguments),
    #[command(name = doctor::module::LOAD, hide = true)]
    LoadModule(doctor::module::Arguments),
}

fn main() -> ExitCode {
    // Windows has no such limit.
    #[cfg(unix)]
    signpath_platform::guest::report_size_limit();
    let arguments =
        command().try_get_matches().and_then(|matches| Arguments::from_arg_matches(&matches));
    let result = match arguments {
        Ok(arguments) => run(arguments.command),
        Err(error) => with_escaped_arguments(error).exit(),
    };
    result.unwrap_or_else(|failure| failure.report())
}

/// Escapes the arguments quoted in an error: they may come from an untrusted source.
fn with_escaped_arguments(mut error: clap::Error) -> clap::Error {
    let shown = |text: &String| escaped(text).into_owned();
    let quoted: Vec<_> = error
        .context()
        .filter_map(|(kind, value)| match value {
            ContextValue::String(text) => Some((kind, ContextValue::String(shown(text)))),
            ContextValue::Strings(texts) => {
                Some((kind, ContextValue::Strings(texts.iter().map(shown).collect())))
            }
            _ => None,
        })
        .collect();
    for (kind, value) in quoted {
        error.insert(kind, value);
    }
    error
}

fn run(command_to_run: Command) -> Result<ExitCode, Failure> {
    match command_to_run {
        Command::List(arguments) => list::run(&arguments),
        Command::Certificate(arguments) => certificate::run(&arguments),
        Command::Sign(arguments) => sign::run(&arguments),
        Command::Setup(arguments) => setup::run(&arguments),
        Command::Doctor(arguments) => doctor::run(&arguments),
        Command::Journal(arguments) => journal::run(&arguments),
        Command::Completions(arguments) => completions::run(&arguments, &mut command()),
        Command::Man(arguments) => man::run(&arguments, command()),
        Command::LoadModule(arguments) => doctor::module::load(&arguments),
    }
}

/// The command line, with the exit statuses at the end of each help text.
fn command() -> clap::Command {
    with_exit_status(Arguments::command()).mut_subcommands(with_exit_status)
}

fn with_exit_status(command: clap::Command) -> clap::Command {
    let short = command.get_after_help().map(ToString::to_string);
    let long = command.get_after_long_help().map(ToString::to_string);
    let with = |help: Option<String>| {
        let help = help.map(|help| format!("{help}\n\n"));
        format!("{}{EXIT_STATUS}", help.unwrap_or_default())
    };
    command.after_long_help(with(long.or_else(|| short.clone()))).after_help(with(short))
}
