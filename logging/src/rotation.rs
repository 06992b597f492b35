//! Rotates the log file. The most recent old copy is `.1`.

use std::fs::File;

use nix::fcntl::{AtFlags, Flock, FlockArg, renameat};
use nix::sys::stat::fstatat;

use super::folder::FileState;

/// The largest size of the log file, in bytes, as in the official library.
pub(crate) const MAX_SIZE: u64 = 10 << 20;

/// How many old copies are kept.
const COPIES: usize = 5;

/// Renames the file and its copies, so that opening `name` creates a new file. Returns whether the
/// caller should open `name` again.
///
/// Never waits: while another thread or process rotates, lines are still appended to the full file.
/// Processes that have it open continue to write to the copy, so no line is lost.
pub(crate) fn rotate(folder: &File, name: &str, full: &FileState) -> bool {
    let Ok(folder) = folder.try_clone() else {
        return false;
    };
    let Ok(lock) = Flock::lock(folder, FlockArg::LockExclusiveNonblock) else {
        return false;
    };
    // Another thread or process may have renamed the file since it was opened.
    let is_current = fstatat(&*lock, name, AtFlags::AT_SYMLINK_NOFOLLOW)
        .is_ok_and(|now| (now.st_dev, now.st_ino) == full.identity);
    if is_current {
        rename(&lock, name);
    }
    // A child that another thread forks now inherits the directory's descriptor and thus the lock.
    // Only an explicit unlock releases it in both processes.
    if let Err((lock, _)) = lock.unlock() {
        // Dropping it would try to unlock again, and panic.
        std::mem::forget(lock);
    }
    true
}

fn rename(folder: &File, name: &str) {
    let copy = |number| match number {
        0 => name.to_owned(),
        number => format!("{name}.{number}"),
    };
    for number in (0..COPIES).rev() {
        // Fails for copies that do not exist yet.
        let _ = renameat(
            folder,
            copy(number).as_str(),
            folder,
            copy(number + 1).as_str(),
        );
    }
}
