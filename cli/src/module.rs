//! Finds the PKCS #11 module.

use std::env::consts::{ARCH, DLL_PREFIX, DLL_SUFFIX};
use std::path::{Path, PathBuf};

use signpath_platform::os_error::describe;

use crate::failure::Failure;

/// Where modules are installed, besides directories relative to the program.
const FOLDERS: [&str; 3] = ["/usr/local/lib", "/usr/lib64", "/usr/lib"];

/// The given file, or the installed module: beside the program, in library directories relative to it, or in those of the
/// system. The path is absolute; symbolic links are kept, since they survive an update.
pub fn find(named: Option<&Path>) -> Result<PathBuf, Failure> {
    let file = match named {
        Some(path) if path.is_file() => path.to_owned(),
        Some(path) => return Err(format!("no such file: {}", path.display()).into()),
        None => candidates().into_iter().find(|path| path.is_file()).ok_or_else(|| {
            format!(
                "{} not found beside this program or in a library directory; use --module",
                file_name()
            )
        })?,
    };
    std::path::absolute(&file)
        .map_err(|error| format!("cannot use {}: {}", file.display(), describe(&error)).into())
}

fn candidates() -> Vec<PathBuf> {
    let program = std::env::current_exe().ok();
    let beside = program.as_deref().and_then(Path::parent);
    let around = beside.and_then(Path::parent).map(|folder| folder.join("lib"));
    let libraries = around.into_iter().chain(FOLDERS.map(PathBuf::from));
    let folders = libraries.flat_map(|folder| {
        // Debian's multiarch directories.
        let of_architecture = folder.join(format!("{ARCH}-linux-gnu"));
        [folder, of_architecture]
    });
    let folders = folders.flat_map(|folder| [folder.join("pkcs11"), folder]);
    let beside = beside.map(Path::to_owned);
    beside.into_iter().chain(folders).map(|folder| folder.join(file_name())).collect()
}

fn file_name() -> String {
    format!("{DLL_PREFIX}signpath_pkcs11{DLL_SUFFIX}")
}
