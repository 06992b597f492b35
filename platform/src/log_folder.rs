//! The directory of the log file, in which only this user may write.
//!
//! Any user of the machine can create `/tmp/SignPathLogs` first, or a directory on another drive of
//! Windows. Directories and files are therefore checked after they have been opened, and nobody can
//! swap them between the check and the use.

use std::fmt;
use std::io::{self, Read, Seek, SeekFrom};

use crate::os_error;
pub use crate::system::log_folder::{LogFile, LogFolder};

/// Why a directory is not used.
#[derive(Debug)]
pub enum Unusable {
    /// It is a symbolic link.
    Symlink,
    /// It belongs to the user with this ID.
    Foreign(String),
    /// Other users can write to it.
    WritableByOthers,
    /// Other users can write to the log file in it. On Unix, its mode is corrected instead.
    FileWritableByOthers,
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
            Self::FileWritableByOthers => {
                formatter.write_str("the log file is writable by other users")
            }
            Self::NotAFile => formatter.write_str("the log file is not a regular file"),
            Self::Failed(error) => formatter.write_str(&os_error::describe(error)),
        }
    }
}

impl From<io::Error> for Unusable {
    fn from(error: io::Error) -> Self {
        Self::Failed(error)
    }
}

impl LogFile {
    /// Whether it is empty or ends with a line break.
    pub fn ends_with_newline(&self) -> bool {
        let mut last = [b'\n'];
        let mut file = &self.file;
        file.seek(SeekFrom::End(-1)).is_err() || file.read(&mut last).is_err() || last == *b"\n"
    }
}

/// The names of the log file and its old copies, and the one after the oldest, which is replaced:
/// from the oldest to the newest, each with its next name.
pub(crate) fn renames(name: &str, copies: usize) -> impl Iterator<Item = (String, String)> {
    let copy = move |number: usize| match number {
        0 => name.to_owned(),
        number => format!("{name}.{number}"),
    };
    (0..copies).rev().map(move |number| (copy(number), copy(number + 1)))
}
