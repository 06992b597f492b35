//! The arguments of a call as a log shows them: under the standard's names, numbers by value or
//! name, and of a pointer only whether it is NULL, since what it points to may be a PIN.

use std::fmt;

use cryptoki_sys::*;

use crate::names;

/// One argument of a call.
pub(super) struct Argument {
    name: &'static str,
    type_name: &'static str,
    value: Value,
}

/// What is known of an argument without looking at the caller's memory.
pub(super) enum Value {
    Number(CK_ULONG),
    Pointer { is_null: bool },
}

impl Argument {
    /// An argument by the names that it and its type have in the source.
    pub(super) fn new(
        name: &'static str,
        type_name: &'static str,
        value: impl Into<Value>,
    ) -> Self {
        Self {
            // `type` is a word of the language.
            name: name.trim_end_matches('_'),
            type_name,
            value: value.into(),
        }
    }
}

impl From<CK_ULONG> for Value {
    fn from(number: CK_ULONG) -> Self {
        Self::Number(number)
    }
}

impl From<CK_BBOOL> for Value {
    fn from(number: CK_BBOOL) -> Self {
        Self::Number(number.into())
    }
}

impl<T> From<*mut T> for Value {
    fn from(pointer: *mut T) -> Self {
        Self::Pointer {
            is_null: pointer.is_null(),
        }
    }
}

impl From<CK_NOTIFY> for Value {
    fn from(function: CK_NOTIFY) -> Self {
        Self::Pointer {
            is_null: function.is_none(),
        }
    }
}

impl fmt::Display for Argument {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}=", self.name)?;
        match (&self.value, self.type_name) {
            (Value::Pointer { is_null: true }, _) => formatter.write_str("NULL"),
            (Value::Pointer { is_null: false }, _) => formatter.write_str("not NULL"),
            (Value::Number(flags), "CK_FLAGS") => write!(formatter, "{flags:#x}"),
            (Value::Number(id), "CK_MECHANISM_TYPE") => formatter.write_str(&names::mechanism(*id)),
            (Value::Number(id), "CK_USER_TYPE") => formatter.write_str(&names::user_type(*id)),
            (Value::Number(number), _) => write!(formatter, "{number}"),
        }
    }
}

/// All arguments of a call, with commas between them.
pub(super) struct Arguments<'a>(pub(super) &'a [Argument]);

impl fmt::Display for Arguments<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, argument) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(formatter, "{comma}{argument}")?;
        }
        Ok(())
    }
}
