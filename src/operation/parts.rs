//! Single-part and multiple-part operations (PKCS #11 3.2, section 5.1.2). The form cannot change
//! during an operation.

use super::{Data, Operation, Taken};
use crate::error::{Error, Kind, Result};

/// How the caller passes the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parts {
    /// In one call, as with C_Sign.
    Single,
    /// In any number of calls, as with C_SignUpdate, and a final one.
    Multiple,
}

/// An operation whose data can be passed in either form.
pub trait InParts: Operation {
    /// The functions that take its data.
    fn functions(&self) -> &'static Functions;
    /// Its data.
    fn data(&mut self) -> &mut Data;
}

/// The functions that take the data of an operation.
pub struct Functions {
    /// Takes all data and ends the operation.
    pub only: &'static str,
    /// Takes a part.
    pub update: &'static str,
    /// Ends the operation.
    pub last: &'static str,
}

impl<T: InParts> Taken<'_, T> {
    /// Continues the operation in this form. If it was begun in the other form, it stays active and
    /// can still be finished in that form.
    ///
    /// Asking C_Sign for the length also commits to its form: otherwise C_SignFinal would sign
    /// without the data passed to C_Sign, which was not kept.
    ///
    /// # Errors
    /// [`Kind::OperationActive`]. PKCS #11 3.2 says that neither form may finish the other
    /// (sections 5.12.2, 5.13.2 and 5.15.2), but does not say which error to return.
    pub fn in_form(mut self, parts: Parts) -> Result<Self> {
        let functions = self.operation.functions();
        let (begun, end) = match (self.operation.data().parts, parts) {
            (Some(Parts::Single), Parts::Multiple) => (functions.only, functions.only),
            (Some(Parts::Multiple), Parts::Single) => (functions.update, functions.last),
            (_, Parts::Single) => {
                self.operation.data().parts = Some(parts);
                return Ok(self);
            }
            (_, Parts::Multiple) => return Ok(self),
        };
        self.keep();
        Err(Error::new(
            Kind::OperationActive,
            format!("a {} begun by {begun} is active in this session; end it with {end}", T::WHAT),
        ))
    }
}
