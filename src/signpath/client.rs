//! The REST API of SignPath (`{ApiUrl}/v1/{OrganizationId}`) in the name of one user.

use std::sync::Arc;

use reqwest::header::{AUTHORIZATION, HeaderValue};
use reqwest::multipart::{Form, Part};
use reqwest::{Client as HttpClient, RequestBuilder, StatusCode, Url};
use serde_json::Value;

use super::metadata::metadata;
use super::transport::{Answer, Transport};
use super::wire::{self, MySigningPolicies, Payload};
use super::{Cancellation, PolicyName, Service, SigningPolicy};
use crate::config::{Config, Credentials};
use crate::crypto::{Digest, SignatureAlgorithm};
use crate::error::{Error, Kind, Result};
use crate::logging::{self, Level};
use crate::secret::Secret;

const MY_SIGNING_POLICIES: &str = "Cryptoki/MySigningPolicies";
const SIGNING_REQUESTS: &str = "SigningRequests";

/// The longest excerpt, in characters, of an error body that is not problem details.
const EXCERPT: usize = 200;

/// A client with the credentials of one user.
pub struct Client {
    transport: Arc<Transport>,
    /// `{ApiUrl}/v1/{OrganizationId}`.
    base: Url,
    authorization: Result<HeaderValue>,
    /// Slugs that narrow the list, by query parameter.
    filter: Vec<(&'static str, String)>,
    /// What must not show in metadata or messages.
    secrets: Vec<Secret>,
}

impl Client {
    /// A client for `credentials`; asks nothing yet.
    pub fn new(transport: Arc<Transport>, config: &Config, credentials: &Credentials) -> Self {
        let token = &credentials.api_token;
        let mut base = config.api_url.clone();
        if let Ok(mut path) = base.path_segments_mut() {
            path.pop_if_empty()
                .extend(["v1", &credentials.organization_id]);
        }
        Self {
            transport,
            base,
            authorization: authorization(token),
            filter: [
                ("projectSlug", &config.project_slug),
                ("signingPolicySlug", &config.signing_policy_slug),
            ]
            .into_iter()
            .filter_map(|(name, slug)| Some((name, slug.clone()?)))
            .collect(),
            secrets: [Some(token.clone()), config.api_token.clone()]
                .into_iter()
                .flatten()
                .collect(),
        }
    }

    /// Sends a request to `route` and gives the body of a 200 answer.
    fn call(
        &self,
        route: &str,
        subject: &str,
        cancellation: &Cancellation,
        request: impl FnOnce(&HttpClient, Url) -> RequestBuilder,
    ) -> Result<Vec<u8>> {
        let authorization = self.authorization.clone()?;
        let mut url = self.base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.extend(route.split('/'));
        }
        let answer = self.transport.send(cancellation, |client| {
            request(client, url).header(AUTHORIZATION, authorization)
        })?;
        logging::write(
            Level::Info,
            format_args!("{route}: {} in {:?}", answer.status, answer.duration),
        );
        match answer.status {
            StatusCode::OK => Ok(answer.body),
            _ => Err(self.refusal(subject, &answer)),
        }
    }

    /// The error for an answer that is not 200.
    fn refusal(&self, subject: &str, answer: &Answer) -> Error {
        let (kind, remedy) = classify(answer.status);
        let said = wire::problem(&answer.body).unwrap_or_else(|| excerpt(&answer.body));
        let said = self
            .secrets
            .iter()
            .fold(said, |said, secret| secret.mask_in(&said));
        let colon = if said.is_empty() { "" } else { ": " };
        Error::new(
            kind,
            format!(
                "SignPath answered {} to {subject}{colon}{said}; {remedy}",
                answer.status
            ),
        )
    }
}

impl Service for Client {
    fn signing_policies(&self, cancellation: &Cancellation) -> Result<Vec<SigningPolicy>> {
        let body = self.call(
            MY_SIGNING_POLICIES,
            "the request for the signing policies",
            cancellation,
            |client, mut url| {
                if !self.filter.is_empty() {
                    url.query_pairs_mut().extend_pairs(&self.filter);
                }
                client.get(url)
            },
        )?;
        let list: MySigningPolicies = serde_json::from_slice(&body)
            .map_err(|error| unintelligible("list of signing policies", &error.to_string()))?;
        Ok(list.signing_policies.iter().filter_map(usable).collect())
    }

    fn sign(
        &self,
        policy: &PolicyName,
        algorithm: SignatureAlgorithm,
        digest: &Digest,
        cancellation: &Cancellation,
    ) -> Result<Vec<u8>> {
        let payload = Payload::new(algorithm, digest, metadata(&self.secrets));
        let artifact = serde_json::to_vec(&payload)
            .ok()
            .and_then(|json| {
                Part::bytes(json)
                    .file_name("payload.json")
                    .mime_str("application/json")
                    .ok()
            })
            .ok_or_else(|| Error::new(Kind::Internal, "the signing request cannot be written"))?;
        let form = Form::new()
            .text("ProjectSlug", policy.project_slug.clone())
            .text("SigningPolicySlug", policy.signing_policy_slug.clone())
            .text("IsFastSigningRequest", "true")
            .part("Artifact", artifact);
        let body = self.call(
            SIGNING_REQUESTS,
            &format!("the signing request for {policy}"),
            cancellation,
            |client, url| client.post(url).multipart(form),
        )?;
        wire::signature(&body).map_err(|reason| unintelligible("signed payload", &reason))
    }
}

/// The header that carries the token (RFC 6750, section 2.1).
fn authorization(token: &Secret) -> Result<HeaderValue> {
    let mut value = HeaderValue::from_str(&format!("Bearer {}", token.expose())).map_err(|_| {
        Error::new(
            Kind::ServiceUnauthorized,
            "the API token holds a line break or another control character; check how it gets \
             into the PIN or the configuration",
        )
    })?;
    value.set_sensitive(true);
    Ok(value)
}

fn usable(entry: &Value) -> Option<SigningPolicy> {
    SigningPolicy::from_entry(entry)
        .inspect_err(|reason| {
            logging::write(Level::Warning, format_args!("{reason}; it is left out"));
        })
        .ok()
}

fn unintelligible(expected: &str, reason: &str) -> Error {
    Error::new(
        Kind::ServiceUnintelligible,
        format!(
            "the answer is not SignPath's {expected} ({reason}); check ApiUrl, and whether a \
             proxy answers in its place"
        ),
    )
}

/// The return values of the official library's table, with what a user can do.
fn classify(status: StatusCode) -> (Kind, &'static str) {
    match status.as_u16() {
        401 => (
            Kind::ServiceUnauthorized,
            "check that the API token is complete, not expired, and of this organization",
        ),
        403 => (
            Kind::ServiceUnauthorized,
            "check that the user of the API token is a Submitter of the signing policy",
        ),
        404 => (Kind::ServiceRefused, "check OrganizationId and ApiUrl"),
        408 | 429 | 502..=504 => (Kind::ServiceUnavailable, "try again later"),
        400..=499 => (
            Kind::ServiceRefused,
            "correct the request or the signing policy; trying again will not help",
        ),
        500..=599 => (
            Kind::ServiceFailed,
            "if it stays, tell SignPath's support the time and the trace id",
        ),
        _ => (
            Kind::ServiceUnintelligible,
            "check ApiUrl, and whether a proxy answers in its place",
        ),
    }
}

fn excerpt(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let text = text.trim();
    if text.starts_with('<') {
        return "a web page instead of an API answer".to_owned();
    }
    text.chars().take(EXCERPT).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_have_the_return_values_of_the_official_library() {
        for (status, name) in [
            (400, "CKR_ARGUMENTS_BAD"),
            (401, "CKR_ARGUMENTS_BAD"),
            (404, "CKR_ARGUMENTS_BAD"),
            (302, "CKR_GENERAL_ERROR"),
            (500, "CKR_DEVICE_ERROR"),
            (503, "CKR_FUNCTION_FAILED"),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(classify(status).0.name(), name, "{status}");
        }
    }
}
