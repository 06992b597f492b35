//! Explains unexpected responses.

use std::time::SystemTime;

use hyper::StatusCode;
use hyper::header::{CONTENT_ENCODING, LOCATION, RETRY_AFTER};

use crate::call::Call;
use crate::encoding::other_encoding;
use crate::error::{Error, ErrorKind};
use crate::failed_attempt::FailedAttempt;
use crate::masker::Masker;
use crate::problem;
use crate::retry::retry_after;
use crate::status::{NOT_SIGNPATH, REFUSED, Verdict};
use crate::transport::Response;

/// The longest excerpt, in characters, of an error body that is not problem details.
const EXCERPT: usize = 200;

/// The longest excerpt, in characters, of the messages in problem details.
const MESSAGES: usize = 2000;

/// The advice if a web page refuses a request. SignPath itself would not send one.
const REFUSED_BY_OTHER: &str = "check ApiUrl, TlsClientCertificate, and whether a proxy responds \
    instead of SignPath";
/// The advice if the API token might be the problem after all.
const DENIED_BY_OTHER: &str = "check whether a proxy or a firewall responds instead of SignPath, \
    and the API token";

/// The failure for a response other than 200.
pub(crate) fn refusal(masker: &Masker, call: &Call<'_>, response: &Response) -> FailedAttempt {
    let verdict = Verdict::of(response.status);
    let problem = problem::problem(&response.body, response.status);
    let is_specific = problem.as_ref().is_some_and(|problem| problem.is_specific);
    let is_route_gone = match response.status {
        // If the route exists, the service describes what is wrong with the request.
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => !is_specific,
        // The service may describe that the route is retired.
        status => status == StatusCode::GONE,
    };
    let page = web_page(&response.body)
        .or_else(|| Some(format!("a response that is {}", encoding(response)?)));
    let remedy = match call.policy {
        _ if page.is_some() && verdict.kind == ErrorKind::Refused => REFUSED_BY_OTHER,
        _ if page.is_some() && verdict.kind == ErrorKind::Unauthorized => DENIED_BY_OTHER,
        // The advice depends on the other route, so the caller adds it.
        Some(_) if is_route_gone => "",
        Some(_) if verdict.kind == ErrorKind::Refused => REFUSED,
        _ => verdict.remedy,
    };
    let trace_id =
        problem.as_ref().and_then(|problem| problem.trace_id.as_deref()).map(|id| masker.mask(id));
    let subject = masker.mask(&call.subject);
    let outcome = match &page {
        Some(_) if matches!(verdict.kind, ErrorKind::Refused | ErrorKind::Unauthorized) => {
            format!("{subject} was refused")
        }
        _ if response.status == StatusCode::PROXY_AUTHENTICATION_REQUIRED => {
            format!("the proxy {}", verdict.outcome.replace("{}", &subject))
        }
        _ => format!("SignPath {}", verdict.outcome.replace("{}", &subject)),
    };
    let said = match problem {
        _ if response.status.is_redirection() => location(response).unwrap_or_default(),
        Some(problem) => excerpt(&problem.text, MESSAGES),
        None => page.unwrap_or_else(|| excerpt(&String::from_utf8_lossy(&response.body), EXCERPT)),
    };
    let said = masker.mask(&said);
    // More text follows, so a final full stop is removed, but not the dots of an excerpt.
    let said = match said.strip_suffix('.') {
        Some(sentence) if !sentence.ends_with('.') => sentence,
        _ => said.as_str(),
    };
    let colon = match said.chars().next() {
        None => "",
        Some('(') => " ",
        Some(_) => ": ",
    };
    let semicolon = if remedy.is_empty() { "" } else { "; " };
    let reason = format!("{outcome} ({}){colon}{said}{semicolon}{remedy}", response.status);
    FailedAttempt {
        error: Error {
            status: Some(response.status.as_u16()),
            said: Some(said.to_owned()).filter(|said| !said.is_empty()),
            trace_id,
            ..Error::new(verdict.kind, reason)
        },
        is_transient: verdict.is_transient,
        may_be_done: verdict.may_be_done,
        retry_after: response
            .headers
            .get(RETRY_AFTER)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| retry_after(value, SystemTime::now())),
        is_route_gone,
    }
}

/// The error for a malformed response. `reason` is what is wrong with a JSON body.
pub(crate) fn unintelligible(masker: &Masker, expected: &str, body: &[u8], reason: &str) -> Error {
    let reason = match web_page(body) {
        Some(page) => page,
        None if body.is_empty() => "empty".to_owned(),
        None => reason.to_owned(),
    };
    let reason = masker.mask(&reason);
    Error::new(
        ErrorKind::InvalidResponse,
        format!("the response is not a valid {expected} ({reason}); {NOT_SIGNPATH}"),
    )
}

/// The error for a response whose body is `what` instead of UTF-8 JSON.
pub(crate) fn undecodable(masker: &Masker, call: &Call<'_>, what: &str) -> Error {
    Error::new(
        ErrorKind::InvalidResponse,
        format!(
            "the response to {} is {what}, which is not supported; check ApiUrl, and whether a \
             proxy or server re-encodes responses",
            masker.mask(&call.subject)
        ),
    )
}

/// Describes a body that is not UTF-8 JSON.
pub(crate) fn encoding(response: &Response) -> Option<String> {
    let coding = response.headers.get(CONTENT_ENCODING);
    other_encoding(coding.and_then(|coding| coding.to_str().ok()), &response.body)
}

/// What is said about the target of a redirect.
fn location(response: &Response) -> Option<String> {
    let location = String::from_utf8_lossy(response.headers.get(LOCATION)?.as_bytes());
    Some(format!(
        "not followed, since the API token must not be sent to {}",
        excerpt(&location, EXCERPT)
    ))
}

/// The start of a text, up to `length` characters.
fn excerpt(text: &str, length: usize) -> String {
    let text = text.trim();
    match text.char_indices().nth(length) {
        Some((end, _)) => format!("{}...", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// Describes an HTML body by its title, in which proxies often state their reason.
fn web_page(body: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(body);
    let text = text.trim_start();
    if !text.starts_with('<') {
        return None;
    }
    let title = text
        .split_once("<title>")
        .or_else(|| text.split_once("<TITLE>"))
        .and_then(|(_, rest)| rest.split('<').next())
        .map(str::trim)
        .filter(|title| !title.is_empty())
        .map(|title| format!(" with the title \"{}\"", excerpt(title, EXCERPT)))
        .unwrap_or_default();
    Some(format!("a web page{title} instead of an API response"))
}
