//! The environment of the process, read here and nowhere else.
//!
//! A program that is set-user-ID or set-group-ID, or has file capabilities, gets its environment from a
//! caller with fewer privileges, who could choose a URL and have a file that only the program can read
//! sent there. So no variable counts in such a process.

#![allow(clippy::disallowed_methods)]

use std::ffi::OsString;
use std::path::PathBuf;

use crate::secure;

/// A process whose variables do not count, as the start of a sentence.
pub const UNTRUSTING: &str = "a process with more privileges than its caller (AT_SECURE: set-user-ID, set-group-ID or file \
    capabilities)";

/// Whether the variables count. Without, every other function here answers as if none were set.
pub fn is_trusted() -> bool {
    !secure::is_secure()
}

/// The value of a variable.
pub fn var_os(name: &str) -> Option<OsString> {
    is_trusted().then(|| std::env::var_os(name)).flatten()
}

/// All variables.
pub fn vars_os() -> impl Iterator<Item = (OsString, OsString)> {
    is_trusted().then(std::env::vars_os).into_iter().flatten()
}

/// The folder for temporary files.
pub fn temp_dir() -> PathBuf {
    match is_trusted() {
        true => std::env::temp_dir(),
        false => PathBuf::from("/tmp"),
    }
}

/// Those of `names` that are set although they do not count.
pub fn ignored(names: impl Iterator<Item = &'static str>) -> Vec<&'static str> {
    match is_trusted() {
        true => Vec::new(),
        false => names
            .filter(|name| std::env::var_os(name).is_some())
            .collect(),
    }
}
