//! What the arguments of a function are: from its type in C to the kinds of values that can be drawn for it.

use std::any::TypeId;
use std::ffi::c_void;

use cryptoki_sys::*;

use crate::table;

/// What a value of an argument may be.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A number, a handle, flags, or the length of what the argument before points to.
    Number,
    /// A CK_BBOOL.
    Boolean,
    /// Points to bytes.
    Bytes,
    /// Points to numbers, or to the room that the argument before points to.
    Numbers,
    /// Points to a CK_MECHANISM.
    Mechanism,
    /// Points to CK_ATTRIBUTEs.
    Template,
    /// Points to something that has no type, or is reserved.
    Void,
    /// Points to structures of that size, to be filled.
    Structure(usize),
    /// Leads to a function of the application's.
    Callback,
}

impl Kind {
    /// The kind of an argument of this type.
    pub fn of<T: 'static>() -> Self {
        let known = table! {
            (TypeId::of::<CK_ULONG>(), Self::Number),
            (TypeId::of::<CK_BBOOL>(), Self::Boolean),
            (TypeId::of::<*mut CK_BYTE>(), Self::Bytes),
            (TypeId::of::<*mut CK_ULONG>(), Self::Numbers),
            (TypeId::of::<*mut CK_MECHANISM>(), Self::Mechanism),
            (TypeId::of::<*mut CK_ATTRIBUTE>(), Self::Template),
            (TypeId::of::<*mut c_void>(), Self::Void),
            (TypeId::of::<CK_NOTIFY>(), Self::Callback),
            structure::<CK_INFO>(),
            structure::<CK_SLOT_INFO>(),
            structure::<CK_TOKEN_INFO>(),
            structure::<CK_SESSION_INFO>(),
            structure::<CK_MECHANISM_INFO>(),
            structure::<CK_INTERFACE>(),
            structure::<CK_VERSION>(),
            structure::<CK_ASYNC_DATA>(),
            structure::<*mut CK_FUNCTION_LIST>(),
            structure::<*mut CK_INTERFACE>(),
        };
        let (_, kind) = known.into_iter().find(|(id, _)| *id == TypeId::of::<T>()).unwrap();
        kind
    }
}

fn structure<T: 'static>() -> (TypeId, Kind) {
    (TypeId::of::<*mut T>(), Kind::Structure(size_of::<T>()))
}
