//! `docs/troubleshooting.md`, made of its entries. Each message that the tests saw has exactly one.

use std::fmt::Write;
use std::path::Path;

use pkcs11_test::REPOSITORY;

use super::entries::{Entry, SECTIONS, UNSEEN};

const BEGINNING: &str = "# Troubleshooting: the line on stderr, its cause and what to do

A failure is one line on stderr that starts with `signpath-pkcs11: error:` or `signpath-pkcs11: warning:`. Search this page
for a piece of that line. The name in brackets at its end is the [return value](mechanisms.md#return-values-of-failures) that the
tool got. If there is no such line, see [No line on stderr](#no-line-on-stderr). In any case:

```sh
signpath-pkcs11 doctor
```

It checks everything on the way to a signature without signing. For details, set `SIGNPATH_LOG_FILE_LEVEL=debug` and read the
[log file](logging.md). [failures.md](failures.md) lists each situation with its whole line, as the tests saw it.

## No line on stderr

| symptom | cause and remedy |
|---|---|
| the tool hides stderr, or runs the module in another process (gpg, ssh-agent, Gradle, a service) | the line is in the [log file](logging.md) of the user who runs that process |
| `openssl`: \"engine pkcs11\" is not found, or `ENGINE_load` fails | the libp11 engine is missing (Debian: `libengine-pkcs11-openssl`), or `PKCS11_MODULE_PATH` is not exported |
| `openssl` crashes after it could not load a key | a bug in that version of openssl; the reason is in the line before |
| the tool asks for a PIN | it is `CONFIG` |
| no key is found | the name has a typo (`signpath-pkcs11 list`), or the `/` in a URI is not written `%2F` |
| no certificate, but a key | the signing policy has no X.509 certificate, as for GPG keys; see [gpg](tools/gpg.md) |
| Java: \"No installed provider supports this key\" | the `-providerArg` file is not the one for this module; see [jarsigner](tools/jarsigner.md) |
| gpg asks to insert a card, again and again | gpg 2.4; see [gpg](tools/gpg.md#pitfalls) |
| `signtool.exe` or another Windows program does not find the key | it only knows CNG and cannot load a PKCS #11 module; use [osslsigncode](tools/osslsigncode.md) |
";

const END: &str = "\nA line with `fatal`, or with `a bug in signpath-pkcs11`, is a bug in the module. Please report it together with the lines \
before it.\n";

/// Holds the file against the entries, or writes it if that is wanted. `lines` are all messages that the tests saw.
pub fn assert_current(lines: &[&str]) {
    let wrong = wrong_pieces(lines);
    assert!(wrong.is_empty(), "docs/troubleshooting.md: {wrong:#?}");
    let mut page = BEGINNING.to_owned();
    for section in SECTIONS {
        write!(page, "\n## {}\n\n", section.title).unwrap();
        if !section.note.is_empty() {
            write!(page, "{}\n\n", section.note).unwrap();
        }
        page += "| piece of the line | cause and remedy |\n|---|---|\n";
        for Entry { piece, advice } in section.entries {
            writeln!(page, "| `{piece}` | {advice} |").unwrap();
        }
    }
    crate::common::assert_current("docs/troubleshooting.md", &(page + END));
}

/// Messages without exactly one entry, and entries without a message.
fn wrong_pieces(lines: &[&str]) -> Vec<String> {
    let pieces = || SECTIONS.iter().flat_map(|section| section.entries).map(|entry| entry.piece);
    let of_lines = lines.iter().filter_map(|line| {
        let found: Vec<_> = pieces().filter(|piece| line.contains(piece)).collect();
        (found.len() != 1).then(|| format!("not one entry, but {found:?}, for {line}"))
    });
    let of_pieces = pieces().filter_map(|piece| {
        let is_seen = lines.iter().any(|line| line.contains(piece));
        match UNSEEN.iter().find(|(unseen, _)| *unseen == piece) {
            None if !is_seen => Some(format!("no message has {piece:?}")),
            Some(_) if is_seen => Some(format!("{piece:?} was seen")),
            Some((_, file)) if !says(file, piece) => Some(format!("{piece:?} is not in {file}")),
            _ => None,
        }
    });
    of_lines.chain(of_pieces).collect()
}

/// Whether a string of a source file contains `piece`.
fn says(file: &str, piece: &str) -> bool {
    let source = std::fs::read_to_string(Path::new(REPOSITORY).join(file)).unwrap();
    // A backslash at the end of a line joins it with the next.
    let mut parts = source.split("\\\n");
    let first = parts.next().unwrap_or_default().to_owned();
    let joined = parts.fold(first, |joined, part| joined + part.trim_start());
    joined.contains(piece)
}
