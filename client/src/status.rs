//! The meaning of HTTP statuses: whether to retry, and what a user can do.

use hyper::StatusCode;

use crate::error::ErrorKind;

/// The meaning of a status.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Verdict {
    pub(crate) kind: ErrorKind,
    /// What the service did, as the rest of a sentence that starts with it. `{}` stands for the
    /// request.
    pub(crate) outcome: &'static str,
    /// Whether another attempt may succeed.
    pub(crate) is_transient: bool,
    /// Whether the service may have carried out the request.
    pub(crate) may_be_done: bool,
    pub(crate) remedy: &'static str,
}

/// The first row that contains the status applies.
const VERDICTS: &[(std::ops::RangeInclusive<u16>, Verdict)] = &[
    (
        201..=202,
        refused(
            ErrorKind::InvalidResponse,
            "queued {} instead of signing at once",
            "check that the signing policy and the service support fast signing requests",
        ),
    ),
    (
        401..=401,
        refused(
            ErrorKind::Unauthorized,
            "refused the API token",
            "check that the API token is complete, has not expired, and belongs to this organization",
        ),
    ),
    (
        403..=403,
        refused(
            ErrorKind::Unauthorized,
            "denied {}",
            "check that the user of the API token is a Submitter of the signing policy",
        ),
    ),
    (404..=404, refused(ErrorKind::Refused, REFUSES, "check OrganizationId and ApiUrl")),
    (407..=407, refused(ErrorKind::InvalidResponse, REFUSES, PROXY_CREDENTIALS)),
    (408..=408, refused(ErrorKind::Unavailable, FAILS, BUSY)),
    (429..=429, transient(ErrorKind::Unavailable, false, BUSY)),
    (400..=499, refused(ErrorKind::Refused, REFUSES, REFUSED)),
    (503..=503, transient(ErrorKind::Unavailable, false, BUSY)),
    (502..=504, transient(ErrorKind::Unavailable, true, BUSY)),
    (500..=599, transient(ErrorKind::Failed, true, SUPPORT)),
    (300..=399, refused(ErrorKind::InvalidResponse, "redirected {}", NOT_SIGNPATH)),
    (
        0..=u16::MAX,
        refused(ErrorKind::InvalidResponse, "sent an unexpected response to {}", NOT_SIGNPATH),
    ),
];

/// The advice if a proxy requires authentication.
pub(crate) const PROXY_CREDENTIALS: &str = "check the user and password in HttpProxy, \
    http_proxy or https_proxy (percent-encoded)";

/// The advice if a response is probably not SignPath's.
pub(crate) const NOT_SIGNPATH: &str =
    "check ApiUrl, and whether a proxy responds instead of SignPath";

/// The advice if the service has understood and refused a request.
pub(crate) const REFUSED: &str = "correct the request or the signing policy before you try again";

/// The advice if the service is busy.
const BUSY: &str = "try again later";

/// The advice if the service fails.
const SUPPORT: &str = "if this persists, tell SignPath's support the time and the trace id";

/// Advice that a line about a retry does not give.
pub(crate) const AFTER_RETRIES: [&str; 2] = [BUSY, SUPPORT];

const REFUSES: &str = "refused {}";
const FAILS: &str = "could not process {}";

const fn refused(kind: ErrorKind, outcome: &'static str, remedy: &'static str) -> Verdict {
    Verdict { kind, outcome, is_transient: false, may_be_done: false, remedy }
}

const fn transient(kind: ErrorKind, may_be_done: bool, remedy: &'static str) -> Verdict {
    Verdict { kind, outcome: FAILS, is_transient: true, may_be_done, remedy }
}

impl Verdict {
    /// The meaning of a status other than 200.
    pub(crate) fn of(status: StatusCode) -> Self {
        VERDICTS
            .iter()
            .find(|(statuses, _)| statuses.contains(&status.as_u16()))
            .map_or_else(|| refused(ErrorKind::Internal, FAILS, ""), |(_, verdict)| *verdict)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_429_and_5xx_are_transient() {
        use ErrorKind::{Failed, InvalidResponse, Refused, Unauthorized, Unavailable};
        for (status, kind, is_transient) in [
            (302, InvalidResponse, false),
            (400, Refused, false),
            (401, Unauthorized, false),
            (404, Refused, false),
            (429, Unavailable, true),
            (500, Failed, true),
            (503, Unavailable, true),
            (599, Failed, true),
        ] {
            let verdict = Verdict::of(StatusCode::from_u16(status).unwrap());
            assert_eq!(verdict.kind, kind, "{status}");
            assert_eq!(verdict.is_transient, is_transient, "{status}");
        }
    }
}
