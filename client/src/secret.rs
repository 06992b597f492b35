//! The one type that API tokens and PINs live in, and what becomes of their copies elsewhere.

use std::collections::HashSet;
use std::fmt;
use std::ops::Range;

use base64::Engine as _;
use base64::engine::GeneralPurpose;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

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
pub fn secret_digest(parts: &[&[u8]]) -> [u8; 32] {
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

    /// Replaces this secret in `text` by [`MASK`], as [`Client::masked`](crate::Client::masked) does.
    pub fn mask_in(&self, text: &str) -> String {
        Masker::new([self]).mask(text)
    }

    /// The texts of which no piece may show.
    fn forms(&self) -> impl Iterator<Item = Zeroizing<String>> {
        let encoded = [STANDARD_NO_PAD, URL_SAFE_NO_PAD]
            .into_iter()
            .flat_map(move |alphabet| (0..3).map(move |offset| self.base64(&alphabet, offset)));
        self.wholes().into_iter().chain(encoded)
    }

    /// The texts that may not show whole, however short they are: this one, and this one
    /// percent-encoded.
    fn wholes(&self) -> [Zeroizing<String>; 2] {
        let percent_encoded = utf8_percent_encode(&self.0, RESERVED).to_string();
        [self.0.clone(), Zeroizing::new(percent_encoded)]
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

/// Finds secrets in texts. What it looks for is prepared once.
pub struct Masker {
    wholes: Vec<Zeroizing<String>>,
    /// Like all memory, it is wiped when it is given back.
    pieces: HashSet<[u8; PIECE]>,
    #[cfg(test)]
    looked_at: std::sync::atomic::AtomicUsize,
}

impl Masker {
    /// What masks all of `secrets`.
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a Secret>) -> Self {
        let (mut wholes, mut pieces) = (Vec::new(), HashSet::new());
        for secret in secrets {
            wholes.extend(secret.wholes().into_iter().filter(|form| !form.is_empty()));
            for form in secret.forms() {
                let windows = form.as_bytes().windows(PIECE);
                pieces.extend(windows.filter_map(|window| <[u8; PIECE]>::try_from(window).ok()));
            }
        }
        Self {
            wholes,
            pieces,
            #[cfg(test)]
            looked_at: Default::default(),
        }
    }

    /// Replaces the secrets in `text` by [`MASK`]: as they are, percent-encoded, in base64, and each
    /// piece of these of at least eight bytes, such as a text that was cut or escaped leaves.
    pub fn mask(&self, text: &str) -> String {
        #[cfg(test)]
        self.looked_at
            .fetch_add(text.len(), std::sync::atomic::Ordering::Relaxed);
        let mut masked = String::with_capacity(text.len());
        let mut shown_from = 0;
        let mut hidden_to = None;
        for range in self.found(text) {
            let start = boundary(text, range.start, -1);
            let end = boundary(text, range.end, 1);
            match hidden_to {
                Some(hidden_to) if start <= hidden_to => {}
                _ => {
                    masked.push_str(text.get(shown_from..start).unwrap_or_default());
                    masked.push_str(MASK);
                }
            }
            shown_from = shown_from.max(end);
            hidden_to = Some(shown_from);
        }
        masked.push_str(text.get(shown_from..).unwrap_or_default());
        masked
    }

    /// How long all texts were together.
    #[cfg(test)]
    pub fn bytes_looked_at(&self) -> usize {
        self.looked_at.load(std::sync::atomic::Ordering::Relaxed)
    }

    /// Where secrets are, in order.
    fn found(&self, text: &str) -> Vec<Range<usize>> {
        let wholes = self.wholes.iter().flat_map(|whole| {
            let found = text.match_indices(whole.as_str());
            found.map(|(start, found)| start..start + found.len())
        });
        let windows = text.as_bytes().windows(PIECE).enumerate();
        let pieces = windows
            .filter(|(_, window)| self.pieces.contains(*window))
            .map(|(start, _)| start..start + PIECE);
        let mut found: Vec<_> = wholes.chain(pieces).collect();
        found.sort_by_key(|range| range.start);
        found
    }
}

/// The nearest boundary of a character, by steps of `step` bytes.
fn boundary(text: &str, mut index: usize, step: isize) -> usize {
    while !text.is_char_boundary(index) {
        index = index.saturating_add_signed(step);
    }
    index
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
    fn a_secret_that_holds_another_one_is_masked_whole() {
        let secrets = ["ab", "0123ab4567"].map(|text| Secret::new(text.to_owned()));
        let masker = Masker::new(&secrets);
        assert_eq!(masker.mask("0123ab4567, ab, x"), "***, ***, x");
    }

    #[test]
    fn a_secret_is_masked_wherever_it_stands_in_a_text() {
        let secret = Secret::new("t0ken".to_owned());
        assert_eq!(secret.mask_in("a t0ken, t0ken"), "a ***, ***");
        assert_eq!(Secret::new(String::new()).mask_in("text"), "text");
    }
}
