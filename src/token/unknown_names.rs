//! Names that were searched for and that no signing policy has.

use signpath_platform::few::FirstFew;

/// What has been said of them since C_Initialize. How many more there were is said at C_Finalize.
pub(super) struct UnknownNames {
    said: Vec<Vec<u8>>,
    few: FirstFew,
}

impl Default for UnknownNames {
    fn default() -> Self {
        Self {
            said: Vec::new(),
            few: FirstFew::new("more searches for keys that do not exist"),
        }
    }
}

impl UnknownNames {
    /// Whether a search for that name is worth a line: a program that repeats its search is not told
    /// again, and one that looks for everything that it knows is told of the first few names.
    pub(super) fn is_told(&mut self, name: &[u8]) -> bool {
        if self.said.iter().any(|said| said == name) || !self.few.is_next_said() {
            return false;
        }
        self.said.push(name.to_vec());
        true
    }
}
