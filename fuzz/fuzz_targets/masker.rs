//! A secret in the first line, a byte that selects its encoding, and what surrounds it in a text.

#![no_main]

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use signpath_client::Secret;
use signpath_fuzz::{first_byte, first_line};

signpath_fuzz::target!(check);

/// The shortest part of a secret that may not be shown, in bytes.
const PIECE: usize = 8;

fn check(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (secret, rest) = first_line(&text);
    let (selector, _) = first_byte(rest.as_bytes());
    let (before, after) = first_line(rest);
    // A mask in a secret could complete it, and the parts of a short one are not secret.
    if secret.len() < PIECE || secret.contains('*') {
        return;
    }
    let surrounded = |secret: &str| format!("{before}{secret}{after}");
    let shown = match selector % 8 {
        0 => surrounded(secret),
        1 => surrounded(&percent_encoded(secret, |byte| format!("%{byte:02X}"))),
        2 => surrounded(&percent_encoded(secret, |byte| format!("%{byte:02x}"))),
        3 => STANDARD.encode(surrounded(secret)),
        4 => STANDARD_NO_PAD.encode(surrounded(secret)),
        5 => URL_SAFE.encode(surrounded(secret)),
        6 => URL_SAFE_NO_PAD.encode(surrounded(secret)),
        _ => surrounded(&STANDARD.encode(secret)),
    };
    let masked = Secret::new(secret.to_owned()).mask_in(&shown);
    for piece in secret.as_bytes().windows(PIECE) {
        let is_shown = masked.as_bytes().windows(PIECE).any(|part| part == piece);
        assert!(!is_shown, "{shown}: {masked}");
    }
    // Nor after it is decoded, also where only a part of it can be.
    let decoded = percent_encoding::percent_decode_str(&masked);
    assert_absent(secret, &decoded.collect::<Vec<_>>());
    for part in masked.split("***").flat_map(|part| part.split_whitespace()) {
        for decoder in [&STANDARD, &STANDARD_NO_PAD, &URL_SAFE, &URL_SAFE_NO_PAD] {
            if let Ok(decoded) = decoder.decode(part) {
                assert_absent(secret, &decoded);
            }
        }
    }
}

/// Percent-encoding of all that is not unreserved (RFC 3986, section 2.3).
fn percent_encoded(text: &str, encoded: impl Fn(u8) -> String) -> String {
    let is_unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let bytes = text.bytes().map(|byte| match is_unreserved(byte) {
        true => char::from(byte).to_string(),
        false => encoded(byte),
    });
    bytes.collect()
}

fn assert_absent(secret: &str, shown: &[u8]) {
    let is_shown = shown.windows(secret.len()).any(|part| part == secret.as_bytes());
    assert!(!is_shown, "{}", String::from_utf8_lossy(shown));
}
