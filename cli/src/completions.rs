//! `completions`: shell completion scripts.

use std::process::ExitCode;

use clap::{Command, ValueEnum};
use clap_complete::Shell;

use crate::failure::Failure;
use crate::output::Target;

const EXAMPLES: &str = "\
Examples:
  signpath-pkcs11 completions bash > /etc/bash_completion.d/signpath-pkcs11
  signpath-pkcs11 completions zsh > /usr/local/share/zsh/site-functions/_signpath-pkcs11
  signpath-pkcs11 completions fish > ~/.config/fish/completions/signpath-pkcs11.fish
  . <(signpath-pkcs11 completions bash)";

/// Print a shell completion script
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    #[arg(value_enum)]
    shell: Supported,
}

/// The shells that the scripts are tested with.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Supported {
    Bash,
    Zsh,
    Fish,
}

impl From<Supported> for Shell {
    fn from(shell: Supported) -> Self {
        match shell {
            Supported::Bash => Self::Bash,
            Supported::Zsh => Self::Zsh,
            Supported::Fish => Self::Fish,
        }
    }
}

/// Prints the script for `command`.
pub fn run(arguments: &Arguments, command: &mut Command) -> Result<ExitCode, Failure> {
    let name = command.get_name().to_owned();
    let mut script = Vec::new();
    let mut shown = without_hidden(command);
    clap_complete::generate(Shell::from(arguments.shell), &mut shown, &name, &mut script);
    if arguments.shell == Supported::Bash {
        script = with_consistent_labels(&script, &name);
    }
    Target::open(None, true)?.write(&script)?;
    Ok(ExitCode::SUCCESS)
}

/// The command line that `--help` shows: the generators would offer hidden subcommands too.
fn without_hidden(command: &Command) -> Command {
    let shown = command.get_subcommands().filter(|command| !command.is_hide_set());
    Command::new(env!("CARGO_BIN_NAME"))
        .version(env!("CARGO_PKG_VERSION"))
        .disable_help_subcommand(true)
        .args(command.get_arguments().cloned())
        .subcommands(shown.cloned())
}

/// Makes labels consistent: the generator writes the hyphen in the program's name in one way when it jumps to a label,
/// and in another in the label of a subcommand, so that options of subcommands would never be completed.
fn with_consistent_labels(script: &[u8], name: &str) -> Vec<u8> {
    let (at_label, where_chosen) = (name.replace('-', "__subcmd__"), name.replace('-', "__"));
    let label = |name: String| format!("{name}__subcmd__");
    String::from_utf8_lossy(script).replace(&label(at_label), &label(where_chosen)).into_bytes()
}
