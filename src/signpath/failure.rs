//! Why an attempt brought no answer that can be used, and whether another one may.

use std::error::Error as StdError;
use std::io;
use std::time::Duration;

use reqwest::{StatusCode, Url};

use super::status::{PROXY_CREDENTIALS, Verdict};
use super::tls;
use super::transport::{MAX_BODY, connect_timeout};
use super::tunnel::{self, Refusal};
use crate::config::{Config, Proxy};
use crate::error::{Error, Kind};

/// What the HTTP client says when a proxy answers CONNECT with status 407.
const PROXY_WANTS_CREDENTIALS: &str = "tunnel error: proxy authorization required";
/// What the HTTP client says when a proxy answers CONNECT with another status than 200 and 407.
const PROXY_REFUSES: &str = "tunnel error: unsuccessful";

const NO_HTTP_PROXY: &str = "check that HttpProxy or http_proxy names an HTTP proxy";

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

/// What an error does not tell of an exchange.
pub(super) struct Circumstances {
    /// The longest that the exchange was allowed to take.
    pub(super) time_limit: Duration,
    /// Whether there was no connection yet.
    pub(super) was_connecting: bool,
    /// Why the proxy made no tunnel, if it did not.
    pub(super) refusal: Option<Refusal>,
}

impl Failure {
    /// What an exchange that failed means to the user.
    pub(super) fn of_exchange(
        exchange: &Exchange,
        circumstances: Circumstances,
        config: &Config,
    ) -> Self {
        let Circumstances {
            time_limit,
            was_connecting,
            refusal,
        } = circumstances;
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
        if let Some((proxy, refusal)) = proxy.zip(refusal) {
            return Self::of_refusal(refusal, proxy, url);
        }
        let (through, remedy) = match proxy {
            Some(proxy) => (
                format!(" through the proxy {proxy}"),
                "check HttpProxy or http_proxy with user and password, ApiUrl and the network",
            ),
            None => (String::new(), "check ApiUrl and the network"),
        };
        if let Some(proxy) = proxy.filter(|_| cause == PROXY_WANTS_CREDENTIALS) {
            let status = StatusCode::PROXY_AUTHENTICATION_REQUIRED;
            return Self::of_refusal(Refusal::Status(status), proxy, url);
        }
        let never_connected = error.is_connect() || was_connecting;
        let cause = if never_connected && error.is_timeout() {
            let limit = connect_timeout(config).min(time_limit);
            let seconds = limit.as_secs_f32().ceil();
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
        let reason = if error.is_timeout() && !never_connected {
            // Not where it is the total time that ends, or one that no setting changes.
            let or_raise = match time_limit >= config.http_request_timeout {
                true => ", or raise HttpRequestTimeoutInSeconds",
                false => "",
            };
            format!(
                "no answer from {url}{through} within {} s; check the network and proxies{or_raise}",
                time_limit.as_secs_f32().ceil()
            )
        } else if never_connected {
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
            may_be_done: !never_connected,
            ..Error::new(Kind::ServiceUnavailable, reason).into()
        }
    }

    /// What it means that a proxy makes no tunnel to `url`.
    fn of_refusal(refusal: Refusal, proxy: &Proxy, url: &Url) -> Self {
        let authority = tunnel::authority(url);
        let Refusal::Status(status) = refusal else {
            let reason =
                format!("the proxy {proxy} does not answer CONNECT with HTTP; {NO_HTTP_PROXY}");
            return Error::new(Kind::ServiceUnintelligible, reason).into();
        };
        let is_transient = Verdict::of(status).is_transient;
        let remedy = match status {
            StatusCode::UNAUTHORIZED | StatusCode::PROXY_AUTHENTICATION_REQUIRED => {
                PROXY_CREDENTIALS.to_owned()
            }
            StatusCode::FORBIDDEN => format!(
                "ask whoever runs the proxy to allow {authority}, or exempt it with no_proxy"
            ),
            _ if is_transient => {
                format!("check ApiUrl, and whether the proxy can reach {authority}")
            }
            _ => NO_HTTP_PROXY.to_owned(),
        };
        let kind = match is_transient {
            true => Kind::ServiceUnavailable,
            false => Kind::ServiceUnintelligible,
        };
        let reason = format!("the proxy {proxy} answered {status} to CONNECT; {remedy}");
        Self {
            is_transient,
            ..Error::new(kind, reason).into()
        }
    }
}

impl Exchange {
    /// Whether a proxy answered CONNECT with something that the HTTP client does not tell.
    pub(super) fn is_refused_by_proxy(&self) -> bool {
        match self {
            Self::Http(error) => root_cause(error) == PROXY_REFUSES,
            Self::Body(_) | Self::TooLong => false,
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
