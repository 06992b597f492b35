//! Escapes untrusted text before it is printed or logged.
//!
//! Names and messages are stored as the service sends them, and used unchanged in requests,
//! attributes and JSON. They are escaped only when they are shown to people.

use std::borrow::Cow;

/// Characters that can break a terminal or a line, or mislead a reader: the control characters (C0,
/// DEL and C1), line and paragraph separators (U+2028, U+2029), bidirectional controls, and
/// invisible characters, which make different names look the same. The ranges are inclusive.
const HARMFUL: [(char, char); 11] = [
    ('\u{0}', '\u{1f}'),
    ('\u{7f}', '\u{9f}'),
    ('\u{ad}', '\u{ad}'),
    ('\u{61c}', '\u{61c}'),
    ('\u{180e}', '\u{180e}'),
    ('\u{200b}', '\u{200f}'),
    ('\u{2028}', '\u{202e}'),
    ('\u{2060}', '\u{206f}'),
    ('\u{feff}', '\u{feff}'),
    ('\u{fff9}', '\u{fffb}'),
    ('\u{e0000}', '\u{e007f}'),
];

/// Whether a character must be escaped before it is shown to people.
pub fn is_harmful(c: char) -> bool {
    HARMFUL.iter().any(|&(first, last)| (first..=last).contains(&c))
}

/// `text` as a single line that is safe to print: each [harmful](is_harmful) character is replaced
/// by its Rust escape, such as `\n` or `\u{202e}`. Backslashes are kept, since paths and names
/// contain them.
pub fn escaped(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_harmful) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match is_harmful(c) {
            true => escaped.extend(c.escape_default()),
            false => escaped.push(c),
        }
    }
    Cow::Owned(escaped)
}

/// JSON `text` in which each [harmful](is_harmful) character inside a string is a JSON escape, which
/// JSON parsers turn back into the character. Line breaks between values stay.
pub fn escaped_json(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        // Inside a string, JSON has no line break.
        if c == '\n' || !is_harmful(c) {
            escaped.push(c);
            continue;
        }
        for unit in c.encode_utf16(&mut [0; 2]) {
            escaped.push_str(&format!("\\u{unit:04x}"));
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::test_runner::RngSeed;

    use super::*;

    fn same_cases() -> ProptestConfig {
        ProptestConfig {
            rng_seed: RngSeed::Fixed(1),
            failure_persistence: None,
            ..ProptestConfig::default()
        }
    }

    #[test]
    fn escapes_only_harmful_characters() {
        for (text, expected) in [
            ("a\r\n\tb\u{1b}[31mc\u{7}", "a\\r\\n\\tb\\u{1b}[31mc\\u{7}"),
            ("\u{85}\u{9b}\u{7f}\u{0}", "\\u{85}\\u{9b}\\u{7f}\\u{0}"),
            ("a\u{2028}b\u{2029}c", "a\\u{2028}b\\u{2029}c"),
            ("\u{202e}exe.\u{2066}\u{200f}", "\\u{202e}exe.\\u{2066}\\u{200f}"),
            ("\u{feff}a\u{200b}\u{e0041}", "\\u{feff}a\\u{200b}\\u{e0041}"),
            (r"C:\new 'ß' 日本 😀", r"C:\new 'ß' 日本 😀"),
        ] {
            assert_eq!(escaped(text), expected);
        }
    }

    proptest! {
        #![proptest_config(same_cases())]

        #[test]
        fn makes_one_harmless_line_of_any_text(text in ".*|\\PC*|[\\x00-\\x7f]*") {
            let shown = escaped(&text);
            prop_assert!(!shown.chars().any(char::is_control));
            prop_assert!(!shown.chars().any(is_harmful));
            prop_assert!(shown.lines().count() <= 1);
            if !text.chars().any(is_harmful) {
                prop_assert_eq!(shown.as_ref(), text.as_str());
            }
        }
    }
}
