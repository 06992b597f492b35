//! Attributes of a caller's template, whose values are only read if their length is plausible.

use cryptoki_sys::CK_ATTRIBUTE_TYPE;

/// An attribute of a template. Its value stays in the caller's memory until something asks for a
/// value of that length: if the length is implausible, the buffer may well be shorter.
pub struct Attribute<'a> {
    /// The attribute type, CKA_….
    pub id: CK_ATTRIBUTE_TYPE,
    /// The length of the value in bytes, as stated by the caller.
    pub length: usize,
    read: Box<dyn Fn() -> &'a [u8] + 'a>,
}

impl<'a> Attribute<'a> {
    /// Creates an attribute whose value is read by `read`.
    pub fn new(id: CK_ATTRIBUTE_TYPE, length: usize, read: impl Fn() -> &'a [u8] + 'a) -> Self {
        Self { id, length, read: Box::new(read) }
    }

    /// Whether the attribute has that value. Does not read it if the lengths differ.
    pub fn is(&self, value: &[u8]) -> bool {
        self.length == value.len() && (self.read)() == value
    }

    /// The value, unless it is longer than `limit`.
    pub fn up_to(&self, limit: usize) -> Option<&'a [u8]> {
        (self.length <= limit).then(|| (self.read)())
    }

    /// The value, if it is exactly `N` bytes long.
    pub fn array<const N: usize>(&self) -> Option<[u8; N]> {
        self.up_to(N)?.try_into().ok()
    }
}
