//! Attributes in a caller's template, which are read no sooner than their length is plausible.

use cryptoki_sys::CK_ATTRIBUTE_TYPE;

/// An attribute of a template. Its value stays in the caller's memory until something asks for it
/// with a length that a value can have: behind any other length there may be less memory than the
/// caller says.
pub struct Attribute<'a> {
    /// CKA_….
    pub id: CK_ATTRIBUTE_TYPE,
    /// The length of the value in bytes, as the caller says.
    pub length: usize,
    read: Box<dyn Fn() -> &'a [u8] + 'a>,
}

impl<'a> Attribute<'a> {
    /// An attribute whose value `read` gives.
    pub fn new(id: CK_ATTRIBUTE_TYPE, length: usize, read: impl Fn() -> &'a [u8] + 'a) -> Self {
        Self {
            id,
            length,
            read: Box::new(read),
        }
    }

    /// Whether the value is this one. It is not read if the lengths differ.
    pub fn is(&self, value: &[u8]) -> bool {
        self.length == value.len() && (self.read)() == value
    }

    /// The value, unless it is longer than `limit`.
    pub fn up_to(&self, limit: usize) -> Option<&'a [u8]> {
        (self.length <= limit).then(|| (self.read)())
    }

    /// The value, if it has exactly `N` bytes.
    pub fn array<const N: usize>(&self) -> Option<[u8; N]> {
        self.up_to(N)?.try_into().ok()
    }
}
