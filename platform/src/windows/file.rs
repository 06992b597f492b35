//! Opens files and directories, for this user alone where that is wanted.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::windows::fs::OpenOptionsExt;
use std::os::windows::io::{AsRawHandle, FromRawHandle};
use std::path::Path;
use std::ptr;

use windows_sys::Win32::Foundation::{
    ERROR_ALREADY_EXISTS, ERROR_PATH_NOT_FOUND, GENERIC_WRITE, INVALID_HANDLE_VALUE,
};
use windows_sys::Win32::Storage::FileSystem::{
    BY_HANDLE_FILE_INFORMATION, CREATE_NEW, CreateDirectoryW, CreateFileW,
    FILE_ATTRIBUTE_REPARSE_POINT, FILE_ATTRIBUTE_TAG_INFO, FILE_CREATION_DISPOSITION,
    FILE_FLAG_BACKUP_SEMANTICS, FILE_FLAG_OPEN_REPARSE_POINT, FILE_FLAGS_AND_ATTRIBUTES,
    FILE_INFO_BY_HANDLE_CLASS, FILE_SHARE_DELETE, FILE_SHARE_READ, FILE_SHARE_WRITE,
    FILE_STANDARD_INFO, FILE_TYPE_DISK, FileAttributeTagInfo, FileStandardInfo,
    GetFileInformationByHandle, GetFileInformationByHandleEx, GetFileType, OPEN_ALWAYS,
    ReplaceFileW, SECURITY_IDENTIFICATION,
};

use super::access::{Private, Writers, writers};
use super::{succeeded, wide};
use crate::file::NOT_REGULAR;

/// Nobody can rename or delete what is open like this.
pub(super) const STAYING: u32 = FILE_SHARE_READ | FILE_SHARE_WRITE;

/// Volume and number of a file. They are unique while the file is open.
pub(super) type Identity = (u32, u64);

/// Opens a file for reading.
///
/// # Errors
/// Those of the system.
pub fn open(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new()
        .read(true)
        // The server of a pipe is not allowed to act as this user.
        .security_qos_flags(SECURITY_IDENTIFICATION)
        .open(path)?;
    // SAFETY: the handle is open.
    match unsafe { GetFileType(file.as_raw_handle()) } {
        FILE_TYPE_DISK => Ok(file),
        _ => Err(io::Error::other(NOT_REGULAR)),
    }
}

/// Opens a file for reading that only this user can have written, in a directory of which the same
/// is true.
///
/// # Errors
/// Those of the system, and the reason if another user may have written it.
pub fn open_own(path: &Path) -> io::Result<File> {
    // The directory stays where it is as long as it is open. The file itself can be replaced, which
    // is how a newer list of signing policies gets there.
    let _folder = open_checked(path.parent().unwrap_or(path), STAYING)?;
    open_checked(path, STAYING | FILE_SHARE_DELETE)
}

/// Creates a directory and its missing parents for this user alone, unless it exists.
///
/// # Errors
/// Those of the system, and the reason if other users can write to it.
pub fn create_own_folder(path: &Path) -> io::Result<()> {
    create_folder(path, 0o700)?;
    open_checked(path, STAYING).map(drop)
}

/// Creates a directory and its missing parents, unless it exists: for this user alone if the mode
/// of other systems would be that.
///
/// # Errors
/// Those of the system.
pub fn create_folder(path: &Path, mode: u32) -> io::Result<()> {
    if !is_private(mode) {
        return DirBuilder::new().recursive(true).create(path);
    }
    let private = Private::new()?;
    let name = wide(path);
    // SAFETY: the path ends with zero, and the attributes are valid.
    let create = || succeeded(unsafe { CreateDirectoryW(name.as_ptr(), private.attributes()) });
    let created = match (create(), path.parent()) {
        (Err(error), Some(parent)) if is(&error, ERROR_PATH_NOT_FOUND) => {
            create_folder(parent, mode)?;
            create()
        }
        (created, _) => created,
    };
    match created {
        Err(error) if is(&error, ERROR_ALREADY_EXISTS) && path.is_dir() => Ok(()),
        created => created,
    }
}

/// Creates a file that does not exist yet, for writing, with a mode as [`create_folder`] has.
///
/// # Errors
/// Those of the system.
pub fn create_new(path: &Path, mode: u32) -> io::Result<File> {
    match is_private(mode) {
        true => open_private(path, GENERIC_WRITE, CREATE_NEW, 0),
        false => OpenOptions::new().write(true).create_new(true).open(path),
    }
}

/// Creates a file with a mode as [`create_folder`] has, or opens the one that exists, for writing.
///
/// # Errors
/// Those of the system.
pub fn open_or_create(path: &Path, mode: u32) -> io::Result<File> {
    match is_private(mode) {
        true => open_private(path, GENERIC_WRITE, OPEN_ALWAYS, 0),
        false => OpenOptions::new().write(true).create(true).truncate(false).open(path),
    }
}

/// Checks that a new file can take the place of an old one, whose attributes and access rights
/// [`put_in_place`] keeps.
///
/// # Errors
/// Those of the system, and one if the old file has several names, of which the new one could have
/// only one.
pub(crate) fn take_after(_new: &File, _path: &Path, old: &Path) -> io::Result<()> {
    let old = open_itself(old, STAYING | FILE_SHARE_DELETE)?;
    match information_of(&old)?.nNumberOfLinks {
        1 => Ok(()),
        _ => Err(io::ErrorKind::Unsupported.into()),
    }
}

/// Gives a new file the name, the attributes and the access rights of an old one.
///
/// # Errors
/// Those of the system.
pub(crate) fn put_in_place(new: &Path, old: &Path) -> io::Result<()> {
    let (new, old) = (wide(new), wide(old));
    // SAFETY: both paths end with zero; the other pointers may be, or must be, NULL.
    succeeded(unsafe {
        ReplaceFileW(old.as_ptr(), new.as_ptr(), ptr::null(), 0, ptr::null(), ptr::null())
    })
}

/// Whether both paths refer to the same file.
pub fn is_same(file: &Path, other: &Path) -> bool {
    let open = |path| {
        let mut options = OpenOptions::new();
        options.access_mode(0).custom_flags(FILE_FLAG_BACKUP_SEMANTICS).open(path)
    };
    match (open(file), open(other)) {
        (Ok(file), Ok(other)) => {
            identity(&file).and_then(|file| Ok(file == identity(&other)?)).unwrap_or(false)
        }
        _ => false,
    }
}

/// Which file it is.
pub(super) fn identity(file: &File) -> io::Result<Identity> {
    let state = information_of(file)?;
    let number = u64::from(state.nFileIndexHigh) << 32 | u64::from(state.nFileIndexLow);
    Ok((state.dwVolumeSerialNumber, number))
}

fn information_of(file: &File) -> io::Result<BY_HANDLE_FILE_INFORMATION> {
    let mut state = BY_HANDLE_FILE_INFORMATION::default();
    // SAFETY: the handle is open, and the pointer is to such a structure.
    succeeded(unsafe { GetFileInformationByHandle(file.as_raw_handle(), &mut state) })?;
    Ok(state)
}

/// Opens or creates a file. A new one is for this user alone.
pub(super) fn open_private(
    path: &Path,
    access: u32,
    disposition: FILE_CREATION_DISPOSITION,
    flags: FILE_FLAGS_AND_ATTRIBUTES,
) -> io::Result<File> {
    let private = Private::new()?;
    let share = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;
    // SAFETY: the path ends with zero, the attributes are valid, and there is no template.
    let handle = unsafe {
        CreateFileW(
            wide(path).as_ptr(),
            access,
            share,
            private.attributes(),
            disposition,
            flags,
            ptr::null_mut(),
        )
    };
    if handle == INVALID_HANDLE_VALUE {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the handle is new and nobody else's.
    Ok(unsafe { File::from_raw_handle(handle) })
}

/// Opens a file or a directory for reading: not where a link points, but the link itself.
pub(super) fn open_itself(path: &Path, share: u32) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .share_mode(share)
        .custom_flags(FILE_FLAG_BACKUP_SEMANTICS | FILE_FLAG_OPEN_REPARSE_POINT)
        .open(path)
}

/// What an open file or directory is. The standard library's metadata would take longer, since it also
/// identifies the volume: under Wine, another process is asked for that.
pub(super) struct State {
    /// Whether it is a link of any kind.
    pub(super) is_link: bool,
    pub(super) is_folder: bool,
    /// In bytes.
    pub(super) size: u64,
}

impl State {
    /// # Errors
    /// Those of the system.
    pub(super) fn of(file: &File) -> io::Result<Self> {
        let mut attributes = FILE_ATTRIBUTE_TAG_INFO::default();
        let mut standard = FILE_STANDARD_INFO::default();
        // SAFETY: these structures belong to these classes.
        unsafe {
            information(file, FileAttributeTagInfo, &mut attributes)?;
            information(file, FileStandardInfo, &mut standard)?;
        }
        Ok(Self {
            is_link: attributes.FileAttributes & FILE_ATTRIBUTE_REPARSE_POINT != 0,
            is_folder: standard.Directory,
            size: standard.EndOfFile.try_into().unwrap_or_default(),
        })
    }
}

/// Reads a structure about an open file.
///
/// # Safety
/// It must be the one of its class.
unsafe fn information<T>(
    file: &File,
    class: FILE_INFO_BY_HANDLE_CLASS,
    found: &mut T,
) -> io::Result<()> {
    let size = size_of::<T>() as u32;
    // SAFETY: the handle is open, and the caller guarantees the structure of the class.
    succeeded(unsafe {
        GetFileInformationByHandleEx(file.as_raw_handle(), class, ptr::from_mut(found).cast(), size)
    })
}

fn open_checked(path: &Path, share: u32) -> io::Result<File> {
    let file = open_itself(path, share)?;
    if State::of(&file)?.is_link {
        return Err(io::Error::other("symbolic links are not followed"));
    }
    match writers(&file)? {
        Writers::Own => Ok(file),
        Writers::Foreign(_) => Err(io::Error::other("it belongs to another user")),
        Writers::Others => Err(io::Error::other("it is writable by other users")),
    }
}

/// Whether a mode of other systems gives nobody else access.
fn is_private(mode: u32) -> bool {
    mode & 0o077 == 0
}

fn is(error: &io::Error, number: u32) -> bool {
    error.raw_os_error() == Some(number as i32)
}
