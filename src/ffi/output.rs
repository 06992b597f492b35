//! Arguments that a function writes.

use cryptoki_sys::*;

use super::memory::CallerMemory;
use crate::error::{Error, Kind, Result};

/// A pointer to memory for one value.
pub(super) struct Out<'a, T>(CallerMemory<'a, T>);

impl<'a, T: Copy> Out<'a, T> {
    pub(super) fn new(place: CallerMemory<'a, T>) -> Self {
        Self(place)
    }

    /// Rejects NULL before there is a value to write.
    pub(super) fn not_null(&self) -> Result<()> {
        self.0.not_null()
    }

    /// Writes the value.
    pub(super) fn write(&self, value: T) -> Result<()> {
        self.0.write(0, &[value])
    }
}

impl Out<'_, CK_ULONG> {
    /// Writes a handle, count or length, and logs it.
    pub(super) fn write_number(&self, number: CK_ULONG) -> Result<()> {
        self.0.write_number(number)
    }
}

/// A buffer for a number of values given by the caller.
pub(super) struct Room<'a, T>(CallerMemory<'a, T>);

impl<'a, T: Copy> Room<'a, T> {
    pub(super) fn new(place: CallerMemory<'a, T>) -> Self {
        Self(place)
    }

    /// Rejects NULL, even if the buffer has no room.
    pub(super) fn not_null(&self) -> Result<()> {
        self.0.not_null()
    }

    /// The maximum number of values.
    pub(super) fn length(&self) -> usize {
        self.0.count() as usize
    }

    /// Writes all of `values`, or nothing.
    ///
    /// # Errors
    /// [`Kind::Arguments`], [`Kind::BufferTooSmall`].
    pub(super) fn write(&self, values: &[T]) -> Result<()> {
        if self.length() < values.len() {
            return Err(too_small());
        }
        self.0.write(0, values)
    }
}

impl Room<'_, CK_BYTE> {
    /// Fills the buffer piece by piece with `produce`.
    ///
    /// # Errors
    /// [`Kind::Arguments`], and those of `produce`.
    pub(super) fn fill(&self, mut produce: impl FnMut(&mut [u8]) -> Result<()>) -> Result<()> {
        self.0.not_null()?;
        let length = self.0.checked_count()?;
        let mut piece = [0; 4096];
        let mut filled = 0;
        while filled < length {
            let Some(piece) = piece.get_mut(..(length - filled).min(4096)) else {
                break;
            };
            produce(piece)?;
            self.0.write(filled, piece)?;
            filled += piece.len();
        }
        Ok(())
    }
}

/// A buffer for values, and a pointer to their number, which holds the size of the buffer before
/// the call.
pub(super) struct List<'a, T> {
    values: CallerMemory<'a, T>,
    count: CallerMemory<'a, CK_ULONG>,
}

impl<'a, T: Copy> List<'a, T> {
    pub(super) fn new(values: CallerMemory<'a, T>, count: CallerMemory<'a, CK_ULONG>) -> Self {
        Self { values, count }
    }

    /// Writes the values, or only their number if the caller passed no buffer.
    ///
    /// # Errors
    /// [`Kind::Arguments`] if the pointer to the number is NULL; [`Kind::BufferTooSmall`] after
    /// writing the required number.
    pub(super) fn write(&self, values: &[T]) -> Result<()> {
        let room = self.room()?;
        self.count.write_number(values.len() as CK_ULONG)?;
        match room {
            Some(room) => room.write(values),
            None => Ok(()),
        }
    }

    /// The caller's buffer; `None` if the pointer is NULL.
    fn room(&self) -> Result<Option<Room<'a, T>>> {
        let count = self.count.read(0)?;
        if self.values.is_null() {
            return Ok(None);
        }
        let (memory, name) = (self.values.memory(), self.values.name());
        // SAFETY: the caller guarantees that the buffer has the size stored in the number.
        let place = unsafe { CallerMemory::new(memory, self.values.pointer(), count, name) };
        Ok(Some(Room(place)))
    }
}

/// A byte buffer, and a pointer to its length.
pub(super) type Output<'a> = List<'a, CK_BYTE>;

/// What the caller asked for.
pub(super) enum Requested<'a> {
    /// The output.
    Output(LargeEnough<'a>),
    /// Its length, because the caller asked only for that or the buffer is too small. The caller
    /// will call again.
    Length(Result<()>),
}

impl<'a> Output<'a> {
    /// Checks that the caller wants an output of `needed` bytes and has room for it. If not, writes
    /// the length.
    ///
    /// # Errors
    /// [`Kind::Arguments`] if the pointer to the length is NULL.
    pub(super) fn requested(&self, needed: usize) -> Result<Requested<'_>> {
        let room = self.room()?;
        let result = match room {
            Some(room) if room.length() >= needed => {
                return Ok(Requested::Output(LargeEnough { room, length: &self.count, needed }));
            }
            Some(_) => Err(too_small()),
            None => Ok(()),
        };
        self.count.write_number(needed as CK_ULONG)?;
        Ok(Requested::Length(result))
    }

    /// Whether the caller passed a pointer to the length.
    pub(super) fn has_length(&self) -> bool {
        !self.count.is_null()
    }

    /// Rejects a NULL pointer to the length.
    pub(super) fn length_not_null(&self) -> Result<()> {
        self.count.not_null()
    }
}

/// A buffer that is large enough for the output.
pub(super) struct LargeEnough<'a> {
    room: Room<'a, CK_BYTE>,
    length: &'a CallerMemory<'a, CK_ULONG>,
    needed: usize,
}

impl LargeEnough<'_> {
    /// Writes the output and its length.
    ///
    /// # Errors
    /// [`Kind::Internal`] if the output is longer than announced.
    pub(super) fn write(self, value: &[u8]) -> Result<()> {
        if value.len() > self.needed {
            return Err(Error::new(
                Kind::Internal,
                format!(
                    "a bug in signpath-pkcs11: {} bytes of output instead of {}",
                    value.len(),
                    self.needed
                ),
            ));
        }
        self.room.write(value)?;
        self.length.write_number(value.len() as CK_ULONG)
    }
}

pub(super) fn too_small() -> Error {
    Error::new(Kind::BufferTooSmall, "the buffer is too small")
}
