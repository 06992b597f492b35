//! The table, on the terminal and on the page.

use std::fs;
use std::path::Path;

use super::plot;
use super::rows::Row;
use crate::error::{Context, Error};

/// What is between these lines of the page is written anew.
const BEGIN: &str = "<!-- Written by pkcs11-test/bench.sh. -->\n";
const END: &str = "<!-- The end of what pkcs11-test/bench.sh writes. -->\n";

/// The table in Markdown, which a terminal shows well enough.
pub(super) fn table(rows: &[Row]) -> String {
    let cells = rows.iter().map(cells);
    let head =
        ["what", "wanted", "median", "best", "beside it: median, best", "million instructions"];
    let all: Vec<[String; 6]> = [head.map(str::to_owned)].into_iter().chain(cells).collect();
    let width = |column: usize| all.iter().map(|row| row[column].chars().count()).max();
    let widths: Vec<_> = (0..6).map(|column| width(column).unwrap_or(0)).collect();
    let line = |row: &[String; 6]| {
        let cells = row.iter().zip(&widths);
        let cells: Vec<_> = cells.map(|(cell, width)| format!("{cell:width$}")).collect();
        format!("| {} |\n", cells.join(" | "))
    };
    let dashes: Vec<_> = widths.iter().map(|width| "-".repeat(width + 2)).collect();
    let rule = format!("|{}|\n", dashes.join("|"));
    let (head, rest) = (line(&all[0]), all[1..].iter().map(line));
    head + &rule + &rest.collect::<String>()
}

fn cells(row: &Row) -> [String; 6] {
    let figure = |value: f64| {
        let unit = match row.unit {
            "" => String::new(),
            unit => format!(" {unit}"),
        };
        format!("{value:.*}{unit}", row.digits)
    };
    let count = |count: f64| match count < 10.0 {
        true => format!("{count:.2}"),
        false => format!("{count:.1}"),
    };
    let [ours, theirs] = row.instructions;
    [
        row.what.clone(),
        row.wanted.map_or(String::new(), figure),
        row.measured.map_or("-".to_owned(), figure),
        row.best.map_or("-".to_owned(), figure),
        row.beside.map_or(String::new(), |(name, median, best)| {
            format!("{name} {}, {}", figure(median), figure(best))
        }),
        match (ours, row.beside, theirs) {
            (None, ..) => String::new(),
            (Some(ours), Some((name, ..)), Some(theirs)) => {
                format!("{} ({name} {})", count(ours), count(theirs))
            }
            (Some(ours), ..) => count(ours),
        },
    ]
}

/// Writes the table to the page and the plot beside it.
pub(super) fn write(page: &Path, rows: &[Row], machine: &str) -> Result<(), Error> {
    let failure = format!("cannot write {}", page.display());
    let text = fs::read_to_string(page).context(&failure)?;
    let place = text.split_once(BEGIN).and_then(|(before, rest)| {
        let (_, after) = rest.split_once(END)?;
        Some((before, after))
    });
    let (before, after) =
        place.ok_or_else(|| Error::new(format!("{failure}: the lines for it are missing")))?;
    let plot = page.with_extension("svg");
    fs::write(&plot, plot::svg(rows)).context(&failure)?;
    let name = plot.file_name().unwrap_or_default().to_string_lossy();
    let written = format!(
        "{machine}\n\n{}\n![Each measured figure as a part of what is wanted]({name})\n\n",
        table(rows)
    );
    fs::write(page, format!("{before}{BEGIN}\n{written}{END}{after}")).context(&failure)
}
