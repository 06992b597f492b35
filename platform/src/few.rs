//! Warnings of one kind, of which there may be very many.

use log::warn;

/// How many of them are lines of their own.
const FEW: usize = 10;

/// The longest line in characters. What is quoted in it may be of any length.
const MAX_LENGTH: usize = 1000;

/// Says the first few warnings of a kind, and when it is dropped how many more there were.
#[derive(Debug)]
pub struct FirstFew {
    /// What the others are, as a part of the last line that comes before their number.
    others: &'static str,
    count: usize,
}

impl FirstFew {
    /// None yet.
    pub const fn new(others: &'static str) -> Self {
        Self { others, count: 0 }
    }

    /// Counts one, and says whether it is one of the first few.
    pub fn is_next_said(&mut self) -> bool {
        self.count += 1;
        self.count <= FEW
    }

    /// Counts one, and writes its line if it is one of the first few.
    pub fn warn(&mut self, line: impl FnOnce() -> String) {
        if !self.is_next_said() {
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

impl Drop for FirstFew {
    fn drop(&mut self) {
        if let Some(more @ 1..) = self.count.checked_sub(FEW) {
            warn!("{}: {more}", self.others);
        }
    }
}
