//! Cleans up what editors and shells leave around a line, and recognizes UTF-16.

/// The byte order mark of UTF-8 (RFC 3629, section 6), with which many Windows programs start a
/// file.
pub const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// Whether a text is UTF-16, assuming that it starts with a byte order mark or an ASCII character.
pub fn is_utf_16(text: &[u8]) -> bool {
    matches!(text, [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [0, 1..=255, ..] | [1..=255, 0, ..])
}

/// A single line, such as a token, without the byte order marks and the line ending that a file may
/// add to it. Of the two characters with which Windows ends a line, a shell leaves the first.
pub fn line(text: &[u8]) -> &[u8] {
    match without_mark(text) {
        [line @ .., b'\r', b'\n'] | [line @ .., b'\n' | b'\r'] => line,
        line => line,
    }
}

/// Like [`line()`], for text that is known to be UTF-8.
pub fn line_of(text: &str) -> &str {
    std::str::from_utf8(line(text.as_bytes())).unwrap_or(text)
}

/// The text without leading byte order marks.
pub fn without_mark(mut text: &[u8]) -> &[u8] {
    while let Some(rest) = text.strip_prefix(BYTE_ORDER_MARK) {
        text = rest;
    }
    text
}
