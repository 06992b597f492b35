//! `--help`, `completions` and `man`: shells and formatters accept what they print.

use crate::program::{Bench, Run, offline, rows};

const COMMANDS: [&str; 8] =
    rows! { "list"; "certificate"; "sign"; "setup"; "doctor"; "journal"; "completions"; "man"; };

fn printed(arguments: &str) -> String {
    offline(arguments).assert_ok().stdout
}

#[test]
fn each_command_has_a_help_with_examples_and_exit_statuses() {
    let all = offline("--help").assert_ok();
    all.assert_prints(&["\nExamples:\n  signpath-pkcs11 doctor\n"]);
    assert!(!all.stdout.contains("load-module"), "{all:?}");
    for command in COMMANDS {
        all.assert_prints(&[&format!("\n  {command} ")]);
        offline(&format!("{command} --help")).assert_ok().assert_prints(&[
            "Usage: signpath-pkcs11",
            "\nExamples:\n  signpath-pkcs11",
            "\nExit status:\n  0 ",
        ]);
    }
}

#[test]
fn shells_complete_commands_options_and_values() {
    let bench = Bench::new();
    for shell in ["bash", "fish", "zsh"] {
        bench.write(shell, printed(&format!("completions {shell}")));
    }
    for (words, expected) in rows! {
        "signpath-pkcs11 se", "setup";
        // This is hidden from users.
        "signpath-pkcs11 lo", "";
        "signpath-pkcs11 setup openssl-", "openssl-engine openssl-provider";
        "signpath-pkcs11 sign --ha", "--hash";
        "signpath-pkcs11 certificate --format ''", "pem der";
    } {
        bench.write("complete", format!(
            ". ./bash
            COMP_WORDS=({words})
            COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
            function=$(complete -p signpath-pkcs11 | sed 's/.* -F \\([^ ]*\\) .*/\\1/')
            \"$function\" signpath-pkcs11 \"${{COMP_WORDS[COMP_CWORD]}}\" \"${{COMP_WORDS[COMP_CWORD - 1]}}\"
            echo \"${{COMPREPLY[@]}}\""
        ));
        assert_eq!(bench.sh("bash complete").trim(), expected, "{words}");
    }
    let completed = bench.sh("fish -c \"source fish; complete -C 'signpath-pkcs11 sign --hash '\"");
    let names: Vec<_> = completed.lines().map(|line| line.split('\t').next().unwrap()).collect();
    assert_eq!(names, ["sha1", "sha256", "sha384", "sha512"]);
    let zsh =
        "autoload -U compinit && compinit -D -u && source ./zsh && echo $_comps[signpath-pkcs11]";
    assert_eq!(bench.sh(&format!("zsh -c '{zsh}'")), "_signpath-pkcs11\n");
}

#[test]
fn the_manual_pages_are_well_formed() {
    let bench = Bench::new();
    assert_eq!(bench.ok("man pages").stdout, "");
    assert_eq!(bench.read("pages/signpath-pkcs11.1"), printed("man"));
    let pages = COMMANDS.map(|command| format!("-{command}"));
    for page in pages.iter().map(String::as_str).chain([""]) {
        let groff = format!("groff -man -ww -T ascii pages/signpath-pkcs11{page}.1");
        let rendered = Run::of(&mut bench.shell(&groff)).assert_ok();
        rendered.assert_prints(&["Exit status:"]);
    }
    let pages = std::fs::read_dir(bench.path("pages")).unwrap().count();
    assert_eq!(pages, COMMANDS.len() + 1);
}
