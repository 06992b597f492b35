//! The routes of the REST API.

mod signing_requests;

use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{Extension, Path, Query, RawPathParams, Request, State};
use axum::http::HeaderMap;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::fault::Effect;
use crate::log::RequestRecord;
use crate::organization::{Organization, SigningPolicy, User};
use crate::problem::Problem;

const HEALTH: &str = "/Api/healthz";
const SYSTEM_INFO: &str = "/Api/v1/Meta/SystemInfo";
const ORGANIZATION: &str = "/Api/v1/{organization}";
const MY_SIGNING_POLICIES: &str = "/Cryptoki/MySigningPolicies";
const SIGNING_REQUESTS: &str = "/SigningRequests";
const SUBMIT_WITH_ARTIFACT: &str = "/SigningRequests/SubmitWithArtifact";
const SIGN_HASH: &str = "/SigningRequests/SignHash";
const X509_CERTIFICATE: &str =
    "/Projects/{project}/SigningPolicies/{policy}/Certificate/X509Certificate";
const GPG_PUBLIC_KEY: &str =
    "/Projects/{project}/SigningPolicies/{policy}/Certificate/GpgPublicKey";

const BELOW_ORGANIZATION: [&str; 6] = [
    MY_SIGNING_POLICIES,
    SIGNING_REQUESTS,
    SUBMIT_WITH_ARTIFACT,
    SIGN_HASH,
    X509_CERTIFICATE,
    GPG_PUBLIC_KEY,
];

/// What the routes need.
pub(crate) struct Api {
    pub organization: Organization,
    /// `http(s)://host:port/Api`
    pub url: String,
}

/// A request's record, which the routes fill in, and what should happen to the request.
#[derive(Clone)]
pub(crate) struct Call {
    record: Arc<Mutex<RequestRecord>>,
    pub effect: Effect,
}

impl Call {
    pub fn new(effect: Effect) -> Self {
        Self { record: Arc::default(), effect }
    }

    pub fn note(&self, change: impl FnOnce(&mut RequestRecord)) {
        change(&mut self.record.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// A path that matched a route, ignoring case.
pub(crate) struct CanonicalPath {
    /// The path with the fixed parts spelled as in the router.
    pub path: String,
    /// The route, relative to `{ApiUrl}` or to the organization.
    pub route: &'static str,
}

impl CanonicalPath {
    pub fn of(path: &str) -> Option<Self> {
        for template in [HEALTH, SYSTEM_INFO] {
            if let Some(path) = spell(template, path) {
                let route = template.trim_start_matches("/Api");
                return Some(Self { path, route });
            }
        }
        if let Some(path) = spell(ORGANIZATION, path) {
            return Some(Self { path, route: "/" });
        }
        BELOW_ORGANIZATION.into_iter().find_map(|route| {
            spell(&format!("{ORGANIZATION}{route}"), path).map(|path| Self { path, route })
        })
    }

    pub fn signs(&self) -> bool {
        [SIGNING_REQUESTS, SUBMIT_WITH_ARTIFACT, SIGN_HASH].contains(&self.route)
    }
}

/// The path with the fixed parts of the template, or `None` if it does not match.
fn spell(template: &str, path: &str) -> Option<String> {
    let fixed: Vec<&str> = template.split('/').collect();
    let given: Vec<&str> = path.trim_end_matches('/').split('/').collect();
    if fixed.len() != given.len() {
        return None;
    }
    let spelled: Option<Vec<&str>> = fixed
        .into_iter()
        .zip(given)
        .map(|(fixed, given)| {
            if fixed.starts_with('{') {
                Some(given)
            } else {
                fixed.eq_ignore_ascii_case(given).then_some(fixed)
            }
        })
        .collect();
    spelled.map(|parts| parts.join("/"))
}

pub(crate) fn router(api: Arc<Api>) -> Router {
    let organization = Router::new()
        .route("/", get(organization_facts))
        .route(MY_SIGNING_POLICIES, get(my_signing_policies))
        .route(SIGNING_REQUESTS, post(signing_requests::submit))
        .route(SUBMIT_WITH_ARTIFACT, post(signing_requests::submit))
        .route(SIGN_HASH, post(signing_requests::sign_hash))
        .route(X509_CERTIFICATE, get(x509_certificate))
        .route(GPG_PUBLIC_KEY, get(gpg_public_key))
        .method_not_allowed_fallback(async || Problem::METHOD_NOT_ALLOWED)
        .route_layer(from_fn_with_state(Arc::clone(&api), authenticate));
    Router::new()
        .route(HEALTH, get(async || "Healthy"))
        .route(SYSTEM_INFO, get(system_info))
        .nest(ORGANIZATION, organization)
        .fallback(async || Problem::NOT_FOUND)
        .method_not_allowed_fallback(async || Problem::METHOD_NOT_ALLOWED)
        .with_state(api)
}

/// The user who sent the request. Handlers look up the user by position.
#[derive(Clone, Copy)]
struct UserIndex(usize);

impl UserIndex {
    fn user(self, api: &Api) -> Result<&User, Problem> {
        api.organization.users.get(self.0).ok_or(Problem::UNAUTHORIZED)
    }
}

async fn authenticate(
    State(api): State<Arc<Api>>,
    Extension(call): Extension<Call>,
    parameters: RawPathParams,
    mut request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let token = bearer_token(request.headers()).ok_or(Problem::UNAUTHORIZED)?;
    let index = api
        .organization
        .users
        .iter()
        .position(|user| user.token == token)
        .ok_or(Problem::UNAUTHORIZED)?;
    let user = UserIndex(index);
    let name = user.user(&api)?.name.clone();
    call.note(|record| record.user = Some(name));
    // SignPath's documentation does not say how it responds for an organization that the user does not belong to.
    let organization = parameters
        .iter()
        .find(|(name, _)| *name == "organization")
        .and_then(|(_, id)| Uuid::parse_str(id).ok());
    if organization != Some(api.organization.id) {
        return Err(Problem::NOT_FOUND);
    }
    request.extensions_mut().insert(user);
    Ok(next.run(request).await)
}

fn bearer_token(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("Bearer").then(|| token.trim())
}

/// The first version with `SignHash` and without earlier defects. Its form is a guess: the documentation shows none.
async fn system_info() -> Json<Value> {
    Json(json!({ "applicationVersion": "1.212.1" }))
}

async fn organization_facts(State(api): State<Arc<Api>>) -> Json<Value> {
    Json(json!({
        "organizationId": api.organization.id,
        "name": "demo",
        "yearlyMaxNumberOfIndividualSignatures": 10_000,
        "quotaPeriodEnd": "2030-01-01T00:00:00Z",
    }))
}

async fn my_signing_policies(
    State(api): State<Arc<Api>>,
    Extension(user): Extension<UserIndex>,
    Extension(call): Extension<Call>,
    Query(query): Query<Vec<(String, String)>>,
) -> Result<Json<Value>, Problem> {
    let user = user.user(&api)?;
    let filter = |wanted: &str| {
        query
            .iter()
            .find(|(name, value)| name.eq_ignore_ascii_case(wanted) && !value.is_empty())
            .map(|(_, value)| value.clone())
    };
    let (project, policy) = (filter("projectSlug"), filter("signingPolicySlug"));
    let policies = api.organization.policies();
    let listed: Vec<&Value> = policies
        .iter()
        .filter(|candidate| user.is_submitter_of(candidate))
        .filter(|candidate| {
            project.as_ref().is_none_or(|slug| slug == candidate.entry.project.as_str())
        })
        .filter(|candidate| {
            policy.as_ref().is_none_or(|slug| slug == candidate.entry.policy.as_str())
        })
        .map(|policy| &policy.listed)
        .collect();
    let answer = json!({ "signingPolicies": listed });
    call.note(|record| (record.project, record.policy) = (project, policy));
    Ok(Json(answer))
}

/// The policy named by a path. Every user of the organization may read its certificate.
fn named_policy(
    api: &Api,
    call: &Call,
    (_, project, policy): (String, String, String),
) -> Result<Arc<SigningPolicy>, Problem> {
    let found = api.organization.policy(&project, &policy).ok_or(Problem::NOT_FOUND);
    call.note(|record| (record.project, record.policy) = (Some(project), Some(policy)));
    found
}

async fn x509_certificate(
    State(api): State<Arc<Api>>,
    Extension(call): Extension<Call>,
    Path(path): Path<(String, String, String)>,
) -> Result<Response, Problem> {
    let policy = named_policy(&api, &call, path)?;
    let der = policy.certificate.clone().ok_or(Problem::NOT_FOUND)?;
    Ok(([(CONTENT_TYPE, "application/pkix-cert")], der).into_response())
}

async fn gpg_public_key(
    State(api): State<Arc<Api>>,
    Extension(call): Extension<Call>,
    Path(path): Path<(String, String, String)>,
) -> Result<Response, Problem> {
    let policy = named_policy(&api, &call, path)?;
    let key = policy.openpgp_key.clone().ok_or(Problem::NOT_FOUND)?;
    Ok(([(CONTENT_TYPE, "application/pgp-keys")], key).into_response())
}
