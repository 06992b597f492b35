//! The journal: a file with one JSON line for each signature.
//!
//! Unlike the log file, it has the name that the user chose, is not rotated, and is never replaced by
//! another one: it is a record. For the rest the rules of the log file apply. It is opened for each
//! line, is readable by its user alone, and each line is a single appending `write`.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use log::warn;
use nix::errno::Errno;
use serde::Serialize;
use signpath_platform::os_error;

use super::file::{json_line, write_whole};
use super::folder::{self, Unusable};

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

/// # Errors
/// The reason, as the end of a sentence.
fn write(path: &Path, line: &str) -> Result<(), String> {
    let path = std::path::absolute(path).map_err(|error| os_error::describe(&error))?;
    let (Some(directory), Some(name)) = (path.parent(), path.file_name()) else {
        return Err("it is a directory".to_owned());
    };
    let opened = folder::open_or_create(directory)
        .and_then(|directory| folder::open_file(&directory, &name.to_string_lossy()));
    let (file, state) = opened.map_err(|refusal| match refusal {
        Unusable::NotAFile => "it is not a regular file".to_owned(),
        other => other.to_string(),
    })?;
    let mut whole = String::with_capacity(line.len() + 1);
    if state.size > 0 && !ends_with_newline(&file, state.size) {
        // A full disk has truncated the line before.
        whole.push('\n');
    }
    whole.push_str(line);
    write_whole(&file, whole.as_bytes()).map_err(|error| match error {
        Errno::EFBIG => "the disk is full, or the file has reached a size limit".to_owned(),
        other => os_error::describe(&other.into()),
    })
}

fn ends_with_newline(file: &File, size: u64) -> bool {
    let mut last = [0];
    file.read_exact_at(&mut last, size.saturating_sub(1))
        .is_ok()
        && last == *b"\n"
}
