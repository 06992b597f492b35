//! Answers that are not what was asked for, in words.

use std::time::SystemTime;

use hyper::StatusCode;
use hyper::header::{CONTENT_ENCODING, LOCATION, RETRY_AFTER};

use crate::client::Client;
use crate::encoding::other_encoding;
use crate::error::{Error, ErrorKind};
use crate::exchange::Call;
use crate::failed_attempt::FailedAttempt;
use crate::problem;
use crate::retry::retry_after;
use crate::status::{REFUSED, Verdict};
use crate::transport::Answer;

/// The longest excerpt, in characters, of an error body that is not problem details.
const EXCERPT: usize = 200;

/// The longest excerpt, in characters, of the messages in problem details.
const MESSAGES: usize = 2000;

/// What to do where a web page refuses a request, which SignPath itself would not send.
const NOT_SIGNPATH: &str = "check ApiUrl, TlsClientCertificate, and whether a proxy answers in \
    SignPath's place";
/// The same where it could be a matter of the API token after all.
const NOT_SIGNPATH_OR_TOKEN: &str = "check whether a proxy or a firewall answers in SignPath's \
    place, and the API token";

impl Client {
    /// The failure that an answer other than 200 is.
    pub(crate) fn refusal(&self, call: &Call<'_>, answer: &Answer) -> FailedAttempt {
        let verdict = Verdict::of(answer.status);
        let problem = problem::problem(&answer.body, answer.status);
        let is_in_its_own_words = problem.as_ref().is_some_and(|problem| problem.is_specific);
        // Where the route exists, the service says what it misses in the request, or does not like.
        let is_route_gone =
            matches!(answer.status.as_u16(), 404 | 405 | 410) && !is_in_its_own_words;
        let page = web_page(&answer.body)
            .or_else(|| Some(format!("an answer that is {}", encoding(answer)?)));
        let remedy = match call.policy {
            _ if page.is_some() && verdict.kind == ErrorKind::Refused => NOT_SIGNPATH,
            _ if page.is_some() && verdict.kind == ErrorKind::Unauthorized => NOT_SIGNPATH_OR_TOKEN,
            // What there is to do depends on the other route.
            Some(_) if is_route_gone => "",
            Some(_) if verdict.kind == ErrorKind::Refused => REFUSED,
            _ => verdict.remedy,
        };
        let trace_id = problem
            .as_ref()
            .and_then(|problem| problem.trace_id.as_deref())
            .map(|id| self.masked(id));
        let said = match problem {
            _ if answer.status.is_redirection() => location(answer).unwrap_or_default(),
            Some(problem) => excerpt(&problem.text, MESSAGES),
            None => {
                page.unwrap_or_else(|| excerpt(&String::from_utf8_lossy(&answer.body), EXCERPT))
            }
        };
        let said = self.masked(&said);
        // More follows. What is cut off ends with dots of its own.
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
        let who = if answer.status == StatusCode::PROXY_AUTHENTICATION_REQUIRED {
            "the proxy"
        } else {
            "SignPath"
        };
        let reason = format!(
            "{who} answered {} to {}{colon}{said}{semicolon}{remedy}",
            answer.status,
            self.masked(&call.subject)
        );
        FailedAttempt {
            error: Error {
                status: Some(answer.status.as_u16()),
                said: Some(said.to_owned()).filter(|said| !said.is_empty()),
                trace_id,
                ..Error::new(verdict.kind, reason)
            },
            is_transient: verdict.is_transient,
            may_be_done: verdict.may_be_done,
            retry_after: answer
                .headers
                .get(RETRY_AFTER)
                .and_then(|value| value.to_str().ok())
                .and_then(|value| retry_after(value, SystemTime::now())),
            is_route_gone,
        }
    }

    /// The error for an answer that is not what it should be. `reason` is what is wrong with a body
    /// that is JSON.
    pub(crate) fn unintelligible(&self, expected: &str, body: &[u8], reason: &str) -> Error {
        let reason = match web_page(body) {
            Some(page) => page,
            None if body.is_empty() => "it is empty".to_owned(),
            None => reason.to_owned(),
        };
        let reason = self.masked(&reason);
        Error::new(
            ErrorKind::Unintelligible,
            format!(
                "the answer is not SignPath's {expected} ({reason}); check ApiUrl, and whether a \
                 proxy answers in its place"
            ),
        )
    }

    /// The error for an answer whose body is not JSON in UTF-8 but `what`.
    pub(crate) fn undecodable(&self, call: &Call<'_>, what: &str) -> Error {
        Error::new(
            ErrorKind::Unintelligible,
            format!(
                "the answer to {} is {what}, which was not asked for; check ApiUrl, and have the \
                 proxy or the server there send answers as they are",
                self.masked(&call.subject)
            ),
        )
    }
}

/// What a body is that is not JSON in UTF-8.
pub(crate) fn encoding(answer: &Answer) -> Option<String> {
    let coding = answer.headers.get(CONTENT_ENCODING);
    other_encoding(coding.and_then(|coding| coding.to_str().ok()), &answer.body)
}

/// Where a redirect leads.
fn location(answer: &Answer) -> Option<String> {
    let location = String::from_utf8_lossy(answer.headers.get(LOCATION)?.as_bytes());
    Some(format!(
        "it leads to {}, where the API token is not sent",
        excerpt(&location, EXCERPT)
    ))
}

/// The beginning of a text, up to `length` characters.
fn excerpt(text: &str, length: usize) -> String {
    let text = text.trim();
    match text.char_indices().nth(length) {
        Some((end, _)) => format!("{}...", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// What there is to say of a body that is HTML: its title, in which a proxy tells what it wants.
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
    Some(format!("a web page{title} instead of an API answer"))
}
