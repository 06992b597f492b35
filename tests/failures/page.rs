//! `docs/failures.md`: below its introduction, what was seen.

use std::path::Path;

use pkcs11_test::REPOSITORY;

use crate::{PARTS, Situation};

const PAGE: &str = "docs/failures.md";
const HEADING: &str = "| situation | return value | line on stderr | requests |";

/// Holds the page against the lines of each situation, or writes it if that is wanted.
pub fn assert_current(seen: &[Vec<String>]) {
    let mut seen = seen.iter();
    let current = std::fs::read_to_string(Path::new(REPOSITORY).join(PAGE)).unwrap();
    let mut page = current.split("\n## ").next().unwrap().to_owned();
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
    crate::common::assert_current(PAGE, &page);
}
