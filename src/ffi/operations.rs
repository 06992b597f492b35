//! What functions that digest, sign and verify have in common.

use super::input::Input;
use super::mechanism::MechanismArgument;
use super::output::{Answer, Output};
use crate::error::Result;
use crate::mechanism::Request;
use crate::operation::{InParts, Operation, OperationPlace, Taken};

/// The mechanism with which an operation is to begin; none where NULL ended the active one
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

/// Ends an operation or a message, and answers with the `length` bytes that `finish` makes of it.
/// If the caller only asks for the length or has too little room, it goes to `keep` as it is
/// instead.
pub(super) fn answer<T>(
    output: &Output,
    length: usize,
    pending: T,
    keep: impl FnOnce(T),
    finish: impl FnOnce(T) -> Result<Vec<u8>>,
) -> Result<()> {
    match output.answer(length)? {
        Answer::Output(room) => room.write(&finish(pending)?),
        Answer::Length(result) => {
            keep(pending);
            result
        }
    }
}
