//! Searches for names that no signing policy has.

use signpath_platform::repeated_warnings::RepeatedWarnings;

/// Tracks which names have been reported since C_Initialize. C_Finalize reports how many more there
/// were.
pub(super) struct UnknownNames {
    said: Vec<Vec<u8>>,
    warnings: RepeatedWarnings,
}

impl Default for UnknownNames {
    fn default() -> Self {
        Self { said: Vec::new(), warnings: RepeatedWarnings::new("more searches for unknown keys") }
    }
}

impl UnknownNames {
    /// Whether a search for `name` should be reported: each name once, and only the first few in
    /// case an application tries every name it knows.
    pub(super) fn should_report(&mut self, name: &[u8]) -> bool {
        if self.said.iter().any(|said| said == name) || !self.warnings.should_log() {
            return false;
        }
        self.said.push(name.to_vec());
        true
    }
}
