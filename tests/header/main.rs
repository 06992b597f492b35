//! The C header in `include/`, and a program in C and C++ that uses it.

#[path = "../common/mod.rs"]
mod common;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use common::{Traffic, environment, module_path, service, succeed, traffic};
use pkcs11_test::REPOSITORY;
use signpath_client::DEFAULT_API_URL;
use signpath_config::{CONFIG_FILE, PIN_CONFIG, SETTINGS, token_info};

/// The folder of libp11-kit-dev's headers.
const P11_KIT: &str = "/usr/include/p11-kit-1";

/// What a program prints that succeeds and does not complain.
fn prints(command: &mut Command) -> String {
    let output = succeed(command);
    assert!(output.stderr.is_empty(), "{command:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_header_has_the_constants_of_the_crate() {
    let number = |name: &str, value: u32| format!("{name} {value}");
    // Rust and C write printable ASCII alike.
    let text = |name: &str, value: &str| format!("{name} {value:?}");
    let constants = [
        number("SLOT_ID", token_info::SLOT_ID),
        text("TOKEN_LABEL", token_info::LABEL),
        text("TOKEN_MANUFACTURER_ID", token_info::MANUFACTURER),
        text("TOKEN_MODEL", token_info::MODEL),
        text("TOKEN_SERIAL_NUMBER", token_info::SERIAL_NUMBER),
        number("MAX_PIN_LENGTH", token_info::MAX_PIN_LENGTH),
        text("PIN_CONFIG", PIN_CONFIG),
        text("DEFAULT_API_URL", DEFAULT_API_URL),
    ];
    let variables = SETTINGS.iter().map(|setting| setting.variable).chain([CONFIG_FILE]);
    let variables = variables.map(|variable| {
        let name = variable.to_uppercase().replacen("SIGNPATH_", "", 1);
        text(&format!("VARIABLE_{name}"), variable)
    });
    let expected: BTreeSet<_> = variables.chain(constants).collect();
    let header = Path::new(REPOSITORY).join("include/signpath_pkcs11.h");
    let header = std::fs::read_to_string(header).unwrap();
    let defined = header.lines().filter_map(|line| line.strip_prefix("#define SIGNPATH_"));
    let defined = defined.filter(|definition| definition.contains(' ')).map(str::to_owned);
    let defined: BTreeSet<_> = defined.collect();
    let wrong: Vec<_> = defined.symmetric_difference(&expected).collect();
    assert!(wrong.is_empty(), "missing or different in the header or the crate: {wrong:#?}");
}

#[test]
fn a_program_in_c_or_cpp_signs_and_verifies() {
    let folder = tempfile::tempdir().unwrap();
    for (language, standard) in [("c", "c99"), ("c++", "c++11")] {
        let program = folder.path().join(language);
        // Our header takes nothing that is not quite right.
        let options = format!("-x {language} -std={standard} -Wall -Wextra -Wpedantic -Werror");
        let mut compiler = Command::new("cc");
        compiler.args(options.split(' ')).arg("-o").arg(&program);
        compiler.args(["-I", P11_KIT, "-I", "include", "tests/header/sign.c", "-ldl"]);
        prints(compiler.current_dir(REPOSITORY));
        for (key, length) in [("demo/rsa-2048", 256), ("demo/p-384", 96)] {
            let service = service();
            let mut sign = Command::new(&program);
            sign.arg(module_path()).arg(key);
            let said = prints(sign.envs(environment(&service, &[])));
            assert_eq!(said, format!("verified {length} bytes\n"));
            let expected = Traffic { lists: 1, signatures: 1, connections: 1 };
            assert_eq!(traffic(&service.requests()), expected);
        }
    }
}
