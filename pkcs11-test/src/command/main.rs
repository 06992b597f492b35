//! The command `pkcs11-test`.

#[cfg(all(feature = "harness", unix))]
mod bench;
mod demo;
mod serve;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// A local SignPath service for trying and testing PKCS #11 modules
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve SignPath's REST API for hash signing until SIGTERM or SIGINT
    Serve(serve::Serve),
    /// Sign files with real tools through the module, and verify the signatures with other programs
    Demo(demo::Demo),
    /// Measure a module; see bench.sh
    #[cfg(all(feature = "harness", unix))]
    Bench(bench::Measure),
    /// What bench runs in processes of its own
    #[cfg(all(feature = "harness", unix))]
    #[command(hide = true)]
    BenchTask {
        #[arg(allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
}

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Serve(arguments) => serve::run(arguments),
        Command::Demo(arguments) => demo::run(&arguments).map(|never| match never {}),
        #[cfg(all(feature = "harness", unix))]
        Command::Bench(arguments) => bench::run(arguments),
        #[cfg(all(feature = "harness", unix))]
        Command::BenchTask { arguments } => {
            pkcs11_test::bench::run_task(&arguments);
            Ok(())
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("pkcs11-test: {error}");
            ExitCode::FAILURE
        }
    }
}
