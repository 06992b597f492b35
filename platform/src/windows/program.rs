//! Finds programs.

use std::ffi::OsStr;
use std::path::PathBuf;

/// Finds a program in the directories of `path`.
pub fn find(name: &str, path: &OsStr) -> Option<PathBuf> {
    std::env::split_paths(path)
        .map(|folder| folder.join(format!("{name}.exe")))
        .find(|file| file.is_file())
}
