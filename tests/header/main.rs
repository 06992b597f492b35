//! The C header in `include/`, and a program in C and C++ that uses it.

#[path = "../common/mod.rs"]
mod common;

mod generate;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use common::{Traffic, environment, module_path, service, traffic};

/// The directory of libp11-kit-dev's headers.
const P11_KIT: &str = "/usr/include/p11-kit-1";

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn scratch(path: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join("header")
        .join(path)
}

/// A compiler that finds our header and treats warnings as errors.
fn compiler(language: &str, standard: &str) -> Command {
    let mut compiler = Command::new("cc");
    compiler
        .args(["-x", language])
        .arg(format!("-std={standard}"));
    compiler.args(["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-I"]);
    compiler.arg(repository("include"));
    compiler
}

fn succeed(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{command:?} ended with {}:\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

#[test]
fn the_header_is_current() {
    common::assert_current("include/signpath_pkcs11.h", &generate::header());
}

#[test]
fn a_c_program_with_the_header_signs_and_verifies() {
    signs_and_verifies("c", "c99");
}

#[test]
fn a_cpp_program_with_the_header_signs_and_verifies() {
    signs_and_verifies("c++", "c++11");
}

fn signs_and_verifies(language: &str, standard: &str) {
    std::fs::create_dir_all(scratch("")).unwrap();
    let program = scratch(&format!("sign-{language}"));
    let folder = module_path().parent().unwrap().display().to_string();
    succeed(
        compiler(language, standard)
            .args(["-I", P11_KIT, "-o"])
            .arg(&program)
            .arg(repository("tests/header/sign.c"))
            // The module is not a source file.
            .args(["-x", "none"])
            .arg(module_path())
            .arg(format!("-Wl,-rpath,{folder}")),
    );
    let service = service();
    let output = succeed(
        Command::new(program)
            .envs(environment(&service, &[]))
            .arg("demo/rsa-2048"),
    );
    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        "slot 1: SignPath\n\
         logged in\n\
         demo/rsa-2048: 256 bytes of signature\n\
         verified\n\
         not verified with other data\n"
    );
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
    let expected = Traffic {
        lists: 1,
        signatures: 1,
        connections: 1,
    };
    assert_eq!(traffic(&service.requests()), expected);
}
