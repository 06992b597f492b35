//! Whether the service is up (REST documentation, "Base URL and authentication").

use std::time::{Duration, Instant, SystemTime};

use hyper::header::DATE;
use log::info;

use super::transport::Outgoing;
use super::{Cancellation, Transport};
use crate::error::Result;

/// What `GET {ApiUrl}/healthz` brought.
pub struct Health {
    /// The HTTP status; 200 is well.
    pub status: u16,
    /// The time of the server, if it says it (RFC 9110, section 6.6.1), to the second.
    pub date: Option<SystemTime>,
    /// From the request to the end of the answer.
    pub duration: Duration,
}

/// Asks the service, without credentials and once, for at most `time_limit`.
///
/// # Errors
/// A kind that begins with `Service` when there is no answer.
pub fn health(transport: &Transport, time_limit: Duration) -> Result<Health> {
    let mut url = transport.options().api_url.clone();
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().push("healthz");
    }
    let started = Instant::now();
    let answer = transport
        .send(time_limit, &Cancellation::new(), Outgoing::get(url))
        .map_err(|failure| failure.error);
    let duration = started.elapsed();
    let outcome = match &answer {
        Ok(answer) => format!("{} in {duration:.1?}", answer.status),
        Err(error) => format!("no answer in {duration:.1?} ({})", error.reason),
    };
    info!("GET healthz, attempt 1: {outcome}");
    let answer = answer?;
    let date = answer.headers.get(DATE);
    Ok(Health {
        status: answer.status.as_u16(),
        date: date.and_then(|date| httpdate::parse_http_date(date.to_str().ok()?).ok()),
        duration,
    })
}
