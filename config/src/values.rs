//! From the text of a value to what it means.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Map, Value};

use signpath_client::SigningApi;
use signpath_logging::OutputStream;

/// The names of the ways to ask for signatures.
pub const SIGNING_APIS: [(&str, SigningApi); 3] = [
    ("Auto", SigningApi::Auto),
    ("FastSigningRequest", SigningApi::FastSigningRequest),
    ("SignHash", SigningApi::SignHash),
];

/// The names of the standard streams.
pub const OUTPUT_STREAMS: [(&str, OutputStream); 2] = [
    ("stderr", OutputStream::Stderr),
    ("stdout", OutputStream::Stdout),
];

/// The value of that name, in any case.
pub(crate) fn named<T: Copy>(values: &[(&str, T)], name: &str) -> Option<T> {
    values
        .iter()
        .find_map(|(known, value)| known.eq_ignore_ascii_case(name).then_some(*value))
}

pub(crate) fn flag(text: &str) -> Option<bool> {
    named(&[("true", true), ("false", false)], text)
}

/// A whole number of seconds; `least` is the smallest.
pub(crate) fn seconds(least: u32, text: &str) -> Option<Duration> {
    let seconds = text
        .parse()
        .ok()
        .filter(|seconds: &u32| *seconds >= least)?;
    Some(Duration::from_secs(seconds.into()))
}

/// A PEM file, as the official library's settings would name one.
///
/// # Errors
/// Why not, if that is worth more than what was expected.
pub(crate) fn pem_file(text: &str) -> Result<PathBuf, Option<&'static str>> {
    match text.strip_prefix("file:") {
        Some(path) if !path.is_empty() => Ok(PathBuf::from(path)),
        _ if text.starts_with("thumbprint:") => Err(Some(
            "thumbprint: names a certificate in the store of Windows, which is not here; expected \
             file: and the path of a PEM file",
        )),
        _ => Err(None),
    }
}

pub(crate) fn object(text: &str) -> Option<Map<String, Value>> {
    serde_json::from_str(text).ok()
}
