//! The C header in `include/`, and a program in C and C++ that uses it.

#[path = "../common/mod.rs"]
mod common;

mod generate;

use std::process::Command;

use common::{Traffic, environment, module_path, service, succeed, traffic};
use pkcs11_test::REPOSITORY;

/// The folder of libp11-kit-dev's headers.
const P11_KIT: &str = "/usr/include/p11-kit-1";

/// What a program prints that succeeds and does not complain.
fn prints(command: &mut Command) -> String {
    let output = succeed(command);
    assert!(output.stderr.is_empty(), "{command:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_header_is_current() {
    common::assert_current("include/signpath_pkcs11.h", &generate::header());
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
