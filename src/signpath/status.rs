//! What the statuses of HTTP mean: the return values of the official library, whether another
//! attempt may help, and what a user can do.

use hyper::StatusCode;

use crate::error::Kind;

/// What follows from a status.
#[derive(Debug, Clone, Copy)]
pub(super) struct Verdict {
    pub(super) kind: Kind,
    /// Whether another attempt may succeed.
    pub(super) is_transient: bool,
    /// Whether the request may have been carried out all the same.
    pub(super) may_be_done: bool,
    pub(super) remedy: &'static str,
}

/// The first row that holds the status counts.
const VERDICTS: &[(std::ops::RangeInclusive<u16>, Verdict)] = &[
    (
        201..=202,
        refused(
            Kind::ServiceUnintelligible,
            "it made an ordinary signing request instead of signing at once; check that the \
             signing policy and the service support fast signing requests",
        ),
    ),
    (
        401..=401,
        refused(
            Kind::ServiceUnauthorized,
            "check that the API token is complete, not expired, and of this organization",
        ),
    ),
    (
        403..=403,
        refused(
            Kind::ServiceUnauthorized,
            "check that the user of the API token is a Submitter of the signing policy",
        ),
    ),
    (
        404..=404,
        refused(Kind::ServiceRefused, "check OrganizationId and ApiUrl"),
    ),
    (
        407..=407,
        refused(Kind::ServiceUnintelligible, PROXY_CREDENTIALS),
    ),
    (
        408..=408,
        refused(Kind::ServiceUnavailable, "try again later"),
    ),
    (429..=429, transient(Kind::ServiceUnavailable, false, BUSY)),
    (400..=499, refused(Kind::ServiceRefused, REFUSED)),
    (503..=503, transient(Kind::ServiceUnavailable, false, BUSY)),
    (502..=504, transient(Kind::ServiceUnavailable, true, BUSY)),
    (
        500..=599,
        transient(
            Kind::ServiceFailed,
            true,
            "if it stays, tell SignPath's support the time and the trace id",
        ),
    ),
    (
        0..=u16::MAX,
        refused(
            Kind::ServiceUnintelligible,
            "check ApiUrl, and whether a proxy answers in its place",
        ),
    ),
];

/// What to do about a proxy that wants to know who comes.
pub(super) const PROXY_CREDENTIALS: &str = "check user and password in HttpProxy or http_proxy: \
    http://user:password@host:port, with %3A, %2F and %40 for : / and @ in them";

/// What to do about a request that the service has understood.
pub(super) const REFUSED: &str =
    "correct the request or the signing policy; trying again will not help";

const BUSY: &str = "try again later";

const fn refused(kind: Kind, remedy: &'static str) -> Verdict {
    Verdict {
        kind,
        is_transient: false,
        may_be_done: false,
        remedy,
    }
}

const fn transient(kind: Kind, may_be_done: bool, remedy: &'static str) -> Verdict {
    Verdict {
        kind,
        is_transient: true,
        may_be_done,
        remedy,
    }
}

impl Verdict {
    /// What follows from a status other than 200.
    pub(super) fn of(status: StatusCode) -> Self {
        VERDICTS
            .iter()
            .find(|(statuses, _)| statuses.contains(&status.as_u16()))
            .map_or_else(|| refused(Kind::Internal, ""), |(_, verdict)| *verdict)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_have_the_return_values_of_the_official_library() {
        for (status, name, is_transient) in [
            (302, "CKR_GENERAL_ERROR", false),
            (400, "CKR_ARGUMENTS_BAD", false),
            (401, "CKR_ARGUMENTS_BAD", false),
            (404, "CKR_ARGUMENTS_BAD", false),
            (429, "CKR_FUNCTION_FAILED", true),
            (500, "CKR_DEVICE_ERROR", true),
            (503, "CKR_FUNCTION_FAILED", true),
            (599, "CKR_DEVICE_ERROR", true),
        ] {
            let verdict = Verdict::of(StatusCode::from_u16(status).unwrap());
            assert_eq!(verdict.kind.name(), name, "{status}");
            assert_eq!(verdict.is_transient, is_transient, "{status}");
        }
    }
}
