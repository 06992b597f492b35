//! Temporary files and directories.

use std::env;
use std::fs::File;
use std::io;

use signpath_platform::leftovers;
use tempfile::TempDir;

use crate::failure::Failure;

/// A directory that is removed when it is dropped, or when a signal ends this process.
pub fn folder() -> Result<TempDir, Failure> {
    let folder = tempfile::tempdir().map_err(|error| {
        let parent = env::temp_dir();
        let name = format!("a temporary directory in {}", parent.display());
        Failure::write(&name, &of_system(error))
    })?;
    leftovers::remove(folder.path());
    Ok(folder)
}

/// A file without a name.
pub fn file() -> io::Result<File> {
    tempfile::tempfile().map_err(of_system)
}

/// The error of the system, of which tempfile only keeps the text.
fn of_system(error: io::Error) -> io::Error {
    let text = error.to_string();
    let number = text.split_once("(os error ").and_then(|(_, rest)| rest.split_once(')'));
    match number.and_then(|(number, _)| number.parse().ok()) {
        Some(number) => io::Error::from_raw_os_error(number),
        None => error,
    }
}
