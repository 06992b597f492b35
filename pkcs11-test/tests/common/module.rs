//! The module.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use pkcs11_test::REPOSITORY;

/// Runs a script of this project that prints a path.
pub fn path_from(script: &str) -> PathBuf {
    let output =
        Command::new(Path::new(REPOSITORY).join(script)).output().expect("the script runs");
    assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8").trim_end().into()
}

/// The module as a package ships it.
pub fn module() -> &'static Path {
    static MODULE: OnceLock<PathBuf> = OnceLock::new();
    MODULE.get_or_init(|| match std::env::var_os("SIGNPATH_TEST_MODULE") {
        Some(path) => path.into(),
        None => path_from("pkcs11-test/lib/module.sh"),
    })
}
