//! The type for API tokens and PINs, and the masking of secrets in texts.

use std::fmt;

use base64::Engine as _;
use base64::engine::GeneralPurpose;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// The replacement for a secret in logs, messages and metadata.
pub const MASK: &str = "***";

/// All characters except the unreserved ones (RFC 3986, section 2.3).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The SHA-256 digest of `parts`, which may be secret, each preceded by its length as a big-endian
/// `usize`.
pub fn secret_digest(parts: &[&[u8]]) -> [u8; 32] {
    // The hasher keeps the last block, so it must not be on the stack, which is not wiped.
    let mut digest = Box::new(Sha256::new());
    for part in parts {
        digest.update(part.len().to_be_bytes());
        digest.update(part);
    }
    digest.finalize_reset().into()
}

/// A secret string. It cannot be printed, and its memory is wiped on drop.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes ownership of a secret.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The secret itself.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// All forms of the secret of which no part may be shown.
    pub(crate) fn forms(&self) -> impl Iterator<Item = Zeroizing<String>> {
        let encoded = [STANDARD_NO_PAD, URL_SAFE_NO_PAD]
            .into_iter()
            .flat_map(move |alphabet| (0..3).map(move |offset| self.base64(&alphabet, offset)));
        self.whole_forms().into_iter().chain(encoded)
    }

    /// The forms that are masked even if they are short: the secret itself and its
    /// percent-encodings.
    pub(crate) fn whole_forms(&self) -> [Zeroizing<String>; 3] {
        let percent_encoded = Zeroizing::new(utf8_percent_encode(&self.0, RESERVED).to_string());
        let lower_case = Zeroizing::new(with_lower_case_digits(&percent_encoded));
        [self.0.clone(), percent_encoded, lower_case]
    }

    /// The part of a longer text's base64 encoding that depends only on this secret. In that text,
    /// the secret starts `offset` bytes after a multiple of three.
    fn base64(&self, alphabet: &GeneralPurpose, offset: usize) -> Zeroizing<String> {
        let bytes = Zeroizing::new([&vec![0; offset], self.0.as_bytes()].concat());
        let mut encoded = Zeroizing::new(alphabet.encode(&bytes));
        // Remove the characters that also contain bits of the bytes before and after.
        if bytes.len() % 3 != 0 {
            encoded.pop();
        }
        let before = (offset * 8).div_ceil(6).min(encoded.len());
        encoded.drain(..before);
        encoded
    }
}

/// Percent-encoding as .NET's HttpUtility writes it: `%2f` instead of `%2F`.
fn with_lower_case_digits(encoded: &str) -> String {
    let mut lower = String::with_capacity(encoded.len());
    for (index, part) in encoded.split('%').enumerate() {
        let (digits, rest) = match index {
            0 => ("", part),
            _ => part.split_at_checked(2).unwrap_or((part, "")),
        };
        lower.push_str(if index == 0 { "" } else { "%" });
        lower.push_str(&digits.to_ascii_lowercase());
        lower.push_str(rest);
    }
    lower
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
    fn debug_output_hides_the_secret() {
        let secret = Secret::new("hunter2/+=".to_owned());
        assert_eq!(format!("{secret:?} {:?}", Some(&secret)), "*** Some(***)");
    }
}
