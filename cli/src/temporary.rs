//! Temporary directories.

use signpath_platform::leftovers;
use tempfile::TempDir;

use crate::failure::Failure;

/// A directory that is removed when it is dropped, or when a signal ends this process.
pub fn folder() -> Result<TempDir, Failure> {
    let folder =
        tempfile::tempdir().map_err(|error| Failure::write("a temporary directory", &error))?;
    leftovers::remove_folder(folder.path());
    Ok(folder)
}
