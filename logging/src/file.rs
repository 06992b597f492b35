//! The log file, which all processes of a user share.
//!
//! It is opened for each line and closed again. So a forked child shares nothing with its parent,
//! a program that closes all descriptors gets no line of ours into a file of its own, and a file
//! that was renamed is not written to for long. A line is one `write` that appends, which the
//! kernel does not mix with others.

use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicUsize, Ordering};

use nix::errno::Errno;
use once_cell::race::OnceBox;
use signpath_platform::date::rfc3339_millis;
use time::OffsetDateTime;

use super::folder::{self, Unusable};
use super::{DEFAULT_DIRECTORY, Level, RequestId, console, one_line, rotation, write_once};

/// The name that the official library gives its file.
const NAME: &str = "SignPath.CryptoProviders.Cryptoki.txt";

static LEVEL: AtomicU8 = AtomicU8::new(Level::None as u8);
/// The place of the configured folder among [`FOLDERS`].
static CURRENT: AtomicUsize = AtomicUsize::new(0);
static FOLDERS: OnceBox<Folder> = OnceBox::new();

/// The process that has introduced itself in the file.
static INTRODUCED: AtomicU32 = AtomicU32::new(0);
/// Whether it was said that another folder is used, and that the file cannot be written.
static FOLDER_SAID: AtomicBool = AtomicBool::new(false);
static FAILURE_SAID: AtomicBool = AtomicBool::new(false);

/// A folder that was configured once in this process. The list of them only grows, and so can be
/// read without a lock, which a forked child might find taken for ever.
struct Folder {
    path: PathBuf,
    next: OnceBox<Folder>,
}

/// Sets what the file shows, and its folder, for the whole process. Opens nothing.
pub(crate) fn configure(level: Level, directory: &Path) {
    // Without a slash at the end, which would lead through a symbolic link.
    let directory = std::path::absolute(directory)
        .unwrap_or_else(|_| directory.to_owned())
        .components()
        .collect::<PathBuf>();
    let (mut place, mut index) = (&FOLDERS, 0);
    loop {
        let folder = place.get_or_init(|| {
            Box::new(Folder {
                path: directory.clone(),
                next: OnceBox::new(),
            })
        });
        if folder.path == directory {
            break;
        }
        (place, index) = (&folder.next, index + 1);
    }
    if CURRENT.swap(index, Ordering::Relaxed) != index {
        FOLDER_SAID.store(false, Ordering::Relaxed);
        FAILURE_SAID.store(false, Ordering::Relaxed);
    }
    LEVEL.store(level as u8, Ordering::Relaxed);
}

/// Whether the file shows lines of `level`.
pub(crate) fn shows(level: Level) -> bool {
    level as u8 <= LEVEL.load(Ordering::Relaxed)
}

/// Writes a message, which is one line. Never fails; a file that cannot be written is said once.
pub(crate) fn write(level: Level, message: &str) {
    let mut folders = std::iter::successors(FOLDERS.get(), |folder| folder.next.get());
    let Some(configured) = folders.nth(CURRENT.load(Ordering::Relaxed)) else {
        return;
    };
    let lines = lines(level, message);
    let Err(failure) = append_somewhere(&configured.path, lines.as_bytes()) else {
        return;
    };
    if console::shows(Level::Warning) && !FAILURE_SAID.swap(true, Ordering::Relaxed) {
        let message = format!(
            "the log file {NAME} cannot be written: {} {failure}; correct that, set \
             Log.File.Directory or SIGNPATH_LOG_FILE_DIRECTORY, or set Log.File.Level to none",
            configured.path.display()
        );
        console::write(Level::Warning, &one_line(&message));
    }
}

/// The message as it stands in the file, below a line that introduces the process before its
/// first.
fn lines(level: Level, message: &str) -> String {
    let process_id = std::process::id();
    let time = rfc3339_millis(OffsetDateTime::now_utc());
    let start = format!("{time} {} ", RequestId::current());
    let mut lines = String::new();
    if shows(Level::Info) && INTRODUCED.swap(process_id, Ordering::Relaxed) != process_id {
        let program = std::env::current_exe().unwrap_or_default();
        let introduction = format!(
            "{start}{}: signpath-pkcs11 {} in {}",
            Level::Info.name(),
            env!("CARGO_PKG_VERSION"),
            program.display()
        );
        lines = one_line(&introduction) + "\n";
    }
    lines + &start + level.name() + ": " + message + "\n"
}

/// Appends to the file in the configured folder, or in a private one if that cannot be used.
fn append_somewhere(configured: &Path, lines: &[u8]) -> Result<(), Unwritten> {
    let refusal = match append(configured, lines) {
        Err(Unwritten::Refused(refusal)) => refusal,
        result => return result.map(drop),
    };
    for path in folder::private() {
        match append(&path, lines) {
            Err(Unwritten::Refused(_)) => {}
            result => {
                let file = result.as_ref().copied().unwrap_or(Found::Begun);
                say_folder(configured, &refusal, &path, file);
                return result.map(drop);
            }
        }
    }
    Err(Unwritten::Refused(refusal))
}

/// Says once where the log is, if not where it should be.
fn say_folder(configured: &Path, refusal: &Unusable, used: &Path, file: Found) {
    if FOLDER_SAID.swap(true, Ordering::Relaxed) {
        return;
    }
    super::write(
        say_folder_at(configured, refusal, file),
        format_args!(
            "the log file is in {}, because {} {refusal}",
            used.display(),
            configured.display()
        ),
    );
}

/// That another user of the machine was first in the default folder stays so, and need not be a
/// warning in each run.
fn say_folder_at(configured: &Path, refusal: &Unusable, file: Found) -> Level {
    let is_default = configured == Path::new(DEFAULT_DIRECTORY);
    match (refusal, file) {
        (Unusable::Foreign(_), Found::Begun) if is_default => Level::Info,
        _ => Level::Warning,
    }
}

/// Why a line is not in the file.
enum Unwritten {
    /// The folder or the file is not one to write to.
    Refused(Unusable),
    /// The file takes no more.
    NotWritten(Errno),
}

impl fmt::Display for Unwritten {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refusal) => refusal.fmt(formatter),
            Self::NotWritten(error) => write!(formatter, "takes no more ({})", error.desc()),
        }
    }
}

impl From<Unusable> for Unwritten {
    fn from(refusal: Unusable) -> Self {
        Self::Refused(refusal)
    }
}

/// What the file was before a line came into it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    /// Empty, or not there.
    Empty,
    /// There were lines in it.
    Begun,
}

/// Appends to the file in a folder, or to a new one if that is full.
fn append(folder: &Path, lines: &[u8]) -> Result<Found, Unwritten> {
    let folder = folder::open_or_make(folder)?;
    let (file, state) = folder::open_file(&folder, NAME)?;
    let found = match state.size {
        0 => Found::Empty,
        _ => Found::Begun,
    };
    let fits = found == Found::Empty || state.size + lines.len() as u64 <= rotation::MAX_SIZE;
    if fits || !rotation::rotate(&folder, NAME, &state) {
        match write_whole(&file, lines) {
            // Nothing may come behind a line that was cut. A process that may not make large files
            // gets so far with the next one.
            Err(Errno::EFBIG) if found == Found::Begun => {
                rotation::rotate(&folder, NAME, &state);
            }
            written => return written.map(|()| found).map_err(Unwritten::NotWritten),
        }
    }
    let (file, _) = folder::open_file(&folder, NAME)?;
    write_whole(&file, lines)
        .map(|()| found)
        .map_err(Unwritten::NotWritten)
}

/// A line that is cut is [`Errno::EFBIG`], also where the disk became full within it.
fn write_whole(file: &File, lines: &[u8]) -> nix::Result<()> {
    match write_once(file, lines)? {
        length if length == lines.len() => Ok(()),
        _ => Err(Errno::EFBIG),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_user_in_the_default_folder_is_a_warning_until_the_private_file_is_begun() {
        let default = Path::new(DEFAULT_DIRECTORY);
        for (folder, refusal, file, level) in [
            (default, Unusable::Foreign(1), Found::Empty, Level::Warning),
            (default, Unusable::Foreign(1), Found::Begun, Level::Info),
            (default, Unusable::Symlink, Found::Begun, Level::Warning),
            (
                Path::new("/logs"),
                Unusable::Foreign(1),
                Found::Begun,
                Level::Warning,
            ),
        ] {
            assert_eq!(say_folder_at(folder, &refusal, file), level, "{refusal}");
        }
    }
}
