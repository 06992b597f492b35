//! Why an attempt failed, and whether another one may succeed.

use std::error::Error as StdError;
use std::fmt::Display;
use std::io;
use std::time::Duration;

use hyper::StatusCode;
use rustls::OtherError;
use url::Url;

use super::connect_error::ConnectError;
use super::limits::{MAX_BODY, connect_timeout};
use super::status::{PROXY_CREDENTIALS, Verdict};
use super::tls;

use super::connect_error::Refusal;
use super::tunnel;
use super::waiting::Interruption;
use crate::error::{Error, ErrorKind};
use crate::{Options, Proxy};
use signpath_platform::os_error::describe;
use signpath_platform::shortage::Shortage;

const NO_HTTP_PROXY: &str =
    "check that HttpProxy, http_proxy or https_proxy is the URL of an HTTP proxy";

/// An attempt without a usable response.
#[derive(Debug)]
pub(crate) struct FailedAttempt {
    /// The error for the caller, if this was the last attempt.
    pub(crate) error: Error,
    /// Whether another attempt may succeed.
    pub(crate) is_transient: bool,
    /// Whether the service may have carried out the request.
    pub(crate) may_be_done: bool,
    /// How long the service asks to wait before the next attempt.
    pub(crate) retry_after: Option<Duration>,
    /// Whether the service does not have the route.
    pub(crate) is_route_gone: bool,
}

/// An error that another attempt cannot fix, such as a cancellation.
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

/// What went wrong between request and response.
pub(crate) enum ExchangeError {
    /// No connection could be established.
    Connect(ConnectError),
    /// There was no response.
    Http(hyper::Error),
    /// The response was incomplete.
    Body(hyper::Error),
    /// The response was too long.
    TooLong,
    /// The call was cancelled, or its time was up.
    Interrupted(Interruption),
}

/// A transient failure.
struct Transient {
    reason: String,
    may_be_done: bool,
}

impl FailedAttempt {
    /// Explains to the user why an exchange failed. `time_limit` was its time limit.
    pub(crate) fn of_exchange(
        exchange: ExchangeError,
        time_limit: Duration,
        options: &Options,
    ) -> Self {
        if let Some(shortage) = exchange.shortage() {
            return Error::from(shortage).into();
        }
        if let Some(error) = exchange.of_roots() {
            return error.clone().into();
        }
        let url = &options.api_url;
        let proxy = options.proxy_for(url);
        let (through, remedy) = match proxy {
            Some(proxy) => (
                format!(" through the proxy {proxy}"),
                "check HttpProxy, http_proxy or https_proxy, and the network",
            ),
            None => (String::new(), "check ApiUrl and the network"),
        };
        let invalid_response = |reason| Error::new(ErrorKind::InvalidResponse, reason).into();
        let unreachable = |cause: &dyn Display| Transient {
            reason: format!("cannot connect to {url}{through} ({cause}); {remedy}"),
            may_be_done: false,
        };
        let transient = match exchange {
            ExchangeError::TooLong => {
                return invalid_response(format!(
                    "the response from {url} is larger than {} MiB; check ApiUrl",
                    MAX_BODY >> 20
                ));
            }
            ExchangeError::Interrupted(Interruption::Cancelled(reason))
            | ExchangeError::Connect(ConnectError::Interrupted(Interruption::Cancelled(reason))) => {
                return reason.into();
            }
            ExchangeError::Connect(ConnectError::Shortage(shortage)) => {
                return Error::from(shortage).into();
            }
            ExchangeError::Connect(ConnectError::NotLoopback(address)) => {
                let reason = format!(
                    "{url} resolves to {}, another machine, which would get the API token \
                     unencrypted; use https, or set AllowInsecureHttp to true",
                    address.ip()
                );
                return Error::new(ErrorKind::Options, reason).into();
            }
            ExchangeError::Connect(ConnectError::Tls(error)) => {
                return invalid_response(format!("{url} {}", tls::explain(&error)));
            }
            ExchangeError::Connect(ConnectError::Refused(refusal)) => {
                return match proxy {
                    Some(proxy) => Self::of_refusal(refusal, proxy, url),
                    None => invalid_response(format!("{url} did not open a tunnel")),
                };
            }
            ExchangeError::Connect(ConnectError::Failed(error)) => unreachable(&describe(&error)),
            ExchangeError::Connect(ConnectError::Interrupted(Interruption::Failed(error))) => {
                unreachable(&describe(&error))
            }
            ExchangeError::Connect(ConnectError::Interrupted(Interruption::TimedOut)) => {
                let limit = connect_timeout(time_limit).as_secs_f32().ceil();
                unreachable(&format_args!("no connection within {limit} s"))
            }
            ExchangeError::Interrupted(Interruption::TimedOut) => {
                // A shorter limit is what is left of the total time, or fixed. Raising this setting
                // would not help.
                let or_raise = match time_limit >= options.http_request_timeout {
                    true => ", or raise HttpRequestTimeoutInSeconds",
                    false => "",
                };
                Transient {
                    reason: format!(
                        "no response from {url}{through} within {} s; check the network and \
                         proxies{or_raise}",
                        time_limit.as_secs_f32().ceil()
                    ),
                    may_be_done: true,
                }
            }
            ExchangeError::Interrupted(Interruption::Failed(error)) => {
                closed(url, &through, &format!(" ({})", describe(&error)))
            }
            ExchangeError::Http(error) | ExchangeError::Body(error)
                if tls_error(&error).is_some() =>
            {
                let explained = tls_error(&error).map(tls::explain).unwrap_or_default();
                return invalid_response(format!("{url} {explained}"));
            }
            ExchangeError::Http(error) | ExchangeError::Body(error) if error.is_parse() => {
                let cause = root_cause(&error);
                return invalid_response(format!(
                    "the response from {url}{through} is not HTTP ({cause}); {remedy}"
                ));
            }
            ExchangeError::Http(error) => closed(url, &through, &os_error(&error)),
            ExchangeError::Body(error) => Transient {
                reason: format!(
                    "the response from {url}{through} is incomplete{}; check the network",
                    os_error(&error)
                ),
                may_be_done: true,
            },
        };
        Self {
            is_transient: true,
            may_be_done: transient.may_be_done,
            ..Error::new(ErrorKind::Unavailable, transient.reason).into()
        }
    }

    /// Explains to the user why a proxy opens no tunnel to `url`.
    fn of_refusal(refusal: Refusal, proxy: &Proxy, url: &Url) -> Self {
        let authority = tunnel::authority(url);
        let Refusal::Status(status, schemes) = refusal else {
            let reason =
                format!("the response from the proxy {proxy} is not HTTP; {NO_HTTP_PROXY}");
            return Error::new(ErrorKind::InvalidResponse, reason).into();
        };
        let is_transient = Verdict::of(status).is_transient;
        let remedy = match status {
            StatusCode::PROXY_AUTHENTICATION_REQUIRED if schemes.is_some() => format!(
                "it offers only authentication with {}, which is not supported; have it offer Basic, or \
                 put a local proxy in between that can authenticate",
                schemes.unwrap_or_default()
            ),
            StatusCode::UNAUTHORIZED | StatusCode::PROXY_AUTHENTICATION_REQUIRED => {
                PROXY_CREDENTIALS.to_owned()
            }
            StatusCode::FORBIDDEN => format!(
                "have the proxy allow it, or add {} to no_proxy",
                url.host_str().unwrap_or_default()
            ),
            _ if is_transient => "check ApiUrl and the network of the proxy".to_owned(),
            _ => NO_HTTP_PROXY.to_owned(),
        };
        let kind = match is_transient {
            true => ErrorKind::Unavailable,
            false => ErrorKind::InvalidResponse,
        };
        let outcome = match is_transient {
            true => "could not connect",
            false => "refused to connect",
        };
        let reason = format!("the proxy {proxy} {outcome} to {authority} ({status}); {remedy}");
        Self { is_transient, ..Error::new(kind, reason).into() }
    }
}

impl ExchangeError {
    /// The resource that the process ran out of while using a connection, if any.
    fn shortage(&self) -> Option<Shortage> {
        match self {
            Self::Interrupted(Interruption::Failed(error)) => Shortage::of(error),
            Self::Http(error) | Self::Body(error) => {
                causes(error).find_map(|cause| Shortage::of(cause.downcast_ref()?))
            }
            _ => None,
        }
    }

    /// Why the system's CA certificates could not be read, if that is what went wrong.
    fn of_roots(&self) -> Option<&Error> {
        match self {
            Self::Connect(ConnectError::Tls(rustls::Error::Other(OtherError(cause)))) => {
                cause.downcast_ref()
            }
            _ => None,
        }
    }
}

/// The connection ended, and the service may or may not have carried out the request. `cause` is in
/// parentheses, or empty.
fn closed(url: &Url, through: &str, cause: &str) -> Transient {
    Transient {
        reason: format!(
            "{url}{through} closed the connection without a response{cause}; check the network"
        ),
        may_be_done: true,
    }
}

fn tls_error(error: &hyper::Error) -> Option<&rustls::Error> {
    causes(error).find_map(|cause| cause.downcast_ref())
}

/// The error of the operating system in parentheses, if there is one. The texts of hyper and rustls
/// only say again that the connection ended.
fn os_error(error: &hyper::Error) -> String {
    causes(error)
        .filter_map(|cause| cause.downcast_ref())
        .find(|cause: &&io::Error| cause.raw_os_error().is_some())
        .map_or_else(String::new, |cause| format!(" ({})", describe(cause)))
}

fn root_cause(error: &hyper::Error) -> String {
    let Some(cause) = causes(error).last() else {
        return error.to_string();
    };
    cause.downcast_ref().map_or_else(|| cause.to_string(), describe)
}

/// The causes of an error. [`io::Error::source`] skips the error that it wraps, which is included
/// here.
fn causes(error: &hyper::Error) -> impl Iterator<Item = &(dyn StdError + 'static)> {
    let mut next = error.source();
    std::iter::from_fn(move || {
        let cause = next?;
        let wrapped = cause.downcast_ref().and_then(io::Error::get_ref);
        next = wrapped.map_or_else(|| cause.source(), |wrapped| Some(wrapped));
        Some(cause)
    })
}
