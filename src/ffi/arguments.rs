//! How the arguments of a call are logged: by the standard's names, numbers by value or name. Of a
//! pointer, only whether it is NULL is logged, since it may point to a PIN.

use std::borrow::Cow;
use std::fmt;

use cryptoki_sys::*;

use crate::constant_names;

/// One argument of a call.
pub(super) struct Argument {
    name: &'static str,
    type_name: &'static str,
    value: Value,
}

/// What can be logged without reading the caller's memory.
#[derive(Clone, Copy)]
pub(super) enum Value {
    Number(CK_ULONG),
    Boolean(CK_BBOOL),
    Pointer { is_null: bool },
}

impl Argument {
    /// Creates an argument from its name and the name of its type in the source.
    pub(super) fn new(
        name: &'static str,
        type_name: &'static str,
        value: impl Into<Value>,
    ) -> Self {
        Self {
            // `type` is a Rust keyword, so the argument is named `type_`.
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
    fn from(boolean: CK_BBOOL) -> Self {
        Self::Boolean(boolean)
    }
}

impl<T> From<*mut T> for Value {
    fn from(pointer: *mut T) -> Self {
        Self::Pointer { is_null: pointer.is_null() }
    }
}

impl From<CK_NOTIFY> for Value {
    fn from(function: CK_NOTIFY) -> Self {
        Self::Pointer { is_null: function.is_none() }
    }
}

/// A call, displayed as the function's name and its arguments.
pub(super) struct Call<'a> {
    pub(super) function: &'static str,
    pub(super) arguments: &'a [Argument],
}

impl fmt::Display for Call<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}(", self.function)?;
        for (index, argument) in self.arguments.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            let value = self.value(argument);
            write!(formatter, "{comma}{}={value}", argument.name)?;
        }
        formatter.write_str(")")
    }
}

impl Call<'_> {
    fn value(&self, argument: &Argument) -> Cow<'static, str> {
        match (argument.value, argument.type_name) {
            (Value::Pointer { is_null: true }, _) => "NULL".into(),
            (Value::Pointer { is_null: false }, _) => "not NULL".into(),
            (Value::Boolean(boolean), _) => constant_names::boolean(boolean),
            (Value::Number(flags), "CK_FLAGS") => {
                constant_names::flags(self.function, flags).into()
            }
            (Value::Number(id), "CK_MECHANISM_TYPE") => constant_names::mechanism(id),
            (Value::Number(id), "CK_USER_TYPE") => constant_names::user_type(id),
            (Value::Number(number), _) => number.to_string().into(),
        }
    }
}
