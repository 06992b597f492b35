//! `docs/failures.md`, made of what was seen, and `docs/troubleshooting.md`.

mod entries;
mod troubleshooting;

use std::fmt::Write;

use crate::PARTS;

const INTRODUCTION: &str = "# Failures and their messages

The tests bring about each of these situations with the built library and a local service. A row shows the return value that the
application gets, the line on stderr (after `signpath-pkcs11: `), and the requests that the service received: a `GET` lists the
signing policies, a `POST` requests a signature. `…` stands for what differs between runs. Where there is a single attempt,
`ServiceUnavailableTimeoutInSeconds` is 2.

`cargo test --test failures` checks this page; with `SIGNPATH_TEST_UPDATE=1` it writes it.
";

/// A line of the page.
pub struct Row {
    pub what: &'static str,
    pub code: &'static str,
    pub line: String,
    pub requests: String,
}

/// Holds the pages against `rows`, or writes them if that is wanted.
pub fn assert_current(rows: impl Iterator<Item = Row>) {
    let rows: Vec<_> = rows.collect();
    let lines: Vec<_> = rows.iter().flat_map(|row| row.line.lines()).collect();
    troubleshooting::assert_current(&lines);
    let mut rows = rows.into_iter();
    let mut page = INTRODUCTION.to_owned();
    for (title, part) in PARTS {
        write!(
            page,
            "\n## {title}\n\n| situation | return value | line on stderr | requests |\n|---|---|---|---|\n"
        )
        .unwrap();
        for row in rows.by_ref().take(part.len()) {
            let Row { what, code, line, requests } = row;
            let [what, line] = [what, &line].map(|text| text.replace('|', "\\|"));
            let quoted = line.lines().map(|line| {
                let quote = if line.contains('`') { "``" } else { "`" };
                format!("{quote}{line}{quote}")
            });
            let mut lines = quoted.collect::<Vec<_>>().join("<br>");
            if lines.is_empty() {
                lines = "none".to_owned();
            }
            writeln!(page, "| {what} | {code} | {lines} | {requests} |").unwrap();
        }
    }
    crate::common::assert_current("docs/failures.md", &page);
}
