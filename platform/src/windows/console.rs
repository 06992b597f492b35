//! Writes to the standard streams. A program without a console has none, and no console is opened.
//! The standard library's streams have locks, which are safe here: Windows does not fork processes.

use std::io::{self, Write};

/// Writes to standard output. Errors are ignored: a closed console must not make a signature fail.
pub fn write_to_stdout(line: &[u8]) {
    let mut stdout = io::stdout();
    let _ = stdout.write_all(line).and_then(|()| stdout.flush());
}

/// Writes to standard error. Errors are ignored.
pub fn write_to_stderr(line: &[u8]) {
    let _ = io::stderr().write_all(line);
}
