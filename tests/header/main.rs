//! The C header in `include/`, and a C program with it.

#[path = "../common/mod.rs"]
mod common;

mod generate;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use common::{Traffic, environment, module_path, service, traffic};

/// The folder of libp11-kit-dev's headers.
const P11_KIT: &str = "/usr/include/p11-kit-1";

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn scratch(path: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join("header")
        .join(path)
}

/// A C compiler that finds the header and takes nothing that is not quite right.
fn compiler() -> Command {
    let mut compiler = Command::new("cc");
    compiler.args([
        "-std=c99",
        "-Wall",
        "-Wextra",
        "-Wpedantic",
        "-Werror",
        "-I",
    ]);
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
    common::assert_current("include/signpath_pkcs11.h", &generate::header(&scratch("")));
}

#[test]
fn a_c_program_with_the_header_signs_and_verifies() {
    std::fs::create_dir_all(scratch("")).unwrap();
    let program = scratch("sign");
    let folder = module_path().parent().unwrap().display().to_string();
    succeed(
        compiler()
            .args(["-I", P11_KIT, "-o"])
            .arg(&program)
            .arg(repository("tests/header/sign.c"))
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

/// The header that the bindings of `cryptoki-sys` are made from declares every function of 3.2, and
/// the compiler takes only the same declaration again.
#[test]
fn the_declarations_are_those_of_a_header_of_pkcs11_3_2() {
    // Packages for other systems may not be there.
    let platform = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let arguments = [
        "metadata",
        "--format-version=1",
        "--locked",
        "--filter-platform",
        &platform,
    ];
    let output = succeed(
        Command::new(env!("CARGO"))
            .args(arguments)
            .current_dir(repository("")),
    );
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let bindings = packages
        .iter()
        .find(|package| package["name"] == "cryptoki-sys")
        .unwrap();
    let manifest = Path::new(bindings["manifest_path"].as_str().unwrap());
    std::fs::create_dir_all(scratch("")).unwrap();
    let source = scratch("declarations.c");
    let functions: String = common::raw::function_names()
        .iter()
        .map(|name| format!("    (void *)({name}),\n"))
        .collect();
    let text = format!(
        "#include <pkcs11.h>\n#include <signpath_pkcs11.h>\n\
         void *functions[] = {{\n{functions}}};\n"
    );
    std::fs::write(&source, text).unwrap();
    succeed(
        compiler()
            // A pointer to a function is none to an object in C, but it is on every system.
            .args(["-Wno-pedantic", "-fsyntax-only", "-I"])
            .arg(manifest.with_file_name("vendor"))
            .arg(source),
    );
}

#[test]
fn the_header_says_that_it_needs_another_before_it() {
    std::fs::create_dir_all(scratch("")).unwrap();
    let source = scratch("alone.c");
    std::fs::write(&source, "#include <signpath_pkcs11.h>\n").unwrap();
    let output = compiler()
        .arg("-fsyntax-only")
        .arg(source)
        .output()
        .unwrap();
    assert!(!output.status.success());
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(
        errors.contains("include a PKCS #11 header before"),
        "{errors}"
    );
}
