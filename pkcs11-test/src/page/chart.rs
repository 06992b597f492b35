//! Durations and outcomes over the last minutes, as SVG.

use std::fmt::Write;
use std::time::{Duration, SystemTime};

use super::history::{History, Outcome};

const BINS: usize = 60;
const BIN: Duration = Duration::from_secs(5);
const WIDTH: f64 = 960.0;
/// The part for durations, on a logarithmic scale of four decades from 1 ms to 10 s.
const DURATIONS: f64 = 120.0;
/// The part for counts, below.
const COUNTS: f64 = 48.0;
const GAP: f64 = 12.0;

#[derive(Default)]
struct Bin {
    durations: Vec<f64>,
    signed: usize,
    failed: usize,
}

/// The chart and a sentence that says the same.
pub(crate) fn render(history: &History, now: SystemTime) -> String {
    // Bins start at multiples of their length, so that bars do not change as time passes.
    let since_epoch = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let current = since_epoch.as_secs() / BIN.as_secs();
    let oldest = current.saturating_sub(BINS as u64 - 1);
    let begin = SystemTime::UNIX_EPOCH + BIN * u32::try_from(oldest).unwrap_or_default();
    let mut bins: Vec<Bin> = (0..BINS).map(|_| Bin::default()).collect();
    let mut all = Vec::new();
    for exchange in history.since(begin) {
        let outcome = exchange.outcome();
        let at = exchange.at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let index = (at.as_secs() / BIN.as_secs()).saturating_sub(oldest);
        let Some(bin) = usize::try_from(index).ok().and_then(|index| bins.get_mut(index)) else {
            continue;
        };
        match outcome {
            Outcome::Signed => bin.signed += 1,
            Outcome::Failed => bin.failed += 1,
            Outcome::Other => continue,
        }
        bin.durations.push(exchange.record.duration_ms);
        all.push(exchange.record.duration_ms);
    }
    let signed: usize = bins.iter().map(|bin| bin.signed).sum();
    let failed: usize = bins.iter().map(|bin| bin.failed).sum();
    let summary = summary(signed, failed, &mut all);
    format!(
        r#"<figure><div class="plot"><svg viewBox="0 0 {WIDTH} {height}" preserveAspectRatio="none" role="img" aria-label="{summary}">{grid}{bars}</svg>
<div class="scale" aria-hidden="true"><span>10 s</span><span>1 s</span><span>100 ms</span><span>10 ms</span><span>1 ms</span></div></div>
<div class="axis" aria-hidden="true"><span>5 minutes ago</span><span class="legend"><i class="key signed"></i>signed <i class="key failed"></i>failed <i class="key median"></i>median duration</span><span>now</span></div>
<figcaption>{summary}</figcaption></figure>"#,
        height = DURATIONS + GAP + COUNTS,
        grid = grid(),
        bars = bars(&mut bins),
    )
}

fn summary(signed: usize, failed: usize, durations: &mut [f64]) -> String {
    if durations.is_empty() {
        return "No signing requests in the last five minutes.".to_owned();
    }
    let median = median(durations);
    let slowest = durations.last().copied().unwrap_or_default();
    format!(
        "{signed} signed and {failed} failed in the last five minutes. Median {}, slowest {}.",
        duration(median),
        duration(slowest)
    )
}

/// Sorts the values.
fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// A duration in milliseconds, for people.
pub(crate) fn duration(ms: f64) -> String {
    if ms < 10.0 {
        format!("{ms:.1} ms")
    } else if ms < 1000.0 {
        format!("{ms:.0} ms")
    } else {
        format!("{:.1} s", ms / 1000.0)
    }
}

/// From the top.
fn height_of(ms: f64) -> f64 {
    DURATIONS - ms.clamp(1.0, 10_000.0).log10() / 4.0 * DURATIONS
}

fn grid() -> String {
    let mut svg = String::new();
    for decade in 0..=4 {
        let y = DURATIONS * f64::from(decade) / 4.0;
        // Writing to a String does not fail.
        let _ = write!(svg, r#"<line class="grid" x1="0" x2="{WIDTH}" y1="{y}" y2="{y}"/>"#);
    }
    let bottom = DURATIONS + GAP + COUNTS;
    let _ = write!(svg, r#"<line class="grid" x1="0" x2="{WIDTH}" y1="{bottom}" y2="{bottom}"/>"#);
    svg
}

fn bars(bins: &mut [Bin]) -> String {
    let most = bins.iter().map(|bin| bin.signed + bin.failed).max().unwrap_or(0).max(4) as f64;
    let step = WIDTH / BINS as f64;
    let bottom = DURATIONS + GAP + COUNTS;
    let mut svg = String::new();
    let mut rect = |class: &str, x: f64, y: f64, height: f64| {
        let _ = write!(
            svg,
            r#"<rect class="{class}" x="{:.1}" y="{y:.1}" width="{:.1}" height="{height:.1}"/>"#,
            x + step * 0.15,
            step * 0.7
        );
    };
    for (index, bin) in bins.iter_mut().enumerate() {
        if bin.durations.is_empty() {
            continue;
        }
        let x = index as f64 * step;
        let median = height_of(median(&mut bin.durations));
        let fastest = height_of(bin.durations.first().copied().unwrap_or_default());
        let slowest = height_of(bin.durations.last().copied().unwrap_or_default());
        rect("range", x, slowest, (fastest - slowest).max(1.0));
        rect("median", x, median - 1.5, 3.0);
        let signed = bin.signed as f64 / most * COUNTS;
        let failed = bin.failed as f64 / most * COUNTS;
        if bin.signed > 0 {
            rect("signed", x, bottom - signed, signed);
        }
        if bin.failed > 0 {
            rect("failed", x, bottom - signed - failed, failed);
        }
    }
    svg
}
