//! What a signal that ends this process would leave behind: programs that it runs, directories and
//! files.

use std::fs;
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::thread;
use std::time::Duration;

use nix::libc::c_int;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, killpg, raise, sigaction};
use nix::unistd::Pid;

use crate::lock::Mutex;

/// The signals with which users, terminals and supervisors end a program.
const SIGNALS: [Signal; 3] = [Signal::SIGHUP, Signal::SIGINT, Signal::SIGTERM];

/// How often a directory is removed in which a program that was just killed may still create a file.
const ATTEMPTS: usize = 100;
const PAUSE: Duration = Duration::from_millis(10);

/// What a shell adds to the number of a signal in an exit status.
const AFTER_SIGNAL: i32 = 128;

struct Leftovers {
    /// Process groups.
    groups: Vec<Pid>,
    /// Files and directories.
    paths: Vec<PathBuf>,
}

static LEFTOVERS: Mutex<Leftovers> =
    Mutex::new(Leftovers { groups: Vec::new(), paths: Vec::new() });

/// Where the signal handler writes the number of the signal.
static CAUGHT: OnceLock<UnixStream> = OnceLock::new();

/// Removes the file, or the directory with all that is in it, if a signal ends this process.
pub fn remove(path: &Path) {
    LEFTOVERS.lock().paths.push(path.to_owned());
    catch_signals();
}

/// Leaves the file where it is if a signal ends this process.
pub fn keep(path: &Path) {
    LEFTOVERS.lock().paths.retain(|other| other != path);
}

/// Starts a process group that is killed if a signal ends this process, unless it [`has_ended`].
pub(super) fn add_group<T>(start: impl FnOnce() -> io::Result<(Pid, T)>) -> io::Result<T> {
    catch_signals();
    // Nothing is started that the signal would not find.
    let mut leftovers = LEFTOVERS.lock();
    let (group, child) = start()?;
    leftovers.groups.push(group);
    Ok(child)
}

/// Forgets a group. Does not return if a signal is ending this process, so that nobody reports as a result that the group was killed.
pub(super) fn has_ended(group: Pid) {
    LEFTOVERS.lock().groups.retain(|other| *other != group);
}

/// Installs the signal handler, once. If that fails, the signals leave something behind.
fn catch_signals() {
    if CAUGHT.get().is_some() {
        return;
    }
    let Ok((caught, sender)) = UnixStream::pair() else {
        return;
    };
    if CAUGHT.set(sender).is_err() || thread::Builder::new().spawn(|| end_by(caught)).is_err() {
        return;
    }
    for signal in SIGNALS {
        // One that is ignored, as after nohup, stays so.
        if let Some(SigHandler::SigIgn) = handle(signal, SigHandler::Handler(note)) {
            handle(signal, SigHandler::SigIgn);
        }
    }
}

/// Returns the handler that the signal had before.
fn handle(signal: Signal, handler: SigHandler) -> Option<SigHandler> {
    let action = SigAction::new(handler, SaFlags::SA_RESTART, SigSet::empty());
    // SAFETY: the only function among the handlers is `note`, which does nothing that is not allowed in one.
    unsafe { sigaction(signal, &action) }.ok().map(|before| before.handler())
}

extern "C" fn note(signal: c_int) {
    if let (Some(mut caught), Ok(number)) = (CAUGHT.get(), u8::try_from(signal)) {
        // Nobody would learn of an error.
        let _ = caught.write(&[number]);
    }
}

/// Waits for a signal, cleans up, and ends the process as the signal would have.
fn end_by(mut caught: UnixStream) {
    let mut number = [0];
    if caught.read_exact(&mut number).is_err() {
        return;
    }
    let [number] = number.map(i32::from);
    // It stays locked.
    let leftovers = LEFTOVERS.lock();
    for group in &leftovers.groups {
        // Fails if it has just ended.
        let _ = killpg(*group, Signal::SIGKILL);
    }
    leftovers.paths.iter().for_each(|path| remove_now(path));
    if let Ok(signal) = Signal::try_from(number) {
        handle(signal, SigHandler::SigDfl);
        let _ = raise(signal);
    }
    // The first process of a container survives.
    std::process::exit(AFTER_SIGNAL + number);
}

fn remove_now(path: &Path) {
    for _ in 0..ATTEMPTS {
        let removed = match path.is_dir() {
            true => fs::remove_dir_all(path),
            false => fs::remove_file(path),
        };
        match removed {
            Err(error) if error.kind() != ErrorKind::NotFound => thread::sleep(PAUSE),
            _ => return,
        }
    }
}
