//! The directory of the log file. Files are opened relative to the open directory.

use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags, Flock, FlockArg, OFlag, open, openat, renameat};
use nix::sys::stat::{FchmodatFlags, Mode, fchmod, fchmodat, fstatat};
use nix::unistd::mkdir;

use super::console::write_once;
use super::descriptor::apart;
use crate::log_folder::{Unusable, renames};

/// Accessible only to this user.
const FOLDER_MODE: Mode = Mode::S_IRWXU;
/// Readable and writable only by this user.
const FILE_MODE: Mode = Mode::S_IRUSR.union(Mode::S_IWUSR);

/// An open directory.
#[derive(Debug)]
pub struct LogFolder(File);

/// An open log file, and its state when it was opened.
#[derive(Debug)]
pub struct LogFile {
    pub(crate) file: File,
    /// Device and inode.
    identity: (u64, u64),
    /// In bytes.
    pub size: u64,
}

impl LogFolder {
    /// Opens the directory. If it is missing, creates it, accessible only to this user whatever the
    /// umask is.
    ///
    /// # Errors
    /// See [`Unusable`].
    pub fn open_or_create(path: &Path) -> Result<Self, Unusable> {
        let folder = match open_own(path) {
            Err(Unusable::Failed(error)) if error.kind() == io::ErrorKind::NotFound => {
                create(path).map_err(io::Error::from)?;
                open_own(path)
            }
            result => result,
        };
        folder.map(Self)
    }

    /// Opens or creates the file for appending, readable and writable only by this user.
    ///
    /// # Errors
    /// See [`Unusable`].
    pub fn open_file(&self, name: &str) -> Result<LogFile, Unusable> {
        // O_NONBLOCK: opening a pipe must not wait for its other end.
        let flags = OFlag::O_RDWR
            | OFlag::O_APPEND
            | OFlag::O_CREAT
            | OFlag::O_NOFOLLOW
            | OFlag::O_NONBLOCK
            | OFlag::O_NOCTTY
            | OFlag::O_CLOEXEC;
        let file = match openat(&self.0, name, flags, FILE_MODE) {
            Err(Errno::ELOOP | Errno::EISDIR) => return Err(Unusable::NotAFile),
            result => apart(File::from(result.map_err(io::Error::from)?))?,
        };
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(Unusable::NotAFile);
        }
        if metadata.uid() != nix::unistd::geteuid().as_raw() {
            return Err(Unusable::Foreign(metadata.uid().to_string()));
        }
        #[allow(clippy::useless_conversion, reason = "the types differ by system")]
        let file_mode = u32::from(FILE_MODE.bits());
        if metadata.mode() & 0o777 != file_mode {
            // Fails on file systems without permissions.
            let _ = fchmod(&file, FILE_MODE);
        }
        Ok(LogFile { identity: (metadata.dev(), metadata.ino()), size: metadata.size(), file })
    }

    /// Renames the file and its copies, so that opening `name` creates a new file. Returns whether
    /// the caller should open `name` again.
    ///
    /// Never waits: while another thread or process rotates, lines are still appended to the full
    /// file. Processes that have it open continue to write to the copy, so no line is lost.
    pub fn rotate(&self, name: &str, copies: usize, full: &LogFile) -> bool {
        let Ok(folder) = self.0.try_clone() else {
            return false;
        };
        let Ok(lock) = Flock::lock(folder, FlockArg::LockExclusiveNonblock) else {
            return false;
        };
        // Another thread or process may have renamed the file since it was opened.
        #[allow(clippy::unnecessary_cast, reason = "the types differ by system")]
        let is_current = fstatat(&*lock, name, AtFlags::AT_SYMLINK_NOFOLLOW)
            .is_ok_and(|now| (now.st_dev as u64, now.st_ino as u64) == full.identity);
        if is_current {
            for (from, to) in renames(name, copies) {
                // Fails for copies that do not exist yet.
                let _ = renameat(&*lock, from.as_str(), &*lock, to.as_str());
            }
        }
        // A child that another thread forks now inherits the directory's descriptor and thus the
        // lock. Only an explicit unlock releases it in both processes.
        if let Err((lock, _)) = lock.unlock() {
            // Dropping it would try to unlock again, and panic.
            std::mem::forget(lock);
        }
        true
    }
}

impl LogFile {
    /// Appends with a single `write`, which the kernel does not interleave with others. Returns how
    /// much was written.
    ///
    /// # Errors
    /// Those of the system.
    pub fn append(&self, lines: &[u8]) -> io::Result<usize> {
        write_once(&self.file, lines)
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
        result => apart(File::from(result.map_err(io::Error::from)?))?,
    };
    let metadata = folder.metadata()?;
    if metadata.uid() != nix::unistd::geteuid().as_raw() {
        return Err(Unusable::Foreign(metadata.uid().to_string()));
    }
    if metadata.mode() & 0o022 != 0 {
        return Err(Unusable::WritableByOthers);
    }
    Ok(folder)
}
