//! Faults by name, as forms and scripts ask for them, and in words.

use std::time::Duration;

use axum::http::header::RETRY_AFTER;
use serde_json::{Value, json};

use super::Fields;
use super::history::status_text;
use crate::fault::{Effect, Fault};

/// A fault that can be switched on.
pub(crate) struct Kind {
    pub name: &'static str,
    pub words: &'static str,
    /// What the number of seconds is for, if it needs one.
    pub seconds: Option<&'static str>,
    /// Whether it affects requests for a signature only, unless told otherwise.
    signing_only: bool,
    effect: fn(u64) -> Effect,
}

/// The waiting time of faults that have one, in seconds.
pub(crate) const DEFAULT_SECONDS: u64 = 5;
const MAX_SECONDS: u64 = 24 * 60 * 60;
const MAX_TIMES: u64 = 1_000_000;

pub(crate) static KINDS: [Kind; 9] = [
    Kind {
        name: "refuse-token",
        words: "Refuse the API token (401)",
        seconds: None,
        signing_only: false,
        effect: |_| Effect::problem(401, &[]),
    },
    Kind {
        name: "unavailable",
        words: "Answer 503 Service Unavailable",
        seconds: None,
        signing_only: true,
        effect: |_| Effect::web_page(503),
    },
    Kind {
        name: "too-many-requests",
        words: "Answer 429 Too Many Requests, with Retry-After",
        seconds: Some("Retry-After"),
        signing_only: true,
        effect: |seconds| Effect::retry_after(429, seconds),
    },
    Kind {
        name: "late",
        words: "Answer late",
        seconds: Some("delay"),
        signing_only: true,
        effect: |seconds| Effect::Late(Duration::from_secs(seconds)),
    },
    Kind {
        name: "drop-before-signing",
        words: "Drop the connection before signing",
        seconds: None,
        signing_only: true,
        effect: |_| Effect::Close,
    },
    Kind {
        name: "drop-after-signing",
        words: "Sign, then drop the connection",
        seconds: None,
        signing_only: true,
        effect: |_| Effect::ProcessAndClose,
    },
    Kind {
        name: "wrong-signature",
        words: "Answer with a wrong signature",
        seconds: None,
        signing_only: true,
        effect: |_| Effect::WrongSignature,
    },
    Kind {
        name: "truncated-answer",
        words: "Cut the answer in half",
        seconds: None,
        signing_only: true,
        effect: |_| Effect::Truncate,
    },
    Kind {
        name: "no-answer",
        words: "Never answer",
        seconds: None,
        signing_only: true,
        effect: |_| Effect::Hang,
    },
];

/// What `POST /faults` asks for.
pub(crate) enum Wish {
    Heal,
    Inject(Fault),
}

impl Wish {
    pub fn of(fields: &Fields) -> Result<Self, String> {
        let names = || {
            let names: Vec<_> = KINDS.iter().map(|kind| kind.name).collect();
            format!("expected {} or heal", names.join(", "))
        };
        let name = fields.get("fault").ok_or_else(|| format!("`fault` is missing: {}", names()))?;
        if name == "heal" {
            return Ok(Self::Heal);
        }
        let kind = KINDS
            .iter()
            .find(|kind| kind.name == name)
            .ok_or_else(|| format!("there is no fault `{name}`: {}", names()))?;
        let seconds = fields.number("seconds", 0..=MAX_SECONDS)?.unwrap_or(DEFAULT_SECONDS);
        let times = fields.number("times", 1..=MAX_TIMES)?;
        let signing_only = match fields.get("requests") {
            None => kind.signing_only,
            Some("signing") => true,
            Some("all") => false,
            Some(other) => {
                return Err(format!("there are no requests `{other}`: expected signing or all"));
            }
        };
        Ok(Self::Inject(Fault {
            route: None,
            effect: (kind.effect)(seconds),
            signing_only,
            times: times.and_then(|times| usize::try_from(times).ok()),
            gate: None,
        }))
    }
}

/// What happens, in words.
fn effect_words(effect: &Effect) -> String {
    match effect {
        Effect::Usual => "Answer as usual".to_owned(),
        Effect::Last => "Answer, then close the connection".to_owned(),
        Effect::Answer { status, headers, .. } => {
            let retry_after =
                headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(RETRY_AFTER.as_str()));
            match (status, retry_after) {
                (401, _) => "Refuse the API token (401)".to_owned(),
                (_, Some((_, value))) => {
                    format!("Answer {}, Retry-After: {value}", status_text(*status))
                }
                (_, None) => format!("Answer {}", status_text(*status)),
            }
        }
        Effect::Long { status, length } => {
            format!("Answer {} with {length} bytes", status_text(*status))
        }
        Effect::Raw(_) => "Answer with something other than HTTP".to_owned(),
        Effect::Truncate => "Cut the answer in half".to_owned(),
        Effect::Late(delay) => format!("Answer {} s late", delay.as_secs_f64()),
        Effect::Trickle(_) => "Answer byte by byte".to_owned(),
        Effect::WrongSignature => "Answer with a wrong signature".to_owned(),
        Effect::SignatureLength(length) => {
            format!("Answer with a signature of {length} bytes")
        }
        Effect::OtherEncoding => "Answer with the other encoding of the signature".to_owned(),
        Effect::Close => "Drop the connection before signing".to_owned(),
        Effect::ProcessAndClose => "Sign, then drop the connection".to_owned(),
        Effect::Hang => "Never answer".to_owned(),
    }
}

/// Which requests a fault affects, in words.
fn reach_words(fault: &Fault) -> String {
    let kind = match (&fault.route, fault.signing_only) {
        (Some(route), _) => format!(" to {route}"),
        (None, true) => String::new(),
        (None, false) => " of any kind".to_owned(),
    };
    let signing = if fault.signing_only { "signing " } else { "" };
    match fault.times {
        None => format!("all {signing}requests{kind}"),
        Some(1) => format!("the next {signing}request{kind}"),
        Some(times) => format!("the next {times} {signing}requests{kind}"),
    }
}

/// A fault in words: what happens, and to which requests.
pub(crate) fn words(fault: &Fault) -> (String, String) {
    (effect_words(&fault.effect), reach_words(fault))
}

/// The active faults, as scripts read them.
pub(crate) fn json(active: &[Fault]) -> Value {
    let active: Vec<_> = active
        .iter()
        .map(|fault| {
            let (effect, requests) = words(fault);
            json!({ "effect": effect, "requests": requests, "times": fault.times })
        })
        .collect();
    json!({ "active": active })
}
