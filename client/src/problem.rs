//! Problem details and IDs in the body of a response.

use std::fmt;

use hyper::StatusCode;
use serde::Deserialize;
use serde_json::Value;

use signpath_platform::json::is_deep;

use crate::any_case;

/// The service's IDs and links for an exchange, from the body of a response, for the log.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Reference {
    #[serde(alias = "TraceId")]
    trace_id: Option<String>,
    // The table of the documentation has another spelling than its sample.
    #[serde(alias = "signingRequestid", alias = "SigningRequestId")]
    pub(crate) signing_request_id: Option<String>,
    #[serde(alias = "WebLink")]
    pub(crate) web_link: Option<String>,
}

impl Reference {
    /// Reads them from `body`. Empty if it has none.
    pub(crate) fn of(body: &[u8]) -> Self {
        serde_json::from_slice(body).unwrap_or_default()
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in [
            ("trace id", &self.trace_id),
            ("signing request", &self.signing_request_id),
            ("web link", &self.web_link),
        ] {
            if let Some(value) = value {
                write!(formatter, ", {name} {value}")?;
            }
        }
        Ok(())
    }
}

/// The parts of problem details (RFC 9457) that help a user.
#[derive(Deserialize)]
struct ProblemDetails {
    title: Option<String>,
    detail: Option<String>,
    #[serde(default)]
    errors: Value,
    #[serde(rename = "traceId")]
    trace_id: Option<String>,
}

/// The message in the body of an error response.
pub(crate) struct Problem {
    /// All messages, for a user.
    pub(crate) text: String,
    /// Whether it says more than the status.
    pub(crate) is_specific: bool,
    /// The service's ID for the exchange.
    pub(crate) trace_id: Option<String>,
}

/// The message in the body of an error response. [`None`] if it is not problem details or says
/// nothing; a title that only repeats the `status` is ignored.
pub(crate) fn problem(body: &[u8], status: StatusCode) -> Option<Problem> {
    const NAMES: [&str; 4] = ["title", "detail", "errors", "traceId"];
    if is_deep(body) {
        return None;
    }
    let problem: ProblemDetails = any_case::from_slice(body, &NAMES).ok()?;
    let mut messages = messages(problem.errors);
    if messages.is_empty() {
        let title = problem.title.filter(|title| !repeats(title, status));
        messages.extend(problem.detail.or(title));
    }
    let is_specific = !messages.is_empty();
    messages.extend(problem.trace_id.as_ref().map(|trace_id| format!("(trace id {trace_id})")));
    (!messages.is_empty()).then(|| Problem {
        text: messages.join(" "),
        is_specific,
        trace_id: problem.trace_id,
    })
}

fn repeats(title: &str, status: StatusCode) -> bool {
    let reason = status.canonical_reason().unwrap_or_default();
    title.trim().trim_end_matches('.').eq_ignore_ascii_case(reason) || title.trim().is_empty()
}

/// The texts in `errors`: lists by field, as SignPath sends them, or objects with a `detail` (RFC
/// 9457, section 3).
fn messages(errors: Value) -> Vec<String> {
    match errors {
        Value::String(message) => vec![message],
        Value::Array(errors) => errors.into_iter().flat_map(messages).collect(),
        Value::Object(mut errors) => match errors.remove("detail") {
            Some(detail) => messages(detail),
            None => errors.into_iter().flat_map(|(_, errors)| messages(errors)).collect(),
        },
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The bodies without a comment were captured from the live service.
    #[test]
    fn all_messages_of_problem_details_reach_the_user() {
        let body = json!({
            "errors": {
                "SigningPolicyId": ["The selected signing policy has an approval process."],
                "": ["The file has an invalid format."]
            },
            "type": "https://tools.ietf.org/html/rfc9110#section-15.5.1",
            "title": "One or more validation errors occurred.",
            "status": 400,
            "traceId": "00-5465-5d5a-00"
        });
        assert_eq!(
            problem(body.to_string().as_bytes(), StatusCode::BAD_REQUEST).unwrap().text,
            "The file has an invalid format. The selected signing policy has an approval process. \
             (trace id 00-5465-5d5a-00)"
        );
        // The example in RFC 9457, section 3.
        let body = json!({
            "type": "https://example.net/validation-error",
            "title": "Your request is not valid.",
            "errors": [
                {"detail": "must be a positive integer", "pointer": "#/age"},
                {"detail": "must be 'green', 'red' or 'blue'", "pointer": "#/profile/color"}
            ]
        });
        let problem_of =
            |body: Value| problem(body.to_string().as_bytes(), StatusCode::BAD_REQUEST);
        assert_eq!(
            problem_of(body).unwrap().text,
            "must be a positive integer must be 'green', 'red' or 'blue'"
        );
        assert_eq!(problem_of(json!({"errors": "No."})).unwrap().text, "No.");
        let missing = |body: &str| problem(body.as_bytes(), StatusCode::NOT_FOUND);
        let not_found = missing(r#"{"title": "Not Found", "traceId": "00-1"}"#).unwrap();
        assert_eq!(not_found.text, "(trace id 00-1)");
        assert!(!not_found.is_specific);
        let other = missing(r#"{"title": "No such route"}"#).unwrap();
        assert_eq!(other.text, "No such route");
        assert!(other.is_specific);
        for body in ["<html>Not Found</html>", "{}", r#"{"title": "Not Found"}"#] {
            assert!(missing(body).is_none(), "{body}");
        }
    }
}
