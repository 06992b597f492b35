//! Arguments that a function reads.

use std::cell::Ref;
use std::ffi::{CStr, c_void};

use cryptoki_sys::*;

use super::memory::CallerMemory;
use crate::error::{Error, Kind, Result};

/// Bytes: a pointer and a length.
pub(super) struct Input<'a>(CallerMemory<'a, CK_BYTE>);

impl<'a> Input<'a> {
    pub(super) fn new(place: CallerMemory<'a, CK_BYTE>) -> Self {
        Self(place)
    }

    /// Borrows the bytes. NULL with a length of 0 is empty.
    ///
    /// # Errors
    /// [`Kind::Arguments`].
    pub(super) fn bytes(&self) -> Result<Ref<'a, [u8]>> {
        self.0.bytes()
    }

    /// Borrows the bytes, if there are at most `limit`.
    ///
    /// # Errors
    /// [`Kind::Arguments`].
    pub(super) fn up_to(&self, limit: CK_ULONG) -> Result<Ref<'a, [u8]>> {
        let (name, length) = (self.0.name(), self.0.count());
        if length > limit {
            let reason = format!("{name} is {length} bytes long; the limit is {limit}");
            return Err(Error::new(Kind::Arguments, reason));
        }
        self.0.bytes()
    }

    pub(super) fn is_null(&self) -> bool {
        self.0.is_null()
    }

    /// Whether the pointer is NULL and the length 0.
    pub(super) fn is_absent(&self) -> bool {
        self.0.is_null() && self.0.count() == 0
    }

    /// Rejects NULL, even if the length is 0.
    pub(super) fn not_null(&self) -> Result<()> {
        self.0.not_null()
    }
}

/// A pointer to a value.
pub(super) struct In<'a, T>(CallerMemory<'a, T>);

impl<'a, T: Copy> In<'a, T> {
    pub(super) fn new(place: CallerMemory<'a, T>) -> Self {
        Self(place)
    }

    /// Reads the value; `None` if the pointer is NULL.
    pub(super) fn read(&self) -> Result<Option<T>> {
        match self.0.is_null() {
            true => Ok(None),
            false => self.0.read(0).map(Some),
        }
    }
}

/// A NUL-terminated string.
pub(super) struct Text<'a>(CallerMemory<'a, CK_UTF8CHAR>);

impl<'a> Text<'a> {
    pub(super) fn new(place: CallerMemory<'a, CK_UTF8CHAR>) -> Self {
        Self(place)
    }

    /// Whether the string equals `text`; `None` if the pointer is NULL.
    pub(super) fn is(&self, text: &CStr) -> Option<bool> {
        if self.0.is_null() {
            return None;
        }
        let _reading = self.0.memory().reading();
        // SAFETY: it is not NULL, so the caller guarantees that it points to a NUL-terminated
        // string.
        Some(text == unsafe { CStr::from_ptr(self.0.pointer().cast()) })
    }
}

/// A pointer that is never dereferenced: reserved by the standard, or opaque application data.
pub(super) struct Opaque<'a>(CallerMemory<'a, c_void>);

impl<'a> Opaque<'a> {
    pub(super) fn new(place: CallerMemory<'a, c_void>) -> Self {
        Self(place)
    }

    /// Rejects anything but NULL.
    ///
    /// # Errors
    /// [`Kind::Arguments`].
    pub(super) fn reserved(&self) -> Result<()> {
        reserved(self.0.is_null(), self.0.name())
    }
}

/// Rejects a reserved pointer that is not NULL.
///
/// # Errors
/// [`Kind::Arguments`].
pub(super) fn reserved(is_null: bool, name: &str) -> Result<()> {
    match is_null {
        true => Ok(()),
        false => Err(Error::new(Kind::Arguments, format!("{name} is reserved and must be NULL"))),
    }
}
