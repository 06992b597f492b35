//! Where results go.

use std::io::{self, IsTerminal, Write};
use std::path::Path;

use anstyle::Style;
use serde::Serialize;

use crate::failure::Failure;

/// Writes to standard output, without colours where it is no terminal.
pub fn print(text: &str) -> Result<(), Failure> {
    let mut stdout = anstream::stdout();
    stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
        .map_err(|error| Failure::write("standard output", &error))
}

/// Writes JSON to standard output.
pub fn print_json(value: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value).map_err(|error| error.to_string())?;
    print(&format!("{text}\n"))
}

/// Writes `content` to a file, or to standard output. Bytes that are no text are not written to a
/// terminal.
pub fn write(path: Option<&Path>, content: &[u8], is_text: bool) -> Result<(), Failure> {
    if let Some(path) = path {
        let name = path.display().to_string();
        return std::fs::write(path, content).map_err(|error| Failure::write(&name, &error));
    }
    let mut stdout = io::stdout();
    if !is_text && stdout.is_terminal() {
        return Err(
            "the result is binary and standard output a terminal; name a file with --output".into(),
        );
    }
    stdout
        .write_all(content)
        .and_then(|()| stdout.flush())
        .map_err(|error| Failure::write("standard output", &error))
}

/// Rows under a heading, each column as wide as it needs to be.
pub fn table<const COLUMNS: usize>(heading: [&str; COLUMNS], rows: &[[String; COLUMNS]]) -> String {
    let bold = Style::new().bold();
    let heading = heading.map(str::to_owned);
    let widths: [usize; COLUMNS] = std::array::from_fn(|column| {
        rows.iter()
            .chain([&heading])
            .filter_map(|row| row.get(column))
            .map(|cell| cell.chars().count())
            .max()
            .unwrap_or_default()
    });
    let line = |row: &[String; COLUMNS]| {
        let cells = row
            .iter()
            .zip(widths)
            .map(|(cell, width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let mut text = format!("{bold}{}{bold:#}\n", line(&heading));
    for row in rows {
        text.push_str(&line(row));
        text.push('\n');
    }
    text
}
