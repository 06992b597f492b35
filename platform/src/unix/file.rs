//! Opens files and directories, with permissions.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, DirBuilder, File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, fchown};
use std::path::Path;

use nix::fcntl::OFlag;

use super::descriptor::apart;

/// Opens a file for reading. A pipe without a writer does not block the caller.
///
/// # Errors
/// Those of the system.
pub fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(path)
}

/// Opens a file for reading that only this user can have written, in a directory of which the same
/// is true.
///
/// # Errors
/// Those of the system, and the reason if another user may have written it.
pub fn open_own(path: &Path) -> io::Result<File> {
    let folder = path.parent().unwrap_or(path);
    check_own(&fs::symlink_metadata(folder)?)?;
    let file = OpenOptions::new()
        .read(true)
        .custom_flags((OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK).bits())
        .open(path)?;
    check_own(&file.metadata()?)?;
    Ok(file)
}

/// Creates a directory and its missing parents for this user alone, unless it exists.
///
/// # Errors
/// Those of the system, and the reason if other users can write to it.
pub fn create_own_folder(path: &Path) -> io::Result<()> {
    create_folder(path, 0o700)?;
    check_own(&fs::symlink_metadata(path)?)
}

/// Creates a directory and its missing parents with this mode, unless it exists.
///
/// # Errors
/// Those of the system.
pub fn create_folder(path: &Path, mode: u32) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(mode).create(path)
}

/// Creates a file that does not exist yet with this mode, for writing.
///
/// # Errors
/// Those of the system.
pub fn create_new(path: &Path, mode: u32) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(mode).open(path).and_then(apart)
}

/// Creates a file with this mode, or opens the one that exists, for writing.
///
/// # Errors
/// Those of the system.
pub fn open_or_create(path: &Path, mode: u32) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false).mode(mode);
    options.open(path).and_then(apart)
}

/// Gives a new file at `path` the owner and the mode of an old one.
///
/// # Errors
/// Those of the system, and one if the new file would differ: it can have only one name, and has the
/// access control list and other extended attributes of new files.
pub(crate) fn take_after(new: &File, path: &Path, old: &Path) -> io::Result<()> {
    let (metadata, old_metadata) = (new.metadata()?, fs::symlink_metadata(old)?);
    if !old_metadata.is_file() || old_metadata.nlink() > 1 {
        return Err(io::ErrorKind::Unsupported.into());
    }
    let owners = |file: &Metadata| (file.uid(), file.gid());
    if owners(&metadata) != owners(&old_metadata) {
        fchown(new, Some(old_metadata.uid()), Some(old_metadata.gid()))?;
    }
    new.set_permissions(old_metadata.permissions())?;
    match has_same_attributes(path, old)? {
        true => Ok(()),
        false => Err(io::ErrorKind::Unsupported.into()),
    }
}

/// Extended attributes (xattr(7)), among them the access control list and the label of SELinux.
fn has_same_attributes(path: &Path, old: &Path) -> io::Result<bool> {
    let attributes = |path: &Path| match xattr::list(path) {
        // The file system has none.
        Err(error) if error.raw_os_error() == Some(nix::libc::EOPNOTSUPP) => Ok(BTreeMap::new()),
        names => {
            let value = |name: OsString| Ok((name.clone(), xattr::get(path, name)?));
            names?.map(value).collect::<io::Result<BTreeMap<_, _>>>()
        }
    };
    Ok(attributes(path)? == attributes(old)?)
}

/// Gives a new file the name of an old one.
///
/// # Errors
/// Those of the system.
pub(crate) fn put_in_place(new: &Path, old: &Path) -> io::Result<()> {
    fs::rename(new, old)
}

/// Whether both paths refer to the same file.
pub fn is_same(file: &Path, other: &Path) -> bool {
    let identity = |path| fs::metadata(path).map(|file| (file.dev(), file.ino())).ok();
    identity(file).is_some_and(|file| Some(file) == identity(other))
}

/// Checks that only this user can have written the file or directory.
fn check_own(metadata: &Metadata) -> io::Result<()> {
    if metadata.is_symlink() {
        return Err(io::Error::other("symbolic links are not followed"));
    }
    if metadata.uid() != nix::unistd::geteuid().as_raw() {
        return Err(io::Error::other("it belongs to another user"));
    }
    if metadata.mode() & 0o022 != 0 {
        return Err(io::Error::other("it is writable by other users"));
    }
    Ok(())
}
