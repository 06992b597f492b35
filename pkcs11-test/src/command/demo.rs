//! `demo`: real tools sign through the module.

use std::convert::Infallible;
use std::error::Error;
use std::io;
use std::path::PathBuf;
use std::process::Command;

use pkcs11_test::{BUILT_MODULE, REPOSITORY, built_file};
use signpath_platform::os_error::describe;

const HELP: &str = "\
Starts a service of its own, which keeps its keys in SoftHSM and speaks TLS, and signs files through the module with openssl,
osslsigncode, jarsigner, pkcs11-tool and gpg. Programs that are not part of this project verify the signatures, with the certificates
that the service issued. The exit status is 0 if every row was verified.

pkcs11-test/demo.sh installs the tools and builds what this needs first.";

#[derive(clap::Args)]
#[command(after_help = HELP)]
pub struct Demo {
    /// Rows to run [default: those of the demo]
    #[arg(value_name = "ROW")]
    rows: Vec<String>,

    /// Run the rows of further tools too: GnuTLS, NSS, OpenSSH, p11-kit, Python, nginx and others
    #[arg(long, conflicts_with = "rows")]
    all: bool,

    /// Show all rows, those of the demo first
    #[arg(long)]
    list: bool,

    /// Leave the temporary folder with the service's state and log and the signed files
    #[arg(long)]
    keep: bool,

    /// Open the page of the service in a browser, with xdg-open
    #[arg(long)]
    open: bool,

    /// The PKCS #11 module [default: the one that pkcs11-test/lib/module.sh has built]
    #[arg(long, value_name = "FILE")]
    module: Option<PathBuf>,
}

/// Becomes the script that runs the rows.
pub fn run(arguments: &Demo) -> Result<Infallible, Box<dyn Error>> {
    let repository = std::fs::canonicalize(REPOSITORY).map_err(|error| {
        format!("cannot open {REPOSITORY}, the repository that this was built from: {error}")
    })?;
    let mut script = Command::new("bash");
    // The second argument is the name in messages.
    script.args(["-c", ". pkcs11-test/lib/demo.sh", "pkcs11-test"]).current_dir(repository);
    for (option, is_set) in [
        ("--all", arguments.all),
        ("--list", arguments.list),
        ("--keep", arguments.keep),
        ("--open", arguments.open),
    ] {
        script.args(is_set.then_some(option));
    }
    script.args(&arguments.rows);
    if !arguments.list {
        let module = match &arguments.module {
            Some(module) => std::fs::canonicalize(module).map_err(|error| {
                format!("cannot open the module {}: {}", module.display(), describe(&error))
            })?,
            None => built_file(BUILT_MODULE).ok_or(
                "the module is not built; run pkcs11-test/lib/module.sh, or name one with --module",
            )?,
        };
        let program = std::env::current_exe()?;
        let programs = program.parent().unwrap_or(&program);
        script.env("MODULE", module).env("PROGRAMS", programs);
    }
    Err(format!("cannot run bash: {}", become_it(&mut script)).into())
}

/// Returns only if it cannot.
#[cfg(unix)]
fn become_it(script: &mut Command) -> io::Error {
    use std::os::unix::process::CommandExt;
    script.exec()
}

/// Ends with the status of the script: on Windows no process becomes another.
#[cfg(windows)]
fn become_it(script: &mut Command) -> io::Error {
    match script.status() {
        Ok(status) => std::process::exit(status.code().unwrap_or(1)),
        Err(error) => error,
    }
}
