//! What `fuzz/` calls without a service: the parsers of responses, and the masking of a command line.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use hyper::StatusCode;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use signpath_crypto::HashAlgorithm;

use crate::call::Call;
use crate::encoding::remove_byte_order_mark;
use crate::masker::Masker;
use crate::problem::Reference;
use crate::transport::Response;
use crate::unexpected::{encoding, refusal, undecodable, unintelligible};
use crate::{PolicyList, PolicyName, Secret, command_line, fast_signing_request, retry, sign_hash};

/// Parses a list of signing policies. `secret` is masked in messages about it.
pub fn policies(body: &[u8], secret: &Secret) -> Result<PolicyList, String> {
    let masker = Arc::new(Masker::new([secret]));
    PolicyList::from_json(body, &masker).map_err(|error| {
        let reason = error.to_string();
        let error = unintelligible(&masker, "list of signing policies", body, &reason);
        error.reason.into_owned()
    })
}

/// Everything that is said about a response to a signing request. `secret` is masked in it.
pub fn messages(
    status: u16,
    headers: &[(&str, &[u8])],
    mut body: Vec<u8>,
    secret: &Secret,
) -> Vec<String> {
    let (Ok(status), Ok(policy)) =
        (StatusCode::from_u16(status), PolicyName::new("project", "policy"))
    else {
        return Vec::new();
    };
    let header = |(name, value): &(&str, &[u8])| {
        Some((HeaderName::try_from(*name).ok()?, HeaderValue::from_bytes(value).ok()?))
    };
    let headers: HeaderMap = headers.iter().filter_map(header).collect();
    remove_byte_order_mark(&mut body);
    let response = Response { status, headers, body };
    let (masker, call) = (Masker::new([secret]), Call::sign("SigningRequests", &policy));
    let refusal = refusal(&masker, &call, &response).error;
    let mut messages =
        vec![refusal.reason.into_owned(), masker.mask(&Reference::of(&response.body).to_string())];
    messages.extend(refusal.said.into_iter().chain(refusal.trace_id));
    if let Some(what) = encoding(&response) {
        messages.push(undecodable(&masker, &call, &what).reason.into_owned());
    }
    let digest = HashAlgorithm::Sha256.digest(b"");
    for signature in [
        fast_signing_request::signature(&response.body),
        sign_hash::signature(&response.body, &digest),
    ] {
        if let Err(reason) = signature {
            let error = unintelligible(&masker, "response", &response.body, &reason);
            messages.push(error.reason.into_owned());
        }
    }
    messages
}

/// Parses Retry-After.
pub fn retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    retry::retry_after(value, now)
}

/// How long to wait for an attempt, if the service asked for a time.
pub fn wait(attempt: u32, asked: Option<Duration>, jitter: f64) -> Duration {
    retry::wait(attempt, asked, jitter)
}

/// How a command line is shown, whose arguments end in a zero byte each.
pub fn command_line(arguments: &[u8], secret: &Secret) -> String {
    command_line::command_line(arguments, &Masker::new([secret]))
}
