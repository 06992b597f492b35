//! Reads the text files that a user names, and creates and replaces files.

use std::fs::{self, File};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::leftovers;
use crate::shortage::Shortage;
pub use crate::system::file::{
    create_folder, create_new, create_own_folder, is_same, open_or_create, open_own,
};
use crate::system::file::{open, put_in_place, take_after};
use crate::text;

/// The largest file that is read, in bytes. That is enough for thousands of certificates.
const MAX_LENGTH: u64 = 16 << 20;

/// The reason for refusing what is not a file.
pub(crate) const NOT_REGULAR: &str = "not a regular file (pipes and devices are not supported)";

/// The error for a file that cannot be read: the [`Shortage`] if `error` is one, or else the result
/// of `other`.
pub fn shortage_or<E: From<Shortage>>(error: &io::Error, other: impl FnOnce() -> E) -> E {
    Shortage::of(error).map_or_else(other, E::from)
}

/// Reads a text file into memory that is wiped on drop, since most such files contain a secret. A
/// byte order mark at the start of any line is removed: concatenated files have one in the middle.
///
/// # Errors
/// Those of the operating system. Files of more than 16 MiB and files in UTF-16 are refused, and so
/// are pipes and devices: they can be read only once or never end, and a pipe without a writer
/// would block the caller.
pub fn read(path: &Path) -> io::Result<Zeroizing<Vec<u8>>> {
    let file = open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other(NOT_REGULAR));
    }
    let mut bytes = Zeroizing::new(Vec::new());
    file.take(MAX_LENGTH + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_LENGTH {
        return Err(io::Error::other(format!("it is larger than {} MiB", MAX_LENGTH >> 20)));
    }
    if text::is_utf_16(&bytes) {
        return Err(io::Error::other("it is encoded as UTF-16; save it as UTF-8"));
    }
    let mut kept = Zeroizing::new(Vec::with_capacity(bytes.len()));
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        kept.extend_from_slice(text::without_mark(line));
    }
    Ok(kept)
}

/// A new file that takes the place of another when it is complete. It is removed if it is dropped
/// before.
#[derive(Debug)]
pub struct Unfinished {
    /// The file, open for writing.
    pub file: File,
    name: UnfinishedName,
}

#[derive(Debug)]
struct UnfinishedName(PathBuf);

impl Unfinished {
    /// Creates a file with this mode in the directory of `path`.
    ///
    /// # Errors
    /// Those of the system.
    pub fn beside(path: &Path, mode: u32) -> io::Result<Self> {
        // Containers that share the directory may have processes with the same ID, and a forked child draws its parent's numbers.
        let random = RandomState::new().hash_one(());
        let path = path.with_file_name(format!(".{}-{random:x}.new", std::process::id()));
        Ok(Self { file: create_new(&path, mode)?, name: UnfinishedName(path) })
    }

    /// Gives the complete file the name `path`, whatever had it before.
    ///
    /// # Errors
    /// Those of the system.
    pub fn rename(self, path: &Path) -> io::Result<()> {
        fs::rename(&self.name.0, path)
    }

    /// Writes the contents and gives the file the name of the old one. `false` if that is not possible
    /// here.
    ///
    /// # Errors
    /// The disk is full, or a quota or the file size limit is reached.
    fn replace(mut self, old: &Path, contents: &[u8]) -> io::Result<bool> {
        // Some file systems notice a full disk only when they store the file.
        match self.file.write_all(contents).and_then(|()| self.file.sync_all()) {
            Err(error) if is_lack_of_room(&error) => return Err(error),
            // Others cannot be told to store it.
            Err(_) => return Ok(false),
            Ok(()) => {}
        }
        let Self { file, name } = self;
        // Windows replaces nothing with a file that is open.
        drop(file);
        Ok(put_in_place(&name.0, old).is_ok())
    }
}

impl Drop for UnfinishedName {
    fn drop(&mut self) {
        // Fails if it has been renamed. Only the first error of others matters.
        let _ = fs::remove_file(&self.0);
    }
}

/// Replaces the contents of a file that is open for writing, in a program of our own: a signal that
/// ends it leaves no unfinished file. Where possible, a complete new file takes its place, so that a
/// full disk leaves the old contents. Otherwise the file itself is written: if it is not a regular
/// one or has several names, or if its directory does not let this user put one like it there.
///
/// # Errors
/// Those of the system.
pub fn replace(mut file: &File, path: &Path, contents: &[u8]) -> io::Result<()> {
    // /dev/stdout can stand for a regular file, which others go on writing to.
    let is_alias = ["/dev", "/proc"].iter().any(|folder| path.starts_with(folder));
    let is_regular = file.metadata().is_ok_and(|file| file.is_file());
    // The file may be behind a symbolic link, which stays.
    if let (true, false, Ok(path)) = (is_regular, is_alias, fs::canonicalize(path)) {
        if let Some(new) = replacement(&path)? {
            let name = new.name.0.clone();
            leftovers::remove(&name);
            let result = new.replace(&path, contents);
            leftovers::keep(&name);
            if result? {
                return Ok(());
            }
        }
    }
    file.write_all(contents)?;
    // Devices and pipes have no length.
    match is_regular {
        true => file.set_len(contents.len() as u64),
        false => Ok(()),
    }
}

/// A file like the one at `path`, or [`None`] if this user cannot create it.
fn replacement(path: &Path) -> io::Result<Option<Unfinished>> {
    match Unfinished::beside(path, 0o600) {
        Ok(new) => Ok(take_after(&new.file, &new.name.0, path).ok().map(|()| new)),
        Err(error) if error.kind() == io::ErrorKind::StorageFull => Err(error),
        Err(_) => Ok(None),
    }
}

fn is_lack_of_room(error: &io::Error) -> bool {
    use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    matches!(error.kind(), FileTooLarge | QuotaExceeded | StorageFull)
}
