//! The two requests to SignPath on behalf of a user: listing signing policies, and signing with one
//! of them.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use log::info;
use signpath_crypto::{Digest, SignatureAlgorithm, ieee_from_asn1};

use crate::call::Call;
use crate::cancellation::Cancellation;
use crate::credentials::Credentials;
use crate::error::{Error, ErrorKind, Result};
use crate::exchange::Api;
use crate::failed_attempt::FailedAttempt;
use crate::masker::Masker;
use crate::metadata::Metadata;
use crate::options::{Options, SigningApi};
use crate::policy_list::PolicyList;
use crate::policy_name::PolicyName;
use crate::retry::Retry;
use crate::secret::Secret;
use crate::signed::{Returned, Signed};
use crate::signing_policy::SigningPolicy;
use crate::signing_route::SigningRoute;
use crate::transport::{Outgoing, Transport};
use crate::unexpected::unintelligible;

/// A client for SignPath's REST API (`{api_url}/v1/{organization_id}`) on behalf of one user.
pub struct Client {
    api: Api,
}

impl Client {
    /// Creates a client for `credentials`, without sending a request. The API token, the proxy's
    /// password and `other_secrets` are masked in messages, in the log and in the metadata of
    /// signing requests.
    pub fn new(
        transport: Arc<Transport>,
        credentials: &Credentials,
        other_secrets: &[&Secret],
    ) -> Self {
        let options = transport.options();
        let mut base = options.api_url.clone();
        if let Ok(mut path) = base.path_segments_mut() {
            path.pop_if_empty().extend(["v1", &credentials.organization_id]);
        }
        let masker = Masker::new(
            [&credentials.api_token]
                .into_iter()
                .chain(proxy_password(options))
                .chain(other_secrets.iter().copied()),
        );
        Self {
            api: Api {
                base,
                credentials: credentials.clone(),
                masker: Arc::new(masker),
                metadata: Metadata::default(),
                transport,
            },
        }
    }

    /// `text` without this client's secrets.
    pub fn masked(&self, text: &str) -> String {
        self.api.masked(text)
    }

    /// Lists the signing policies for which the user is a Submitter (REST documentation, "Listing
    /// signing policies").
    ///
    /// # Errors
    /// Any kind except [`ErrorKind::InvalidSignature`].
    pub fn signing_policies(
        &self,
        retry: Retry,
        cancellation: &Cancellation,
    ) -> Result<PolicyList> {
        let call = Call {
            method: "GET",
            route: "Cryptoki/MySigningPolicies".into(),
            is_of_organization: true,
            subject: "the request for the signing policies".to_owned(),
            policy: None,
            retry,
        };
        let options = self.api.options();
        let filter: Vec<_> = [
            ("projectSlug", &options.project_slug),
            ("signingPolicySlug", &options.signing_policy_slug),
        ]
        .into_iter()
        .filter_map(|(name, slug)| Some((name, slug.as_ref()?)))
        .collect();
        let answer = self
            .api
            .call(&call, self.api.attempts(), cancellation, |mut url| {
                if !filter.is_empty() {
                    url.query_pairs_mut().extend_pairs(&filter);
                }
                Ok(Outgoing::get(url))
            })
            .map_err(|failed| failed.error)?;
        PolicyList::from_json(&answer.body, &self.api.masker).map_err(|error| {
            unintelligible(
                &self.api.masker,
                "list of signing policies",
                &answer.body,
                &error.to_string(),
            )
        })
    }

    /// Signs `digest` with the key of `policy`. This makes one signing request, which SignPath
    /// counts. The signature is verified with the public key of `policy`. An ECDSA signature is
    /// r‖s.
    ///
    /// # Errors
    /// Any kind. [`ErrorKind::Refused`] without a request if `policy` has no public key.
    pub fn sign(
        &self,
        policy: &SigningPolicy,
        algorithm: SignatureAlgorithm,
        digest: &Digest,
        cancellation: &Cancellation,
    ) -> Result<Signed> {
        let started = Instant::now();
        let shown = self.masked(&policy.name.to_string());
        let Some(key) = &policy.public_key else {
            let reason = format!("the key of signing policy {shown} is not supported");
            return Err(Error::new(ErrorKind::Refused, reason));
        };
        let returned = self.signature(&policy.name, algorithm, digest, cancellation)?;
        let signature = match algorithm {
            SignatureAlgorithm::Ecdsa => {
                as_ieee(returned.signature, &shown, key.signature_length())
            }
            _ => returned.signature,
        };
        let masked = |text: Option<String>| text.map(|text| self.masked(&text));
        let is_valid = algorithm
            .scheme(digest)
            .is_some_and(|scheme| key.verifies(&scheme, &digest.value, &signature));
        match is_valid {
            true => Ok(Signed {
                signature,
                signing_request_id: masked(returned.reference.signing_request_id),
                web_link: masked(returned.reference.web_link),
                attempts: returned.attempts,
                duration: started.elapsed(),
            }),
            false => Err(invalid_signature(&signature, &shown, key.signature_length())),
        }
    }

    /// The signature as the service returns it, using the configured signing API.
    fn signature(
        &self,
        policy: &PolicyName,
        algorithm: SignatureAlgorithm,
        digest: &Digest,
        cancellation: &Cancellation,
    ) -> Result<Returned> {
        let api = self.api.options().signing_api;
        let route = match api {
            SigningApi::FastSigningRequest => SigningRoute::FastSigningRequest,
            SigningApi::SignHash => SigningRoute::SignHash,
            SigningApi::Auto => self.api.transport.last_route.get(),
        };
        // Both routes share the total time.
        let attempts = self.api.attempts();
        let sign = |route| match route {
            SigningRoute::FastSigningRequest => {
                self.api.fast_signing_request(policy, algorithm, digest, attempts, cancellation)
            }
            SigningRoute::SignHash => {
                self.api.sign_hash(policy, algorithm, digest, attempts, cancellation)
            }
        };
        let signature = match sign(route) {
            Err(failed) if failed.is_route_gone && api == SigningApi::Auto => {
                let other = route.other();
                info!("{}; trying {other} instead", failed.error.reason);
                let signature = sign(other);
                let is_there = !matches!(&signature, Err(failed) if failed.is_route_gone);
                if is_there {
                    self.api.transport.last_route.set(other);
                }
                signature
            }
            signature => signature,
        };
        signature.map_err(|failed| with_advice(failed, api))
    }

    pub(crate) const fn api(&self) -> &Api {
        &self.api
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Client")
            .field("base", &self.api.base.as_str())
            .finish_non_exhaustive()
    }
}

fn proxy_password(options: &Options) -> Option<&Secret> {
    let (_, password) = options.http_proxy.as_ref()?.credentials.as_ref()?;
    Some(password)
}

/// Adds advice if the service does not have the route of the configured signing API.
fn with_advice(failed: FailedAttempt, api: SigningApi) -> Error {
    if !failed.is_route_gone {
        return failed.error;
    }
    failed.error.and(match api {
        SigningApi::Auto => "; the server supports neither signing API; check ApiUrl",
        SigningApi::FastSigningRequest | SigningApi::SignHash => {
            "; the server may not support this signing API; set SigningApi to Auto"
        }
    })
}

/// An ECDSA signature as r‖s of `length` bytes. A service that does not support the requested
/// format returns DER.
fn as_ieee(signature: Vec<u8>, policy: &str, length: usize) -> Vec<u8> {
    if signature.len() == length {
        return signature;
    }
    match ieee_from_asn1(&signature, length / 2) {
        Some(ieee) => {
            info!("SignPath returned a DER signature for {policy} instead of r and s; converted");
            ieee
        }
        None => signature,
    }
}

fn invalid_signature(signature: &[u8], policy: &str, expected: usize) -> Error {
    let what = match signature.len() {
        length if length == expected => "does not verify with its public key".to_owned(),
        length => format!("has {length} bytes instead of {expected}"),
    };
    Error::new(
        ErrorKind::InvalidSignature,
        format!(
            "the signature that SignPath returned for {policy} {what} and was discarded; if the \
             certificate has just been renewed, try again"
        ),
    )
}
