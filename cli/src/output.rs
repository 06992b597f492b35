//! Standard output and result files.

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

use anstyle::Style;
use serde::Serialize;
use signpath_platform::escape::{escaped, escaped_json};
use signpath_platform::{file, leftovers};

use crate::failure::Failure;

/// Prints to standard output, with colours only on a terminal. Text from outside must already be escaped.
pub fn print(text: &str) -> Result<(), Failure> {
    let mut stdout = anstream::stdout();
    stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
        .map_err(|error| Failure::write("standard output", &error))
}

/// Prints JSON to standard output. Characters that are harmful to a terminal are written as JSON escapes, which JSON
/// parsers turn back into the original text.
pub fn print_json(value: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value).map_err(|error| error.to_string())?;
    print(&(escaped_json(&text) + "\n"))
}

/// A file or standard output, opened before there is something to write so that problems surface early.
pub struct Target {
    /// [`None`] for standard output.
    file: Option<OpenFile>,
}

struct OpenFile {
    file: File,
    path: PathBuf,
    /// The file behind symbolic links, if it was created here and is still empty.
    unused: Option<PathBuf>,
}

impl Target {
    /// Opens the file without changing its contents. Refuses to write binary data to a terminal.
    pub fn open(path: Option<&Path>, is_text: bool) -> Result<Self, Failure> {
        let Some(path) = path else {
            if !is_text && io::stdout().is_terminal() {
                return Err("refusing to write binary data to a terminal; use --output".into());
            }
            return Ok(Self { file: None });
        };
        Self::file(path, 0o666)
    }

    /// Opens the file without changing its contents. A new one gets this mode.
    pub fn file(path: &Path, mode: u32) -> Result<Self, Failure> {
        let is_new = !path.exists();
        let file = file::open_or_create(path, mode)
            .map_err(|error| Failure::write(&path.display().to_string(), &error))?;
        // Symbolic links stay.
        let unused = is_new.then(|| std::fs::canonicalize(path).ok()).flatten();
        if let Some(unused) = &unused {
            leftovers::remove(unused);
        }
        Ok(Self { file: Some(OpenFile { file, path: path.to_owned(), unused }) })
    }

    /// Replaces the previous contents with `content`.
    pub fn write(mut self, content: &[u8]) -> Result<(), Failure> {
        let Some(open) = &mut self.file else {
            let mut stdout = io::stdout();
            return stdout
                .write_all(content)
                .and_then(|()| stdout.flush())
                .map_err(|error| Failure::write("standard output", &error));
        };
        file::replace(&open.file, &open.path, content)
            .map_err(|error| Failure::write(&open.path.display().to_string(), &error))?;
        if let Some(used) = open.unused.take() {
            leftovers::keep(&used);
        }
        Ok(())
    }
}

impl Drop for OpenFile {
    fn drop(&mut self) {
        if let Some(unused) = &self.unused {
            // A leftover empty file does no harm.
            let _ = std::fs::remove_file(unused);
        }
    }
}

/// Formats rows under a heading, with columns just wide enough. Harmful characters are escaped.
pub fn table<const COLUMNS: usize>(heading: [&str; COLUMNS], rows: &[[String; COLUMNS]]) -> String {
    let bold = Style::new().bold();
    let heading = heading.map(str::to_owned);
    let shown = |row: &[String; COLUMNS]| row.each_ref().map(|cell| escaped(cell).into_owned());
    let rows: Vec<_> = rows.iter().map(shown).collect();
    let widths: [usize; COLUMNS] = std::array::from_fn(|column| {
        rows.iter()
            .chain([&heading])
            .filter_map(|row| row.get(column))
            .map(|cell| cell.chars().count())
            .max()
            .unwrap_or_default()
    });
    let line = |row: &[String; COLUMNS]| {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let mut text = format!("{bold}{}{bold:#}\n", line(&heading));
    for row in &rows {
        text.push_str(&line(row));
        text.push('\n');
    }
    text
}
