//! Shows findings, one by one as text or all at once as JSON.

use std::borrow::Cow;
use std::fmt::Write;
use std::process::ExitCode;

use anstyle::{AnsiColor, Style};
use serde_json::json;
use signpath_platform::escape::escaped;

use super::finding::{Detail, Finding, Status};
use crate::failure::Failure;
use crate::output;

/// The width of the column with the names of checks.
const CHECK_WIDTH: usize = 18;
/// The indentation of details below a check.
const INDENT: &str = "         ";

/// All findings so far.
pub struct Report {
    is_json: bool,
    /// The token that is looked at, if there are several.
    pub token: Option<String>,
    findings: Vec<Finding>,
}

impl Report {
    pub fn new(is_json: bool) -> Self {
        Self { is_json, token: None, findings: Vec::new() }
    }

    /// Adds a finding, and prints it unless the output is JSON.
    pub fn add(&mut self, finding: Finding) -> Result<(), Failure> {
        let finding = Finding { token: self.token.clone(), ..finding };
        if !self.is_json {
            output::print(&text(&finding))?;
        }
        self.findings.push(finding);
        Ok(())
    }

    /// Prints the rest of the report. The exit code says whether a check failed.
    pub fn finish(self) -> Result<ExitCode, Failure> {
        let count = |status| {
            let findings = self.findings.iter();
            findings.filter(|finding| finding.status == status).count()
        };
        let (failed, warnings) = (count(Status::Failed), count(Status::Warning));
        if self.is_json {
            output::print_json(&json!({
                "version": env!("CARGO_PKG_VERSION"),
                "ok": failed == 0,
                "findings": self.findings,
            }))?;
        } else {
            output::print(&format!(
                "\n{}, {}.\n",
                counted(failed, "problem"),
                counted(warnings, "warning")
            ))?;
        }
        Ok(match failed {
            0 => ExitCode::SUCCESS,
            _ => ExitCode::FAILURE,
        })
    }
}

/// Formats a number, such as `no problem`, `1 problem`, `2 problems`.
pub fn counted(number: usize, what: &str) -> String {
    match number {
        0 => format!("no {what}"),
        1 => format!("1 {what}"),
        _ => format!("{number} {what}s"),
    }
}

fn text(finding: &Finding) -> String {
    let (word, colour) = match finding.status {
        Status::Ok => ("ok", AnsiColor::Green),
        Status::Warning => ("warning", AnsiColor::Yellow),
        Status::Failed => ("FAILED", AnsiColor::Red),
        Status::Skipped => ("-", AnsiColor::BrightBlack),
    };
    let style = Style::new().fg_color(Some(colour.into()));
    let token = finding.token.as_ref();
    let token = token.map(|token| format!("token {token}: ")).unwrap_or_default();
    let mut text = format!(
        "{style}{word:7}{style:#}  {:CHECK_WIDTH$}  {}\n",
        finding.check,
        escaped(&format!("{token}{}", finding.message))
    );
    if let Some(remedy) = &finding.remedy {
        let bold = Style::new().bold();
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{INDENT}{bold}to do:{bold:#} {}", escaped(remedy));
    }
    for line in rows(&finding.details) {
        let _ = writeln!(text, "{INDENT}{line}");
    }
    text
}

/// Formats the values in columns.
fn rows(details: &[Detail]) -> Vec<String> {
    let shown = |detail: &Detail| -> Vec<String> {
        let values = detail.0.iter().map(|(_, value)| escaped(value));
        values.map(Cow::into_owned).collect()
    };
    let rows: Vec<_> = details.iter().map(shown).collect();
    let columns = rows.iter().map(Vec::len).max();
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|value| value.chars().count()).max().unwrap_or_default()
    };
    let widths: Vec<_> = (0..columns.unwrap_or_default()).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths);
        let cells = cells.map(|(value, width)| format!("{value:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}
