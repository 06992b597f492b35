//! Finds programs.

use std::path::PathBuf;

use signpath_platform::program;

/// Finds a program as a shell would.
pub fn find(name: &str) -> Option<PathBuf> {
    program::find(name, &std::env::var_os("PATH")?)
}
