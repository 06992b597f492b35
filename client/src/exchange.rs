//! Sends a request to the service and retries transient failures.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::{ACCEPT, AUTHORIZATION, HeaderValue};
use log::{info, warn};
use url::Url;
use zeroize::Zeroizing;

use crate::call::Call;
use crate::cancellation::Cancellation;
use crate::credentials::Credentials;
use crate::encoding::remove_byte_order_mark;
use crate::error::{Error, ErrorKind, Result};
use crate::failed_attempt::FailedAttempt;
use crate::masker::Masker;
use crate::metadata::Metadata;
use crate::options::Options;
use crate::problem::Reference;
use crate::retry::{Attempts, Retry};
use crate::secret::Secret;
use crate::status::AFTER_RETRIES;
use crate::transport::{Outgoing, Response, Transport};
use crate::unexpected::{encoding, refusal, undecodable};
use crate::waiting::pause;

/// The API on behalf of one user.
pub(crate) struct Api {
    pub(crate) transport: Arc<Transport>,
    /// `{api_url}/v1/{organization_id}`.
    pub(crate) base: Url,
    pub(crate) credentials: Credentials,
    /// Masks secrets in metadata and messages.
    pub(crate) masker: Arc<Masker>,
    pub(crate) metadata: Metadata,
}

/// A usable response.
pub(crate) struct Answer {
    pub(crate) body: Vec<u8>,
    /// The service's IDs in it.
    pub(crate) reference: Reference,
    /// How many attempts it took.
    pub(crate) attempts: u32,
}

impl Api {
    pub(crate) fn options(&self) -> &Options {
        self.transport.options()
    }

    /// The attempts of a call that starts now.
    pub(crate) fn attempts(&self) -> Attempts {
        Attempts::new(self.options().service_unavailable_timeout)
    }

    /// `text` without the user's secrets.
    pub(crate) fn masked(&self, text: &str) -> String {
        self.masker.mask(text)
    }

    /// Sends a request and retries transient failures.
    pub(crate) fn call(
        &self,
        call: &Call<'_>,
        mut attempts: Attempts,
        cancellation: &Cancellation,
        request: impl Fn(Url) -> Result<Outgoing>,
    ) -> std::result::Result<Answer, FailedAttempt> {
        loop {
            let failure = match self.attempt(call, &attempts, cancellation, &request) {
                Ok(answer) => return Ok(answer),
                Err(failure) if failure.is_transient && call.retry == Retry::Configured => failure,
                Err(failure) => return Err(failure),
            };
            let attempt = attempts.number;
            let Some(wait) =
                attempts.next_wait(failure.retry_after, self.options().http_request_timeout)
            else {
                return Err(gave_up(failure, &attempts, attempt));
            };
            let doubt = if failure.may_be_done && call.policy.is_some() {
                ", which may create a second signing request"
            } else {
                ""
            };
            let outcome = format!(
                "attempt {attempt} of {} {}, retrying in {:.1} s{doubt}",
                call.method,
                call.route,
                wait.as_secs_f32(),
            );
            let line = failure.error.before_remedy(&outcome).reason;
            let mut remedies = AFTER_RETRIES.iter().map(|remedy| format!("; {remedy}"));
            let what = remedies.find_map(|remedy| line.strip_suffix(&remedy));
            warn!("{}", what.unwrap_or(&line));
            pause(wait, cancellation)?;
        }
    }

    fn attempt(
        &self,
        call: &Call<'_>,
        attempts: &Attempts,
        cancellation: &Cancellation,
        request: impl Fn(Url) -> Result<Outgoing>,
    ) -> std::result::Result<Answer, FailedAttempt> {
        let authorization = authorization(&self.credentials.api_token)?;
        let mut url = self.base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            if !call.is_of_organization {
                path.pop();
            }
            path.extend(call.route.split('/'));
        }
        let one_attempt = self.options().http_request_timeout;
        let time_limit = attempts.time_limit(match call.retry {
            Retry::Configured => one_attempt,
            Retry::Once(within) => one_attempt.min(within),
        });
        let started = Instant::now();
        let mut request = request(url)?;
        request.headers.insert(AUTHORIZATION, authorization);
        // Without this, older versions of the service respond to every error with 500, which would
        // be retried.
        request.headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        let mut response = self.transport.send(time_limit, cancellation, request);
        let has_mark = match &mut response {
            Ok(response) => remove_byte_order_mark(&mut response.body),
            Err(_) => false,
        };
        let duration = started.elapsed();
        let reference = match &response {
            // A list has none, and may be long.
            Ok(response) if call.policy.is_some() || response.status != StatusCode::OK => {
                Reference::of(&response.body)
            }
            _ => Reference::default(),
        };
        self.log_exchange(call, attempts.number, &response, &reference, duration);
        if has_mark {
            info!("the response starts with a byte order mark, ignored");
        }
        let response = response?;
        if response.status != StatusCode::OK {
            return Err(refusal(&self.masker, call, &response));
        }
        match encoding(&response) {
            None => Ok(Answer { body: response.body, reference, attempts: attempts.number }),
            Some(what) => Err(undecodable(&self.masker, call, &what).into()),
        }
    }

    /// Logs one line for each exchange, with the service's IDs for it.
    fn log_exchange(
        &self,
        call: &Call<'_>,
        attempt: u32,
        response: &std::result::Result<Response, FailedAttempt>,
        reference: &Reference,
        duration: Duration,
    ) {
        if !log::log_enabled!(log::Level::Info) {
            return;
        }
        let policy = call
            .policy
            .map(|policy| format!(", signing policy {}", self.masked(&policy.to_string())))
            .unwrap_or_default();
        let outcome = match response {
            Ok(response) => {
                let reference = self.masked(&reference.to_string());
                format!("{} in {duration:.1?}{reference}", response.status)
            }
            Err(failure) => format!("no response after {duration:.1?} ({})", failure.error.reason),
        };
        info!("{} {}, attempt {attempt}{policy}: {outcome}", call.method, call.route);
    }
}

/// The value of Authorization (RFC 6750, section 2.1). Its memory is wiped on drop.
fn authorization(token: &Secret) -> Result<HeaderValue> {
    let text = Zeroizing::new(format!("Bearer {}", token.expose()).into_bytes());
    let mut value = HeaderValue::from_maybe_shared(Bytes::from_owner(text)).map_err(|_| {
        Error::new(
            ErrorKind::Unauthorized,
            "the API token contains a line break or another control character; check the PIN or \
             the configuration",
        )
    })?;
    value.set_sensitive(true);
    Ok(value)
}

/// The error of the last attempt, with the reason why there are no more.
fn gave_up(failed: FailedAttempt, attempts: &Attempts, attempt: u32) -> FailedAttempt {
    let asked = match failed.retry_after {
        Some(wait) => format!(", Retry-After is {}", wait.as_secs()),
        None => String::new(),
    };
    let error = failed.error.before_remedy(&format!(
        "gave up after attempt {attempt} (ServiceUnavailableTimeoutInSeconds is {}{asked})",
        attempts.total.as_secs()
    ));
    FailedAttempt { error, ..failed }
}

pub(crate) fn serialization_error(error: &dyn std::error::Error) -> FailedAttempt {
    let reason = format!("cannot serialize the signing request: {error}");
    Error::new(ErrorKind::Internal, reason).into()
}
