//! Arguments that a function writes.

use cryptoki_sys::*;

use super::memory::CallerMemory;
use crate::error::{Error, Kind, Result};

/// Room for one value.
pub(super) struct Out<'a, T>(CallerMemory<'a, T>);

impl<'a, T: Copy> Out<'a, T> {
    pub(super) fn new(place: CallerMemory<'a, T>) -> Self {
        Self(place)
    }

    /// Refuses NULL before there is a value to write.
    pub(super) fn not_null(&self) -> Result<()> {
        self.0.not_null()
    }

    /// Writes the value.
    pub(super) fn write(&self, value: T) -> Result<()> {
        self.0.write(0, &[value])
    }
}

impl Out<'_, CK_ULONG> {
    /// Writes a handle, a count or a length, which the log shows.
    pub(super) fn write_number(&self, number: CK_ULONG) -> Result<()> {
        self.0.write_number(number)
    }
}

/// Room for a number of values that the caller names.
pub(super) struct Room<'a, T>(CallerMemory<'a, T>);

impl<'a, T: Copy> Room<'a, T> {
    pub(super) fn new(place: CallerMemory<'a, T>) -> Self {
        Self(place)
    }

    /// Refuses NULL, even where there is room for nothing.
    pub(super) fn not_null(&self) -> Result<()> {
        self.0.not_null()
    }

    /// The most values that it takes.
    pub(super) fn length(&self) -> usize {
        self.0.count() as usize
    }

    /// Writes all of `values`, or none.
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
    /// Fills it with what `produce` writes, piece by piece.
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

/// Room for values, and for their number; before the call, that is how many there is room for.
pub(super) struct List<'a, T> {
    values: CallerMemory<'a, T>,
    count: CallerMemory<'a, CK_ULONG>,
}

impl<'a, T: Copy> List<'a, T> {
    pub(super) fn new(values: CallerMemory<'a, T>, count: CallerMemory<'a, CK_ULONG>) -> Self {
        Self { values, count }
    }

    /// Answers a question for a list: its length if there is no room, else its values.
    ///
    /// # Errors
    /// [`Kind::Arguments`] where the number has no place; [`Kind::BufferTooSmall`], with the number
    /// in that place.
    pub(super) fn write(&self, values: &[T]) -> Result<()> {
        let room = self.room()?;
        self.count.write_number(values.len() as CK_ULONG)?;
        match room {
            Some(room) => room.write(values),
            None => Ok(()),
        }
    }

    /// As much room as the caller says; none where the pointer is NULL.
    fn room(&self) -> Result<Option<Room<'a, T>>> {
        let count = self.count.read(0)?;
        if self.values.is_null() {
            return Ok(None);
        }
        let (memory, name) = (self.values.memory(), self.values.name());
        // SAFETY: the caller promises as much room as is said where the number is.
        let place = unsafe { CallerMemory::new(memory, self.values.pointer(), count, name) };
        Ok(Some(Room(place)))
    }
}

/// Room for bytes, and for their number.
pub(super) type Output<'a> = List<'a, CK_BYTE>;

/// What a caller who gives room for an output gets.
pub(super) enum Answer<'a> {
    /// The output.
    Output(Enough<'a>),
    /// Its length, because the caller asked for that alone or gave too little room. The caller will
    /// come again.
    Length(Result<()>),
}

impl<'a> Output<'a> {
    /// Looks whether an output of `needed` bytes is wanted and has room. If not, its length is
    /// written.
    ///
    /// # Errors
    /// [`Kind::Arguments`] where the length has no place.
    pub(super) fn answer(&self, needed: usize) -> Result<Answer<'_>> {
        let room = self.room()?;
        let result = match room {
            Some(room) if room.length() >= needed => {
                return Ok(Answer::Output(Enough {
                    room,
                    length: &self.count,
                    needed,
                }));
            }
            Some(_) => Err(too_small()),
            None => Ok(()),
        };
        self.count.write_number(needed as CK_ULONG)?;
        Ok(Answer::Length(result))
    }

    /// Whether the length has a place.
    pub(super) fn has_length(&self) -> bool {
        !self.count.is_null()
    }

    /// Refuses a NULL pointer to the length.
    pub(super) fn length_not_null(&self) -> Result<()> {
        self.count.not_null()
    }
}

/// Room that is large enough for what is going to be written.
pub(super) struct Enough<'a> {
    room: Room<'a, CK_BYTE>,
    length: &'a CallerMemory<'a, CK_ULONG>,
    needed: usize,
}

impl Enough<'_> {
    /// Writes the output and its length.
    ///
    /// # Errors
    /// [`Kind::Internal`] when it is longer than was said.
    pub(super) fn write(self, value: &[u8]) -> Result<()> {
        if value.len() > self.needed {
            return Err(Error::new(
                Kind::Internal,
                format!(
                    "{} bytes of output where {} were expected",
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
