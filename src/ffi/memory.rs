//! Every read and write of the caller's memory.

use std::borrow::Cow;
use std::mem::size_of;

use cryptoki_sys::*;

use crate::crypto::SignatureAlgorithm;
use crate::error::{Error, Kind, Result};
use crate::logging::{self, Level};
use crate::mechanism::{Mechanism, Parameter, Request};
use crate::names;
use crate::object::{Attribute, Object, Value};

/// The longest that any object in memory can be, in bytes.
const MAX_LENGTH: usize = isize::MAX as usize;

/// The most attributes that a template can have: several times as many as the standard defines.
const MAX_ATTRIBUTES: CK_ULONG = 1024;

/// The value of an attribute in a template, as errors name it.
const VALUE: &str = "pValue in pTemplate";

/// Refuses a NULL pointer, by the name it has in the standard.
pub(super) fn not_null<T>(pointer: *const T, name: &str) -> Result<()> {
    if pointer.is_null() {
        return Err(Error::new(Kind::Arguments, format!("{name} is NULL")));
    }
    Ok(())
}

/// Refuses a pointer that the standard reserves.
pub(super) fn null<T>(pointer: *const T, name: &str) -> Result<()> {
    if pointer.is_null() {
        return Ok(());
    }
    Err(Error::new(
        Kind::Arguments,
        format!("{name} is reserved and has to be NULL"),
    ))
}

/// Reads one value.
///
/// # Safety
/// `pointer` is NULL or points to a `T`.
pub(super) unsafe fn read<T: Copy>(pointer: *const T, name: &str) -> Result<T> {
    not_null(pointer, name)?;
    // SAFETY: it is not NULL, and so points to a T as the caller promises; no alignment is assumed.
    Ok(unsafe { pointer.read_unaligned() })
}

/// Writes one value.
///
/// # Safety
/// `pointer` is NULL or points to room for a `T`.
pub(super) unsafe fn write<T: Copy>(pointer: *mut T, value: T, name: &str) -> Result<()> {
    not_null(pointer, name)?;
    // SAFETY: it is not NULL, and so points to room for a T as the caller promises; no alignment
    // is assumed.
    unsafe { pointer.write_unaligned(value) };
    Ok(())
}

/// Writes a handle, a count or a length, which the log shows.
///
/// # Safety
/// As for [`write`].
pub(super) unsafe fn write_number(
    pointer: *mut CK_ULONG,
    number: CK_ULONG,
    name: &str,
) -> Result<()> {
    // SAFETY: as this function demands.
    unsafe { write(pointer, number, name) }?;
    log_number(name, number);
    Ok(())
}

fn log_number(name: &str, number: CK_ULONG) {
    logging::write(Level::Debug, format_args!("{name}: {number}"));
}

/// Borrows bytes. NULL is no bytes if the length is 0.
///
/// # Safety
/// `pointer` is NULL or points to `length` bytes that outlive the borrow.
pub(super) unsafe fn bytes<'a>(
    pointer: *const CK_BYTE,
    length: CK_ULONG,
    name: &str,
) -> Result<&'a [u8]> {
    if length == 0 {
        return Ok(&[]);
    }
    not_null(pointer, name)?;
    let length = checked_length::<CK_BYTE>(length, name)?;
    // SAFETY: it is not NULL, so it points to `length` bytes as the caller promises, and `length`
    // does not exceed isize::MAX.
    Ok(unsafe { std::slice::from_raw_parts(pointer, length) })
}

/// Borrows a NUL-terminated text.
///
/// # Safety
/// `pointer` points to a NUL-terminated text that outlives the borrow.
pub(super) unsafe fn text<'a>(pointer: *const CK_UTF8CHAR) -> &'a [u8] {
    // SAFETY: as this function demands.
    unsafe { std::ffi::CStr::from_ptr(pointer.cast()) }.to_bytes()
}

/// Answers a question for a list: its length if there is no buffer, else its values.
///
/// # Errors
/// [`Kind::Arguments`] without `count`; [`Kind::BufferTooSmall`], with the length in `count`.
///
/// # Safety
/// `count` is NULL or points to a number; `list` is NULL or has room for `count` values.
pub(super) unsafe fn write_list<T: Copy>(
    values: &[T],
    list: *mut T,
    count: *mut CK_ULONG,
    count_name: &str,
) -> Result<()> {
    // SAFETY: the caller's promise about `count`.
    let room = unsafe { read(count, count_name) }?;
    // SAFETY: the same.
    unsafe { write_number(count, values.len() as CK_ULONG, count_name) }?;
    if list.is_null() {
        return Ok(());
    }
    // SAFETY: the caller's promise about `list`.
    unsafe { write_values(values, list, room) }
}

/// Writes all of `values`, or none.
///
/// # Errors
/// [`Kind::BufferTooSmall`].
///
/// # Safety
/// `list` has room for `room` values.
pub(super) unsafe fn write_values<T: Copy>(
    values: &[T],
    list: *mut T,
    room: CK_ULONG,
) -> Result<()> {
    if room < values.len() as CK_ULONG {
        return Err(too_small());
    }
    for (index, value) in values.iter().enumerate() {
        // SAFETY: `list` has room for at least `values.len()` values.
        unsafe { list.add(index).write_unaligned(*value) };
    }
    Ok(())
}

/// A caller's buffer that is large enough for what is going to be written.
pub(super) struct Output {
    pointer: *mut CK_BYTE,
    length: *mut CK_ULONG,
    length_name: &'static str,
    room: usize,
}

/// Looks at a buffer for an output of `needed` bytes: [`None`] for a question about the length,
/// which is answered.
///
/// # Errors
/// [`Kind::Arguments`] without `length`; [`Kind::BufferTooSmall`], with `needed` in `length`.
///
/// # Safety
/// `length` is NULL or points to a number; `pointer` is NULL or has room for `length` bytes until
/// the output is written.
pub(super) unsafe fn output(
    pointer: *mut CK_BYTE,
    length: *mut CK_ULONG,
    needed: usize,
    length_name: &'static str,
) -> Result<Option<Output>> {
    // SAFETY: the caller's promise about `length`.
    let room = unsafe { read(length, length_name) }?;
    let is_question = pointer.is_null();
    if is_question || room < needed as CK_ULONG {
        // SAFETY: the same.
        unsafe { write_number(length, needed as CK_ULONG, length_name) }?;
    }
    if is_question {
        return Ok(None);
    }
    if room < needed as CK_ULONG {
        return Err(too_small());
    }
    Ok(Some(Output {
        pointer,
        length,
        length_name,
        room: needed,
    }))
}

impl Output {
    /// Writes the output and its length.
    ///
    /// # Errors
    /// [`Kind::Internal`] when it is longer than was said.
    pub(super) fn write(self, value: &[u8]) -> Result<()> {
        if value.len() > self.room {
            return Err(Error::new(
                Kind::Internal,
                format!(
                    "{} bytes of output where {} were expected",
                    value.len(),
                    self.room
                ),
            ));
        }
        // SAFETY: `output` found both pointers not NULL and room for `self.room` bytes, which the
        // caller of `output` promised to hold until now.
        unsafe {
            self.pointer
                .copy_from_nonoverlapping(value.as_ptr(), value.len());
            self.length.write_unaligned(value.len() as CK_ULONG);
        }
        log_number(self.length_name, value.len() as CK_ULONG);
        Ok(())
    }
}

/// Fills memory with what `produce` writes, piece by piece.
///
/// # Errors
/// [`Kind::Arguments`], and those of `produce`.
///
/// # Safety
/// `pointer` is NULL or has room for `length` bytes.
pub(super) unsafe fn fill(
    pointer: *mut CK_BYTE,
    length: CK_ULONG,
    name: &str,
    mut produce: impl FnMut(&mut [u8]) -> Result<()>,
) -> Result<()> {
    not_null(pointer, name)?;
    let length = checked_length::<CK_BYTE>(length, name)?;
    let mut piece = [0; 4096];
    let mut filled = 0;
    while filled < length {
        let Some(piece) = piece.get_mut(..(length - filled).min(4096)) else {
            break;
        };
        produce(piece)?;
        // SAFETY: `pointer` is not NULL and has room for `length` bytes as the caller promises,
        // and `filled` and the piece together are no more.
        unsafe {
            pointer
                .add(filled)
                .copy_from_nonoverlapping(piece.as_ptr(), piece.len());
        }
        filled += piece.len();
    }
    Ok(())
}

/// Reads a template. Its values stay where they are until their length is plausible.
///
/// # Errors
/// [`Kind::Arguments`].
///
/// # Safety
/// `template` is NULL or points to `count` attributes. Values that are as long as a value of their
/// attribute can be outlive the result.
pub(super) unsafe fn template<'a>(
    template: *const CK_ATTRIBUTE,
    count: CK_ULONG,
) -> Result<Vec<Attribute<'a>>> {
    // SAFETY: the caller's promise.
    let attributes = unsafe { attributes(template, count) }?;
    let attributes: Vec<_> = attributes
        .map(|(_, attribute)| {
            let (value, length) = (attribute.pValue.cast(), attribute.ulValueLen);
            if length > 0 {
                not_null(value, VALUE)?;
            }
            // SAFETY: the caller's promise about the values; it is called for a plausible length.
            let read = move || unsafe { bytes(value, length, VALUE) }.unwrap_or_default();
            Ok(Attribute::new(attribute.type_, length as usize, read))
        })
        .collect::<Result<_>>()?;
    log_template(attributes.iter().map(|attribute| {
        let name = names::attribute(attribute.id);
        match shown(attribute) {
            Some(value) => format!("{name}={value}"),
            None => format!("{name} ({} bytes)", attribute.length),
        }
    }));
    Ok(attributes)
}

/// The value of an attribute that says what kind of object it is and nothing of which one.
fn shown(attribute: &Attribute) -> Option<Cow<'static, str>> {
    let number = || attribute.array().map(CK_ULONG::from_ne_bytes);
    match attribute.id {
        CKA_TOKEN | CKA_PRIVATE | CKA_SIGN | CKA_VERIFY => {
            attribute.array().map(|[boolean]| names::boolean(boolean))
        }
        CKA_CLASS => number().map(names::object_class),
        CKA_KEY_TYPE => number().map(names::key_type),
        _ => None,
    }
}

/// Fills a template with the attributes of an object (PKCS #11 3.2, section 5.7.5). All entries
/// are processed, whatever becomes of one.
///
/// # Errors
/// The first of [`Kind::AttributeType`], [`Kind::AttributeSensitive`], [`Kind::BufferTooSmall`].
///
/// # Safety
/// `template` is NULL or points to `count` attributes, and their values are NULL or have room for
/// as many bytes as they say.
pub(super) unsafe fn write_attributes(
    object: &Object,
    template: *mut CK_ATTRIBUTE,
    count: CK_ULONG,
) -> Result<()> {
    not_null(template, "pTemplate")?;
    let mut result = Ok(());
    let mut described = Vec::new();
    // SAFETY: the caller's promise.
    for (index, mut attribute) in unsafe { attributes(template, count) }? {
        // SAFETY: the caller's promise about the values.
        let written = unsafe { write_attribute(object.attribute(attribute.type_), &mut attribute) };
        // SAFETY: `attributes` read the entry at this index just now.
        unsafe { template.add(index).write_unaligned(attribute) };
        result = result.and(written);
        if logging::enabled(Level::Debug) {
            let name = names::attribute(attribute.type_);
            described.push(match attribute.ulValueLen {
                CK_UNAVAILABLE_INFORMATION => format!("{name} (CK_UNAVAILABLE_INFORMATION)"),
                length if attribute.pValue.is_null() => format!("{name} (NULL, {length} bytes)"),
                length => format!("{name} ({length} bytes)"),
            });
        }
    }
    log_template(described);
    result
}

/// # Safety
/// `pValue` is NULL or has room for `ulValueLen` bytes.
unsafe fn write_attribute(value: Option<Value<&[u8]>>, attribute: &mut CK_ATTRIBUTE) -> Result<()> {
    let room = attribute.ulValueLen;
    attribute.ulValueLen = CK_UNAVAILABLE_INFORMATION;
    let name = names::attribute(attribute.type_);
    match value {
        None => Err(Error::new(
            Kind::AttributeType,
            format!("the object has no attribute {name}"),
        )),
        Some(Value::Sensitive) => Err(Error::new(
            Kind::AttributeSensitive,
            format!("attribute {name} never leaves SignPath"),
        )),
        Some(Value::Bytes(value)) => {
            if !attribute.pValue.is_null() {
                if room < value.len() as CK_ULONG {
                    return Err(too_small());
                }
                // SAFETY: `pValue` is not NULL, and has room for `room` bytes as the caller
                // promises, which are no fewer than those written.
                unsafe {
                    attribute
                        .pValue
                        .cast::<u8>()
                        .copy_from_nonoverlapping(value.as_ptr(), value.len());
                }
            }
            attribute.ulValueLen = value.len() as CK_ULONG;
            Ok(())
        }
    }
}

/// # Safety
/// `template` is NULL or points to `count` attributes.
unsafe fn attributes(
    template: *const CK_ATTRIBUTE,
    count: CK_ULONG,
) -> Result<impl Iterator<Item = (usize, CK_ATTRIBUTE)>> {
    if count > 0 {
        not_null(template, "pTemplate")?;
    }
    if count > MAX_ATTRIBUTES {
        let reason =
            format!("ulCount is {count}; a template has at most {MAX_ATTRIBUTES} attributes");
        return Err(Error::new(Kind::Arguments, reason));
    }
    Ok((0..count as usize).map(move |index| {
        // SAFETY: `template` is not NULL if there is an index, and points to `count` attributes as
        // the caller promises.
        (index, unsafe { template.add(index).read_unaligned() })
    }))
}

/// Logs what a template holds: types and lengths, and no value that may be anybody's data.
fn log_template(attributes: impl IntoIterator<Item = String>) {
    if logging::enabled(Level::Debug) {
        let attributes: Vec<_> = attributes.into_iter().collect();
        logging::write(
            Level::Debug,
            format_args!("pTemplate: {}", attributes.join(", ")),
        );
    }
}

/// Reads a mechanism and its parameter.
///
/// # Safety
/// `mechanism` is NULL or points to a mechanism whose parameter is NULL or as long as it says.
pub(super) unsafe fn mechanism(mechanism: *const CK_MECHANISM) -> Result<Request> {
    // SAFETY: the caller's promise.
    let mechanism = unsafe { read(mechanism, "pMechanism") }?;
    let id = mechanism.mechanism;
    let length = mechanism.ulParameterLen as usize;
    let is_pss = Mechanism::find(id)
        .and_then(Mechanism::signature)
        .is_some_and(|signature| signature.algorithm == SignatureAlgorithm::RsaPss);
    let parameter = if length == 0 {
        Parameter::None
    } else if mechanism.pParameter.is_null() {
        return Err(Error::new(
            Kind::MechanismParameter,
            format!("pParameter is NULL, but ulParameterLen is {length}"),
        ));
    } else if is_pss && length == size_of::<CK_RSA_PKCS_PSS_PARAMS>() {
        // SAFETY: it is not NULL and has the length of the parameters, as the caller promises.
        let pss = unsafe {
            read(
                mechanism.pParameter.cast::<CK_RSA_PKCS_PSS_PARAMS>(),
                "pParameter",
            )
        }?;
        Parameter::Pss {
            hash: pss.hashAlg,
            mgf: pss.mgf,
            salt_length: pss.sLen,
        }
    } else {
        Parameter::Other
    };
    let described = match parameter {
        Parameter::Pss {
            hash,
            mgf,
            salt_length,
        } => format!(
            ", hashAlg={}, mgf={}, sLen={salt_length}",
            names::mechanism(hash),
            names::mask_generation_function(mgf)
        ),
        Parameter::None | Parameter::Other => String::new(),
    };
    logging::write(
        Level::Debug,
        format_args!(
            "pMechanism: {}, ulParameterLen={length}{described}",
            names::mechanism(id)
        ),
    );
    Ok(Request { id, parameter })
}

fn checked_length<T>(count: CK_ULONG, name: &str) -> Result<usize> {
    let count = count as usize;
    match count.checked_mul(size_of::<T>()) {
        Some(length) if length <= MAX_LENGTH => Ok(count),
        _ => Err(Error::new(
            Kind::Arguments,
            format!("{name} says {count}, which is more than memory can hold"),
        )),
    }
}

fn too_small() -> Error {
    Error::new(Kind::BufferTooSmall, "the buffer is too small")
}
