//! Where the files of a user are (XDG Base Directory Specification).

use std::ffi::OsString;
use std::path::PathBuf;

use crate::environment;

/// The directory of the log file by default, as messages and pages show it.
pub const DEFAULT_LOGS: &str = "/tmp/SignPathLogs";

/// Where the cache directory comes from, for messages.
pub const CACHE_VARIABLES: &str = "neither XDG_CACHE_HOME nor HOME is set to an absolute path";

/// The directory of the log file by default.
pub fn default_logs() -> PathBuf {
    PathBuf::from(DEFAULT_LOGS)
}

/// Directories of this user to try if the configured one cannot be used for the log file: one in
/// the state directory, then one in the directory for temporary files.
pub fn own_logs() -> impl Iterator<Item = PathBuf> {
    let state = base(environment::var_os, "XDG_STATE_HOME", ".local/state");
    let temporary = format!("SignPathLogs-{}", nix::unistd::geteuid());
    state
        .map(|state| state.join("signpath-pkcs11"))
        .into_iter()
        .chain([environment::temp_dir().join(temporary)])
}

/// The user's cache directory.
pub fn cache() -> Option<PathBuf> {
    base(environment::var_os, "XDG_CACHE_HOME", ".cache")
}

/// A base directory: that in the variable, or else the one at `default` in the home directory.
/// Relative paths are ignored.
fn base(variable: impl Fn(&str) -> Option<OsString>, name: &str, default: &str) -> Option<PathBuf> {
    let absolute = |name| {
        let path = variable(name).map(PathBuf::from);
        path.filter(|path| path.is_absolute())
    };
    absolute(name).or_else(|| absolute("HOME").map(|home| home.join(default)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn follows_the_xdg_base_directory_specification() {
        for (xdg, home, expected) in [
            (Some("/x"), Some("/home/u"), Some("/x")),
            (None, Some("/home/u"), Some("/home/u/.cache")),
            (Some(""), Some("/home/u"), Some("/home/u/.cache")),
            (Some("relative"), Some("/home/u"), Some("/home/u/.cache")),
            (None, Some(""), None),
            (None, None, None),
        ] {
            let variable = |name: &str| {
                let value = if name == "HOME" { home } else { xdg };
                value.map(OsString::from)
            };
            let found = base(variable, "XDG_CACHE_HOME", ".cache");
            assert_eq!(found, expected.map(PathBuf::from));
        }
    }
}
