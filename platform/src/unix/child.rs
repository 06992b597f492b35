//! Child processes that end together with all of their own children.

use std::io;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

/// What happened to a program that [`is_killed`].
pub const KILLED: &str = "killed by a signal";

/// Whether the program ended by a signal, such as in a crash.
pub fn is_killed(status: ExitStatus) -> bool {
    status.signal().is_some()
}

/// A child process in a process group of its own.
#[derive(Debug)]
pub struct Group {
    /// The child.
    pub child: Child,
}

impl Group {
    /// Starts a program.
    ///
    /// # Errors
    /// Those of the system.
    pub fn spawn(command: &mut Command) -> io::Result<Self> {
        let child = command.process_group(0).spawn()?;
        Ok(Self { child })
    }

    /// Ends the child and all of its children.
    pub fn kill(&mut self) {
        if let Ok(group) = i32::try_from(self.child.id()) {
            // Fails if the group has already exited.
            let _ = killpg(Pid::from_raw(group), Signal::SIGKILL);
        }
    }
}
