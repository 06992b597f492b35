//! Helpers shared by the functions that digest, sign and verify.

use super::input::Input;
use super::mechanism::MechanismArgument;
use super::output::{Output, Requested};
use crate::error::Result;
use crate::mechanism::Request;
use crate::operation::{InParts, Operation, OperationPlace, Taken};

/// Reads the mechanism for a new operation; `None` if it is NULL and cancelled the active operation
/// (PKCS #11 3.2, section 5.13.1 and others).
pub(super) fn mechanism_or_cancel<T: Operation>(
    place: &OperationPlace<T>,
    mechanism: &MechanismArgument,
) -> Result<Option<Request>> {
    if mechanism.is_null() && place.cancel() {
        return Ok(None);
    }
    mechanism.request().map(Some)
}

/// Adds a part to the data of an operation.
pub(super) fn update<T: InParts>(mut taken: Taken<'_, T>, part: &Input) -> Result<()> {
    taken.operation.data().add(&part.bytes()?)?;
    taken.keep();
    Ok(())
}

/// Ends an operation or a message and returns the `length` bytes produced by `finish`. If the
/// caller only asks for the length or the buffer is too small, passes it to `keep` unchanged
/// instead.
pub(super) fn respond<T>(
    output: &Output,
    length: usize,
    pending: T,
    keep: impl FnOnce(T),
    finish: impl FnOnce(T) -> Result<Vec<u8>>,
) -> Result<()> {
    match output.requested(length)? {
        Requested::Output(room) => room.write(&finish(pending)?),
        Requested::Length(result) => {
            keep(pending);
            result
        }
    }
}
