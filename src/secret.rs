//! The one type that API tokens and PINs live in.

use std::fmt;

use zeroize::Zeroizing;

/// What stands in a log or in metadata where a secret was.
pub const MASK: &str = "***";

/// A text that must not be shown: it cannot be printed, and its memory is wiped when it is dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes ownership of a secret text.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text itself, for the one place that sends it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Replaces each occurrence of this secret in `text` by [`MASK`].
    pub fn mask_in(&self, text: &str) -> String {
        if self.0.is_empty() {
            text.to_owned()
        } else {
            text.replace(self.0.as_str(), MASK)
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(MASK)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_does_not_show_in_debug_output() {
        let secret = Secret::new("hunter2/+=".to_owned());
        assert_eq!(format!("{secret:?} {:?}", Some(&secret)), "*** Some(***)");
    }

    #[test]
    fn a_secret_is_masked_wherever_it_stands_in_a_text() {
        let secret = Secret::new("t0ken".to_owned());
        assert_eq!(secret.mask_in("a t0ken, t0ken"), "a ***, ***");
        assert_eq!(Secret::new(String::new()).mask_in("text"), "text");
    }
}
