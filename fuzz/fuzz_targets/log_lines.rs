//! A message of any text is one line in the log file, without control characters.

#![no_main]

use std::fs;
use std::path::PathBuf;
use std::sync::OnceLock;

use signpath_fuzz::folder;
use signpath_logging::{FileLog, Level, LogFormat, OutputStream, configure};
use signpath_platform::escape::{escaped, is_harmful};

signpath_fuzz::target!(check);

/// The name of the log file.
const NAME: &str = "SignPath.CryptoProviders.Cryptoki.txt";

fn check(data: &[u8]) {
    static FILE: OnceLock<PathBuf> = OnceLock::new();
    let file = FILE.get_or_init(|| {
        let folder = folder().join("logs");
        let file = FileLog { level: Level::Error, directory: &folder, format: LogFormat::Text };
        configure((Level::None, OutputStream::Stderr), file);
        log::error!(target: "signpath", "the first line");
        folder.join(NAME)
    });
    let text = String::from_utf8_lossy(data);
    let shown = escaped(&text);
    assert!(!shown.chars().any(is_harmful), "{shown}");
    assert!(!shown.chars().any(char::is_control), "{shown}");

    fs::write(file, b"").expect("the log file");
    log::error!(target: "signpath", "{text}");
    let written = fs::read(file).expect("the log file");
    let written = str::from_utf8(&written).expect("UTF-8");
    let line = written.strip_suffix('\n').expect("a line");
    assert!(line.ends_with(&*shown), "{line}");
    assert!(!line.chars().any(char::is_control), "{line}");
}
