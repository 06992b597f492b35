//! What the page shows: the last requests, with what was sent and answered.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use base64::prelude::{BASE64_STANDARD, Engine};
use serde_json::Value;
use tokio::sync::watch;

use crate::digest::Digest;
use crate::fault::Effect;
use crate::keys::Scheme;
use crate::log::RequestRecord;
use crate::signing::{SigningData, property, text};

/// How many requests are kept. The request log has all of them.
const CAPACITY: usize = 10_000;
/// How much of a body is kept.
const BODY_LIMIT: usize = 16 * 1024;

/// A request and its answer.
pub(crate) struct Exchange {
    /// Counts from 1, also across [`History::clear`].
    pub number: u64,
    /// When it ended.
    pub at: SystemTime,
    pub record: RequestRecord,
    pub sent: String,
    /// What the service had to say, whether or not it reached the client.
    pub answered: String,
    pub effect: Effect,
    /// `None`: not a request for a signature, or one that cannot be read.
    pub signing: Option<Signing>,
}

/// What a request for a signature asks for.
pub(crate) struct Signing {
    pub data: SigningData,
    /// How the request spells the algorithm.
    pub spelled: String,
    pub signature: Option<Vec<u8>>,
}

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// With a signature.
    Signed,
    /// Without what was asked for, or with something that is wrong.
    Failed,
    /// With something other than a signature.
    Other,
}

impl Outcome {
    pub fn name(self) -> &'static str {
        match self {
            Self::Signed => "signed",
            Self::Failed => "failed",
            Self::Other => "other",
        }
    }
}

impl Exchange {
    fn new(
        number: u64,
        record: RequestRecord,
        sent: &str,
        answered: String,
        effect: &Effect,
    ) -> Self {
        let signing = payload(sent).and_then(|payload| Signing::of(&payload, &answered));
        Self {
            number,
            at: SystemTime::now(),
            record,
            sent: limited(sent),
            answered: limited(&answered),
            effect: effect.clone(),
            signing,
        }
    }

    pub fn outcome(&self) -> Outcome {
        let is_good = matches!(self.record.status, Some(200..=299));
        let is_wrong = matches!(
            self.effect,
            Effect::WrongSignature | Effect::SignatureLength(_) | Effect::OtherEncoding
        );
        if !is_good || is_wrong && self.record.is_signed {
            Outcome::Failed
        } else if self.record.is_signed {
            Outcome::Signed
        } else {
            Outcome::Other
        }
    }

    /// The outcome in a few words.
    pub fn outcome_text(&self) -> String {
        match (self.record.status, &self.effect) {
            (None, Effect::Truncate) => "Cut short".to_owned(),
            (None, Effect::Raw(_)) => "Not HTTP".to_owned(),
            (None, Effect::ProcessAndClose) if self.record.is_signed => {
                "Signed, then dropped".to_owned()
            }
            (None, Effect::Close | Effect::ProcessAndClose) => "Dropped".to_owned(),
            (None, _) => "No answer".to_owned(),
            (Some(_), Effect::WrongSignature) if self.record.is_signed => {
                "Wrong signature".to_owned()
            }
            (Some(_), Effect::SignatureLength(_)) if self.record.is_signed => {
                "Wrong length".to_owned()
            }
            (Some(_), Effect::OtherEncoding) if self.record.is_signed => {
                "Wrong encoding".to_owned()
            }
            (Some(200..=299), _) if self.record.is_signed => "Signed".to_owned(),
            (Some(200..=299), _) if self.record.route.ends_with("/MySigningPolicies") => {
                "Listed".to_owned()
            }
            (Some(status), _) => status_text(status),
        }
    }

    /// `project/policy`, if the request names both.
    pub fn policy(&self) -> Option<String> {
        Some(format!("{}/{}", self.record.project.as_ref()?, self.record.policy.as_ref()?))
    }

    /// Where the metadata of either generation tells about the process.
    fn process(&self) -> Option<&Value> {
        let metadata = self.record.metadata.as_ref()?;
        property(metadata, "CreatingProcess").or_else(|| property(metadata, "sourceProcess"))
    }

    pub fn command_line(&self) -> Option<&str> {
        text(self.process()?, "CommandLine")
    }

    /// The user who ran the tool.
    pub fn process_user(&self) -> Option<&str> {
        text(self.process()?, "User")
    }

    /// The name of the tool, without its folder.
    pub fn tool(&self) -> Option<&str> {
        let first = self.command_line()?.split_whitespace().next()?;
        let first = first.trim_matches(['"', '\'']);
        Some(first.rsplit(['/', '\\']).next().unwrap_or(first))
    }

    /// As a line of the export: the line of the request log and what only the page has.
    pub fn json(&self) -> Value {
        let mut line = serde_json::to_value(&self.record).unwrap_or_default();
        line["number"] = self.number.into();
        line["outcome"] = self.outcome().name().into();
        line["outcome_text"] = self.outcome_text().into();
        line["mechanism"] = self.signing.as_ref().map(Signing::mechanism).into();
        line["digest"] = self.signing.as_ref().map(|signing| hex(&signing.data.hash)).into();
        line["signature"] =
            self.signing.as_ref().and_then(|signing| signing.signature.as_deref()).map(hex).into();
        line["sent"] = self.sent.clone().into();
        line["answered"] = self.answered.clone().into();
        line
    }
}

impl Signing {
    fn of(payload: &Value, answered: &str) -> Option<Self> {
        let second = property(payload, "hashSigningData");
        let (data, spelled) = match second {
            Some(data) => {
                let padding = property(data, "rsaOptions")
                    .map(|options| text(options, "paddingMode").unwrap_or("Pkcs1"));
                let algorithm = text(data, "signatureAlgorithm")?;
                let spelled = padding.map_or_else(
                    || algorithm.to_owned(),
                    |padding| format!("{algorithm}, {padding}"),
                );
                (SigningData::from_hash_signing_data(data).ok()?, spelled)
            }
            None => (
                SigningData::from_payload(payload).ok()?,
                text(payload, "SignatureAlgorithm")?.to_owned(),
            ),
        };
        let answer: Value = serde_json::from_str(answered).unwrap_or_default();
        let signature = text(&answer, "Signature")
            .or_else(|| text(property(&answer, "hashSigningResult")?, "signature"))
            .and_then(|signature| BASE64_STANDARD.decode(signature).ok())
            .filter(|signature| !signature.is_empty());
        Some(Self { data, spelled, signature })
    }

    /// The digest's name in openssl, such as `sha256`.
    pub fn digest(&self) -> Option<String> {
        let digest = match self.data.scheme {
            Scheme::RsaPkcs1(digest) | Scheme::RsaPss(digest) => digest,
            // The request does not name it.
            Scheme::Ecdsa => {
                Digest::ALL.into_iter().find(|digest| digest.length == self.data.hash.len())?
            }
        };
        Some(digest.name.to_ascii_lowercase())
    }

    /// The mechanism with which PKCS #11 signs data with this result. A tool that hashes on its own asks for another.
    pub fn mechanism(&self) -> String {
        let digest = self.digest().unwrap_or_default().to_ascii_uppercase();
        match (self.data.scheme, digest.as_str()) {
            (Scheme::RsaPkcs1(_), _) => format!("CKM_{digest}_RSA_PKCS"),
            (Scheme::RsaPss(_), "MD5") => "CKM_RSA_PKCS_PSS".to_owned(),
            (Scheme::RsaPss(_), _) => format!("CKM_{digest}_RSA_PKCS_PSS"),
            (Scheme::Ecdsa, "MD5" | "") => "CKM_ECDSA".to_owned(),
            (Scheme::Ecdsa, _) => format!("CKM_ECDSA_{digest}"),
        }
    }

    /// The mechanism of a tool that hashes on its own.
    pub fn bare_mechanism(&self) -> &'static str {
        match self.data.scheme {
            Scheme::RsaPkcs1(_) => "CKM_RSA_PKCS",
            Scheme::RsaPss(_) => "CKM_RSA_PKCS_PSS",
            Scheme::Ecdsa => "CKM_ECDSA",
        }
    }
}

/// The JSON of a request for a signature: the body, or the part `Artifact` of a form.
fn payload(sent: &str) -> Option<Value> {
    let Some(delimiter) = sent.lines().next().filter(|line| line.starts_with("--")) else {
        return serde_json::from_str(sent).ok();
    };
    let artifact = sent.split(delimiter).find_map(|part| {
        let (head, body) = part.split_once("\r\n\r\n")?;
        head.to_ascii_lowercase().contains("name=\"artifact\"").then_some(body)
    })?;
    serde_json::from_str(artifact.trim_end()).ok()
}

fn limited(body: &str) -> String {
    if body.len() <= BODY_LIMIT {
        return body.to_owned();
    }
    let end = (0..=BODY_LIMIT).rev().find(|&end| body.is_char_boundary(end)).unwrap_or(0);
    format!("{} ... ({} more bytes)", body.get(..end).unwrap_or_default(), body.len() - end)
}

/// Such as `503 Service Unavailable`.
pub(crate) fn status_text(status: u16) -> String {
    let reason =
        axum::http::StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
    reason.map_or_else(|| status.to_string(), |reason| format!("{status} {reason}"))
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Which requests to show.
#[derive(Debug, Clone, Default)]
pub(crate) struct Filter {
    /// `project/policy`
    pub policy: Option<String>,
    pub outcome: Option<Outcome>,
}

impl Filter {
    fn admits(&self, exchange: &Exchange) -> bool {
        self.outcome.is_none_or(|outcome| outcome == exchange.outcome())
            && self.policy.as_ref().is_none_or(|policy| exchange.policy().as_ref() == Some(policy))
    }
}

/// How many requests there were, those no longer kept included.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Totals {
    pub signed: u64,
    pub failed: u64,
}

/// The last requests.
pub(crate) struct History {
    inner: Mutex<Inner>,
    changed: watch::Sender<()>,
    /// What must not be shown: the API tokens.
    secrets: Vec<String>,
}

#[derive(Default)]
struct Inner {
    exchanges: VecDeque<Arc<Exchange>>,
    newest: u64,
    totals: Totals,
    /// How often it was cleared.
    clearings: u64,
}

impl History {
    pub fn new(secrets: Vec<String>) -> Self {
        Self { inner: Mutex::default(), changed: watch::Sender::new(()), secrets }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a request that has ended.
    pub fn add(&self, record: RequestRecord, sent: &[u8], answered: &[u8], effect: &Effect) {
        let record = self.redacted(record);
        let sent = self.without_secrets(&String::from_utf8_lossy(sent));
        let answered = self.without_secrets(&String::from_utf8_lossy(answered));
        let mut exchange = Exchange::new(0, record, &sent, answered, effect);
        {
            let mut inner = self.inner();
            inner.newest += 1;
            exchange.number = inner.newest;
            match exchange.outcome() {
                Outcome::Signed => inner.totals.signed += 1,
                Outcome::Failed => inner.totals.failed += 1,
                Outcome::Other => {}
            }
            if inner.exchanges.len() == CAPACITY {
                inner.exchanges.pop_front();
            }
            inner.exchanges.push_back(Arc::new(exchange));
        }
        self.touch();
    }

    fn without_secrets(&self, text: &str) -> String {
        self.secrets
            .iter()
            .filter(|secret| !secret.is_empty())
            .fold(text.to_owned(), |text, secret| text.replace(secret.as_str(), "***"))
    }

    /// A command line may contain the token.
    fn redacted(&self, record: RequestRecord) -> RequestRecord {
        let clean = |text: Option<String>| text.map(|text| self.without_secrets(&text));
        RequestRecord {
            route: self.without_secrets(&record.route),
            project: clean(record.project),
            policy: clean(record.policy),
            algorithm: clean(record.algorithm),
            user_agent: clean(record.user_agent),
            accept: clean(record.accept),
            artifact_configuration: clean(record.artifact_configuration),
            description: clean(record.description),
            metadata: record.metadata.map(|value| self.redacted_value(value)),
            ..record
        }
    }

    fn redacted_value(&self, value: Value) -> Value {
        match value {
            Value::String(text) => self.without_secrets(&text).into(),
            Value::Array(values) => {
                values.into_iter().map(|value| self.redacted_value(value)).collect()
            }
            Value::Object(members) => members
                .into_iter()
                .map(|(name, value)| (name, self.redacted_value(value)))
                .collect(),
            other => other,
        }
    }

    /// Wakes those who wait for a change.
    pub fn touch(&self) {
        self.changed.send_replace(());
    }

    pub fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// Forgets all requests.
    pub fn clear(&self) {
        {
            let mut inner = self.inner();
            inner.exchanges.clear();
            inner.totals = Totals::default();
            inner.clearings += 1;
        }
        self.touch();
    }

    pub fn totals(&self) -> Totals {
        self.inner().totals
    }

    /// The number of the newest request, and how often the history was cleared.
    pub fn position(&self) -> (u64, u64) {
        let inner = self.inner();
        (inner.newest, inner.clearings)
    }

    pub fn get(&self, number: u64) -> Option<Arc<Exchange>> {
        let inner = self.inner();
        let first = inner.exchanges.front()?.number;
        let index = usize::try_from(number.checked_sub(first)?).ok()?;
        inner.exchanges.get(index).cloned()
    }

    /// Those with a number above `after` and below `before`, newest first, at most `limit`.
    pub fn select(
        &self,
        filter: &Filter,
        after: u64,
        before: Option<u64>,
        limit: usize,
    ) -> Vec<Arc<Exchange>> {
        self.inner()
            .exchanges
            .iter()
            .rev()
            .skip_while(|exchange| before.is_some_and(|before| exchange.number >= before))
            .take_while(|exchange| exchange.number > after)
            .filter(|exchange| filter.admits(exchange))
            .take(limit)
            .cloned()
            .collect()
    }

    /// Those that ended after a time.
    pub fn since(&self, time: SystemTime) -> Vec<Arc<Exchange>> {
        self.inner()
            .exchanges
            .iter()
            .rev()
            .take_while(|exchange| exchange.at >= time)
            .cloned()
            .collect()
    }
}
