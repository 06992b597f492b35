//! Old copies of the log file: `.1` is the youngest.

use std::fs::File;

use nix::fcntl::{AtFlags, Flock, FlockArg, renameat};
use nix::sys::stat::fstatat;

use super::folder::FileState;

/// How large the file may become, in bytes, as in the official library.
pub(crate) const MAX_SIZE: u64 = 10 << 20;

/// How many old copies are kept.
const COPIES: usize = 5;

/// Renames the file and its copies, so that the next one to open `name` makes a new file, and says
/// whether a new one is to be opened.
///
/// Nobody waits: while another thread or process renames, the file that is full simply takes more
/// lines. Those who have it open write on into the copy, so no line is lost.
pub(crate) fn rotate(folder: &File, name: &str, full: &FileState) -> bool {
    let Ok(folder) = folder.try_clone() else {
        return false;
    };
    let Ok(lock) = Flock::lock(folder, FlockArg::LockExclusiveNonblock) else {
        return false;
    };
    // Who waited for the processor since it opened the file may find it renamed already.
    let is_current = fstatat(&*lock, name, AtFlags::AT_SYMLINK_NOFOLLOW)
        .is_ok_and(|now| (now.st_dev, now.st_ino) == full.identity);
    if is_current {
        rename(&lock, name);
    }
    // A child that another thread forks now has the folder open too, and with it the lock. Only
    // giving it back explicitly ends it for both.
    if let Err((lock, _)) = lock.unlock() {
        // Dropping it would try once more, and panic.
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
        // Not all copies exist at first.
        let _ = renameat(
            folder,
            copy(number).as_str(),
            folder,
            copy(number + 1).as_str(),
        );
    }
}
