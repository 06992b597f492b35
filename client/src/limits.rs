//! Limits on the size of responses and on the time to connect.

use std::time::Duration;

/// The largest body that is accepted, in bytes. That is enough for thousands of signing policies.
pub(crate) const MAX_BODY: usize = 32 << 20;

/// How much of the body of an error response is read, in bytes.
pub(crate) const MAX_ERROR_BODY: usize = 64 << 10;

/// The share of an attempt's time limit within which it must be connected. If this runs out, the
/// request has certainly not reached the service.
const CONNECT_SHARE: f32 = 0.75;

/// The time limit for connecting, from that of the attempt.
pub(crate) fn connect_timeout(time_limit: Duration) -> Duration {
    time_limit.mul_f32(CONNECT_SHARE)
}
