//! Why an attempt brought no answer that can be used, and whether another one may.

use std::error::Error as StdError;
use std::io;
use std::time::Duration;

use reqwest::StatusCode;

use super::status::PROXY_CREDENTIALS;
use super::tls;
use super::transport::{MAX_BODY, connect_timeout};
use crate::config::Config;
use crate::error::{Error, Kind};

/// What the HTTP client says when a proxy answers CONNECT with status 407.
const PROXY_WANTS_CREDENTIALS: &str = "tunnel error: proxy authorization required";
/// What the HTTP client says when a proxy answers CONNECT with another status than 200 and 407.
const PROXY_REFUSES: &str = "tunnel error: unsuccessful";

/// The end of an attempt without an answer that can be used.
#[derive(Debug)]
pub(super) struct Failure {
    /// For the caller, if it was the last attempt.
    pub(super) error: Error,
    /// Whether another attempt may succeed.
    pub(super) is_transient: bool,
    /// Whether the service may have done what it was asked for.
    pub(super) may_be_done: bool,
    /// How long the service wants to be left alone.
    pub(super) retry_after: Option<Duration>,
    /// Whether the service does not have the route.
    pub(super) is_route_gone: bool,
}

/// An error that no further attempt will mend, such as the reason of a cancellation.
impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self {
            error,
            is_transient: false,
            may_be_done: false,
            retry_after: None,
            is_route_gone: false,
        }
    }
}

/// What went wrong between request and answer.
pub(super) enum Exchange {
    /// There was no answer.
    Http(reqwest::Error),
    /// The answer broke off.
    Body(reqwest::Error),
    /// The answer does not end.
    TooLong,
}

impl Failure {
    /// What an exchange that failed means to the user.
    pub(super) fn of_exchange(exchange: &Exchange, config: &Config, time_limit: Duration) -> Self {
        let url = &config.api_url;
        let error = match exchange {
            Exchange::TooLong => {
                let reason = format!(
                    "the answer of {url} is longer than {} MiB; check ApiUrl",
                    MAX_BODY >> 20
                );
                return Error::new(Kind::ServiceUnintelligible, reason).into();
            }
            Exchange::Http(error) | Exchange::Body(error) => error,
        };
        if let Some(tls_error) = find::<rustls::Error>(error) {
            let reason = format!("{url} {}", tls::explain(tls_error));
            return Error::new(Kind::ServiceUnintelligible, reason).into();
        }
        let cause = root_cause(error);
        let proxy = config.proxy_for(url);
        let (through, remedy) = match proxy {
            Some(proxy) => (
                format!(" through the proxy {proxy}"),
                "check HttpProxy or http_proxy with user and password, ApiUrl and the network",
            ),
            None => (String::new(), "check ApiUrl and the network"),
        };
        if let Some(proxy) = proxy.filter(|_| cause == PROXY_WANTS_CREDENTIALS) {
            let reason = format!(
                "the proxy {proxy} answered {}; {PROXY_CREDENTIALS}",
                StatusCode::PROXY_AUTHENTICATION_REQUIRED
            );
            return Error::new(Kind::ServiceUnintelligible, reason).into();
        }
        let cause = if error.is_connect() && error.is_timeout() {
            let seconds = connect_timeout(config).as_secs_f32().ceil();
            format!("no connection within {seconds} s")
        } else if cause == PROXY_REFUSES {
            "the proxy refuses to connect".to_owned()
        } else {
            cause
        };
        if find::<hyper::Error>(error).is_some_and(hyper::Error::is_parse) {
            let reason = format!("{url}{through} does not answer with HTTP ({cause}); {remedy}");
            return Error::new(Kind::ServiceUnintelligible, reason).into();
        }
        let reason = if error.is_timeout() && !error.is_connect() {
            format!(
                "no answer from {url}{through} within {} s; check the network and proxies, or \
                 raise HttpRequestTimeoutInSeconds",
                time_limit.as_secs_f32().ceil()
            )
        } else if error.is_connect() {
            format!("{url} cannot be reached{through} ({cause}); {remedy}")
        } else if matches!(exchange, Exchange::Body(_)) {
            format!("the answer of {url}{through} broke off ({cause}); check the network")
        } else {
            format!(
                "{url}{through} closed the connection without an answer ({cause}); check the network"
            )
        };
        Self {
            is_transient: true,
            may_be_done: !error.is_connect(),
            ..Error::new(Kind::ServiceUnavailable, reason).into()
        }
    }
}

/// The first error of a type behind an error.
fn find<E: StdError + 'static>(error: &reqwest::Error) -> Option<&E> {
    causes(error).find_map(|cause| cause.downcast_ref())
}

fn root_cause(error: &reqwest::Error) -> String {
    causes(error)
        .last()
        .map_or_else(|| error.to_string(), ToString::to_string)
}

/// The errors behind an error. The source of an [`io::Error`] is not what it wraps, but the source
/// of that; both are wanted here.
fn causes(error: &reqwest::Error) -> impl Iterator<Item = &(dyn StdError + 'static)> {
    let mut next = error.source();
    std::iter::from_fn(move || {
        let cause = next?;
        let wrapped = cause.downcast_ref().and_then(io::Error::get_ref);
        next = wrapped.map_or_else(|| cause.source(), |wrapped| Some(wrapped));
        Some(cause)
    })
}
