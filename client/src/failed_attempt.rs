//! Why an attempt brought no answer that can be used, and whether another one may.

use std::error::Error as StdError;
use std::fmt::Display;
use std::io;
use std::time::Duration;

use hyper::StatusCode;
use url::Url;

use super::connector::Unconnected;
use super::limits::{MAX_BODY, connect_timeout};
use super::status::{PROXY_CREDENTIALS, Verdict};
use super::tls;

use super::tunnel::{self, Refusal};
use super::waiting::Interruption;
use crate::error::{Error, ErrorKind};
use crate::{Options, Proxy};
use signpath_platform::shortage::Shortage;

const NO_HTTP_PROXY: &str = "check that HttpProxy or http_proxy names an HTTP proxy";

/// The end of an attempt without an answer that can be used.
#[derive(Debug)]
pub(crate) struct FailedAttempt {
    /// For the caller, if it was the last attempt.
    pub(crate) error: Error,
    /// Whether another attempt may succeed.
    pub(crate) is_transient: bool,
    /// Whether the service may have done what it was asked for.
    pub(crate) may_be_done: bool,
    /// How long the service wants to be left alone.
    pub(crate) retry_after: Option<Duration>,
    /// Whether the service does not have the route.
    pub(crate) is_route_gone: bool,
}

/// An error that no further attempt will mend, such as the reason of a cancellation.
impl From<Error> for FailedAttempt {
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
pub(crate) enum ExchangeError {
    /// There was no connection.
    Unconnected(Unconnected),
    /// There was no answer.
    Http(hyper::Error),
    /// The answer broke off.
    Body(hyper::Error),
    /// The answer does not end.
    TooLong,
    /// The call waits no longer.
    Interrupted(Interruption),
}

/// What the attempts have in common that failed in passing.
struct Passing {
    reason: String,
    may_be_done: bool,
}

impl FailedAttempt {
    /// What an exchange that failed means to the user. It was allowed to take `time_limit`.
    pub(crate) fn of_exchange(
        exchange: ExchangeError,
        time_limit: Duration,
        options: &Options,
    ) -> Self {
        if let Some(shortage) = exchange.shortage() {
            return Error::from(shortage).into();
        }
        let url = &options.api_url;
        let proxy = options.proxy_for(url);
        let (through, remedy) = match proxy {
            Some(proxy) => (
                format!(" through the proxy {proxy}"),
                "check HttpProxy or http_proxy with user and password, ApiUrl and the network",
            ),
            None => (String::new(), "check ApiUrl and the network"),
        };
        let unintelligible = |reason| Error::new(ErrorKind::Unintelligible, reason).into();
        let unreachable = |cause: &dyn Display| Passing {
            reason: format!("{url} cannot be reached{through} ({cause}); {remedy}"),
            may_be_done: false,
        };
        let passing = match exchange {
            ExchangeError::TooLong => {
                return unintelligible(format!(
                    "the answer of {url} is longer than {} MiB; check ApiUrl",
                    MAX_BODY >> 20
                ));
            }
            ExchangeError::Interrupted(Interruption::Canceled(reason))
            | ExchangeError::Unconnected(Unconnected::Interrupted(Interruption::Canceled(
                reason,
            ))) => {
                return reason.into();
            }
            ExchangeError::Unconnected(Unconnected::Shortage(shortage)) => {
                return Error::from(shortage).into();
            }
            ExchangeError::Unconnected(Unconnected::Elsewhere(address)) => {
                let reason = format!(
                    "{url} leads to {}, which is another machine, and the API token would go there \
                     unencrypted; use https, or set AllowInsecureHttp to true",
                    address.ip()
                );
                return Error::new(ErrorKind::Options, reason).into();
            }
            ExchangeError::Unconnected(Unconnected::Tls(error)) => {
                return unintelligible(format!("{url} {}", tls::explain(&error)));
            }
            ExchangeError::Unconnected(Unconnected::Refused(refusal)) => {
                return match proxy {
                    Some(proxy) => Self::of_refusal(refusal, proxy, url),
                    None => unintelligible(format!("{url} makes no tunnel")),
                };
            }
            ExchangeError::Unconnected(Unconnected::Failed(error)) => unreachable(&error),
            ExchangeError::Unconnected(Unconnected::Interrupted(Interruption::Failed(error))) => {
                unreachable(&error)
            }
            ExchangeError::Unconnected(Unconnected::Interrupted(Interruption::TimedOut)) => {
                let limit = connect_timeout(options)
                    .min(time_limit)
                    .as_secs_f32()
                    .ceil();
                unreachable(&format_args!("no connection within {limit} s"))
            }
            ExchangeError::Interrupted(Interruption::TimedOut) => {
                // Not where it is the total time that ends, or one that no setting changes.
                let or_raise = match time_limit >= options.http_request_timeout {
                    true => ", or raise HttpRequestTimeoutInSeconds",
                    false => "",
                };
                Passing {
                    reason: format!(
                        "no answer from {url}{through} within {} s; check the network and \
                         proxies{or_raise}",
                        time_limit.as_secs_f32().ceil()
                    ),
                    may_be_done: true,
                }
            }
            ExchangeError::Interrupted(Interruption::Failed(error)) => {
                closed(url, &through, &error)
            }
            ExchangeError::Http(error) | ExchangeError::Body(error)
                if tls_error(&error).is_some() =>
            {
                let explained = tls_error(&error).map(tls::explain).unwrap_or_default();
                return unintelligible(format!("{url} {explained}"));
            }
            ExchangeError::Http(error) | ExchangeError::Body(error) if error.is_parse() => {
                let cause = root_cause(&error);
                return unintelligible(format!(
                    "{url}{through} does not answer with HTTP ({cause}); {remedy}"
                ));
            }
            ExchangeError::Http(error) => closed(url, &through, &root_cause(&error)),
            ExchangeError::Body(error) => Passing {
                reason: format!(
                    "the answer of {url}{through} broke off ({}); check the network",
                    root_cause(&error)
                ),
                may_be_done: true,
            },
        };
        Self {
            is_transient: true,
            may_be_done: passing.may_be_done,
            ..Error::new(ErrorKind::Unavailable, passing.reason).into()
        }
    }

    /// What it means that a proxy makes no tunnel to `url`.
    fn of_refusal(refusal: Refusal, proxy: &Proxy, url: &Url) -> Self {
        let authority = tunnel::authority(url);
        let Refusal::Status(status) = refusal else {
            let reason =
                format!("the proxy {proxy} does not answer CONNECT with HTTP; {NO_HTTP_PROXY}");
            return Error::new(ErrorKind::Unintelligible, reason).into();
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
            true => ErrorKind::Unavailable,
            false => ErrorKind::Unintelligible,
        };
        let reason = format!("the proxy {proxy} answered {status} to CONNECT; {remedy}");
        Self {
            is_transient,
            ..Error::new(kind, reason).into()
        }
    }
}

impl ExchangeError {
    /// What the process ran out of while it used a connection.
    fn shortage(&self) -> Option<Shortage> {
        match self {
            Self::Interrupted(Interruption::Failed(error)) => Shortage::of(error),
            Self::Http(error) | Self::Body(error) => {
                causes(error).find_map(|cause| Shortage::of(cause.downcast_ref()?))
            }
            _ => None,
        }
    }
}

/// The connection ended, and nobody knows what the service has done.
fn closed(url: &Url, through: &str, cause: &dyn Display) -> Passing {
    Passing {
        reason: format!(
            "{url}{through} closed the connection without an answer ({cause}); check the network"
        ),
        may_be_done: true,
    }
}

fn tls_error(error: &hyper::Error) -> Option<&rustls::Error> {
    causes(error).find_map(|cause| cause.downcast_ref())
}

fn root_cause(error: &hyper::Error) -> String {
    causes(error)
        .last()
        .map_or_else(|| error.to_string(), ToString::to_string)
}

/// The errors behind an error. The source of an [`io::Error`] is not what it wraps, but the source
/// of that; both are wanted here.
fn causes(error: &hyper::Error) -> impl Iterator<Item = &(dyn StdError + 'static)> {
    let mut next = error.source();
    std::iter::from_fn(move || {
        let cause = next?;
        let wrapped = cause.downcast_ref().and_then(io::Error::get_ref);
        next = wrapped.map_or_else(|| cause.source(), |wrapped| Some(wrapped));
        Some(cause)
    })
}
