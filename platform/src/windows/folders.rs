//! Where the files of a user are.

use std::path::PathBuf;

use crate::environment;
use crate::process::UserId;

/// The directory of the log file by default, as messages and pages show it.
pub const DEFAULT_LOGS: &str = r"%TEMP%\SignPathLogs";

/// Where the cache directory comes from, for messages.
pub const CACHE_VARIABLES: &str = "LOCALAPPDATA is not set to an absolute path";

/// The directory of the log file by default.
pub fn default_logs() -> PathBuf {
    environment::temp_dir().join("SignPathLogs")
}

/// Directories of this user to try if the configured one cannot be used for the log file: one among
/// the user's data, then one in the directory for temporary files.
pub fn own_logs() -> impl Iterator<Item = PathBuf> {
    let user = UserId::current().name().unwrap_or_default();
    let temporary = format!("SignPathLogs-{user}");
    cache()
        .map(|data| data.join("signpath-pkcs11").join("Logs"))
        .into_iter()
        .chain([environment::temp_dir().join(temporary)])
}

/// The user's cache directory.
pub fn cache() -> Option<PathBuf> {
    let path = environment::var_os("LOCALAPPDATA").map(PathBuf::from);
    path.filter(|path| path.is_absolute())
}
