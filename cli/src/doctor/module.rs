//! Whether the module can be loaded. A child process does this, since the module may crash.

use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::Duration;

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};

use super::child::{self, End};
use super::finding::Finding;
use signpath_platform::os_error::describe;

use crate::failure::Failure;
use crate::output;
use crate::progress::Progress;

const CHECK: &str = "module";

/// The name of the hidden command that loads a module, for use by [`check`].
pub const LOAD: &str = "load-module";

/// The time limit for loading the module.
const TIME_LIMIT: Duration = Duration::from_secs(20);

/// Load a PKCS #11 module and print its version
#[derive(clap::Args)]
pub struct Arguments {
    module: std::path::PathBuf,
}

/// Loads and initializes the module and prints its version as `MAJOR.MINOR`.
pub fn load(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let in_words = |error: cryptoki::error::Error| Failure::from(error.to_string());
    let module = Pkcs11::new(&arguments.module).map_err(in_words)?;
    let flags = CInitializeFlags::OS_LOCKING_OK;
    module.initialize(CInitializeArgs::new(flags)).map_err(in_words)?;
    let version = module.get_library_info().map_err(in_words)?.library_version();
    module.finalize().map_err(in_words)?;
    output::print(&format!("{}.{}\n", version.major(), version.minor()))?;
    Ok(ExitCode::SUCCESS)
}

/// Loads the module in a child process.
pub fn check(path: &Path) -> Finding {
    let shown = path.display();
    let outcome = {
        let _progress = Progress::start(format!("Loading {shown}"));
        std::env::current_exe().and_then(|program| {
            let mut command = Command::new(program);
            child::run(command.arg(LOAD).arg(path), TIME_LIMIT)
        })
    };
    let outcome = match outcome {
        Ok(outcome) => outcome,
        Err(error) => {
            return Finding::skipped(CHECK, format!("cannot test {shown}: {}", describe(&error)));
        }
    };
    let said = outcome.output.trim();
    let said = said.strip_prefix("signpath-pkcs11: error: ").unwrap_or(said);
    let own = concat!(env!("CARGO_PKG_VERSION_MAJOR"), ".", env!("CARGO_PKG_VERSION_MINOR"));
    match outcome.end {
        End::Status(0) if said == own => Finding::ok(CHECK, format!("{shown} can be loaded")),
        End::Status(0) => Finding::warning(
            CHECK,
            format!("{shown} has version {said}, but this program has {own}"),
            "install both from the same package",
        ),
        End::Status(_) => Finding::failed(
            CHECK,
            format!("cannot load {shown} ({})", said.lines().last().unwrap_or_default()),
            "install the module for this processor architecture and C library",
        ),
        End::Signal => Finding::failed(
            CHECK,
            format!("{shown} crashes while loading"),
            "please report this bug",
        ),
        End::TooLong => Finding::failed(
            CHECK,
            format!("{shown} did not load within {} s", TIME_LIMIT.as_secs()),
            "check its file system",
        ),
    }
}
