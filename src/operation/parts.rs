//! Single-part and multiple-part operations (PKCS #11 3.2, section 5.1.2). An operation stays the one that it
//! was begun as.

use super::{Data, Operation, Taken};
use crate::error::{Error, Kind, Result};

/// How data is handed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parts {
    /// All of it in one call, as to C_Sign.
    Single,
    /// In any number of calls, as to C_SignUpdate, and one that ends the operation.
    Multiple,
}

/// An operation whose data comes in one part or in several.
pub trait InParts: Operation {
    /// The functions that take its data.
    fn functions(&self) -> &'static Functions;
    /// Its data.
    fn data(&mut self) -> &mut Data;
}

/// The functions that take the data of an operation.
pub struct Functions {
    /// Takes the only part, and ends the operation.
    pub only: &'static str,
    /// Takes a part.
    pub update: &'static str,
    /// Ends the operation after the last part.
    pub last: &'static str,
}

impl<T: InParts> Taken<'_, T> {
    /// Goes on with the operation as single-part or multiple-part. One that was begun as the other stays as it
    /// is, and can still be ended as that.
    ///
    /// To ask C_Sign for the length begins a single-part operation too: C_SignFinal would sign without the data
    /// that C_Sign was told and did not keep.
    ///
    /// # Errors
    /// [`Kind::OperationActive`]. PKCS #11 3.2 says that neither ends the other (sections
    /// 5.12.2, 5.13.2 and 5.15.2), and not with which of its codes.
    pub fn continued_as(mut self, parts: Parts) -> Result<Self> {
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
            format!(
                "{} that {begun} began is active in this session; end it with {end}",
                T::WHAT
            ),
        ))
    }
}
