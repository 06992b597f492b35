//! Child processes that end together with all of their own children.

use std::io;
use std::os::windows::io::{AsRawHandle, FromRawHandle, OwnedHandle};
use std::process::{Child, Command, ExitStatus};
use std::ptr;

use windows_sys::Win32::System::JobObjects::{
    AssignProcessToJobObject, CreateJobObjectW, TerminateJobObject,
};

/// What happened to a program that [`is_killed`].
pub const KILLED: &str = "it crashed";

/// Whether the program ended by an exception such as an access violation, whose code then is its exit
/// code (NTSTATUS, severity error).
pub fn is_killed(status: ExitStatus) -> bool {
    status.code().is_some_and(|code| code as u32 >> 30 == 3)
}

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
        // SAFETY: both handles are open. Fails for a child that has already ended, and where a job
        // cannot contain another: then only the child itself can be ended.
        unsafe { AssignProcessToJobObject(job.as_raw_handle(), child.as_raw_handle()) };
        Ok(Self { child, job })
    }

    /// Ends the child and all of its children.
    pub fn kill(&mut self) {
        // SAFETY: the handle is open. Succeeds for a job without processes, too.
        unsafe { TerminateJobObject(self.job.as_raw_handle(), 1) };
        // Fails if it has already ended.
        let _ = self.child.kill();
    }
}
