//! Parses the values of settings.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Map, Value};

use signpath_client::{ClientCertificate, SigningApi};
use signpath_logging::{LogFormat, OutputStream};
use signpath_platform::json::is_deep;
use signpath_platform::secrets;

/// The values of `SigningApi`.
pub const SIGNING_APIS: [(&str, SigningApi); 3] = [
    ("Auto", SigningApi::Auto),
    ("FastSigningRequest", SigningApi::FastSigningRequest),
    ("SignHash", SigningApi::SignHash),
];

/// The values of `Log.Console.OutputStream`.
pub const OUTPUT_STREAMS: [(&str, OutputStream); 2] =
    [("stderr", OutputStream::Stderr), ("stdout", OutputStream::Stdout)];

/// The values of `Log.File.Format`.
pub const LOG_FORMATS: [(&str, LogFormat); 2] =
    [("text", LogFormat::Text), ("json", LogFormat::Json)];

/// The value with this name, ignoring case.
pub(crate) fn named<T: Copy>(values: &[(&str, T)], name: &str) -> Option<T> {
    values.iter().find_map(|(known, value)| known.eq_ignore_ascii_case(name).then_some(*value))
}

pub(crate) fn flag(text: &str) -> Option<bool> {
    named(&[("true", true), ("false", false)], text)
}

/// A whole number of seconds from `least` to [`u32::MAX`].
pub(crate) fn seconds(least: u32, text: &str) -> Option<Duration> {
    let seconds = text.parse().ok().filter(|seconds: &u32| *seconds >= least)?;
    Some(Duration::from_secs(seconds.into()))
}

/// The length of a SHA-1 digest, in bytes.
const THUMBPRINT: usize = 20;

/// A client certificate, in the forms that the official library uses: `file:` and the path of a PEM
/// file, or, on Windows, `thumbprint:` and hexadecimal digits.
///
/// # Errors
/// The reason, if there is more to say than what was expected.
pub(crate) fn client_certificate(text: &str) -> Result<ClientCertificate, Option<&'static str>> {
    if let Some(thumbprint) = text.strip_prefix("thumbprint:") {
        if !secrets::ARE_SUPPORTED {
            return Err(Some(
                "thumbprint: is only supported on Windows; expected file: and the path of a PEM file",
            ));
        }
        // As Windows shows it: with blanks, and a left-to-right mark at the start.
        let digits: String = thumbprint.chars().filter(char::is_ascii_hexdigit).collect();
        return base16ct::mixed::decode_vec(digits)
            .ok()
            .filter(|digest| digest.len() == THUMBPRINT)
            .map(ClientCertificate::Store)
            .ok_or(Some(
                "expected thumbprint: and the 40 hexadecimal digits of the certificate's SHA-1 digest",
            ));
    }
    match text.strip_prefix("file:") {
        Some(path) if !path.is_empty() => Ok(ClientCertificate::File(PathBuf::from(path))),
        _ => Err(None),
    }
}

pub(crate) fn object(text: &str) -> Option<Map<String, Value>> {
    if is_deep(text.as_bytes()) {
        return None;
    }
    serde_json::from_str(text).ok()
}
