//! `man`: manual pages.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Command;
use clap_mangen::Man;

use crate::failure::Failure;
use crate::output::Target;

const EXAMPLES: &str = "\
Examples:
  signpath-pkcs11 man | man -l -
  signpath-pkcs11 man /usr/local/share/man/man1";

/// Print the manual page, or write the pages of all commands to a directory
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// Directory for signpath-pkcs11.1, signpath-pkcs11-list.1 and so on; created if missing
    directory: Option<PathBuf>,
}

/// Prints the manual page of `command`, or writes its page and those of its subcommands.
pub fn run(arguments: &Arguments, mut command: Command) -> Result<ExitCode, Failure> {
    command.build();
    let Some(folder) = &arguments.directory else {
        let page = page(&command).map_err(|error| Failure::write("the manual page", &error))?;
        Target::open(None, true)?.write(&page)?;
        return Ok(ExitCode::SUCCESS);
    };
    write_all(&command, folder)
        .map_err(|error| Failure::write(&folder.display().to_string(), &error))?;
    Ok(ExitCode::SUCCESS)
}

fn write_all(command: &Command, folder: &Path) -> io::Result<()> {
    std::fs::create_dir_all(folder)?;
    let shown = command.get_subcommands().filter(|command| !command.is_hide_set());
    for command in shown.chain([command]) {
        let file = folder.join(format!("{}.1", name(command)));
        std::fs::write(file, page(command)?)?;
    }
    Ok(())
}

fn page(command: &Command) -> io::Result<Vec<u8>> {
    let mut page = Vec::new();
    Man::new(command.clone())
        .title(name(command))
        .source(concat!("signpath-pkcs11 ", env!("CARGO_PKG_VERSION")))
        .manual("User Commands")
        .render(&mut page)?;
    Ok(page)
}

/// The name of a page, such as `signpath-pkcs11-list`.
fn name(command: &Command) -> &str {
    command.get_display_name().unwrap_or(command.get_name())
}
