//! `docs/failures.md`, made of what was seen.

use crate::{PARTS, Situation};

const INTRODUCTION: &str = "# Failures and their messages

The tests bring about each of these situations with the built library and a local service. A row shows the return value that the
application gets, the line on stderr (after `signpath-pkcs11: `), and the requests that the service received: a `GET` lists the
signing policies, a `POST` requests a signature. `…` stands for what differs between runs. Where there is a single attempt,
`ServiceUnavailableTimeoutInSeconds` is 2.

`cargo test --test failures` checks this page; with `SIGNPATH_TEST_UPDATE=1` it writes it.
";

const HEADING: &str = "| situation | return value | line on stderr | requests |";

/// Holds the page against the lines of each situation, or writes it if that is wanted.
pub fn assert_current(seen: &[Vec<String>]) {
    let mut seen = seen.iter();
    let mut page = INTRODUCTION.to_owned();
    for (title, part) in PARTS {
        page += &format!("\n## {title}\n\n{HEADING}\n|---|---|---|---|\n");
        for Situation { what, code, requests, .. } in *part {
            let quoted = seen.next().unwrap().iter().map(|line| {
                let quote = if line.contains('`') { "``" } else { "`" };
                format!("{quote}{line}{quote}")
            });
            let mut lines = quoted.collect::<Vec<_>>().join("<br>");
            if lines.is_empty() {
                lines = "none".to_owned();
            }
            let cells = [what, code, &*lines, requests].map(|cell| cell.replace('|', "\\|"));
            page += &format!("| {} |\n", cells.join(" | "));
        }
    }
    crate::common::assert_current("docs/failures.md", &page);
}
