//! What the arguments of a function are: from its type in C to the kinds of values that can be drawn for it.

use std::ffi::c_void;

use cryptoki_sys::*;

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

/// An argument of a function of C.
pub trait Argument {
    const KIND: Kind;

    /// The value from a number or an address.
    fn from_bits(bits: usize) -> Self;
}

macro_rules! arguments {
    ($($type:ty: $kind:ident, $bits:ident => $value:expr;)*) => {$(
        impl Argument for $type {
            const KIND: Kind = Kind::$kind;

            fn from_bits($bits: usize) -> Self {
                $value
            }
        }
    )*};
}

arguments! {
    CK_ULONG: Number, bits => bits as Self;
    CK_BBOOL: Boolean, bits => bits as Self;
    CK_NOTIFY: Callback, bits => (bits != 0).then_some(notify);
}

pub unsafe extern "C" fn notify(_: CK_SESSION_HANDLE, _: CK_NOTIFICATION, _: *mut c_void) -> CK_RV {
    CKR_OK
}

impl<T: Pointee> Argument for *mut T {
    const KIND: Kind = T::KIND;

    fn from_bits(bits: usize) -> Self {
        bits as Self
    }
}

/// What a pointer leads to.
pub trait Pointee {
    const KIND: Kind;
}

macro_rules! pointees {
    ($($kind:expr => $type:ty;)*) => {$(
        impl Pointee for $type {
            const KIND: Kind = $kind;
        }
    )*};
}

macro_rules! structures {
    ($($type:ty),*) => {
        pointees! { $(Kind::Structure(size_of::<$type>()) => $type;)* }
    };
}

pointees! {
    Kind::Bytes => CK_BYTE;
    Kind::Numbers => CK_ULONG;
    Kind::Mechanism => CK_MECHANISM;
    Kind::Template => CK_ATTRIBUTE;
    Kind::Void => c_void;
}

structures! {
    CK_INFO, CK_SLOT_INFO, CK_TOKEN_INFO, CK_SESSION_INFO, CK_MECHANISM_INFO, CK_INTERFACE, CK_VERSION, CK_ASYNC_DATA,
    *mut CK_FUNCTION_LIST, *mut CK_INTERFACE
}
