//! The folder of the log file: one that only this user can write in.
//!
//! `/tmp/SignPathLogs`, the default, is a name that any user of the machine can take first. What
//! is opened here is looked at after it was opened, and everything in it is opened relative to it,
//! so that nobody can exchange it in between.

use std::ffi::OsString;
use std::fmt;
use std::fs::{DirBuilder, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{OFlag, open, openat};
use nix::sys::stat::Mode;

/// Why a folder is not used.
#[derive(Debug)]
pub(super) enum Refusal {
    /// Somebody made the name lead elsewhere.
    Symlink,
    /// It belongs to the user of that ID.
    Foreign(u32),
    /// Its group, or everybody, can write in it.
    WritableByOthers,
    /// Something else has the name of the log file.
    NoFile,
    /// It cannot be opened or made.
    Failed(io::Error),
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Symlink => formatter.write_str("is a symbolic link"),
            Self::Foreign(user) => write!(formatter, "belongs to another user (ID {user})"),
            Self::WritableByOthers => formatter.write_str("can be written by other users"),
            Self::NoFile => formatter.write_str("holds no plain file of that name"),
            Self::Failed(error) => write!(formatter, "cannot be used ({error})"),
        }
    }
}

impl From<Errno> for Refusal {
    fn from(error: Errno) -> Self {
        Self::Failed(error.into())
    }
}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Self {
        Self::Failed(error)
    }
}

/// Opens the folder, or makes it, readable and writable by this user alone.
///
/// # Errors
/// A [`Refusal`] when it is not this user's own.
pub(super) fn open_or_make(path: &Path) -> Result<File, Refusal> {
    match open_own(path) {
        Err(Refusal::Failed(error)) if error.kind() == io::ErrorKind::NotFound => {
            DirBuilder::new().recursive(true).mode(0o700).create(path)?;
            open_own(path)
        }
        result => result,
    }
}

fn open_own(path: &Path) -> Result<File, Refusal> {
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let folder = match open(path, flags, Mode::empty()) {
        Err(_) if path.is_symlink() => return Err(Refusal::Symlink),
        result => File::from(result?),
    };
    let metadata = folder.metadata()?;
    if metadata.uid() != nix::unistd::geteuid().as_raw() {
        return Err(Refusal::Foreign(metadata.uid()));
    }
    if metadata.mode() & 0o022 != 0 {
        return Err(Refusal::WritableByOthers);
    }
    Ok(folder)
}

/// What the file was when it was opened.
pub(super) struct State {
    /// The file system and the number of the file in it.
    pub(super) identity: (u64, u64),
    /// In bytes.
    pub(super) size: u64,
}

/// Opens the file of that name for appending, or makes it, readable and writable by this user
/// alone.
///
/// # Errors
/// A [`Refusal`] when it is no file of this user's own.
pub(super) fn open_file(folder: &File, name: &str) -> Result<(File, State), Refusal> {
    // Opening a pipe must not wait for its other end.
    let flags = OFlag::O_RDWR
        | OFlag::O_APPEND
        | OFlag::O_CREAT
        | OFlag::O_NOFOLLOW
        | OFlag::O_NONBLOCK
        | OFlag::O_NOCTTY
        | OFlag::O_CLOEXEC;
    let file = match openat(folder, name, flags, Mode::S_IRUSR | Mode::S_IWUSR) {
        Err(Errno::ELOOP | Errno::EISDIR) => return Err(Refusal::NoFile),
        result => File::from(result?),
    };
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(Refusal::NoFile);
    }
    if metadata.uid() != nix::unistd::geteuid().as_raw() {
        return Err(Refusal::Foreign(metadata.uid()));
    }
    let state = State {
        identity: (metadata.dev(), metadata.ino()),
        size: metadata.size(),
    };
    Ok((file, state))
}

/// Folders of this user, for when the configured one cannot be used: in the folder for state that
/// outlives a program (XDG Base Directory Specification), and in `/tmp`.
pub(super) fn private() -> impl Iterator<Item = PathBuf> {
    let absolute = |path: OsString| Some(PathBuf::from(path)).filter(|path| path.is_absolute());
    let state = std::env::var_os("XDG_STATE_HOME")
        .and_then(absolute)
        .or_else(|| {
            let home = std::env::var_os("HOME").and_then(absolute)?;
            Some(home.join(".local/state"))
        });
    let temporary = format!("/tmp/SignPathLogs-{}", nix::unistd::geteuid());
    state
        .map(|state| state.join("signpath-pkcs11"))
        .into_iter()
        .chain([PathBuf::from(temporary)])
}
