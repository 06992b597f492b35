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
    pub measured: Option<f64>,
    /// The limit: at most this, except for percentages, which are at least this.
    pub wanted: Option<f64>,
    /// What it is compared with, and its figure in the same unit.
    pub beside: Option<(&'static str, f64)>,
    /// Millions of instructions, and those of what it is compared with.
    pub instructions: [Option<f64>; 2],
}

impl Row {
    /// The measured figure as a part of the limit, so that at most 1 is wanted.
    pub fn of_limit(&self) -> Option<f64> {
        let (measured, wanted) = (self.measured?, self.wanted?);
        Some(match self.unit {
            "%" => wanted / measured,
            _ => measured / wanted,
        })
    }
}

const RAW: &str = "raw";
const SOFTHSM: &str = "SoftHSM";

/// The rows of a run that had a list with that many policies.
pub(super) fn of(figures: &Figures, policies: usize) -> Vec<Row> {
    let median = |name: &str| figures.median(name);
    let millions = |name: &str| Some(median(&format!("{name} instructions"))? / 1e6);
    let over = |one: Option<f64>, other: Option<f64>| Some(one? / other?);
    let without = |one: Option<f64>, other: Option<f64>| Some(one? - other?);
    let row = |what: &str, unit, digits, measured, wanted| Row {
        what: what.to_owned(),
        unit,
        digits,
        measured,
        wanted,
        beside: None,
        instructions: [None; 2],
    };
    let beside = |row: Row, name, value: Option<f64>| Row {
        beside: value.map(|value| (name, value)),
        ..row
    };
    let counted = |row: Row, ours: &str, other: &str| Row {
        instructions: [millions(ours), millions(other)],
        ..row
    };
    let (sign, raw, verify) = (
        median("warm sign"),
        median("warm raw"),
        median("warm verify"),
    );
    let ideal = THREADS as f64 / LATENCY.as_secs_f64();
    let percent = |rate: Option<f64>| Some(rate? / ideal * 100.0);
    let many = policies.to_string();
    let verification = |key, name: &str, wanted| {
        let softhsm = format!("softhsm {key}");
        let ours = median(&format!("{key} verify"));
        let theirs = median(&format!("{softhsm} verify"));
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
        counted(
            beside(row("the whole of it", "us", 0, sign, None), RAW, raw),
            "warm",
            "warm raw",
        ),
        verification(RSA, "verification, RSA-2048", 320.0),
        verification(P256, "verification, P-256", 230.0),
        verification(P384, "verification, P-384", 800.0),
        row(
            "fresh process to its first signature at 50 ms, over a raw POST",
            "x",
            2,
            over(median("far first"), median("raw far first")),
            Some(2.05),
        ),
        row(
            "the same with a cached list",
            "x",
            2,
            over(median("cached first"), median("raw far first")),
            Some(1.05),
        ),
        beside(
            row(
                "the same without network",
                "ms",
                2,
                median("near first"),
                None,
            ),
            RAW,
            median("raw near first"),
        ),
        counted(
            beside(
                row(
                    "its processor time",
                    "ms",
                    1,
                    median("near process"),
                    Some(5.0),
                ),
                RAW,
                median("raw near process"),
            ),
            "near",
            "raw near",
        ),
        counted(
            beside(
                row(
                    "dlopen, C_Initialize, C_Finalize",
                    "ms",
                    2,
                    median("load load"),
                    Some(0.4),
                ),
                SOFTHSM,
                median("softhsm load load"),
            ),
            "load",
            "softhsm load",
        ),
        beside(
            row(
                "64 threads at 50 ms: signatures of the ideal number",
                "%",
                0,
                percent(median("threads rate")),
                Some(96.0),
            ),
            RAW,
            percent(median("raw threads rate")),
        ),
        row(
            "their connections",
            "",
            0,
            median("threads connections"),
            Some(64.0),
        ),
        beside(
            row(
                "their processor time for a signature, less the verification",
                "us",
                0,
                without(median("threads processor"), verify),
                Some(60.0),
            ),
            RAW,
            median("raw threads processor"),
        ),
        beside(
            row(
                "their memory at most, whole process",
                "MB",
                1,
                median("threads memory"),
                Some(12.0),
            ),
            RAW,
            median("raw threads memory"),
        ),
        row(
            &format!("{many} policies: C_Login"),
            "s",
            3,
            median("long list login"),
            Some(0.1),
        ),
        row(
            "their memory",
            "MB",
            0,
            median("long list kept"),
            Some(40.0),
        ),
        row(
            "memory at most, whole process",
            "MB",
            0,
            median("long list peak"),
            None,
        ),
        row(
            "the first search for a key",
            "ms",
            2,
            median("long list search"),
            Some(1.0),
        ),
        row(
            "the next search",
            "ms",
            3,
            median("long list searched again"),
            None,
        ),
        row(
            "a search for all objects",
            "ms",
            0,
            median("long list all"),
            None,
        ),
        row(
            "requests of a tool run",
            "",
            0,
            median("far requests"),
            Some(2.0),
        ),
        row(
            "with a cached list",
            "",
            0,
            median("cached requests"),
            Some(1.0),
        ),
        row(
            "to list all keys",
            "",
            0,
            median("long list requests"),
            Some(1.0),
        ),
        row(
            "threads of its own after a call",
            "",
            0,
            median("far threads"),
            Some(0.0),
        ),
        row("library, stripped", "MB", 2, median("library"), Some(4.0)),
    ]
}
