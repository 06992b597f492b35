//! The table of return values: each function in each situation that the scripts know.

use std::collections::BTreeSet;
use std::fmt::Write;

use crate::report::{Noted, Part, return_value};
use crate::sections::SECTIONS;

const INTRODUCTION: &str = "\
# Return values

What each function returns in each situation, in the order of PKCS #11 3.2, whose section 5.1 explains the values. The column
*SoftHSM* shows what SoftHSM 2.6.1 returns for the same call on a token with the same keys: the same value, another value with the
number of the [reason](#where-softhsm-differs), or a dash if the call was not made, because SoftHSM does not have the function or
does not check such lengths.

A situation is a part of the test and a case in it. The data, keys and mechanisms are in `tests/differential`.

This page is generated: `cargo test --test differential` fails if it is out of date, and `SIGNPATH_TEST_UPDATE=1` updates it.
";

/// The cases of a script in which a function returns the same.
struct Row {
    function: &'static str,
    script: &'static str,
    rv: String,
    softhsm: String,
    cases: Vec<String>,
}

impl Row {
    /// The script, and the cases that do not say it all by themselves.
    fn situation(&self) -> String {
        let cases: Vec<_> = self.cases.iter().map(String::as_str).collect();
        match cases[..] {
            ["normal call"] => self.script.to_owned(),
            _ => format!("{}: {}", self.script, by_key(&cases)),
        }
    }
}

/// The cases, with the keys that their names begin with in front of what these have in common.
fn by_key(cases: &[&str]) -> String {
    let pairs = cases.iter().map(|case| match case.split_once(' ') {
        Some((key, rest)) if key.starts_with("demo/") => (key, rest),
        _ => ("", *case),
    });
    let lines = grouped(pairs).into_iter().map(|(keys, cases)| match keys[..] {
        [""] => by_variant(&cases),
        _ => format!("{}: {}", keys.join(", "), by_variant(&cases)),
    });
    lines.collect::<Vec<_>>().join("<br>")
}

/// Many cases that differ in the text after the comma: for each such text, the texts before it.
fn by_variant(cases: &[&str]) -> String {
    let variants: Option<Vec<_>> = cases.iter().map(|case| case.rsplit_once(", ")).collect();
    match variants {
        Some(variants) if variants.len() > 8 => grouped(variants)
            .into_iter()
            .map(|(cases, variants)| format!("{}, each: {}", cases.join("; "), variants.join("; ")))
            .collect::<Vec<_>>()
            .join("<br>"),
        _ => cases.join("; "),
    }
}

/// Pairs, gathered by the first ones that the second ones have in common.
fn grouped<'a>(
    pairs: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Vec<(Vec<&'a str>, Vec<&'a str>)> {
    let mut by_second: Vec<(&str, Vec<&str>)> = Vec::new();
    for (first, second) in pairs {
        match by_second.iter_mut().find(|(known, _)| *known == second) {
            Some((_, firsts)) => firsts.push(first),
            None => by_second.push((second, vec![first])),
        }
    }
    let mut groups: Vec<(Vec<&str>, Vec<&str>)> = Vec::new();
    for (second, firsts) in by_second {
        match groups.iter_mut().find(|(known, _)| *known == firsts) {
            Some((_, seconds)) => seconds.push(second),
            None => groups.push((firsts, vec![second])),
        }
    }
    groups
}

/// The table.
pub fn table(parts: &[Part]) -> String {
    let mut reasons = Vec::new();
    let rows: Vec<_> = parts.iter().flat_map(|part| rows(part, &mut reasons)).collect();
    let functions = SECTIONS.iter().flat_map(|(.., functions)| functions.iter());
    let functions: BTreeSet<_> = functions.map(|name| (*name).to_owned()).collect();
    assert_eq!(functions, crate::common::function_names(), "every one has its section");
    let mut text = INTRODUCTION.to_owned();
    for (section, title, functions) in SECTIONS {
        write!(text, "\n## {title} ({section})\n").unwrap();
        for (number, function) in (1..).zip(*functions) {
            write!(text, "\n### {function} ({section}.{number})\n\n").unwrap();
            text.push_str("| situation | return value | SoftHSM |\n|---|---|---|\n");
            let rows: Vec<_> = rows.iter().filter(|row| row.function == *function).collect();
            assert!(!rows.is_empty(), "no script calls {function}");
            for row in rows {
                let (rv, softhsm) = (&row.rv, &row.softhsm);
                writeln!(text, "| {} | {rv} | {softhsm} |", row.situation()).unwrap();
            }
        }
    }
    text.push_str("\n## Where SoftHSM differs\n\n");
    for (number, reason) in (1..).zip(reasons) {
        writeln!(text, "{number}. {reason}").unwrap();
    }
    text
}

fn rows((ours, softhsm): &Part, reasons: &mut Vec<&'static str>) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    for (index, answer) in ours.answers.iter().enumerate() {
        let Some(rv) = return_value(&answer.answer) else {
            continue;
        };
        let theirs = softhsm.as_ref().map(|report| &*report.answers[index].answer);
        let softhsm = match theirs.map(|theirs| return_value(theirs).unwrap_or("another answer")) {
            None => "–".to_owned(),
            Some(theirs) if theirs == rv => "the same".to_owned(),
            Some(theirs) => format!("{theirs} ({})", reason(answer, reasons)),
        };
        let is_like = |row: &&mut Row| {
            (row.function, row.script, &*row.rv, &*row.softhsm)
                == (answer.function, answer.script, rv, &*softhsm)
        };
        let case = situation(answer.function, &answer.case);
        match rows.iter_mut().find(is_like) {
            Some(row) => row.cases.push(case),
            None => rows.push(Row {
                function: answer.function,
                script: answer.script,
                rv: rv.to_owned(),
                softhsm,
                cases: vec![case],
            }),
        }
    }
    rows
}

/// The case without the name of the function, under which it stands.
fn situation(function: &str, case: &str) -> String {
    let rest = case.strip_prefix(function).unwrap_or(case);
    match rest.chars().next() {
        Some(':' | ',' | ' ') => rest[1..].trim().to_owned(),
        None => "normal call".to_owned(),
        // Another function, whose name begins in the same way.
        Some(_) => case.to_owned(),
    }
}

/// The number of the reason for a difference, in the list of those that were needed.
fn reason(noted: &Noted, reasons: &mut Vec<&'static str>) -> usize {
    let (_, reason) = noted.expected.unwrap();
    let reason = reason.unwrap();
    if !reasons.contains(&reason) {
        reasons.push(reason);
    }
    1 + reasons.iter().position(|known| *known == reason).unwrap()
}
