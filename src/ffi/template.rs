//! Templates: attributes that a caller provides or asks for.

use std::borrow::Cow;

use cryptoki_sys::*;
use log::debug;

use super::memory::CallerMemory;
use super::output::too_small;
use crate::constant_names;
use crate::error::{Error, Kind, Result};
use crate::object::{Attribute, Object, Value};

/// The maximum number of attributes in a template, several times the number in the standard.
const MAX_ATTRIBUTES: CK_ULONG = 1024;

/// A template: a pointer and the number of its attributes.
pub(super) struct Template<'a>(CallerMemory<'a, CK_ATTRIBUTE>);

impl<'a> Template<'a> {
    pub(super) fn new(place: CallerMemory<'a, CK_ATTRIBUTE>) -> Self {
        Self(place)
    }

    /// Rejects NULL, even without attributes.
    pub(super) fn not_null(&self) -> Result<()> {
        self.0.not_null()
    }

    /// Reads the template and passes it to `work`. Values are only read once their length is known
    /// to be plausible.
    ///
    /// # Errors
    /// [`Kind::Arguments`], and those of `work`.
    pub(super) fn read<R>(&self, work: impl FnOnce(&[Attribute]) -> Result<R>) -> Result<R> {
        let reading = self.0.memory().reading();
        let access = &*reading;
        let attributes: Vec<_> = (0..self.count()?)
            .map(|index| {
                let attribute = self.0.read(index)?;
                let value = self.value(&attribute);
                if value.count() > 0 {
                    value.not_null()?;
                }
                let length = value.count() as usize;
                let read = move || value.slice(access);
                Ok(Attribute::new(attribute.type_, length, read))
            })
            .collect::<Result<_>>()?;
        log(attributes.iter().map(|attribute| {
            let name = constant_names::attribute(attribute.id);
            match loggable_value(attribute) {
                Some(value) => format!("{name}={value}"),
                None => format!("{name} ({} bytes)", attribute.length),
            }
        }));
        work(&attributes)
    }

    /// Fills the template with the attributes of an object (PKCS #11 3.2, section 5.7.5). Processes
    /// all entries, even if some fail.
    ///
    /// # Errors
    /// [`Kind::Arguments`], otherwise the first of [`Kind::AttributeType`],
    /// [`Kind::AttributeSensitive`], [`Kind::BufferTooSmall`].
    pub(super) fn fill(&self, object: &Object) -> Result<()> {
        self.not_null()?;
        let mut result = Ok(());
        let mut described = Vec::new();
        for index in 0..self.count()? {
            let mut attribute = self.0.read(index)?;
            let room = self.value(&attribute);
            let written = write(object.attribute(attribute.type_), &room, &mut attribute);
            self.0.write(index, &[attribute])?;
            result = result.and(written);
            if log::log_enabled!(log::Level::Debug) {
                let name = constant_names::attribute(attribute.type_);
                let length = attribute.ulValueLen;
                described.push(match length {
                    CK_UNAVAILABLE_INFORMATION => format!("{name} (CK_UNAVAILABLE_INFORMATION)"),
                    _ if room.is_null() => format!("{name} (NULL, {length} bytes)"),
                    _ => format!("{name} ({length} bytes)"),
                });
            }
        }
        log(described);
        result
    }

    fn count(&self) -> Result<usize> {
        let count = self.0.count();
        if count > 0 {
            self.not_null()?;
        }
        if count > MAX_ATTRIBUTES {
            let reason = format!("ulCount is {count}; the limit is {MAX_ATTRIBUTES} attributes");
            return Err(Error::new(Kind::Arguments, reason));
        }
        Ok(count as usize)
    }

    /// The memory of the value of an attribute.
    fn value(&self, attribute: &CK_ATTRIBUTE) -> CallerMemory<'a, CK_BYTE> {
        let (pointer, length) = (attribute.pValue.cast(), attribute.ulValueLen);
        // SAFETY: the caller guarantees it for all attributes of the template.
        unsafe { CallerMemory::new(self.0.memory(), pointer, length, "pValue in pTemplate") }
    }
}

/// The value of an attribute that describes the kind of object but does not identify it.
fn loggable_value(attribute: &Attribute) -> Option<Cow<'static, str>> {
    let number = || attribute.array().map(CK_ULONG::from_ne_bytes);
    match attribute.id {
        CKA_TOKEN | CKA_PRIVATE | CKA_SIGN | CKA_VERIFY => {
            attribute.array().map(|[boolean]| constant_names::boolean(boolean))
        }
        CKA_CLASS => number().map(constant_names::object_class),
        CKA_KEY_TYPE => number().map(constant_names::key_type),
        _ => None,
    }
}

/// Writes the value of an attribute, and its length into the entry.
fn write(
    value: Option<Value<&[u8]>>,
    room: &CallerMemory<CK_BYTE>,
    attribute: &mut CK_ATTRIBUTE,
) -> Result<()> {
    attribute.ulValueLen = CK_UNAVAILABLE_INFORMATION;
    let name = constant_names::attribute(attribute.type_);
    match value {
        None => Err(Error::new(Kind::AttributeType, format!("the object does not have {name}"))),
        Some(Value::Sensitive) => {
            Err(Error::new(Kind::AttributeSensitive, format!("{name} never leaves SignPath")))
        }
        Some(Value::Bytes(value)) => {
            if !room.is_null() {
                if room.count() < value.len() as CK_ULONG {
                    return Err(too_small());
                }
                room.write(0, value)?;
            }
            attribute.ulValueLen = value.len() as CK_ULONG;
            Ok(())
        }
    }
}

/// Logs the attributes of a template: types and lengths, but no values that may be confidential.
fn log(attributes: impl IntoIterator<Item = String>) {
    if log::log_enabled!(log::Level::Debug) {
        let attributes: Vec<_> = attributes.into_iter().collect();
        debug!("pTemplate: {}", attributes.join(", "));
    }
}
