//! Faults for testing clients: matching requests get a wrong response, a late one, or none.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use axum::http::StatusCode;
use axum::http::header::{ALLOW, CONTENT_TYPE, LOCATION, RETRY_AFTER};
use axum::response::Response;
use serde_json::json;

use crate::bodies;
use crate::error::{Context, Error};
use crate::gate::Gate;

/// What goes wrong with requests to a route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The route, such as `POST /SigningRequests`. `None`: any.
    pub route: Option<String>,
    /// What happens.
    pub effect: Effect,
    /// Whether only requests for a signature are affected.
    pub signing_only: bool,
    /// How many requests are affected. `None`: all from now on.
    pub times: Option<usize>,
    /// Holds the request before anything else happens to it.
    pub gate: Option<Gate>,
}

impl Fault {
    /// A fault for the next request to a route, such as `POST /SigningRequests`.
    pub fn on(route: &str, effect: Effect) -> Self {
        Self { route: Some(route.to_owned()), ..effect.into() }
    }

    /// The service permanently lacks the route; `status` is 404, 405 or 410.
    pub fn gone(route: &str, status: u16) -> Self {
        Self::on(route, Effect::no_such_route(status)).always()
    }

    /// Holds the next request to a route until the gate opens, then serves it normally.
    pub fn hold(route: &str, gate: &Gate) -> Self {
        Self::on(route, Effect::Usual).behind(gate)
    }

    /// Applies the fault to the next `times` requests.
    pub fn times(self, times: usize) -> Self {
        Self { times: Some(times), ..self }
    }

    /// Applies the fault to all requests from now on.
    pub fn always(self) -> Self {
        Self { times: None, ..self }
    }

    /// Applies the fault only once the gate opens.
    pub fn behind(self, gate: &Gate) -> Self {
        Self { gate: Some(gate.clone()), ..self }
    }
}

/// A fault for the next request, to any route.
impl From<Effect> for Fault {
    fn from(effect: Effect) -> Self {
        Self { route: None, effect, signing_only: false, times: Some(1), gate: None }
    }
}

/// What happens to a request. One that is not [processed](Effect::is_processed) is recorded as usual, but not signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// The normal response.
    Usual,
    /// The normal response, after which the connection is closed.
    Last,
    /// This response. The request is not processed.
    Answer {
        /// The status, 200 to 599.
        status: u16,
        /// Header names and values, such as Content-Type and Retry-After.
        headers: Vec<(String, String)>,
        /// The body.
        body: Vec<u8>,
    },
    /// A response with a body of `length` times `x`, using constant memory. The request is not processed.
    Long {
        /// The status, 200 to 599.
        status: u16,
        /// The length of the body in bytes, also sent as Content-Length.
        length: u64,
    },
    /// These bytes instead of an HTTP response, after which the connection is closed. The request is not processed.
    Raw(Vec<u8>),
    /// The header of the normal response and half of its body, after which the connection is closed.
    Truncate,
    /// The normal response, this long after it is ready.
    Late(Duration),
    /// The normal response, with this pause before each byte of the body.
    Trickle(Duration),
    /// A signature of the right length that does not verify. Only affects requests for a signature.
    WrongSignature,
    /// A signature of this length in bytes, truncated or padded with zeros. Only affects requests for a signature.
    SignatureLength(usize),
    /// An ECDSA signature as a DER sequence if r and s concatenated were requested, and vice versa. Only affects
    /// requests for a signature.
    OtherEncoding,
    /// The connection is closed without a response, and the request is not processed.
    Close,
    /// The request is processed, then the connection is closed without a response.
    ProcessAndClose,
    /// The request is processed, but there is no response until the service stops.
    Hang,
}

impl Effect {
    /// A response without headers and body.
    pub fn status(status: u16) -> Self {
        Self::answer(status, &[], "")
    }

    /// A response.
    pub fn answer(status: u16, headers: &[(&str, &str)], body: impl Into<Vec<u8>>) -> Self {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Self::Answer { status, headers: headers.iter().map(owned).collect(), body: body.into() }
    }

    /// Problem details (RFC 9457) with these messages, one per field.
    pub fn problem(status: u16, messages: &[&str]) -> Self {
        let errors: serde_json::Map<_, _> = messages
            .iter()
            .enumerate()
            .map(|(index, message)| (format!("Field{index}"), json!([message])))
            .collect();
        let body = json!({
            "type": "https://tools.ietf.org/html/rfc9110#section-15.5",
            "title": "An error occurred.",
            "status": status,
            "errors": errors,
            "traceId": "00-f61d2098cc3dbe9d3ab0c206fac36ff2-fa0c0bbc91bf4385-00",
        });
        let content_type = "application/problem+json; charset=utf-8";
        Self::answer(status, &[(CONTENT_TYPE.as_str(), content_type)], body.to_string())
    }

    /// A web page, as sent by a proxy or load balancer.
    pub fn web_page(status: u16) -> Self {
        let body = format!(
            "<html>\r\n<head><title>{status}</title></head>\r\n<body><h1>{status}</h1></body>\r\n</html>\r\n"
        );
        Self::answer(status, &[(CONTENT_TYPE.as_str(), "text/html")], body)
    }

    /// A response with Retry-After, in seconds.
    pub fn retry_after(status: u16, seconds: u64) -> Self {
        Self::answer(status, &[(RETRY_AFTER.as_str(), &seconds.to_string())], "")
    }

    /// A response with Retry-After, as an HTTP date (RFC 9110, section 5.6.7).
    pub fn retry_at(status: u16, time: SystemTime) -> Self {
        let date = httpdate::fmt_http_date(time);
        Self::answer(status, &[(RETRY_AFTER.as_str(), &date)], "")
    }

    /// A redirect to another URL.
    pub fn redirect(status: u16, location: &str) -> Self {
        Self::answer(status, &[(LOCATION.as_str(), location)], "")
    }

    /// ASP.NET's response if there is no route: no body, unlike the 404 of an existing route, which has problem
    /// details. A 405 lists the supported methods.
    pub fn no_such_route(status: u16) -> Self {
        match status {
            405 => Self::answer(status, &[(ALLOW.as_str(), "GET")], ""),
            _ => Self::status(status),
        }
    }

    /// A response that ends before the `length` bytes that it announces.
    pub fn truncated(status: u16, body: &str, length: usize) -> Self {
        Self::Raw(
            format!("HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}")
                .into_bytes(),
        )
    }

    /// Whether the service does what the request asks for, so that a signature counts.
    pub fn is_processed(&self) -> bool {
        match self {
            Self::Answer { .. } | Self::Long { .. } | Self::Raw(_) | Self::Close => false,
            Self::Usual
            | Self::Last
            | Self::Truncate
            | Self::Late(_)
            | Self::Trickle(_)
            | Self::WrongSignature
            | Self::SignatureLength(_)
            | Self::OtherEncoding
            | Self::ProcessAndClose
            | Self::Hang => true,
        }
    }

    /// Applies the fault to a signature.
    pub(crate) fn spoil(&self, signature: &mut Vec<u8>) {
        match self {
            // Only the last byte, so that the encoding stays well-formed.
            Self::WrongSignature => signature.last_mut().into_iter().for_each(|byte| *byte ^= 0xff),
            Self::SignatureLength(length) => signature.resize(*length, 0),
            _ => {}
        }
    }

    fn waits_for_signature(&self) -> bool {
        matches!(self, Self::WrongSignature | Self::SignatureLength(_) | Self::OtherEncoding)
    }

    /// The fault's own response. `Ok(None)`: there is none, or it is derived from the normal response.
    pub(crate) fn own_answer(&self) -> Result<Option<Response>, Error> {
        let (status, headers, body) = match self {
            Self::Answer { status, headers, body } => {
                (*status, headers.as_slice(), body.clone().into())
            }
            Self::Long { status, length } => (*status, [].as_slice(), bodies::filler(*length)),
            _ => return Ok(None),
        };
        let status = StatusCode::from_u16(status).ok().filter(|status| !status.is_informational());
        let status =
            status.ok_or_else(|| Error::new("the status of a fault must be 200 to 599"))?;
        let mut response = Response::builder().status(status);
        for (name, value) in headers {
            response = response.header(name, value);
        }
        response.body(body).map(Some).context("invalid headers in a fault")
    }
}

/// Faults waiting for matching requests.
#[derive(Default)]
pub(crate) struct FaultQueue(Mutex<Vec<Fault>>);

impl FaultQueue {
    pub fn push(&self, fault: Fault) -> Result<(), Error> {
        fault.effect.own_answer()?;
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(fault);
        Ok(())
    }

    /// Takes the oldest fault that matches a request to this route.
    pub fn take(&self, route: &str, signs: bool) -> Option<Fault> {
        let mut faults = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let meets = |fault: &Fault| {
            fault.route.as_deref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(route))
                && (signs || !(fault.signing_only || fault.effect.waits_for_signature()))
                && fault.times != Some(0)
        };
        let position = faults.iter().position(meets)?;
        let fault = faults.get_mut(position)?;
        if let Some(times) = &mut fault.times {
            *times -= 1;
        }
        let taken = fault.clone();
        faults.retain(|fault| fault.times != Some(0));
        Some(taken)
    }

    /// The faults that have not affected all of their requests yet, oldest first.
    pub fn active(&self) -> Vec<Fault> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}
