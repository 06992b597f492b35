//! Error responses of the service: problem details (RFC 9457).

use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, WWW_AUTHENTICATE};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use uuid::Uuid;

/// A response with problem details.
#[derive(Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    /// The name of the invalid field (empty for the request as a whole) and what is wrong with it.
    error: Option<(&'static str, String)>,
}

impl Problem {
    pub const UNAUTHORIZED: Self = Self { status: StatusCode::UNAUTHORIZED, error: None };
    pub const FORBIDDEN: Self = Self { status: StatusCode::FORBIDDEN, error: None };
    pub const NOT_FOUND: Self = Self { status: StatusCode::NOT_FOUND, error: None };
    pub const METHOD_NOT_ALLOWED: Self =
        Self { status: StatusCode::METHOD_NOT_ALLOWED, error: None };
    pub const UNSUPPORTED_MEDIA_TYPE: Self =
        Self { status: StatusCode::UNSUPPORTED_MEDIA_TYPE, error: None };
    pub const INTERNAL: Self = Self { status: StatusCode::INTERNAL_SERVER_ERROR, error: None };

    /// A request that fails validation.
    pub fn validation(field: &'static str, message: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, error: Some((field, message.into())) }
    }

    pub fn required(field: &'static str) -> Self {
        Self::validation(field, format!("The {field} field is required."))
    }

    pub fn unknown_policy(project: &str, policy: &str) -> Self {
        Self::validation(
            "SigningPolicySlug",
            format!(
                "There is no signing policy with slug '{policy}' in the project with slug '{project}'."
            ),
        )
    }

    pub fn approval_process() -> Self {
        Self::validation(
            "SigningPolicyId",
            "The selected signing policy has an approval process. Hash signing does not support approvals.",
        )
    }

    /// The payload is malformed or does not match the type of the policy's key.
    pub fn invalid_format() -> Self {
        Self::validation("", "The file has an invalid format.")
    }

    pub fn hash_mismatch() -> Self {
        Self::validation("", "The hash algorithm does not match the given hash.")
    }

    fn body(&self) -> Value {
        let (section, title) = match self.status {
            StatusCode::BAD_REQUEST => ("15.5.1", "One or more validation errors occurred."),
            StatusCode::UNAUTHORIZED => ("15.5.2", "Unauthorized"),
            StatusCode::FORBIDDEN => ("15.5.4", "Forbidden"),
            StatusCode::NOT_FOUND => ("15.5.5", "Not Found"),
            StatusCode::METHOD_NOT_ALLOWED => ("15.5.6", "Method Not Allowed"),
            StatusCode::UNSUPPORTED_MEDIA_TYPE => ("15.5.16", "Unsupported Media Type"),
            _ => ("15.6.1", "An error occurred while processing your request."),
        };
        let span = Uuid::new_v4().simple().to_string();
        let mut body = json!({
            "type": format!("https://tools.ietf.org/html/rfc9110#section-{section}"),
            "title": title,
            "status": self.status.as_u16(),
            // traceparent (W3C Trace Context, section 3.2).
            "traceId": format!("00-{}-{}-00", Uuid::new_v4().simple(), &span[..16]),
        });
        if let Some((field, message)) = &self.error {
            body["errors"] = json!({ *field: [message] });
        }
        body
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (
            self.status,
            [(CONTENT_TYPE, "application/problem+json; charset=utf-8")],
            self.body().to_string(),
        )
            .into_response();
        if self.status == StatusCode::UNAUTHORIZED {
            response
                .headers_mut()
                .insert(WWW_AUTHENTICATE, axum::http::HeaderValue::from_static("Bearer"));
        }
        response
    }
}
