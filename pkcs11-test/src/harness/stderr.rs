//! The stderr of this process, whatever the system calls it.

use std::fs::File;
use std::io;

pub use system::{read_at, redirect, stderr};

#[cfg(unix)]
mod system {
    use super::*;
    use std::os::fd::{AsFd, AsRawFd};
    use std::os::unix::fs::FileExt;

    /// Another descriptor for where stderr leads now.
    pub fn stderr() -> File {
        io::stderr().as_fd().try_clone_to_owned().unwrap().into()
    }

    /// Lets stderr lead to a file.
    pub fn redirect(file: &File) {
        // SAFETY: both descriptors are open.
        assert_eq!(unsafe { libc::dup2(file.as_raw_fd(), 2) }, 2);
    }

    /// Reads without moving the position.
    pub fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        file.read_at(buffer, offset)
    }
}

#[cfg(windows)]
mod system {
    use super::*;
    use std::ffi::c_void;
    use std::io::{Seek, SeekFrom};
    use std::os::windows::fs::FileExt;
    use std::os::windows::io::{AsHandle, IntoRawHandle};

    unsafe extern "system" {
        fn SetStdHandle(stream: u32, handle: *mut c_void) -> i32;
    }

    const STD_ERROR_HANDLE: u32 = -12_i32 as u32;

    /// Another handle for where stderr leads now.
    pub fn stderr() -> File {
        io::stderr().as_handle().try_clone_to_owned().unwrap().into()
    }

    /// Lets stderr lead to a file. That handle stays open, since nothing says when it is no longer used.
    pub fn redirect(file: &File) {
        let handle = file.try_clone().unwrap().into_raw_handle();
        // SAFETY: the handle is open, and nobody closes it.
        assert_ne!(unsafe { SetStdHandle(STD_ERROR_HANDLE, handle) }, 0);
    }

    /// Reads and moves the position back: not while something is written.
    pub fn read_at(mut file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let position = file.stream_position()?;
        let length = file.seek_read(buffer, offset);
        file.seek(SeekFrom::Start(position))?;
        length
    }
}
