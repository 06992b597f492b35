//! The REST API of SignPath (`{ApiUrl}/v1/{OrganizationId}`) in the name of one user.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_ENCODING, HeaderValue, LOCATION, RETRY_AFTER};
use log::{info, warn};
use url::Url;
use zeroize::Zeroizing;

use super::encoding::{other_encoding, remove_byte_order_mark};
use super::failure::Failure;
use super::metadata::Metadata;
use super::multipart::Form;
use super::retry::{Attempts, Retry, retry_after};
use super::status::{REFUSED, Verdict};
use super::transport::{Answer, Outgoing, Transport};
use super::waiting::pause;
use super::wire::{self, Payload, Reference, SignHash};
use super::{Cancellation, PolicyName, Service, SigningPolicy};
use crate::config::{Config, Credentials, SigningApi};
use crate::crypto::{Digest, SignatureAlgorithm};
use crate::error::{Error, Kind, Result};
use crate::logging::FirstFew;
use crate::secret::{Masker, Secret};

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

/// A client with the credentials of one user.
pub struct Client {
    transport: Arc<Transport>,
    /// `{ApiUrl}/v1/{OrganizationId}`.
    base: Url,
    token: Secret,
    /// Finds what must not show in metadata or messages.
    masker: Masker,
    metadata: Metadata,
}

/// A route and what it is asked for.
struct Call<'a> {
    /// `GET` or `POST`.
    method: &'static str,
    /// Relative to the base.
    route: &'static str,
    /// What is asked for, as a part of a sentence.
    subject: String,
    /// The signing policy that signs, if one does.
    policy: Option<&'a PolicyName>,
    retry: Retry,
}

impl Client {
    /// A client for `credentials`; asks nothing yet.
    pub fn new(transport: Arc<Transport>, config: &Config, credentials: &Credentials) -> Self {
        let token = &credentials.api_token;
        let configured = config
            .api_token
            .as_ref()
            .and_then(|token| token.read().ok());
        let mut base = config.api_url.clone();
        if let Ok(mut path) = base.path_segments_mut() {
            path.pop_if_empty()
                .extend(["v1", &credentials.organization_id]);
        }
        Self {
            transport,
            base,
            token: token.clone(),
            masker: Masker::new(
                [Some(token), configured.as_ref(), proxy_password(config)]
                    .into_iter()
                    .flatten(),
            ),
            metadata: Metadata::default(),
        }
    }

    fn config(&self) -> &Config {
        self.transport.config()
    }

    /// The attempts of a call that begins now.
    fn attempts(&self) -> Attempts {
        Attempts::new(self.config().service_unavailable_timeout)
    }

    /// Sends a request, again if it fails in a way that may pass, and gives the body of the answer.
    fn call(
        &self,
        call: &Call<'_>,
        mut attempts: Attempts,
        cancellation: &Cancellation,
        request: impl Fn(Url) -> Result<Outgoing>,
    ) -> std::result::Result<Vec<u8>, Failure> {
        loop {
            let failure = match self.attempt(call, &attempts, cancellation, &request) {
                Ok(body) => return Ok(body),
                Err(failure) if failure.is_transient && call.retry == Retry::Configured => failure,
                Err(failure) => return Err(failure),
            };
            let attempt = attempts.number;
            let Some(wait) = attempts.next_wait(failure.retry_after) else {
                return Err(gave_up(failure, &attempts, attempt));
            };
            let doubt = if failure.may_be_done && call.policy.is_some() {
                "; it may have been carried out all the same, so the next attempt can be a second \
                 signing request"
            } else {
                ""
            };
            warn!(
                "{}; attempt {attempt} of {} {}, the next one in {:.1} s{doubt}",
                failure.error.reason,
                call.method,
                call.route,
                wait.as_secs_f32(),
            );
            pause(wait, cancellation)?;
        }
    }

    fn attempt(
        &self,
        call: &Call<'_>,
        attempts: &Attempts,
        cancellation: &Cancellation,
        request: impl Fn(Url) -> Result<Outgoing>,
    ) -> std::result::Result<Vec<u8>, Failure> {
        let authorization = authorization(&self.token)?;
        let mut url = self.base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.extend(call.route.split('/'));
        }
        let one_attempt = self.config().http_request_timeout;
        let time_limit = attempts.time_limit(match call.retry {
            Retry::Configured => one_attempt,
            Retry::Never(within) => one_attempt.min(within),
        });
        let started = Instant::now();
        let mut request = request(url)?;
        request.headers.insert(AUTHORIZATION, authorization);
        // Without, an older service answers an error with 500, which is tried again.
        request
            .headers
            .insert(ACCEPT, HeaderValue::from_static("application/json"));
        let mut answer = self.transport.send(time_limit, cancellation, request);
        let has_mark = match &mut answer {
            Ok(answer) => remove_byte_order_mark(&mut answer.body),
            Err(_) => false,
        };
        self.log_exchange(call, attempts.number, &answer, started.elapsed());
        if has_mark {
            info!("the answer begins with a byte order mark, which is ignored");
        }
        let answer = answer?;
        if answer.status != StatusCode::OK {
            return Err(self.refusal(call, &answer));
        }
        match encoding(&answer) {
            None => Ok(answer.body),
            Some(what) => Err(self.undecodable(call, &what).into()),
        }
    }

    /// The failure that an answer other than 200 is.
    fn refusal(&self, call: &Call<'_>, answer: &Answer) -> Failure {
        let verdict = Verdict::of(answer.status);
        let problem = wire::problem(&answer.body, answer.status);
        let is_in_its_own_words = problem.as_ref().is_some_and(|problem| problem.is_specific);
        // Where the route exists, the service says what it misses in the request, or does not like.
        let is_route_gone =
            matches!(answer.status.as_u16(), 404 | 405 | 410) && !is_in_its_own_words;
        let page = web_page(&answer.body)
            .or_else(|| Some(format!("an answer that is {}", encoding(answer)?)));
        let remedy = match call.policy {
            _ if page.is_some() && verdict.kind == Kind::ServiceRefused => NOT_SIGNPATH,
            _ if page.is_some() && verdict.kind == Kind::ServiceUnauthorized => {
                NOT_SIGNPATH_OR_TOKEN
            }
            // What there is to do depends on the other route.
            Some(_) if is_route_gone => "",
            Some(_) if verdict.kind == Kind::ServiceRefused => REFUSED,
            _ => verdict.remedy,
        };
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
        Failure {
            error: Error::new(verdict.kind, reason),
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

    /// `POST /SigningRequests` (REST documentation, "Signing a hash: first generation").
    fn fast_signing_request(
        &self,
        policy: &PolicyName,
        algorithm: SignatureAlgorithm,
        digest: &Digest,
        attempts: Attempts,
        cancellation: &Cancellation,
    ) -> std::result::Result<Vec<u8>, Failure> {
        let config = self.config();
        let metadata = self.metadata.creating_process(config, &self.masker);
        let payload = serde_json::to_vec(&Payload::new(algorithm, digest, metadata))
            .map_err(|error| unwritable(&error))?;
        let optional = [
            (
                "ArtifactConfigurationSlug",
                &config.artifact_configuration_slug,
            ),
            ("Description", &config.description),
        ];
        let mut form = Form::new()?;
        form.text("ProjectSlug", policy.project_slug());
        form.text("SigningPolicySlug", policy.signing_policy_slug());
        for (name, value) in optional {
            if let Some(value) = value {
                form.text(name, value);
            }
        }
        form.text("IsFastSigningRequest", "true");
        form.json_file("Artifact", "payload.json", &payload);
        let (content_type, body) = form.finish();
        let body = Bytes::from(body);
        let call = Call::sign("SigningRequests", policy);
        let body = self.call(&call, attempts, cancellation, |url| {
            Outgoing::post(url, &content_type, body.clone())
        })?;
        wire::signature(&body)
            .map_err(|reason| self.unintelligible("signed payload", &body, &reason).into())
    }

    /// `POST /SigningRequests/SignHash` (REST documentation, "Signing a hash: second generation").
    fn sign_hash(
        &self,
        policy: &PolicyName,
        algorithm: SignatureAlgorithm,
        digest: &Digest,
        attempts: Attempts,
        cancellation: &Cancellation,
    ) -> std::result::Result<Vec<u8>, Failure> {
        let config = self.config();
        let metadata = self.metadata.source_process(config, &self.masker);
        let request = SignHash::new(policy, config, algorithm, digest, metadata);
        let request = serde_json::to_vec(&request).map_err(|error| unwritable(&error))?;
        let call = Call::sign("SigningRequests/SignHash", policy);
        let request = Bytes::from(request);
        let body = self.call(&call, attempts, cancellation, |url| {
            Outgoing::post(url, "application/json", request.clone())
        })?;
        wire::sign_hash_signature(&body, digest).map_err(|reason| {
            self.unintelligible("answer to SignHash", &body, &reason)
                .into()
        })
    }

    /// The signing policy of an entry, if there is one that can be used.
    fn usable(
        &self,
        entry: std::result::Result<SigningPolicy, String>,
        left_out: &mut FirstFew,
    ) -> Option<SigningPolicy> {
        entry
            .inspect_err(|reason| {
                left_out.warn(|| format!("{}; it is left out", self.masked(reason)));
            })
            .ok()
    }

    /// The error for an answer that is not what it should be. `reason` is what is wrong with a body
    /// that is JSON.
    fn unintelligible(&self, expected: &str, body: &[u8], reason: &str) -> Error {
        let reason = match web_page(body) {
            Some(page) => page,
            None if body.is_empty() => "it is empty".to_owned(),
            None => reason.to_owned(),
        };
        let reason = self.masked(&reason);
        Error::new(
            Kind::ServiceUnintelligible,
            format!(
                "the answer is not SignPath's {expected} ({reason}); check ApiUrl, and whether a \
                 proxy answers in its place"
            ),
        )
    }

    /// The error for an answer whose body is not JSON in UTF-8 but `what`.
    fn undecodable(&self, call: &Call<'_>, what: &str) -> Error {
        Error::new(
            Kind::ServiceUnintelligible,
            format!(
                "the answer to {} is {what}, which was not asked for; check ApiUrl, and have the \
                 proxy or the server there send answers as they are",
                self.masked(&call.subject)
            ),
        )
    }

    /// One line for each exchange, with what the service calls it.
    fn log_exchange(
        &self,
        call: &Call<'_>,
        attempt: u32,
        answer: &std::result::Result<Answer, Failure>,
        duration: Duration,
    ) {
        if !log::log_enabled!(log::Level::Info) {
            return;
        }
        let policy = call
            .policy
            .map(|policy| format!(", signing policy {}", self.masked(&policy.to_string())))
            .unwrap_or_default();
        let outcome = match answer {
            Ok(answer) => {
                let reference = self.masked(&Reference::of(&answer.body).to_string());
                format!("{} in {duration:.1?}{reference}", answer.status)
            }
            Err(failure) => format!("no answer in {duration:.1?} ({})", failure.error.reason),
        };
        info!(
            "{} {}, attempt {attempt}{policy}: {outcome}",
            call.method, call.route
        );
    }
}

impl<'a> Call<'a> {
    fn sign(route: &'static str, policy: &'a PolicyName) -> Self {
        Self {
            method: "POST",
            route,
            subject: format!("the signing request for {policy}"),
            policy: Some(policy),
            retry: Retry::Configured,
        }
    }
}

impl Service for Client {
    fn masked(&self, text: &str) -> String {
        self.masker.mask(text)
    }

    fn signing_policies(
        &self,
        retry: Retry,
        cancellation: &Cancellation,
    ) -> Result<Vec<SigningPolicy>> {
        let call = Call {
            method: "GET",
            route: "Cryptoki/MySigningPolicies",
            subject: "the request for the signing policies".to_owned(),
            policy: None,
            retry,
        };
        let config = self.config();
        let filter: Vec<_> = [
            ("projectSlug", &config.project_slug),
            ("signingPolicySlug", &config.signing_policy_slug),
        ]
        .into_iter()
        .filter_map(|(name, slug)| Some((name, slug.as_ref()?)))
        .collect();
        let body = self
            .call(&call, self.attempts(), cancellation, |mut url| {
                if !filter.is_empty() {
                    url.query_pairs_mut().extend_pairs(&filter);
                }
                Ok(Outgoing::get(url))
            })
            .map_err(|failure| failure.error)?;
        let mut policies = Vec::new();
        let mut left_out = FirstFew::new("more entries of the list that are left out");
        let take = |entry| policies.extend(self.usable(entry, &mut left_out));
        SigningPolicy::read_list(&body, take).map_err(|error| {
            self.unintelligible("list of signing policies", &body, &error.to_string())
        })?;
        Ok(policies)
    }

    fn sign(
        &self,
        policy: &PolicyName,
        algorithm: SignatureAlgorithm,
        digest: &Digest,
        cancellation: &Cancellation,
    ) -> Result<Vec<u8>> {
        let api = self.config().signing_api;
        let fast_first = match api {
            SigningApi::FastSigningRequest => true,
            SigningApi::SignHash => false,
            SigningApi::Auto => !self.transport.only_sign_hash.load(Ordering::Relaxed),
        };
        // One total time for both routes.
        let attempts = self.attempts();
        if fast_first {
            match self.fast_signing_request(policy, algorithm, digest, attempts, cancellation) {
                Err(failure) if failure.is_route_gone && api == SigningApi::Auto => {
                    info!("{}; trying SignHash instead", failure.error.reason);
                }
                result => return result.map_err(|failure| advised(failure, api)),
            }
        }
        let signature = self
            .sign_hash(policy, algorithm, digest, attempts, cancellation)
            .map_err(|failure| advised(failure, api))?;
        self.transport.only_sign_hash.store(true, Ordering::Relaxed);
        Ok(signature)
    }
}

fn proxy_password(config: &Config) -> Option<&Secret> {
    let (_, password) = config.http_proxy.as_ref()?.credentials.as_ref()?;
    Some(password)
}

/// The header that carries the token (RFC 6750, section 2.1). Its memory is wiped when it is
/// dropped.
fn authorization(token: &Secret) -> Result<HeaderValue> {
    let text = Zeroizing::new(format!("Bearer {}", token.expose()).into_bytes());
    let mut value = HeaderValue::from_maybe_shared(Bytes::from_owner(text)).map_err(|_| {
        Error::new(
            Kind::ServiceUnauthorized,
            "the API token holds a line break or another control character; check how it gets \
             into the PIN or the configuration",
        )
    })?;
    value.set_sensitive(true);
    Ok(value)
}

/// The error of the last attempt, with why there is no other.
fn gave_up(mut failure: Failure, attempts: &Attempts, attempt: u32) -> Failure {
    let asked = match failure.retry_after {
        Some(wait) => format!(", and it wants {} s of quiet", wait.as_secs()),
        None => String::new(),
    };
    failure.error.reason = format!(
        "{}; gave up after attempt {attempt}, since ServiceUnavailableTimeoutInSeconds is {}{asked}",
        failure.error.reason,
        attempts.total.as_secs()
    )
    .into();
    failure
}

/// Where the service does not have the route of the configured API, another one may help.
fn advised(failure: Failure, api: SigningApi) -> Error {
    let mut error = failure.error;
    if failure.is_route_gone {
        let advice = match api {
            SigningApi::Auto => "neither signing route exists there; check ApiUrl",
            SigningApi::FastSigningRequest | SigningApi::SignHash => {
                "the route may not exist there; set SigningApi to Auto"
            }
        };
        error.reason = format!("{}; {advice}", error.reason).into();
    }
    error
}

fn unwritable(error: &dyn std::error::Error) -> Failure {
    let reason = format!("the signing request cannot be written: {error}");
    Error::new(Kind::Internal, reason).into()
}

/// What a body is that is not JSON in UTF-8.
fn encoding(answer: &Answer) -> Option<String> {
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
