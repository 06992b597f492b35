//! What a build of the repository puts beside this program.

use std::path::PathBuf;

/// The module as pkcs11-test/lib/module.sh builds it, for [`built_file`].
pub const BUILT_MODULE: &str = "module/release/libsignpath_pkcs11.so";

/// A file in the folder of this program, or in one of the two above it.
pub fn built_file(path: &str) -> Option<PathBuf> {
    let program = std::env::current_exe().ok()?;
    let folders = program.ancestors().skip(1).take(3);
    folders.map(|folder| folder.join(path)).find(|file| file.exists())
}
