//! Child processes that end together with all of their own children.

use std::io;
use std::os::windows::io::{AsRawHandle, FromRawHandle, OwnedHandle};
use std::process::{Child, Command};
use std::ptr;

use windows_sys::Win32::System::JobObjects::{
    AssignProcessToJobObject, CreateJobObjectW, TerminateJobObject,
};

use super::succeeded;

/// A child process in a job object of its own.
#[derive(Debug)]
pub struct Group {
    /// The child.
    pub child: Child,
    job: OwnedHandle,
}

impl Group {
    /// Starts a program.
    ///
    /// # Errors
    /// Those of the system.
    pub fn spawn(command: &mut Command) -> io::Result<Self> {
        // SAFETY: both pointers may be NULL.
        let job = unsafe { CreateJobObjectW(ptr::null(), ptr::null()) };
        if job.is_null() {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the handle is new and nobody else's.
        let job = unsafe { OwnedHandle::from_raw_handle(job) };
        let child = command.spawn()?;
        // SAFETY: both handles are open. A child that has already ended is not assigned.
        unsafe { AssignProcessToJobObject(job.as_raw_handle(), child.as_raw_handle()) };
        Ok(Self { child, job })
    }

    /// Ends the child and all of its children.
    pub fn kill(&mut self) {
        // SAFETY: the handle is open.
        let ended = succeeded(unsafe { TerminateJobObject(self.job.as_raw_handle(), 1) });
        if ended.is_err() {
            // Fails if it has already ended.
            let _ = self.child.kill();
        }
    }
}
