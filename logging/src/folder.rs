//! The directory of the log file, in which only this user may write.
//!
//! Any user of the machine can create the default, `/tmp/SignPathLogs`, first. Directories and
//! files are therefore checked after they have been opened, and files are opened relative to the
//! open directory, so that nobody can swap them between the check and the use.

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

use signpath_platform::{environment, os_error};

/// Accessible only to this user.
const FOLDER_MODE: Mode = Mode::S_IRWXU;
/// Readable and writable only by this user.
const FILE_MODE: Mode = Mode::S_IRUSR.union(Mode::S_IWUSR);

/// Why a directory is not used.
#[derive(Debug)]
pub(crate) enum Unusable {
    /// It is a symbolic link.
    Symlink,
    /// It belongs to the user with this ID.
    Foreign(u32),
    /// Its group or everybody can write to it.
    WritableByOthers,
    /// Something that is not a regular file has the name of the log file.
    NotAFile,
    /// It cannot be opened or created.
    Failed(io::Error),
}

impl fmt::Display for Unusable {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Symlink => formatter.write_str("the directory is a symbolic link"),
            Self::Foreign(user) => write!(formatter, "it belongs to another user (ID {user})"),
            Self::WritableByOthers => {
                formatter.write_str("the directory is writable by other users")
            }
            Self::NotAFile => formatter.write_str("the log file is not a regular file"),
            Self::Failed(error) => formatter.write_str(&os_error::describe(error)),
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

/// Opens the directory. If it is missing, creates it, accessible only to this user whatever the
/// umask is.
///
/// # Errors
/// See [`Unusable`].
pub(crate) fn open_or_create(path: &Path) -> Result<File, Unusable> {
    match open_own(path) {
        Err(Unusable::Failed(error)) if error.kind() == io::ErrorKind::NotFound => {
            create(path)?;
            open_own(path)
        }
        result => result,
    }
}

/// Creates the directory and its missing parents.
fn create(path: &Path) -> Result<(), Errno> {
    let created = match (mkdir(path, FOLDER_MODE), path.parent()) {
        (Err(Errno::ENOENT), Some(parent)) => {
            create(parent)?;
            mkdir(path, FOLDER_MODE)
        }
        (created, _) => created,
    };
    match created {
        // Another process was faster.
        Err(Errno::EEXIST) => Ok(()),
        // A umask can only remove permissions, so nobody else had access before this.
        Ok(()) => fchmodat(AT_FDCWD, path, FOLDER_MODE, FchmodatFlags::NoFollowSymlink)
            // Not every system supports this flag; the mode may be sufficient as it is.
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

/// The state of the file when it was opened.
pub(crate) struct FileState {
    /// Device and inode.
    pub(crate) identity: (u64, u64),
    /// In bytes.
    pub(crate) size: u64,
}

/// Opens or creates the file for appending, readable and writable only by this user.
///
/// # Errors
/// See [`Unusable`].
pub(crate) fn open_file(folder: &File, name: &str) -> Result<(File, FileState), Unusable> {
    // O_NONBLOCK: opening a pipe must not wait for its other end.
    let flags = OFlag::O_RDWR
        | OFlag::O_APPEND
        | OFlag::O_CREAT
        | OFlag::O_NOFOLLOW
        | OFlag::O_NONBLOCK
        | OFlag::O_NOCTTY
        | OFlag::O_CLOEXEC;
    let file = match openat(folder, name, flags, FILE_MODE) {
        Err(Errno::ELOOP | Errno::EISDIR) => return Err(Unusable::NotAFile),
        result => File::from(result?),
    };
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(Unusable::NotAFile);
    }
    if metadata.uid() != nix::unistd::geteuid().as_raw() {
        return Err(Unusable::Foreign(metadata.uid()));
    }
    if metadata.mode() & 0o777 != FILE_MODE.bits() {
        // Fails on file systems without permissions.
        let _ = fchmod(&file, FILE_MODE);
    }
    let state = FileState {
        identity: (metadata.dev(), metadata.ino()),
        size: metadata.size(),
    };
    Ok((file, state))
}

/// Directories of this user to try if the configured one cannot be used: one in the state directory
/// (XDG Base Directory Specification), then one in the directory for temporary files.
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
