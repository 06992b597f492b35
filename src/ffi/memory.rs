//! All reads and writes of the caller's memory.

use std::cell::{Ref, RefCell, RefMut};
use std::mem::size_of;

use cryptoki_sys::*;
use log::debug;

use crate::error::{Error, Kind, Result};

/// The maximum size of an object in memory, in bytes.
const MAX_LENGTH: usize = isize::MAX as usize;

/// More is a negative number of C. On Windows, where CK_ULONG has 32 bits, so many bytes would fit into memory.
const MAX_COUNT: CK_ULONG = CK_ULONG::MAX / 2;

/// The caller's memory during one call.
///
/// The caller's pointers may alias: C_Digest may be asked to write the digest over the data.
/// Nothing is therefore written while data that was read is still borrowed.
pub(super) struct Memory(RefCell<Access>);

/// Borrowed while the caller's memory is accessed.
pub(super) struct Access(());

impl Memory {
    pub(super) fn new() -> Self {
        Self(RefCell::new(Access(())))
    }

    /// Prevents writes until the result is dropped.
    pub(super) fn reading(&self) -> Ref<'_, Access> {
        self.0.borrow()
    }

    fn writing(&self) -> Result<RefMut<'_, Access>> {
        self.0.try_borrow_mut().map_err(|_| {
            let reason = "a bug in signpath-pkcs11: memory is written while it is read";
            Error::new(Kind::Internal, reason)
        })
    }
}

/// A pointer from the caller: NULL, or to consecutive values. It may be unaligned.
pub(super) struct CallerMemory<'a, T> {
    memory: &'a Memory,
    pointer: *mut T,
    count: CK_ULONG,
    name: &'static str,
}

impl<'a, T> CallerMemory<'a, T> {
    /// Creates a place that error messages call `name`.
    ///
    /// # Safety
    /// As long as `memory` exists, `pointer` must be NULL or point to `count` values of this type
    /// that nobody else changes, and that are writable if the standard has the function write them.
    pub(super) unsafe fn new(
        memory: &'a Memory,
        pointer: *mut T,
        count: CK_ULONG,
        name: &'static str,
    ) -> Self {
        Self { memory, pointer, count, name }
    }

    pub(super) fn memory(&self) -> &'a Memory {
        self.memory
    }

    pub(super) fn pointer(&self) -> *mut T {
        self.pointer
    }

    pub(super) fn count(&self) -> CK_ULONG {
        self.count
    }

    pub(super) fn name(&self) -> &'static str {
        self.name
    }

    pub(super) fn is_null(&self) -> bool {
        self.pointer.is_null()
    }

    /// Rejects NULL.
    pub(super) fn not_null(&self) -> Result<()> {
        match self.is_null() {
            true => Err(Error::new(Kind::Arguments, format!("{} is NULL", self.name))),
            false => Ok(()),
        }
    }

    /// The number of values, if there can be that many.
    pub(super) fn checked_count(&self) -> Result<usize> {
        let count = self.count as usize;
        match count.checked_mul(size_of::<T>()) {
            Some(length) if length <= MAX_LENGTH && self.count <= MAX_COUNT => Ok(count),
            _ => Err(Error::new(
                Kind::Arguments,
                format!("{} is {count}, which is too large", self.name),
            )),
        }
    }

    /// A pointer to `count` values, starting at `index`.
    fn at(&self, index: usize, count: usize) -> Result<*mut T> {
        self.not_null()?;
        match index.checked_add(count) {
            Some(end) if end as CK_ULONG <= self.count => Ok(self.pointer.wrapping_add(index)),
            _ => Err(Error::new(
                Kind::Internal,
                format!(
                    "a bug in signpath-pkcs11: {} does not have {count} values from index {index}",
                    self.name
                ),
            )),
        }
    }
}

impl<T: Copy> CallerMemory<'_, T> {
    /// Reads a value.
    pub(super) fn read(&self, index: usize) -> Result<T> {
        let value = self.at(index, 1)?;
        // SAFETY: `at` checked that there is a value.
        Ok(unsafe { value.read_unaligned() })
    }

    /// Writes values, starting at `index`.
    pub(super) fn write(&self, index: usize, values: &[T]) -> Result<()> {
        let place = self.at(index, values.len())?.cast::<u8>();
        let _writing = self.memory.writing()?;
        // SAFETY: `at` checked that there is room for them. Nothing of the caller's memory is
        // borrowed, so `values` does not overlap. The copy is bytewise and needs no alignment.
        unsafe {
            place.copy_from_nonoverlapping(values.as_ptr().cast::<u8>(), size_of_val(values));
        }
        Ok(())
    }
}

impl<'a> CallerMemory<'a, CK_BYTE> {
    /// Borrows the bytes. NULL with a length of 0 is empty.
    pub(super) fn bytes(&self) -> Result<Ref<'a, [u8]>> {
        if self.count > 0 {
            self.not_null()?;
            self.checked_count()?;
        }
        Ok(Ref::map(self.memory.reading(), |access| self.slice(access)))
    }

    /// Borrows the bytes while writes are prevented. Empty if the pointer is NULL or the length
    /// exceeds what fits into memory.
    pub(super) fn slice<'b>(&self, _: &'b Access) -> &'b [u8] {
        match self.checked_count() {
            Ok(length @ 1..) if !self.is_null() => {
                // SAFETY: the pointer is valid for `length` bytes, at most isize::MAX, until the
                // call ends, and the borrow of `Access` prevents writes.
                unsafe { std::slice::from_raw_parts(self.pointer, length) }
            }
            _ => &[],
        }
    }
}

impl CallerMemory<'_, CK_ULONG> {
    /// Writes a handle, count or length, and logs it.
    pub(super) fn write_number(&self, number: CK_ULONG) -> Result<()> {
        self.write(0, &[number])?;
        let name = self.name;
        debug!("{name}: {number}");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_to_write_while_read_data_is_borrowed() {
        let mut bytes = *b"data";
        let memory = Memory::new();
        let pointer = bytes.as_mut_ptr();
        // SAFETY: both are within the array, and writes only happen while nothing is borrowed.
        let (data, digest) = unsafe {
            (
                CallerMemory::new(&memory, pointer, 4, "pData"),
                CallerMemory::new(&memory, pointer, 4, "pDigest"),
            )
        };
        let borrowed = data.bytes().unwrap();
        let error = digest.write(0, b"hash").unwrap_err();
        assert_eq!(error.kind, Kind::Internal);
        assert_eq!(*borrowed, *b"data");
        drop(borrowed);
        digest.write(0, b"hash").unwrap();
        assert_eq!(*data.bytes().unwrap(), *b"hash");
    }

    #[test]
    fn refuses_a_negative_length() {
        let memory = Memory::new();
        let pointer = std::ptr::NonNull::dangling().as_ptr();
        for count in [CK_ULONG::MAX, CK_ULONG::MAX / 2 + 1] {
            // SAFETY: as it is refused, nothing is read.
            let data = unsafe { CallerMemory::<CK_BYTE>::new(&memory, pointer, count, "pData") };
            assert_eq!(data.bytes().unwrap_err().kind, Kind::Arguments);
        }
    }

    #[test]
    fn refuses_to_access_memory_out_of_bounds() {
        let mut numbers: [CK_ULONG; 3] = [1, 2, 3];
        let memory = Memory::new();
        // SAFETY: it is shorter than the array.
        let place = unsafe { CallerMemory::new(&memory, numbers.as_mut_ptr(), 2, "pNumbers") };
        assert_eq!(place.read(1).unwrap(), 2);
        for error in [
            place.read(2).map(drop).unwrap_err(),
            place.write(1, &[4, 5]).unwrap_err(),
            place.write(usize::MAX, &[4, 5]).unwrap_err(),
        ] {
            assert_eq!(error.kind, Kind::Internal, "{}", error.reason);
        }
        assert_eq!(numbers, [1, 2, 3]);
    }
}
