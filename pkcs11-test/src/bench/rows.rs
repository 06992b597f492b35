//! The rows of the table: what is measured, what is wanted, and what it is compared with.

use super::LATENCY;
use super::children::Figures;
use super::tasks::{P256, P384, RSA, THREADS};

/// A row. What could not be measured is [`None`].
pub(super) struct Row {
    pub what: String,
    pub unit: &'static str,
    /// How many digits after the point make sense.
    pub digits: usize,
    /// The median.
    pub measured: Option<f64>,
    /// The best: what others did on the machine at the same time can only make it worse.
    pub best: Option<f64>,
    /// The limit: at most this, except for percentages, which are at least this.
    pub wanted: Option<f64>,
    /// What it is compared with, and its median and best in the same unit.
    pub beside: Option<(&'static str, f64, f64)>,
    /// Millions of instructions, and those of what it is compared with.
    pub instructions: [Option<f64>; 2],
}

impl Row {
    /// A figure as a part of the limit, so that at most 1 is wanted.
    pub fn of_limit(&self, figure: Option<f64>) -> Option<f64> {
        let (figure, wanted) = (figure?, self.wanted?);
        Some(match (self.unit, wanted) {
            ("%", _) => wanted / figure,
            (_, 0.0) => figure + 1.0,
            _ => figure / wanted,
        })
    }
}

const RAW: &str = "raw";
const SOFTHSM: &str = "SoftHSM";

/// The rows of a run that had a list with that many policies.
pub(super) fn of(figures: &Figures, policies: usize) -> Vec<Row> {
    let medians = with(&|name| figures.median(name), policies);
    let best = with(&|name| figures.best(name), policies);
    let pairs = medians.into_iter().zip(best);
    let merged = pairs.map(|(row, best)| Row {
        best: best.measured,
        beside: row
            .beside
            .zip(best.beside)
            .map(|((name, median, _), (_, best, _))| (name, median, best)),
        ..row
    });
    merged.collect()
}

/// The rows with one figure for each name.
fn with(figure: &dyn Fn(&str) -> Option<f64>, policies: usize) -> Vec<Row> {
    let millions = |name: &str| Some(figure(&format!("{name} instructions"))? / 1e6);
    let over = |one: Option<f64>, other: Option<f64>| Some(one? / other?);
    let without = |one: Option<f64>, other: Option<f64>| Some(one? - other?);
    let row = |what: &str, unit, digits, measured, wanted| Row {
        what: what.to_owned(),
        unit,
        digits,
        measured,
        best: None,
        wanted,
        beside: None,
        instructions: [None; 2],
    };
    let beside = |row: Row, name, value: Option<f64>| Row {
        beside: value.map(|value| (name, value, value)),
        ..row
    };
    let counted = |row: Row, ours: &str, other: &str| Row {
        instructions: [millions(ours), millions(other)],
        ..row
    };
    let (sign, raw, verify) = (figure("warm sign"), figure("warm raw"), figure("warm verify"));
    let ideal = THREADS as f64 / LATENCY.as_secs_f64();
    let percent = |rate: Option<f64>| Some(rate? / ideal * 100.0);
    let many = policies.to_string();
    let verification = |key, name: &str, wanted| {
        let softhsm = format!("softhsm {key}");
        let ours = figure(&format!("{key} verify"));
        let theirs = figure(&format!("{softhsm} verify"));
        let row = row(name, "us", 0, ours, Some(wanted));
        counted(beside(row, SOFTHSM, theirs), key, &softhsm)
    };
    vec![
        row(
            "signature (C_SignInit, C_Sign) without network, less its verification, over a raw POST",
            "x",
            2,
            over(without(sign, verify), raw),
            Some(2.0),
        ),
        counted(beside(row("the whole of it", "us", 0, sign, None), RAW, raw), "warm", "warm raw"),
        verification(RSA, "verification, RSA-2048", 320.0),
        verification(P256, "verification, P-256", 230.0),
        verification(P384, "verification, P-384", 800.0),
        row(
            "fresh process to its first signature at 50 ms, over a raw POST",
            "x",
            2,
            over(figure("far first"), figure("raw far first")),
            Some(2.05),
        ),
        row(
            "the same with a cached list",
            "x",
            2,
            over(figure("cached first"), figure("raw far first")),
            Some(1.05),
        ),
        beside(
            row("the same without network", "ms", 2, figure("near first"), None),
            RAW,
            figure("raw near first"),
        ),
        counted(
            beside(
                row("its processor time", "ms", 1, figure("near process"), Some(5.0)),
                RAW,
                figure("raw near process"),
            ),
            "near",
            "raw near",
        ),
        counted(
            beside(
                row("dlopen, C_Initialize, C_Finalize", "ms", 2, figure("load load"), Some(0.4)),
                SOFTHSM,
                figure("softhsm load load"),
            ),
            "load",
            "softhsm load",
        ),
        beside(
            row(
                "64 threads at 50 ms: signatures of the ideal number",
                "%",
                0,
                percent(figure("threads rate")),
                Some(96.0),
            ),
            RAW,
            percent(figure("raw threads rate")),
        ),
        row("their connections", "", 0, figure("threads connections"), Some(64.0)),
        beside(
            row(
                "their processor time for a signature, less the verification",
                "us",
                0,
                without(figure("threads processor"), verify),
                Some(60.0),
            ),
            RAW,
            figure("raw threads processor"),
        ),
        beside(
            row(
                "their memory at most, whole process",
                "MB",
                1,
                figure("threads memory"),
                Some(12.0),
            ),
            RAW,
            figure("raw threads memory"),
        ),
        row(&format!("{many} policies: C_Login"), "s", 3, figure("long list login"), Some(0.1)),
        row("their memory", "MB", 0, figure("long list kept"), Some(40.0)),
        row("memory at most, whole process", "MB", 0, figure("long list peak"), None),
        row("the first search for a key", "ms", 2, figure("long list search"), Some(1.0)),
        row("the next search", "ms", 3, figure("long list searched again"), None),
        row("a search for all objects", "ms", 0, figure("long list all"), None),
        row("requests of a tool run", "", 0, figure("far requests"), Some(2.0)),
        row("with a cached list", "", 0, figure("cached requests"), Some(1.0)),
        row("to list all keys", "", 0, figure("long list requests"), Some(1.0)),
        row("threads of its own after a call", "", 0, figure("far threads"), Some(0.0)),
        row("library, stripped", "MB", 2, figure("library"), Some(4.0)),
    ]
}
