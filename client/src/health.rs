//! Checks whether the service is up (REST documentation, "Base URL and authentication").

use std::time::{Duration, Instant, SystemTime};

use hyper::header::DATE;
use log::info;

use super::transport::Outgoing;
use super::{Cancellation, Transport};
use crate::error::Result;

/// The result of `GET {ApiUrl}/healthz`.
pub struct Health {
    /// The HTTP status. 200 means healthy.
    pub status: u16,
    /// The server's time, to the second, if the response has a Date header (RFC 9110, section
    /// 6.6.1).
    pub date: Option<SystemTime>,
    /// From the request to the end of the response.
    pub duration: Duration,
}

/// Sends one request without credentials and waits at most `time_limit`.
///
/// # Errors
/// If there is no response.
pub fn health(transport: &Transport, time_limit: Duration) -> Result<Health> {
    let mut url = transport.options().api_url.clone();
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().push("healthz");
    }
    let started = Instant::now();
    let response = transport
        .send(time_limit, &Cancellation::new(), Outgoing::get(url))
        .map_err(|failure| failure.error);
    let duration = started.elapsed();
    let outcome = match &response {
        Ok(response) => format!("{} in {duration:.1?}", response.status),
        Err(error) => format!("no response after {duration:.1?} ({})", error.reason),
    };
    info!("GET healthz, attempt 1: {outcome}");
    let response = response?;
    let date = response.headers.get(DATE);
    Ok(Health {
        status: response.status.as_u16(),
        date: date.and_then(|date| httpdate::parse_http_date(date.to_str().ok()?).ok()),
        duration,
    })
}
