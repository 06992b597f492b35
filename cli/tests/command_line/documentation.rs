//! `--help`, `completions` and `man`: shells and formatters take what they print.

use std::process::Command;

use crate::program::{Run, program, text};

/// All commands.
const COMMANDS: [&str; 8] = [
    "list",
    "certificate",
    "sign",
    "setup",
    "doctor",
    "journal",
    "completions",
    "man",
];

/// What a run prints that ends well.
fn printed(arguments: &[&str]) -> String {
    Run::of(&mut program(arguments)).assert_ok().stdout
}

/// What a shell prints that has been given a script and commands.
fn shell(name: &str, script: &str, commands: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("script");
    std::fs::write(&path, script).unwrap();
    let mut shell = Command::new(name);
    shell.args(["-c", commands]).env("SCRIPT", &path);
    Run::of(&mut shell).assert_ok().stdout
}

#[test]
fn each_command_has_a_help_with_examples_and_exit_statuses() {
    let all = printed(&["--help"]);
    assert!(
        all.contains("\nExamples:\n  signpath-pkcs11 doctor\n"),
        "{all}"
    );
    for command in COMMANDS {
        assert!(all.contains(&format!("\n  {command} ")), "{all}");
        let help = printed(&[command, "--help"]);
        for part in [
            "Usage: signpath-pkcs11",
            "\nExamples:\n  signpath-pkcs11",
            "\nExit status:\n  0 ",
        ] {
            assert!(help.contains(part), "{command}: {help}");
        }
    }
    assert!(!all.contains("load-module"), "{all}");
}

#[test]
fn bash_completes_commands_options_and_values() {
    let script = printed(&["completions", "bash"]);
    for (words, expected) in [
        ("signpath-pkcs11 se", "setup"),
        (
            "signpath-pkcs11 setup openssl-",
            "openssl-engine openssl-provider",
        ),
        ("signpath-pkcs11 sign --ha", "--hash"),
        ("signpath-pkcs11 certificate --format ''", "pem der"),
    ] {
        let commands = format!(
            ". \"$SCRIPT\"
            COMP_WORDS=({words})
            COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
            function=$(complete -p signpath-pkcs11 | sed 's/.* -F \\([^ ]*\\) .*/\\1/')
            \"$function\" signpath-pkcs11 \"${{COMP_WORDS[COMP_CWORD]}}\" \"${{COMP_WORDS[COMP_CWORD - 1]}}\"
            echo \"${{COMPREPLY[@]}}\""
        );
        assert_eq!(
            shell("bash", &script, &commands).trim(),
            expected,
            "{words}"
        );
    }
}

#[test]
fn fish_completes_too() {
    let script = printed(&["completions", "fish"]);
    let commands = "source $SCRIPT; complete -C 'signpath-pkcs11 sign --hash '";
    let completed = shell("fish", &script, commands);
    let names = completed
        .lines()
        .map(|line| line.split('\t').next().unwrap());
    let expected = ["sha1", "sha256", "sha384", "sha512"];
    assert_eq!(names.collect::<Vec<_>>(), expected);
}

#[test]
fn zsh_takes_its_script() {
    let script = printed(&["completions", "zsh"]);
    let commands =
        "autoload -U compinit && compinit -D -u && source $SCRIPT && echo $_comps[signpath-pkcs11]";
    assert_eq!(shell("zsh", &script, commands).trim(), "_signpath-pkcs11");
}

#[test]
fn the_manual_pages_are_well_formed() {
    let folder = tempfile::tempdir().unwrap();
    let main = printed(&["man"]);
    assert_eq!(printed(&["man", text(folder.path())]), "");
    let names = ["signpath-pkcs11".to_owned()];
    let of_commands = COMMANDS.map(|command| format!("signpath-pkcs11-{command}"));
    for name in names.iter().chain(&of_commands) {
        let path = folder.path().join(format!("{name}.1"));
        let page = std::fs::read_to_string(&path).unwrap();
        assert!(name != "signpath-pkcs11" || page == main);
        let mut groff = Command::new("groff");
        let rendered = Run::of(groff.args(["-man", "-ww", "-T", "ascii", text(&path)])).assert_ok();
        assert!(
            rendered.stdout.contains("Exit status:"),
            "{}",
            rendered.stdout
        );
    }
    let pages = std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(pages, COMMANDS.len() + 1);
}

#[test]
fn nothing_is_coloured_where_there_is_no_terminal() {
    for (variable, value) in [("TERM", "xterm-256color"), ("COLORTERM", "truecolor")] {
        let mut command = program(&["list"]);
        let run = Run::of(command.env(variable, value));
        assert!(run.stderr.contains("no credentials"), "{}", run.stderr);
        assert!(!run.stderr.contains('\u{1b}'), "{}", run.stderr);
    }
}
