//! Faults for tests of clients: a request that matches is answered wrongly, late, or not at all.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use axum::http::StatusCode;
use axum::http::header::{ALLOW, CONTENT_TYPE, LOCATION, RETRY_AFTER};
use axum::response::Response;
use serde_json::json;

use crate::bodies;
use crate::error::{Context, Error};
use crate::gate::Gate;

/// What goes wrong with the requests to a route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The route that the fault waits for, e.g. `POST /SigningRequests`. `None`: any.
    pub route: Option<String>,
    /// What happens.
    pub effect: Effect,
    /// How many requests it happens to before all is well again. `None`: to all from now on.
    pub times: Option<usize>,
    /// What holds the request before anything else happens to it.
    pub gate: Option<Gate>,
}

impl Fault {
    /// A fault for the next request to a route, e.g. `POST /SigningRequests`.
    pub fn on(route: &str, effect: Effect) -> Self {
        Self {
            route: Some(route.to_owned()),
            ..effect.into()
        }
    }

    /// A service that has no such route, for as long as it runs; `status` is 404, 405 or 410.
    pub fn gone(route: &str, status: u16) -> Self {
        Self::on(route, Effect::no_such_route(status)).always()
    }

    /// The next request to a route is held until the gate opens, and then served as if nothing had been.
    pub fn hold(route: &str, gate: &Gate) -> Self {
        Self::on(route, Effect::Usual).behind(gate)
    }

    /// The same for the next `times` requests.
    pub fn times(self, times: usize) -> Self {
        Self {
            times: Some(times),
            ..self
        }
    }

    /// The same for all requests from now on.
    pub fn always(self) -> Self {
        Self {
            times: None,
            ..self
        }
    }

    /// The same, but not before the gate opens.
    pub fn behind(self, gate: &Gate) -> Self {
        Self {
            gate: Some(gate.clone()),
            ..self
        }
    }
}

/// A fault for the next request, whichever it is.
impl From<Effect> for Fault {
    fn from(effect: Effect) -> Self {
        Self {
            route: None,
            effect,
            times: Some(1),
            gate: None,
        }
    }
}

/// What happens to a request. One that is not [processed](Effect::is_processed) is recorded as usual, but makes no signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// The right answer.
    Usual,
    /// The right answer, then the end of the connection.
    Last,
    /// This answer. The request is not processed.
    Answer {
        /// The status, 200 to 599.
        status: u16,
        /// Header names and values, Content-Type and Retry-After for instance.
        headers: Vec<(String, String)>,
        /// The body.
        body: Vec<u8>,
    },
    /// An answer with a body of that many `x`, which takes no memory here. The request is not processed.
    Long {
        /// The status, 200 to 599.
        status: u16,
        /// Bytes, which Content-Length says as well.
        length: u64,
    },
    /// These bytes where an HTTP answer should be, then the end of the connection. The request is not processed.
    Raw(Vec<u8>),
    /// The head of the right answer and half of its body, then the end of the connection.
    Truncate,
    /// The right answer, the bytes of its body one by one with this pause before each.
    Trickle(Duration),
    /// A signature of the right length that does not verify. Waits for a request that signs.
    WrongSignature,
    /// A signature of this length in bytes, cut off or filled up with zeros. Waits for a request that signs.
    SignatureLength(usize),
    /// An ECDSA signature as a DER sequence where r and s side by side were asked for, and the other way round. Waits for a request that signs.
    OtherEncoding,
    /// The connection is closed without an answer, and the request is not processed.
    Close,
    /// The request is processed, then the connection is closed without an answer.
    ProcessAndClose,
    /// The request is processed, but there is no answer until the service stops.
    Hang,
}

impl Effect {
    /// An answer without headers and body.
    pub fn status(status: u16) -> Self {
        Self::answer(status, &[], "")
    }

    /// An answer.
    pub fn answer(status: u16, headers: &[(&str, &str)], body: impl Into<Vec<u8>>) -> Self {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Self::Answer {
            status,
            headers: headers.iter().map(owned).collect(),
            body: body.into(),
        }
    }

    /// Problem details (RFC 9457) with these messages, one field each.
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
        Self::answer(
            status,
            &[(CONTENT_TYPE.as_str(), content_type)],
            body.to_string(),
        )
    }

    /// The web page that a proxy or a load balancer answers with.
    pub fn web_page(status: u16) -> Self {
        let body = format!(
            "<html>\r\n<head><title>{status}</title></head>\r\n<body><h1>{status}</h1></body>\r\n</html>\r\n"
        );
        Self::answer(status, &[(CONTENT_TYPE.as_str(), "text/html")], body)
    }

    /// An answer that says when to come again, in seconds.
    pub fn retry_after(status: u16, seconds: u64) -> Self {
        Self::answer(status, &[(RETRY_AFTER.as_str(), &seconds.to_string())], "")
    }

    /// An answer that says when to come again, as an HTTP date (RFC 9110, section 5.6.7).
    pub fn retry_at(status: u16, time: SystemTime) -> Self {
        let date = httpdate::fmt_http_date(time);
        Self::answer(status, &[(RETRY_AFTER.as_str(), &date)], "")
    }

    /// A redirect to another URL.
    pub fn redirect(status: u16, location: &str) -> Self {
        Self::answer(status, &[(LOCATION.as_str(), location)], "")
    }

    /// What ASP.NET answers where it has no route: no body, unlike the 404 of a route that exists, which is problem details. A 405
    /// names the methods that there are.
    pub fn no_such_route(status: u16) -> Self {
        match status {
            405 => Self::answer(status, &[(ALLOW.as_str(), "GET")], ""),
            _ => Self::status(status),
        }
    }

    /// An answer that ends before the `length` bytes that it promises.
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
            | Self::Trickle(_)
            | Self::WrongSignature
            | Self::SignatureLength(_)
            | Self::OtherEncoding
            | Self::ProcessAndClose
            | Self::Hang => true,
        }
    }

    /// What the fault does to a signature.
    pub(crate) fn spoil(&self, signature: &mut Vec<u8>) {
        match self {
            // The last byte only: whatever the encoding is, it stays well-formed.
            Self::WrongSignature => signature
                .last_mut()
                .into_iter()
                .for_each(|byte| *byte ^= 0xff),
            Self::SignatureLength(length) => signature.resize(*length, 0),
            _ => {}
        }
    }

    fn waits_for_signature(&self) -> bool {
        matches!(
            self,
            Self::WrongSignature | Self::SignatureLength(_) | Self::OtherEncoding
        )
    }

    /// The answer that the fault gives itself. `Ok(None)`: none, or one made of the right answer.
    pub(crate) fn own_answer(&self) -> Result<Option<Response>, Error> {
        let (status, headers, body) = match self {
            Self::Answer {
                status,
                headers,
                body,
            } => (*status, headers.as_slice(), body.clone().into()),
            Self::Long { status, length } => (*status, [].as_slice(), bodies::filler(*length)),
            _ => return Ok(None),
        };
        let status = StatusCode::from_u16(status)
            .ok()
            .filter(|status| !status.is_informational());
        let status = status.ok_or_else(|| Error::new("a fault's status has to be 200 to 599"))?;
        let mut response = Response::builder().status(status);
        for (name, value) in headers {
            response = response.header(name, value);
        }
        response
            .body(body)
            .map(Some)
            .context("a fault's headers cannot be sent")
    }
}

/// Faults that wait for their requests.
#[derive(Default)]
pub(crate) struct FaultQueue(Mutex<Vec<Fault>>);

impl FaultQueue {
    pub fn push(&self, fault: Fault) -> Result<(), Error> {
        fault.effect.own_answer()?;
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(fault);
        Ok(())
    }

    /// The oldest fault that a request to this route meets.
    pub fn take(&self, route: &str, signs: bool) -> Option<Fault> {
        let mut faults = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let meets = |fault: &Fault| {
            fault
                .route
                .as_deref()
                .is_none_or(|wanted| wanted.eq_ignore_ascii_case(route))
                && (signs || !fault.effect.waits_for_signature())
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

    pub fn clear(&self) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }
}
