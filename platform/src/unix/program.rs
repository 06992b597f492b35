//! Finds programs.

use std::path::{Path, PathBuf};

use nix::unistd::{AccessFlags, access};

/// Finds a program in the directories of `path` as a shell would.
pub fn find(name: &str, path: &std::ffi::OsStr) -> Option<PathBuf> {
    std::env::split_paths(path).map(|folder| folder.join(name)).find(|file| is_program(file))
}

fn is_program(file: &Path) -> bool {
    access(file, AccessFlags::X_OK).is_ok() && file.is_file()
}
