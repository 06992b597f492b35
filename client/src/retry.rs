//! Retries with exponential backoff, within a total time limit.

use std::time::{Duration, Instant, SystemTime};

/// The wait before the second attempt, without jitter.
const FIRST_WAIT: Duration = Duration::from_secs(2);
/// The wait before the second attempt if the service sent Retry-After, without jitter.
const FIRST_WAIT_IF_ASKED: Duration = Duration::from_millis(100);
/// The longest wait unless Retry-After asks for more, without jitter.
const MAX_WAIT: Duration = Duration::from_secs(30);

/// The share of an attempt's time limit that has to be left of the total time for another attempt. With less, SignPath would sign
/// for a call that has given up.
const LEAST_SHARE: u32 = 4;

/// Whether transient failures are retried.
///
/// ```
/// # use std::sync::Arc;
/// # use std::time::Duration;
/// use signpath_client::{Cancellation, ErrorKind, Retry};
///
/// # use signpath_client::{Client, Credentials, Options, Secret, Threads, Transport};
/// # use pkcs11_test::{Effect, Fault};
/// # let folder = tempfile::tempdir()?;
/// # let service = pkcs11_test::Service::start(pkcs11_test::Options::new(folder.path()))?;
/// # let transport = Transport::new(Options::new(service.api_url().parse()?), Threads::Allowed);
/// # let credentials = Credentials {
/// #     organization_id: service.organization_id().to_owned(),
/// #     api_token: Secret::new(service.token().to_owned()),
/// # };
/// # let client = Client::new(Arc::new(transport), &credentials, &[]);
/// # let busy = || Effect::answer(503, &[("Retry-After", "0")], String::new());
/// # service.inject(Fault::on("GET /Cryptoki/MySigningPolicies", busy()).times(1))?;
/// let cancellation = Cancellation::new();
/// // The service responds with 503 once.
/// let policies = client.signing_policies(Retry::Configured, &cancellation)?;
/// assert!(!policies.is_empty());
///
/// # service.inject(Fault::on("GET /Cryptoki/MySigningPolicies", busy()).times(1))?;
/// // The service responds with 503 once more.
/// let only_now = Retry::Once(Duration::from_secs(5));
/// let error = client.signing_policies(only_now, &cancellation).err().ok_or("no error")?;
/// assert_eq!((error.kind, error.status), (ErrorKind::Unavailable, Some(503)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// Retry within the configured total time.
    Configured,
    /// Make only one attempt, with this time limit.
    Once(Duration),
}

/// The attempts of one call. A copy counts its own attempts but shares the total time.
#[derive(Clone, Copy)]
pub(crate) struct Attempts {
    started: Instant,
    /// The total time limit of the call.
    pub(crate) total: Duration,
    /// The number of the current attempt, from 1.
    pub(crate) number: u32,
}

impl Attempts {
    /// The first attempt of a call with a total time limit of `total`.
    pub(crate) fn new(total: Duration) -> Self {
        Self { started: Instant::now(), total, number: 1 }
    }

    /// The time limit of this attempt: `limit`, or what is left of the total time.
    pub(crate) fn time_limit(&self, limit: Duration) -> Duration {
        limit.min(self.remaining())
    }

    /// How long to wait before the next attempt. `asked` is the Retry-After of the service.
    /// [`None`] if too little would be left of the total time by then for an attempt that may take as long as `limit`.
    pub(crate) fn next_wait(
        &mut self,
        asked: Option<Duration>,
        limit: Duration,
    ) -> Option<Duration> {
        let wait = wait(self.number, asked, jitter());
        self.number += 1;
        let least = limit.min(self.total) / LEAST_SHARE;
        (wait.saturating_add(least) < self.remaining()).then_some(wait)
    }

    fn remaining(&self) -> Duration {
        self.total.saturating_sub(self.started.elapsed())
    }
}

/// The wait after attempt `number`. `jitter`, from 0 to 1, keeps clients that failed at the same
/// time from retrying at the same time.
pub(crate) fn wait(number: u32, asked: Option<Duration>, jitter: f64) -> Duration {
    let first = match asked {
        Some(_) => FIRST_WAIT_IF_ASKED,
        None => FIRST_WAIT,
    };
    let doubled = 2u32.saturating_pow(number.saturating_sub(1));
    let own = first.saturating_mul(doubled).min(MAX_WAIT);
    let spread = own.mul_f64(jitter);
    own.max(asked.unwrap_or_default()).saturating_add(spread)
}

fn jitter() -> f64 {
    let random = getrandom::u32().unwrap_or(u32::MAX / 2);
    f64::from(random) / f64::from(u32::MAX)
}

/// Parses a Retry-After header: seconds or a date (RFC 9110, section 10.2.3).
pub(crate) fn retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn waits_double_up_to_30_seconds_plus_jitter() {
        for (number, seconds) in [(1, 2), (2, 4), (3, 8), (4, 16), (5, 30), (40, 30)] {
            assert_eq!(wait(number, None, 0.0), seconds * SECOND);
            assert_eq!(wait(number, None, 1.0), 2 * seconds * SECOND);
        }
    }

    #[test]
    fn jitter_spreads_the_clients() {
        let drawn: Vec<_> = (0..100).map(|_| jitter()).collect();
        assert!(drawn.iter().all(|drawn| (0.0..=1.0).contains(drawn)));
        assert!(drawn.iter().any(|other| (other - drawn[0]).abs() > 0.1));
    }

    #[test]
    fn honours_retry_after() {
        assert_eq!(wait(1, Some(120 * SECOND), 0.0), 120 * SECOND);
        assert!(wait(9, Some(Duration::ZERO), 0.0) > 20 * SECOND, "no hammering");
    }

    #[test]
    fn no_attempt_starts_with_too_little_of_the_total_time_left() {
        for (total, asked, limit, starts) in [
            (2, None, 1, false),
            (60, Some(60), 30, false),
            (60, Some(53), 30, false),
            (60, Some(50), 30, true),
            // All attempts have less time than one may take.
            (60, Some(45), 600, false),
            (60, Some(40), 600, true),
        ] {
            let asked = asked.map(|seconds| seconds * SECOND);
            let wait = Attempts::new(total * SECOND).next_wait(asked, limit * SECOND);
            assert_eq!(wait.is_some(), starts, "{asked:?} of {total} s");
        }
        let attempts = Attempts::new(60 * SECOND);
        assert!(attempts.time_limit(90 * SECOND) <= 60 * SECOND);
        assert_eq!(attempts.time_limit(SECOND), SECOND);
    }

    /// The date is the example in RFC 9110, section 5.6.7.
    #[test]
    fn parses_retry_after_as_seconds_or_a_date() {
        let date = SystemTime::UNIX_EPOCH + 784_111_777 * SECOND;
        let text = "Sun, 06 Nov 1994 08:49:37 GMT";
        assert_eq!(retry_after("120", date), Some(120 * SECOND));
        assert_eq!(retry_after(text, date - 5 * SECOND), Some(5 * SECOND));
        assert_eq!(retry_after(text, date + SECOND), Some(Duration::ZERO));
        assert_eq!(retry_after("soon", date), None);
        assert_eq!(retry_after("-1", date), None);
    }
}
