//! Child processes that end together with all of their own children.

use std::io;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use super::leftovers;

/// What happened to a program that [`is_killed`].
pub const KILLED: &str = "killed by a signal";

/// Whether the program ended by a signal, such as in a crash.
pub fn is_killed(status: ExitStatus) -> bool {
    status.signal().is_some()
}

/// A child process in a process group of its own, which is killed if a signal ends this process.
#[derive(Debug)]
pub struct Group {
    /// The child.
    pub child: Child,
    id: Pid,
}

impl Group {
    /// Starts a program.
    ///
    /// # Errors
    /// Those of the system.
    pub fn spawn(command: &mut Command) -> io::Result<Self> {
        leftovers::add_group(|| {
            let child = command.process_group(0).spawn()?;
            let id = Pid::from_raw(child.id().try_into().map_err(io::Error::other)?);
            Ok((id, Self { child, id }))
        })
    }

    /// Ends the child and all of its children.
    pub fn kill(&mut self) {
        // Fails if the group has already exited.
        let _ = killpg(self.id, Signal::SIGKILL);
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        leftovers::has_ended(self.id);
    }
}
