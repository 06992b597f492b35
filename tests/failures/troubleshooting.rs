//! `docs/troubleshooting.md` has exactly one entry for each message that the tests saw.

use std::path::Path;

use pkcs11_test::REPOSITORY;

use crate::table;

/// The heading of a table with entries.
const HEADING: &str = "| piece of the line | cause and remedy |";

/// Pieces of messages that no situation shows, and the file that contains the message.
const UNSEEN: &[(&str, &str)] = &table! {
    ("which would get the API token unencrypted", "client/src/failed_attempt.rs"),
    ("ignore their environment", "platform/src/environment.rs"),
    ("cannot start a thread", "platform/src/unix/errors.rs"),
    ("has run out of memory", "platform/src/unix/errors.rs"),
    ("not enough memory to copy", "src/error.rs"),
    ("has closed the descriptor of the connection", "client/src/socket.rs"),
    ("the operating system returned no random numbers", "src/ffi/random.rs"),
    ("the cached certificate of signing policy", "src/catalog/mod.rs"),
    ("cannot refresh the list of signing policies", "src/catalog/mod.rs"),
    ("the system has no root certificates", "client/src/roots.rs"),
    ("more unknown settings, ignored", "config/src/file.rs"),
};

/// Panics unless each of `lines` contains the piece of one entry, and each piece is in one of them or in the file that is named.
pub fn assert_complete(lines: &[String]) {
    let page = read("docs/troubleshooting.md");
    let (_, entries) = page.split_once(HEADING).unwrap();
    let rows = entries.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` | "));
    let pieces: Vec<_> = rows.map(|(piece, _)| piece).collect();
    let of_lines = lines.iter().filter_map(|line| {
        let found: Vec<_> = pieces.iter().filter(|piece| line.contains(**piece)).collect();
        (found.len() != 1).then(|| format!("not one entry, but {found:?}, for {line}"))
    });
    let of_pieces = pieces.iter().filter_map(|piece| {
        let is_seen = lines.iter().any(|line| line.contains(piece));
        match UNSEEN.iter().find(|(unseen, _)| unseen == piece) {
            None => (!is_seen).then(|| format!("no message has {piece:?}")),
            Some(_) if is_seen => Some(format!("{piece:?} was seen")),
            Some((_, file)) => {
                (!read(file).contains(piece)).then(|| format!("{piece:?} is not in {file}"))
            }
        }
    });
    let wrong: Vec<_> = of_lines.chain(of_pieces).collect();
    assert!(wrong.is_empty(), "docs/troubleshooting.md: {wrong:#?}");
}

/// A file of the repository. A backslash at the end of a line joins it with the next.
fn read(file: &str) -> String {
    let text = std::fs::read_to_string(Path::new(REPOSITORY).join(file)).unwrap();
    text.split("\\\n").map(str::trim_start).collect()
}
