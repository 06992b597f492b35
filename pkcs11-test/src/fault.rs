//! Faults for tests of clients: the next matching request is answered wrongly, or not at all.

use std::sync::{Mutex, PoisonError};

use axum::body::Body;
use axum::http::StatusCode;
use axum::response::Response;

use crate::error::{Context, Error};

/// What goes wrong with one request. The request is otherwise handled and recorded as usual.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The route that the fault waits for, e.g. `POST /SigningRequests`. `None`: any.
    pub route: Option<String>,
    /// What happens.
    pub effect: Effect,
}

impl Fault {
    /// A fault for the next request to a route, e.g. `POST /SigningRequests`.
    pub fn on(route: &str, effect: Effect) -> Self {
        Self {
            route: Some(route.to_owned()),
            effect,
        }
    }
}

/// A fault for the next request, whichever it is.
impl From<Effect> for Fault {
    fn from(effect: Effect) -> Self {
        Self {
            route: None,
            effect,
        }
    }
}

/// What happens instead of the right answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// This answer.
    Answer {
        /// The status, 200 to 599.
        status: u16,
        /// Header names and values, Content-Type and Retry-After for instance.
        headers: Vec<(String, String)>,
        /// The body.
        body: Vec<u8>,
    },
    /// A signature of the right length that does not verify. Waits for a request that signs.
    WrongSignature,
    /// A signature of this length in bytes, cut off or filled up with zeros. Waits for a request that signs.
    SignatureLength(usize),
    /// The connection is closed without an answer.
    Close,
    /// There is no answer until the service stops.
    Hang,
}

impl Effect {
    /// An answer without headers and body.
    pub fn status(status: u16) -> Self {
        Self::Answer {
            status,
            headers: Vec::new(),
            body: Vec::new(),
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
            Self::Answer { .. } | Self::Close | Self::Hang => {}
        }
    }

    fn waits_for_signature(&self) -> bool {
        matches!(self, Self::WrongSignature | Self::SignatureLength(_))
    }

    /// Builds the answer, so that a fault that cannot be is refused when it is injected.
    pub(crate) fn answer(
        status: u16,
        headers: &[(String, String)],
        body: &[u8],
    ) -> Result<Response, Error> {
        let status = StatusCode::from_u16(status)
            .ok()
            .filter(|status| !status.is_informational());
        let status = status.ok_or_else(|| Error::new("a fault's status has to be 200 to 599"))?;
        let mut response = Response::builder().status(status);
        for (name, value) in headers {
            response = response.header(name, value);
        }
        response
            .body(Body::from(body.to_vec()))
            .context("a fault's headers cannot be sent")
    }
}

/// Faults that wait for their request.
#[derive(Default)]
pub(crate) struct FaultQueue(Mutex<Vec<Fault>>);

impl FaultQueue {
    pub fn push(&self, fault: Fault) -> Result<(), Error> {
        if let Effect::Answer {
            status,
            headers,
            body,
        } = &fault.effect
        {
            Effect::answer(*status, headers, body)?;
        }
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(fault);
        Ok(())
    }

    /// Takes the oldest fault that a request to this route meets.
    pub fn take(&self, route: &str, signs: bool) -> Option<Effect> {
        let mut faults = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let meets = |fault: &Fault| {
            fault
                .route
                .as_deref()
                .is_none_or(|wanted| wanted.eq_ignore_ascii_case(route))
                && (signs || !fault.effect.waits_for_signature())
        };
        let position = faults.iter().position(meets)?;
        Some(faults.remove(position).effect)
    }
}
