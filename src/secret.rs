//! The one type that API tokens and PINs live in, and what becomes of their copies elsewhere.

use std::alloc::System;
use std::collections::HashSet;
use std::fmt;

use base64::Engine as _;
use base64::engine::GeneralPurpose;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;
use zeroizing_alloc::ZeroAlloc;

/// All memory is wiped when it is given back. A secret passes through buffers that no type of ours
/// owns: those of the HTTP client, of TLS and of the JSON parser, and what a growing text leaves
/// behind.
#[global_allocator]
static ALLOCATOR: ZeroAlloc<System> = ZeroAlloc(System);

/// What stands in a log or in metadata where a secret was.
pub const MASK: &str = "***";

/// The shortest piece of a secret, in bytes, that is masked like the whole of it.
const PIECE: usize = 8;

/// All but the unreserved characters (RFC 3986, section 2.3).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The SHA-256 of parts with a secret among them, each behind its length.
pub fn digest(parts: &[&[u8]]) -> [u8; 32] {
    // The last block stays in it, so it must not be on the stack, which nobody wipes.
    let mut digest = Box::new(Sha256::new());
    for part in parts {
        digest.update(part.len().to_be_bytes());
        digest.update(part);
    }
    digest.finalize_reset().into()
}

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

    /// Replaces this secret in `text` by [`MASK`]: as it is, percent-encoded, in base64, and each
    /// piece of these of at least eight bytes, such as a text that was cut or escaped leaves.
    pub fn mask_in(&self, text: &str) -> String {
        let percent_encoded = utf8_percent_encode(&self.0, RESERVED).to_string();
        let whole = [self.0.clone(), Zeroizing::new(percent_encoded)];
        let encoded = [STANDARD_NO_PAD, URL_SAFE_NO_PAD]
            .iter()
            .flat_map(|alphabet| (0..3).map(|offset| self.base64(alphabet, offset)));
        let text = whole
            .iter()
            .filter(|form| !form.is_empty())
            .fold(text.to_owned(), |text, form| {
                text.replace(form.as_str(), MASK)
            });
        whole
            .iter()
            .cloned()
            .chain(encoded)
            .fold(text, |text, form| mask_pieces(&text, &form))
    }

    /// What the base64 of a longer text shows of this secret in it, `offset` bytes behind a
    /// multiple of three.
    fn base64(&self, alphabet: &GeneralPurpose, offset: usize) -> Zeroizing<String> {
        let bytes = Zeroizing::new([&vec![0; offset], self.0.as_bytes()].concat());
        let mut encoded = Zeroizing::new(alphabet.encode(&bytes));
        // Characters that hold bits of what is before or behind.
        if bytes.len() % 3 != 0 {
            encoded.pop();
        }
        let before = (offset * 8).div_ceil(6).min(encoded.len());
        encoded.drain(..before);
        encoded
    }
}

/// Masks each piece of `secret` in `text` that has at least [`PIECE`] bytes.
fn mask_pieces(text: &str, secret: &str) -> String {
    let pieces: HashSet<_> = secret.as_bytes().windows(PIECE).collect();
    let mut masked = String::with_capacity(text.len());
    // The piece that was found last ends here.
    let mut end = 0;
    for (start, character) in text.char_indices() {
        let rest = text.as_bytes().get(start..).unwrap_or_default();
        let is_piece = rest
            .get(..PIECE)
            .is_some_and(|piece| pieces.contains(piece));
        if is_piece && start >= end {
            masked.push_str(MASK);
        }
        if is_piece {
            end = start + PIECE;
        }
        if start >= end {
            masked.push(character);
        }
    }
    masked
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

    /// The encoded forms are those of other programs: `base64`, `jq -r @uri`.
    #[test]
    fn a_secret_is_masked_in_the_forms_that_programs_give_it_and_in_pieces() {
        let secret = Secret::new("s3cret/t0ken+of-me=".to_owned());
        for (text, expected) in [
            ("cut: s3cret/t0ken+o", "cut: ***"),
            ("cut: en+of-me= and more", "cut: *** and more"),
            ("too short: s3cret/", "too short: s3cret/"),
            ("two: t0ken+of, s3cret/t", "two: ***, ***"),
            (
                "escaped: s3cret/t0ken\\u002Bof-me=",
                "escaped: ***\\u002Bof-me=",
            ),
            ("?t=s3cret%2Ft0ken%2Bof-me%3D", "?t=***"),
            ("czNjcmV0L3Qwa2VuK29mLW1lPQ==", "***Q=="),
            // `user:s3cret/t0ken+of-me=`
            ("Basic dXNlcjpzM2NyZXQvdDBrZW4rb2YtbWU9", "Basic dXNlcjp***"),
            ("Grüße ü s3cret/t0ken+of-me= ü", "Grüße ü *** ü"),
        ] {
            assert_eq!(secret.mask_in(text), expected);
        }
        assert_eq!(Secret::new("a".to_owned()).mask_in("Yab"), "Y***b");
        let umlauts = Secret::new("äöüäöüä".to_owned());
        assert_eq!(umlauts.mask_in("xöüäöü äö"), "x*** äö");
    }

    #[test]
    fn a_secret_is_masked_wherever_it_stands_in_a_text() {
        let secret = Secret::new("t0ken".to_owned());
        assert_eq!(secret.mask_in("a t0ken, t0ken"), "a ***, ***");
        assert_eq!(Secret::new(String::new()).mask_in("text"), "text");
    }
}
