//! How much is taken from the service, and how long it may take to reach it.

use std::time::Duration;

use crate::Options;

/// The largest body that is read, in bytes: thousands of signing policies.
pub(crate) const MAX_BODY: usize = 32 << 20;

/// How much of the body of an error is read, in bytes.
pub(crate) const MAX_ERROR_BODY: usize = 64 << 10;

/// The share of an attempt's time that it may take to connect. What takes longer has certainly not
/// reached the service.
const CONNECT_SHARE: f32 = 0.75;

/// How long it may take to connect.
pub(crate) fn connect_timeout(options: &Options) -> Duration {
    options.http_request_timeout.mul_f32(CONNECT_SHARE)
}
