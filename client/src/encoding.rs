//! Recognizes bodies that are not UTF-8, which JSON must be (RFC 8259, section 8.1).

use serde::de::IgnoredAny;
use signpath_platform::text::BYTE_ORDER_MARK;

/// The first bytes of other encodings, and their descriptions.
const OTHERS: [(&[u8], &str); 3] = [
    (b"\x1f\x8b", "compressed with gzip"),
    (b"\xff\xfe", "UTF-16 text"),
    (b"\xfe\xff", "UTF-16 text"),
];

/// The longest content coding that is shown in full, in characters.
const MAX_CODING: usize = 30;

/// Removes a byte order mark, which a JSON parser may ignore. Returns whether there was one.
pub(crate) fn remove_byte_order_mark(body: &mut Vec<u8>) -> bool {
    let has_mark = body.starts_with(BYTE_ORDER_MARK);
    if has_mark {
        body.drain(..BYTE_ORDER_MARK.len());
    }
    has_mark
}

/// Describes a body that is not UTF-8 JSON, as the end of a sentence. It is recognized by its first
/// bytes, or by Content-Encoding (RFC 9110, section 8.4) unless the body is valid JSON anyway.
pub(crate) fn other_encoding(content_encoding: Option<&str>, body: &[u8]) -> Option<String> {
    if let Some((_, what)) = OTHERS.iter().find(|(start, _)| body.starts_with(start)) {
        return Some((*what).to_owned());
    }
    let coding = content_encoding.map(str::trim)?;
    let is_plain = coding.is_empty() || coding.eq_ignore_ascii_case("identity");
    if is_plain || serde_json::from_slice::<IgnoredAny>(body).is_ok() {
        return None;
    }
    let coding: String = coding.chars().take(MAX_CODING).collect();
    Some(format!("encoded as {coding}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recognizes_encodings_by_first_bytes_or_content_encoding() {
        for (coding, body, expected) in [
            (None, &b"\x1f\x8b\x08"[..], Some("compressed with gzip")),
            (Some("gzip"), b"\x1f\x8b\x08", Some("compressed with gzip")),
            (None, b"\xff\xfe{\x00", Some("UTF-16 text")),
            (Some("br"), b"\x0b\x00\x80", Some("encoded as br")),
            (Some("br"), b"{}", None),
            (Some("identity"), b"x", None),
            (None, b"x", None),
            (None, b"", None),
        ] {
            assert_eq!(other_encoding(coding, body).as_deref(), expected, "{body:?}");
        }
    }
}
