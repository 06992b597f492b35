//! Limits how often a warning of one kind is logged.

use log::warn;

/// How many warnings are logged individually.
const FEW: usize = 10;

/// The longest line, in characters. A line may quote text of any length.
const MAX_LENGTH: usize = 1000;

/// Logs the first few warnings of one kind and, when dropped, the number of the others.
#[derive(Debug)]
pub struct RepeatedWarnings {
    /// What the others are. The last line is this text, a colon and their number.
    others: &'static str,
    count: usize,
}

impl RepeatedWarnings {
    /// A counter at zero.
    pub const fn new(others: &'static str) -> Self {
        Self { others, count: 0 }
    }

    /// Counts one warning and returns whether it should be logged individually.
    pub fn should_log(&mut self) -> bool {
        self.count += 1;
        self.count <= FEW
    }

    /// Counts one warning and logs its line if it is one of the first few.
    pub fn warn(&mut self, line: impl FnOnce() -> String) {
        if !self.should_log() {
            return;
        }
        let line = line();
        match line.char_indices().nth(MAX_LENGTH) {
            Some((end, _)) => {
                let beginning = line.get(..end).unwrap_or_default();
                warn!("{beginning}...");
            }
            None => warn!("{line}"),
        }
    }
}

impl Drop for RepeatedWarnings {
    fn drop(&mut self) {
        if let Some(more @ 1..) = self.count.checked_sub(FEW) {
            warn!("{}: {more}", self.others);
        }
    }
}
