//! `docs/failures.md`, made of what was seen.

use std::fmt::Write;

use crate::PARTS;

const INTRODUCTION: &str = "# What fails, and what is said

Each row was brought about with the built library and a service over sockets: what the program is told, what stderr shows (behind
`signpath-pkcs11: `), and the requests that reached the service, a `GET` for the list of signing policies and a `POST` for a
signature. `…` stands for what differs from run to run. `ServiceUnavailableTimeoutInSeconds` is 2 where there is one attempt.

`cargo test --test failures` makes this page and fails where it is not current; with `SIGNPATH_TEST_UPDATE=1` it writes the file.
";

/// A line of the page.
pub struct Row {
    pub what: &'static str,
    pub code: &'static str,
    pub line: String,
    pub requests: String,
}

/// Holds the file against `rows`, or writes it if that is wanted.
pub fn assert_current(mut rows: impl Iterator<Item = Row>) {
    let mut page = INTRODUCTION.to_owned();
    for (title, part) in PARTS {
        write!(
            page,
            "\n## {title}\n\n| situation | return value | line on stderr | requests |\n|---|---|---|---|\n"
        )
        .unwrap();
        for row in rows.by_ref().take(part.len()) {
            let Row {
                what,
                code,
                line,
                requests,
            } = row;
            let [what, line] = [what, &line].map(|text| text.replace('|', "\\|"));
            let quote = if line.contains('`') { "``" } else { "`" };
            writeln!(
                page,
                "| {what} | {code} | {quote}{line}{quote} | {requests} |"
            )
            .unwrap();
        }
    }
    crate::common::assert_current("docs/failures.md", &page);
}
