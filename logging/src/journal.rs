//! The journal: a file with one JSON line for each signature.
//!
//! Unlike the log file, it has the name that the user chose, is not rotated, and is never replaced by
//! another one: it is a record. Otherwise it is like the log file: readable by its user alone, opened
//! for each line, and each line is a single appending `write`.

use std::borrow::Cow;
use std::path::Path;

use log::warn;
use serde::Serialize;
use signpath_platform::log_folder::{LogFile, LogFolder, Unusable};
use signpath_platform::os_error;

use super::file::{json_line, write_whole};

/// Appends an entry. If that fails, a warning says so, since the signature has been made.
pub fn append(path: &Path, entry: &impl Serialize) {
    if let Err(reason) = write(path, &json_line(entry)) {
        warn!(
            "cannot write the journal {}: {reason}; the signature is not recorded; fix that, or change Log.Journal \
             (SIGNPATH_LOG_JOURNAL)",
            path.display()
        );
    }
}

/// Opens the journal, or creates it.
///
/// # Errors
/// Why it cannot be written, as the end of a sentence that begins with its path.
pub fn check(path: &Path) -> Result<(), String> {
    open(path).map(drop)
}

/// # Errors
/// The reason, as for [`check`].
fn write(path: &Path, line: &str) -> Result<(), String> {
    let file = open(path)?;
    let whole = match file.ends_with_newline() {
        true => Cow::from(line),
        // A full disk has truncated the line before.
        false => Cow::from(format!("\n{line}")),
    };
    write_whole(&file, whole.as_bytes()).map_err(|error| os_error::describe(&error))
}

fn open(path: &Path) -> Result<LogFile, String> {
    let path = std::path::absolute(path).map_err(|error| os_error::describe(&error))?;
    let (Some(directory), Some(name)) = (path.parent(), path.file_name()) else {
        return Err("it is a directory".to_owned());
    };
    let opened = LogFolder::open_or_create(directory)
        .and_then(|directory| directory.open_file(&name.to_string_lossy()));
    opened.map_err(|refusal| match refusal {
        Unusable::NotAFile => "it is not a regular file".to_owned(),
        Unusable::FileWritableByOthers => "it is writable by other users".to_owned(),
        other => other.to_string(),
    })
}
