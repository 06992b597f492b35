//! The environment variables of the process. No other module reads them.
//!
//! A program that is set-user-ID or set-group-ID, or that has file capabilities, inherits its
//! environment from a less privileged caller. That caller could set the API URL and make the
//! program send it a file that only the program can read. Such a process therefore ignores all
//! variables.

#![allow(clippy::disallowed_methods)]

use std::ffi::OsString;
use std::path::PathBuf;

use crate::system::secure;

/// The reason why a process ignores its environment, as a sentence without a full stop.
pub const UNTRUSTING: &str = "set-user-ID and set-group-ID programs, and those with file capabilities, ignore their environment";

/// Whether the environment can be trusted. If not, all other functions of this module except
/// [`ignored`] behave as if no variable were set.
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

/// The directory for temporary files.
pub fn temp_dir() -> PathBuf {
    match is_trusted() {
        true => std::env::temp_dir(),
        false => PathBuf::from("/tmp"),
    }
}

/// The variables among `names` that are set but ignored.
pub fn ignored(names: impl Iterator<Item = &'static str>) -> Vec<&'static str> {
    match is_trusted() {
        true => Vec::new(),
        false => names.filter(|name| std::env::var_os(name).is_some()).collect(),
    }
}
