//! Runs programs with a time limit and captures their output.

use std::io::{self, Read, Seek};
use std::process::{Command, Stdio};
use std::time::Duration;

use signpath_platform::child::{Group, is_killed};
use wait_timeout::ChildExt;

use crate::temporary;

/// How much of a program's output is read, in bytes.
const MAX_OUTPUT: u64 = 64 << 10;

/// The result of running a program.
pub struct Outcome {
    pub end: End,
    /// Standard output and stderr, interleaved.
    pub output: String,
}

/// How a program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    Status(i32),
    /// Killed by a signal, such as in a crash; on Windows, by an exception.
    Signal,
    /// Killed, together with all its children, because it exceeded the time limit.
    TooLong,
}

/// Runs a program without input, for at most `time_limit`.
pub fn run(command: &mut Command, time_limit: Duration) -> io::Result<Outcome> {
    // Unlike a pipe, a file does not block the program when nobody reads from it.
    let mut written = temporary::file()?;
    command.stdin(Stdio::null()).stdout(written.try_clone()?).stderr(written.try_clone()?);
    let mut group = Group::spawn(command)?;
    let end = match group.child.wait_timeout(time_limit)? {
        Some(status) if is_killed(status) => End::Signal,
        Some(status) => End::Status(status.code().unwrap_or_default()),
        None => {
            group.kill();
            group.child.wait()?;
            End::TooLong
        }
    };
    written.rewind()?;
    let mut output = Vec::new();
    written.take(MAX_OUTPUT).read_to_end(&mut output)?;
    Ok(Outcome { end, output: String::from_utf8_lossy(&output).into_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kills_a_slow_program_and_its_children() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
        let mut shell = Command::new("sh");
        shell.args(["-c", "exec 3>\"$PIPE\"; sleep 1000 & sleep 1000"]);
        shell.env("PIPE", &pipe);
        // The read ends when no process has the pipe open any more.
        let reader = std::thread::spawn(move || std::fs::read(pipe).unwrap());
        let started = std::time::Instant::now();
        let outcome = run(&mut shell, Duration::from_secs(1)).unwrap();
        assert_eq!(outcome.end, End::TooLong);
        assert_eq!(reader.join().unwrap(), b"");
        assert!(started.elapsed() < Duration::from_secs(500));
    }

    #[test]
    fn captures_output_and_exit_status() {
        let mut shell = Command::new("sh");
        shell.args(["-c", "echo one; echo two >&2; exit 3"]);
        let outcome = run(&mut shell, Duration::from_secs(60)).unwrap();
        assert_eq!(outcome.end, End::Status(3));
        assert_eq!(outcome.output, "one\ntwo\n");
        let mut shell = Command::new("sh");
        shell.args(["-c", "kill -SEGV $$"]);
        let outcome = run(&mut shell, Duration::from_secs(60)).unwrap();
        assert_eq!(outcome.end, End::Signal);
    }
}
