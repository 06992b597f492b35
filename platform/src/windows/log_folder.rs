//! The directory of the log file. As long as it is open, neither it nor a directory above it can be
//! renamed, so its path leads to the directory that was checked.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::windows::fs::OpenOptionsExt;
use std::os::windows::io::AsRawHandle;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use windows_sys::Win32::Foundation::GENERIC_READ;
use windows_sys::Win32::Storage::FileSystem::{
    DELETE, FILE_APPEND_DATA, FILE_FLAG_OPEN_REPARSE_POINT, FILE_READ_ATTRIBUTES,
    LOCKFILE_EXCLUSIVE_LOCK, LOCKFILE_FAIL_IMMEDIATELY, LockFileEx, OPEN_ALWAYS, UnlockFileEx,
};
use windows_sys::Win32::System::IO::{OVERLAPPED, OVERLAPPED_0, OVERLAPPED_0_0};

use super::access::{Writers, writers};
use super::file::{STAYING, State, create_folder, identity, open_itself, open_private};
use super::succeeded;
use crate::log_folder::{Unusable, renames};

/// Where in the file the locks are, in units of 4 GiB: after any content, which a lock would keep
/// others from reading.
const ROTATION: u32 = 1 << 30;
const APPENDING: u32 = ROTATION + 1;

/// How often a thread tries to be the only one that appends, with a pause of one millisecond. A
/// process that is stopped does not hold up others for longer.
const TRIES: u32 = 50;

/// An open directory.
#[derive(Debug)]
pub struct LogFolder {
    path: PathBuf,
    _open: File,
}

/// An open log file.
#[derive(Debug)]
pub struct LogFile {
    pub(crate) file: File,
    /// When it was opened, in bytes.
    pub size: u64,
}

impl LogFolder {
    /// Opens the directory. If it is missing, creates it, accessible only to this user.
    ///
    /// # Errors
    /// See [`Unusable`].
    pub fn open_or_create(path: &Path) -> Result<Self, Unusable> {
        let open = match open_itself(path, STAYING) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                create_folder(path, 0o700)?;
                open_itself(path, STAYING)?
            }
            open => open?,
        };
        let state = State::of(&open)?;
        if state.is_link {
            return Err(Unusable::Symlink);
        }
        if !state.is_folder {
            return Err(io::Error::other("not a directory").into());
        }
        match writers(&open)? {
            Writers::Own => Ok(Self { path: path.to_owned(), _open: open }),
            Writers::Foreign(user) => Err(Unusable::Foreign(user)),
            Writers::Others => Err(Unusable::WritableByOthers),
        }
    }

    /// Opens or creates the file for appending, readable and writable only by this user.
    ///
    /// # Errors
    /// See [`Unusable`].
    pub fn open_file(&self, name: &str) -> Result<LogFile, Unusable> {
        let path = self.path.join(name);
        // Without FILE_WRITE_DATA, each write appends. Reading is for the lock.
        let access = GENERIC_READ | FILE_APPEND_DATA;
        let file = match open_private(&path, access, OPEN_ALWAYS, FILE_FLAG_OPEN_REPARSE_POINT) {
            Err(_) if path.is_dir() => return Err(Unusable::NotAFile),
            file => file?,
        };
        let state = State::of(&file)?;
        if state.is_link || state.is_folder {
            return Err(Unusable::NotAFile);
        }
        match writers(&file)? {
            Writers::Own => Ok(LogFile { size: state.size, file }),
            Writers::Foreign(user) => Err(Unusable::Foreign(user)),
            Writers::Others => Err(Unusable::FileWritableByOthers),
        }
    }

    /// Renames the file and its copies, so that opening `name` creates a new file. Returns whether
    /// the caller should open `name` again.
    ///
    /// Never waits: while another thread or process rotates, lines are still appended to the full
    /// file. Processes that have it open continue to write to the copy, so no line is lost.
    pub fn rotate(&self, name: &str, copies: usize, full: &LogFile) -> bool {
        let Ok(_lock) = Lock::take(&full.file, ROTATION) else {
            return false;
        };
        // Another thread or process may have renamed the file since it was opened.
        let path = |name: &str| self.path.join(name);
        let open = |access| OpenOptions::new().access_mode(access).open(path(name));
        let now = open(FILE_READ_ATTRIBUTES);
        match (now.and_then(|now| identity(&now)), identity(&full.file)) {
            (Ok(now), Ok(full)) if now == full => {}
            _ => return true,
        }
        // Fails if a program has the file open and does not allow that it is renamed. Renaming the
        // copies alone would only lose the oldest.
        let Ok(_can_be_renamed) = open(DELETE) else {
            return false;
        };
        for (from, to) in renames(name, copies) {
            // Fails for copies that do not exist yet, and for those that a program has open.
            let _ = fs::rename(path(&from), path(&to));
        }
        true
    }
}

impl LogFile {
    /// Appends with a single write. Returns how much was written. NTFS does not interleave writes
    /// that append, but not every network share is like that.
    ///
    /// # Errors
    /// Those of the system.
    pub fn append(&self, lines: &[u8]) -> io::Result<usize> {
        let _lock = (0..TRIES).find_map(|_| {
            let lock = Lock::take(&self.file, APPENDING).ok();
            if lock.is_none() {
                thread::sleep(Duration::from_millis(1));
            }
            lock
        });
        (&self.file).write(lines)
    }
}

/// The right to do something with the log file that only one thread may do.
struct Lock<'a> {
    file: &'a File,
    place: u32,
}

impl<'a> Lock<'a> {
    /// Locks a place in the file without waiting.
    fn take(file: &'a File, place: u32) -> io::Result<Self> {
        let flags = LOCKFILE_EXCLUSIVE_LOCK | LOCKFILE_FAIL_IMMEDIATELY;
        // SAFETY: the handle is open, and the pointer is to such a structure.
        let locked = unsafe { LockFileEx(file.as_raw_handle(), flags, 0, 1, 0, &mut at(place)) };
        succeeded(locked)?;
        Ok(Self { file, place })
    }
}

impl Drop for Lock<'_> {
    fn drop(&mut self) {
        // SAFETY: the handle is open, and the pointer is to such a structure.
        unsafe { UnlockFileEx(self.file.as_raw_handle(), 0, 1, 0, &mut at(self.place)) };
    }
}

/// Describes a place in a file.
fn at(place: u32) -> OVERLAPPED {
    OVERLAPPED {
        Anonymous: OVERLAPPED_0 { Anonymous: OVERLAPPED_0_0 { Offset: 0, OffsetHigh: place } },
        ..Default::default()
    }
}
