//! The folder of the log file: one that only this user can write in.
//!
//! `/tmp/SignPathLogs`, the default, is a name that any user of the machine can take first. What
//! is opened here is looked at after it was opened, and everything in it is opened relative to it,
//! so that nobody can exchange it in between.

use std::ffi::OsString;
use std::fmt;
use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, OFlag, open, openat};
use nix::sys::stat::{FchmodatFlags, Mode, fchmod, fchmodat};
use nix::unistd::mkdir;

use signpath_platform::environment;

/// What only this user can look into.
const FOLDER_MODE: Mode = Mode::S_IRWXU;
/// What only this user can read and write.
const FILE_MODE: Mode = Mode::S_IRUSR.union(Mode::S_IWUSR);

/// Why a folder is not used.
#[derive(Debug)]
pub(crate) enum Unusable {
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

impl fmt::Display for Unusable {
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

impl From<Errno> for Unusable {
    fn from(error: Errno) -> Self {
        Self::Failed(error.into())
    }
}

impl From<io::Error> for Unusable {
    fn from(error: io::Error) -> Self {
        Self::Failed(error)
    }
}

/// Opens the folder, or makes it, readable and writable by this user alone whatever the umask of
/// the program is.
///
/// # Errors
/// An [`Unusable`] when it is not this user's own.
pub(crate) fn open_or_make(path: &Path) -> Result<File, Unusable> {
    match open_own(path) {
        Err(Unusable::Failed(error)) if error.kind() == io::ErrorKind::NotFound => {
            make(path)?;
            open_own(path)
        }
        result => result,
    }
}

/// Makes the folder and those above it that are missing.
fn make(path: &Path) -> Result<(), Errno> {
    let made = match (mkdir(path, FOLDER_MODE), path.parent()) {
        (Err(Errno::ENOENT), Some(parent)) => {
            make(parent)?;
            mkdir(path, FOLDER_MODE)
        }
        (made, _) => made,
    };
    match made {
        // Another process was faster.
        Err(Errno::EEXIST) => Ok(()),
        // A umask can only take from the mode, so nobody came in before this.
        Ok(()) => fchmodat(AT_FDCWD, path, FOLDER_MODE, FchmodatFlags::NoFollowSymlink)
            // What there is of the mode may be enough, where the system cannot do this.
            .or(Ok(())),
        Err(error) => Err(error),
    }
}

fn open_own(path: &Path) -> Result<File, Unusable> {
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let folder = match open(path, flags, Mode::empty()) {
        Err(_) if path.is_symlink() => return Err(Unusable::Symlink),
        result => File::from(result?),
    };
    let metadata = folder.metadata()?;
    if metadata.uid() != nix::unistd::geteuid().as_raw() {
        return Err(Unusable::Foreign(metadata.uid()));
    }
    if metadata.mode() & 0o022 != 0 {
        return Err(Unusable::WritableByOthers);
    }
    Ok(folder)
}

/// What the file was when it was opened.
pub(crate) struct FileState {
    /// The file system and the number of the file in it.
    pub(crate) identity: (u64, u64),
    /// In bytes.
    pub(crate) size: u64,
}

/// Opens the file of that name for appending, or makes it. Either way it is then readable and
/// writable by this user alone.
///
/// # Errors
/// An [`Unusable`] when it is no file of this user's own.
pub(crate) fn open_file(folder: &File, name: &str) -> Result<(File, FileState), Unusable> {
    // Opening a pipe must not wait for its other end.
    let flags = OFlag::O_RDWR
        | OFlag::O_APPEND
        | OFlag::O_CREAT
        | OFlag::O_NOFOLLOW
        | OFlag::O_NONBLOCK
        | OFlag::O_NOCTTY
        | OFlag::O_CLOEXEC;
    let file = match openat(folder, name, flags, FILE_MODE) {
        Err(Errno::ELOOP | Errno::EISDIR) => return Err(Unusable::NoFile),
        result => File::from(result?),
    };
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(Unusable::NoFile);
    }
    if metadata.uid() != nix::unistd::geteuid().as_raw() {
        return Err(Unusable::Foreign(metadata.uid()));
    }
    if metadata.mode() & 0o777 != FILE_MODE.bits() {
        // A file system without modes has none to set.
        let _ = fchmod(&file, FILE_MODE);
    }
    let state = FileState {
        identity: (metadata.dev(), metadata.ino()),
        size: metadata.size(),
    };
    Ok((file, state))
}

/// Folders of this user, for when the configured one cannot be used: in the folder for state that
/// outlives a program (XDG Base Directory Specification), and in that for temporary files.
pub(crate) fn private() -> impl Iterator<Item = PathBuf> {
    let absolute = |path: OsString| Some(PathBuf::from(path)).filter(|path| path.is_absolute());
    let state = environment::var_os("XDG_STATE_HOME")
        .and_then(absolute)
        .or_else(|| {
            let home = environment::var_os("HOME").and_then(absolute)?;
            Some(home.join(".local/state"))
        });
    let temporary = format!("SignPathLogs-{}", nix::unistd::geteuid());
    state
        .map(|state| state.join("signpath-pkcs11"))
        .into_iter()
        .chain([environment::temp_dir().join(temporary)])
}
