//! The log file, which all processes of a user share.
//!
//! It is opened and closed for each line. A forked child therefore shares no descriptor with its
//! parent, no line ends up in a file of an application that closes all descriptors, and a renamed
//! file soon gets no more lines. Each line is a single appending `write`, which the kernel does not
//! interleave with others.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicUsize, Ordering};

use once_cell::race::OnceBox;
use serde::Serialize;
use serde_json::json;
use signpath_platform::date::rfc3339_now;
use signpath_platform::escape::escaped_json;
use signpath_platform::log_folder::{LogFile, LogFolder, Unusable};
use signpath_platform::{folders, os_error};

use super::{FileLog, Level, LogFormat, RequestId, console, one_line};

/// The name of the official library's log file.
const NAME: &str = "SignPath.CryptoProviders.Cryptoki.txt";

/// The largest size of the log file, in bytes, as in the official library.
const MAX_SIZE: u64 = 10 << 20;

/// How many old copies are kept. The most recent one is `.1`.
const COPIES: usize = 5;

static LEVEL: AtomicU8 = AtomicU8::new(Level::None as u8);
static IS_JSON: AtomicBool = AtomicBool::new(false);
/// The index of the configured directory in [`FOLDERS`].
static CURRENT: AtomicUsize = AtomicUsize::new(0);
static FOLDERS: OnceBox<Folder> = OnceBox::new();

/// The ID of the process that has written its introductory line.
static INTRODUCED: AtomicU32 = AtomicU32::new(0);
/// Whether the console has been told that another directory is used, and that the file cannot be
/// written.
static FALLBACK_LOGGED: AtomicBool = AtomicBool::new(false);
static FAILURE_LOGGED: AtomicBool = AtomicBool::new(false);

/// A directory that has been configured in this process. The list only grows, so it can be read
/// without a lock, which a forked child could find locked forever.
struct Folder {
    path: PathBuf,
    next: OnceBox<Folder>,
}

/// Sets up the log file for the whole process. Opens nothing.
pub(crate) fn configure(file: FileLog<'_>) {
    // Removes a trailing slash, with which a symbolic link would be followed.
    let directory = std::path::absolute(file.directory)
        .unwrap_or_else(|_| file.directory.to_owned())
        .components()
        .collect::<PathBuf>();
    let (mut place, mut index) = (&FOLDERS, 0);
    loop {
        let folder = place
            .get_or_init(|| Box::new(Folder { path: directory.clone(), next: OnceBox::new() }));
        if folder.path == directory {
            break;
        }
        (place, index) = (&folder.next, index + 1);
    }
    if CURRENT.swap(index, Ordering::Relaxed) != index {
        FALLBACK_LOGGED.store(false, Ordering::Relaxed);
        FAILURE_LOGGED.store(false, Ordering::Relaxed);
    }
    LEVEL.store(file.level as u8, Ordering::Relaxed);
    IS_JSON.store(file.format == LogFormat::Json, Ordering::Relaxed);
}

/// Whether lines of `level` are written to the file.
pub(crate) fn shows(level: Level) -> bool {
    level as u8 <= LEVEL.load(Ordering::Relaxed)
}

/// Writes a message, which must be a single line. Never fails; the console says once if the file
/// cannot be written.
pub(crate) fn write(level: Level, message: &str) {
    let mut folders = std::iter::successors(FOLDERS.get(), |folder| folder.next.get());
    let Some(configured) = folders.nth(CURRENT.load(Ordering::Relaxed)) else {
        return;
    };
    let lines = lines(level, message);
    let Err(failure) = append_somewhere(&configured.path, lines.as_bytes()) else {
        return;
    };
    if console::shows(Level::Warning) && !FAILURE_LOGGED.swap(true, Ordering::Relaxed) {
        let message = format!(
            "cannot write the log file {}: {failure}; fix that, set Log.File.Directory \
             (SIGNPATH_LOG_FILE_DIRECTORY), or set Log.File.Level to none",
            configured.path.join(NAME).display()
        );
        console::write(Level::Warning, &one_line(&message));
    }
}

/// The message as it is written to the file. The first one of a process is preceded by a line that
/// introduces the process.
fn lines(level: Level, message: &str) -> String {
    let process_id = std::process::id();
    let mut lines = String::new();
    if shows(Level::Info) && INTRODUCED.swap(process_id, Ordering::Relaxed) != process_id {
        let program = std::env::current_exe().unwrap_or_default();
        let introduction =
            format!("signpath-pkcs11 {} in {}", env!("CARGO_PKG_VERSION"), program.display());
        lines = line(Level::Info, &one_line(&introduction));
    }
    lines + &line(level, message)
}

/// A line in the configured format.
fn line(level: Level, message: &str) -> String {
    let (time, request, level) = (rfc3339_now(), RequestId::current(), level.name());
    match IS_JSON.load(Ordering::Relaxed) {
        false => format!("{time} {request} {level}: {message}\n"),
        true => json_line(&json!({
            "time": time,
            "processId": request.process_id,
            "call": request.call,
            "level": level,
            "message": message,
        })),
    }
}

/// A value on one line, in which every character is harmless to a terminal.
pub(crate) fn json_line(value: &impl Serialize) -> String {
    let text = serde_json::to_string(value).unwrap_or_default();
    escaped_json(&text) + "\n"
}

/// Appends to the file in the configured directory, or in a private one if that cannot be used.
fn append_somewhere(configured: &Path, lines: &[u8]) -> Result<(), Unwritten> {
    let refusal = match append(configured, lines) {
        Err(Unwritten::Refused(refusal)) => refusal,
        result => return result.map(drop),
    };
    for path in folders::own_logs() {
        match append(&path, lines) {
            Err(Unwritten::Refused(_)) => {}
            result => {
                let file = result.as_ref().copied().unwrap_or(Found::NotEmpty);
                log_fallback(configured, &refusal, &path, file);
                return result.map(drop);
            }
        }
    }
    Err(Unwritten::Refused(refusal))
}

/// Logs once where the log file is if it is not in the configured directory.
fn log_fallback(configured: &Path, refusal: &Unusable, used: &Path, file: Found) {
    if FALLBACK_LOGGED.swap(true, Ordering::Relaxed) {
        return;
    }
    super::write(
        fallback_level(configured, refusal, file),
        format_args!(
            "writing the log file to {} instead of {}: {refusal}; to choose another directory, \
             set Log.File.Directory (SIGNPATH_LOG_FILE_DIRECTORY)",
            used.display(),
            configured.display()
        ),
    );
}

/// The level of that line. If another user owns the default directory, this will not change, so
/// only the first run warns about it.
fn fallback_level(configured: &Path, refusal: &Unusable, file: Found) -> Level {
    let is_default = configured == folders::default_logs();
    match (refusal, file) {
        (Unusable::Foreign(_), Found::NotEmpty) if is_default => Level::Info,
        _ => Level::Warning,
    }
}

/// Why a line was not written.
enum Unwritten {
    /// It is not safe to write to this directory or file.
    Refused(Unusable),
    /// Writing failed.
    NotWritten(io::Error),
}

impl fmt::Display for Unwritten {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refusal) => refusal.fmt(formatter),
            Self::NotWritten(error) => formatter.write_str(&os_error::describe(error)),
        }
    }
}

impl From<Unusable> for Unwritten {
    fn from(refusal: Unusable) -> Self {
        Self::Refused(refusal)
    }
}

/// Why only a part of a line was written: the system does not tell which of the two it was.
const TRUNCATED: &str = "the disk is full, or the file has reached a size limit";

/// The state of the file before the line was appended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    /// It was empty or did not exist.
    Empty,
    /// It already had lines.
    NotEmpty,
}

/// Opens or creates the file in a directory.
pub(crate) fn open(folder: &Path) -> Result<(LogFolder, LogFile), Unusable> {
    let folder = LogFolder::open_or_create(folder)?;
    let file = folder.open_file(NAME)?;
    Ok((folder, file))
}

/// Appends to the file in a directory, or to a new one if the file is full.
fn append(folder: &Path, lines: &[u8]) -> Result<Found, Unwritten> {
    let (folder, file) = open(folder)?;
    let found = match file.size {
        0 => Found::Empty,
        _ => Found::NotEmpty,
    };
    let fits = found == Found::Empty || file.size + lines.len() as u64 <= MAX_SIZE;
    if fits || !folder.rotate(NAME, COPIES, &file) {
        match write_whole(&file, lines) {
            // Nothing may follow a truncated line. If the process has a file size limit
            // (RLIMIT_FSIZE), a new file has room again.
            Err(error) if is_too_large(&error) && found == Found::NotEmpty => {
                folder.rotate(NAME, COPIES, &file);
            }
            written => return written.map(|()| found).map_err(Unwritten::NotWritten),
        }
    }
    let file = folder.open_file(NAME)?;
    write_whole(&file, lines).map(|()| found).map_err(Unwritten::NotWritten)
}

/// Appends to a log file or the journal. A truncated line is reported as [`io::ErrorKind::FileTooLarge`], even if the
/// disk is full.
pub(crate) fn write_whole(file: &LogFile, lines: &[u8]) -> io::Result<()> {
    match file.append(lines)? {
        length if length == lines.len() => Ok(()),
        _ => Err(io::Error::new(io::ErrorKind::FileTooLarge, TRUNCATED)),
    }
}

fn is_too_large(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::FileTooLarge
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warns_about_a_foreign_default_directory_only_once() {
        let default = &*folders::default_logs();
        let foreign = || Unusable::Foreign("1".to_owned());
        for (folder, refusal, file, level) in [
            (default, foreign(), Found::Empty, Level::Warning),
            (default, foreign(), Found::NotEmpty, Level::Info),
            (default, Unusable::Symlink, Found::NotEmpty, Level::Warning),
            (Path::new("/logs"), foreign(), Found::NotEmpty, Level::Warning),
        ] {
            assert_eq!(fallback_level(folder, &refusal, file), level, "{refusal}");
        }
    }
}
