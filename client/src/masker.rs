//! Takes secrets out of texts that people see.

use std::collections::HashSet;
use std::ops::Range;

use zeroize::Zeroizing;

use crate::secret::{MASK, Secret};

/// The shortest part of a secret that is masked, in bytes.
const PIECE: usize = 8;

/// Masks secrets in texts. What it searches for is computed once.
pub struct Masker {
    /// Those that are shorter than a piece.
    whole_forms: Vec<Zeroizing<String>>,
    /// Wiped when freed, like all memory, by the module's global allocator.
    pieces: HashSet<[u8; PIECE]>,
    #[cfg(test)]
    looked_at: std::sync::atomic::AtomicUsize,
}

impl Masker {
    /// Creates a masker for `secrets`.
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a Secret>) -> Self {
        let (mut whole_forms, mut pieces) = (Vec::new(), HashSet::new());
        // The API token of the PIN is often the configured one.
        let mut known: Vec<&Secret> = Vec::new();
        for secret in secrets {
            if known.iter().any(|other| other.expose() == secret.expose()) {
                continue;
            }
            known.push(secret);
            // Each piece of a longer one is searched for anyway.
            let is_short = |form: &Zeroizing<String>| (1..PIECE).contains(&form.len());
            whole_forms.extend(secret.whole_forms().into_iter().filter(is_short));
            for form in secret.forms() {
                pieces.reserve(form.len());
                let windows = form.as_bytes().windows(PIECE);
                pieces.extend(windows.filter_map(|window| <[u8; PIECE]>::try_from(window).ok()));
            }
        }
        Self {
            whole_forms,
            pieces,
            #[cfg(test)]
            looked_at: Default::default(),
        }
    }

    /// Replaces the secrets in `text` by [`MASK`]: the secrets themselves, their percent-encoding
    /// and base64 encoding, and all parts of these of at least eight bytes, which truncation or
    /// escaping may leave.
    pub fn mask(&self, text: &str) -> String {
        #[cfg(test)]
        self.looked_at.fetch_add(text.len(), std::sync::atomic::Ordering::Relaxed);
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

    /// The total length of all texts, in bytes.
    #[cfg(test)]
    pub fn bytes_looked_at(&self) -> usize {
        self.looked_at.load(std::sync::atomic::Ordering::Relaxed)
    }

    /// The ranges of secrets, in order. They may overlap.
    fn found(&self, text: &str) -> Vec<Range<usize>> {
        let whole_forms = self.whole_forms.iter().flat_map(|form| {
            let found = text.match_indices(form.as_str());
            found.map(|(start, found)| start..start + found.len())
        });
        let windows = text.as_bytes().windows(PIECE).enumerate();
        let pieces = windows
            .filter(|(_, window)| self.pieces.contains(*window))
            .map(|(start, _)| start..start + PIECE);
        let mut found: Vec<_> = whole_forms.chain(pieces).collect();
        found.sort_by_key(|range| range.start);
        found
    }
}

/// The nearest character boundary, in steps of `step` bytes.
fn boundary(text: &str, mut index: usize, step: isize) -> usize {
    while !text.is_char_boundary(index) {
        index = index.saturating_add_signed(step);
    }
    index
}

impl Secret {
    /// Replaces this secret in `text` by [`MASK`], like [`Client::masked`](crate::Client::masked).
    pub fn mask_in(&self, text: &str) -> String {
        Masker::new([self]).mask(text)
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE};
    use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
    use proptest::prelude::*;

    use super::*;
    use crate::same_cases;

    /// The encoded forms are the output of `base64` and `jq -r @uri`.
    #[test]
    fn masks_encoded_and_partial_secrets() {
        let secret = Secret::new("s3cret/t0ken+of-me=".to_owned());
        for (text, expected) in [
            ("cut: s3cret/t0ken+o", "cut: ***"),
            ("cut: en+of-me= and more", "cut: *** and more"),
            ("too short: s3cret/", "too short: s3cret/"),
            ("two: t0ken+of, s3cret/t", "two: ***, ***"),
            ("escaped: s3cret/t0ken\\u002Bof-me=", "escaped: ***\\u002Bof-me="),
            ("?t=s3cret%2Ft0ken%2Bof-me%3D", "?t=***"),
            ("?t=s3cret%2ft0ken%2bof-me%3d", "?t=***"),
            ("czNjcmV0L3Qwa2VuK29mLW1lPQ==", "***Q=="),
            // `user:s3cret/t0ken+of-me=`
            ("Basic dXNlcjpzM2NyZXQvdDBrZW4rb2YtbWU9", "Basic dXNlcjp***"),
            ("Grüße ü s3cret/t0ken+of-me= ü", "Grüße ü *** ü"),
        ] {
            assert_eq!(secret.mask_in(text), expected);
        }
        assert_eq!(Secret::new("a".to_owned()).mask_in("Yab"), "Y***b");
        // Only the digits are lower case.
        let capitals = Secret::new("AB/cdefghi".to_owned());
        assert_eq!(capitals.mask_in("?t=AB%2fcdefghi"), "?t=***");
        let umlauts = Secret::new("äöüäöüä".to_owned());
        assert_eq!(umlauts.mask_in("xöüäöü äö"), "x*** äö");
    }

    #[test]
    fn masks_a_secret_that_contains_another_one() {
        let secrets = ["ab", "0123ab4567"].map(|text| Secret::new(text.to_owned()));
        let masker = Masker::new(&secrets);
        assert_eq!(masker.mask("0123ab4567, ab, x"), "***, ***, x");
    }

    #[test]
    fn masks_every_occurrence_of_a_secret() {
        let secret = Secret::new("t0ken".to_owned());
        assert_eq!(secret.mask_in("a t0ken, t0ken"), "a ***, ***");
        assert_eq!(Secret::new(String::new()).mask_in("text"), "text");
    }

    proptest! {
        #![proptest_config(same_cases())]

        #[test]
        fn shows_no_piece_of_a_secret_in_any_encoding(
            secret in "[!-~]{12,40}",
            before in "[ -~]{0,20}",
            after in "[ -~]{0,20}",
            from in 0..4_usize,
        ) {
            let encoded = |text: &str| [STANDARD.encode(text), URL_SAFE.encode(text)];
            let percent = utf8_percent_encode(&secret, NON_ALPHANUMERIC).to_string();
            let whole = format!("{before}{secret}{after}");
            let texts = [whole.clone(), format!("{before}{}", &secret[from..]), percent];
            let masker = Masker::new([&Secret::new(secret.clone())]);
            for text in texts.into_iter().chain(encoded(&whole)).chain(encoded(&secret)) {
                let masked = masker.mask(&text);
                for piece in secret.as_bytes().windows(PIECE) {
                    let piece = std::str::from_utf8(piece).unwrap();
                    prop_assert!(!masked.contains(piece), "{text}: {masked}");
                }
                let decodings = [STANDARD.decode(&masked), URL_SAFE.decode(&masked)];
                for decoded in decodings.into_iter().flatten() {
                    let decoded = String::from_utf8_lossy(&decoded);
                    prop_assert!(!decoded.contains(&secret), "{text}: {masked}");
                }
            }
        }
    }
}
