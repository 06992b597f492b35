//! Extended attributes of files (xattr(7)), among them access control lists and labels of SELinux.

use std::ffi::{CStr, CString, c_void};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr;

use libc::{lgetxattr, llistxattr};
use nix::errno::Errno;

/// Names and values of the attributes of what is at `path`, which may be a symbolic link.
///
/// # Errors
/// Those of the system, unless it has no such attributes.
pub(super) fn of(path: &Path) -> io::Result<Vec<(CString, Vec<u8>)>> {
    let path = CString::new(path.as_os_str().as_bytes())?;
    // SAFETY: the path ends with zero, and `read` passes a buffer of that size.
    let list = read(|buffer, size| unsafe { llistxattr(path.as_ptr(), buffer.cast(), size) });
    let list = match list {
        Err(Errno::EOPNOTSUPP) => return Ok(Vec::new()),
        list => list?,
    };
    let names = list.split_inclusive(|byte| *byte == 0);
    let mut attributes = Vec::new();
    for name in names.filter_map(|name| CStr::from_bytes_with_nul(name).ok()) {
        // SAFETY: path and name end with zero, and `read` passes a buffer of that size.
        let value =
            read(|buffer, size| unsafe { lgetxattr(path.as_ptr(), name.as_ptr(), buffer, size) })?;
        attributes.push((name.to_owned(), value));
    }
    // Each file may have them in an order of its own.
    attributes.sort();
    Ok(attributes)
}

/// What `get` writes to a buffer, whose size it returns if there is none.
fn read(get: impl Fn(*mut c_void, usize) -> isize) -> Result<Vec<u8>, Errno> {
    let length = |result| Ok(usize::try_from(Errno::result(result)?).unwrap_or_default());
    let mut bytes = vec![0; length(get(ptr::null_mut(), 0))?];
    let written = length(get(bytes.as_mut_ptr().cast(), bytes.len()))?;
    bytes.truncate(written);
    Ok(bytes)
}
