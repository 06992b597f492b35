//! The three routes for signing.

use std::sync::Arc;

use axum::Json;
use axum::extract::multipart::{MultipartError, MultipartRejection};
use axum::extract::{Extension, Multipart, State};
use axum::http::header::{CONTENT_TYPE, LOCATION};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::prelude::{BASE64_STANDARD, Engine};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Api, Call, SIGNING_REQUESTS, UserIndex};
use crate::fault::Effect;
use crate::log::FormField;
use crate::organization::{SigningPolicy, User};
use crate::problem::Problem;
use crate::signing::{SigningData, property, text};

/// The relevant fields of a first-generation request.
#[derive(Default)]
struct Submission {
    project: Option<String>,
    policy: Option<String>,
    artifact_configuration: Option<String>,
    description: Option<String>,
    fast: bool,
    artifact: Option<Vec<u8>>,
    form: Vec<FormField>,
}

impl Submission {
    async fn read(mut multipart: Multipart) -> Result<Self, Problem> {
        let malformed = |error: MultipartError| {
            Problem::validation("", format!("Failed to read the request form. {error}"))
        };
        let mut submission = Self::default();
        while let Some(field) = multipart.next_field().await.map_err(malformed)? {
            let as_sent = FormField {
                name: field.name().unwrap_or_default().to_owned(),
                file_name: field.file_name().map(str::to_owned),
                content_type: field.content_type().map(str::to_owned),
            };
            let name = as_sent.name.to_ascii_lowercase();
            submission.form.push(as_sent);
            let value = field.bytes().await.map_err(malformed)?;
            let text = || String::from_utf8_lossy(&value).into_owned();
            match name.as_str() {
                "projectslug" => submission.project = Some(text()),
                "signingpolicyslug" => submission.policy = Some(text()),
                "artifactconfigurationslug" => submission.artifact_configuration = Some(text()),
                "description" => submission.description = Some(text()),
                "isfastsigningrequest" => submission.fast = text().eq_ignore_ascii_case("true"),
                "artifact" => submission.artifact = Some(value.to_vec()),
                // Other fields have no effect here.
                _ => {}
            }
        }
        Ok(submission)
    }
}

pub(super) async fn submit(
    State(api): State<Arc<Api>>,
    Extension(user): Extension<UserIndex>,
    Extension(call): Extension<Call>,
    multipart: Result<Multipart, MultipartRejection>,
) -> Result<Response, Problem> {
    let submission =
        Submission::read(multipart.map_err(|_| Problem::UNSUPPORTED_MEDIA_TYPE)?).await?;
    let payload: Option<Value> = submission
        .artifact
        .as_ref()
        .map(|artifact| serde_json::from_slice(artifact).unwrap_or_default());
    call.note(|record| {
        record.artifact_configuration = submission.artifact_configuration;
        record.description = submission.description;
        record.form = submission.form;
        if let Some(payload) = &payload {
            record.algorithm = text(payload, "SignatureAlgorithm").map(str::to_owned);
            record.ecdsa_format = text(payload, "EcdsaSignatureFormat").map(str::to_owned);
            record.metadata = property(payload, "Metadata").cloned();
        }
    });
    let policy = selected_policy(
        &api,
        user.user(&api)?,
        &call,
        "ProjectSlug",
        submission.project,
        "SigningPolicySlug",
        submission.policy,
    )?;
    let mut payload = payload.ok_or_else(|| Problem::required("Artifact"))?;
    let data = SigningData::from_payload(&payload)?;
    let signature = sign(&call, &policy, data).await?;
    if submission.fast {
        payload["Signature"] = BASE64_STANDARD.encode(signature).into();
        return Ok(Json(payload).into_response());
    }
    let id = Uuid::new_v4();
    let location = format!("{}/v1/{}{SIGNING_REQUESTS}/{id}", api.url, api.organization.id);
    Ok((StatusCode::CREATED, [(LOCATION, location)], Json(json!({ "signingRequestId": id })))
        .into_response())
}

pub(super) async fn sign_hash(
    State(api): State<Arc<Api>>,
    Extension(user): Extension<UserIndex>,
    Extension(call): Extension<Call>,
    headers: HeaderMap,
    body: String,
) -> Result<Json<Value>, Problem> {
    let content_type =
        headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !content_type.to_ascii_lowercase().starts_with("application/json") {
        return Err(Problem::UNSUPPORTED_MEDIA_TYPE);
    }
    let request: Value = serde_json::from_str(&body).map_err(|error| {
        Problem::validation("$", format!("The request is not valid JSON: {error}"))
    })?;
    let data = property(&request, "hashSigningData");
    let slug = |name| text(&request, name).map(str::to_owned);
    call.note(|record| {
        record.artifact_configuration = slug("artifactConfigurationSlug");
        record.description = slug("description");
        if let Some(data) = data {
            record.algorithm = text(data, "signatureAlgorithm").map(str::to_owned);
            record.ecdsa_format = property(data, "ecdsaOptions")
                .and_then(|options| text(options, "signatureFormat"))
                .map(str::to_owned);
            record.metadata = property(data, "metadata").cloned();
        }
    });
    let policy = selected_policy(
        &api,
        user.user(&api)?,
        &call,
        "projectSlug",
        slug("projectSlug"),
        "signingPolicySlug",
        slug("signingPolicySlug"),
    )?;
    let data = SigningData::from_hash_signing_data(
        data.ok_or_else(|| Problem::required("hashSigningData"))?,
    )?;
    let hash = data.hash();
    let signature = sign(&call, &policy, data).await?;
    let id = Uuid::new_v4();
    let site = api.url.trim_end_matches("/Api");
    Ok(Json(json!({
        "signingRequestId": id,
        "webLink": format!("{site}/Web/{}/SigningRequests/{id}", api.organization.id),
        "hashSigningData": { "hash": hash },
        "hashSigningResult": { "signature": BASE64_STANDARD.encode(signature) },
    })))
}

/// The policy named by a request, if the user may sign with it.
fn selected_policy(
    api: &Api,
    user: &User,
    call: &Call,
    project_field: &'static str,
    project: Option<String>,
    policy_field: &'static str,
    policy: Option<String>,
) -> Result<Arc<SigningPolicy>, Problem> {
    call.note(|record| (record.project, record.policy) = (project.clone(), policy.clone()));
    let project =
        project.filter(|slug| !slug.is_empty()).ok_or_else(|| Problem::required(project_field))?;
    let slug =
        policy.filter(|slug| !slug.is_empty()).ok_or_else(|| Problem::required(policy_field))?;
    let policy = api
        .organization
        .policy(&project, &slug)
        .ok_or_else(|| Problem::unknown_policy(&project, &slug))?;
    if !user.is_submitter_of(&policy) {
        return Err(Problem::FORBIDDEN);
    }
    if policy.entry.approval {
        return Err(Problem::approval_process());
    }
    Ok(policy)
}

async fn sign(
    call: &Call,
    policy: &Arc<SigningPolicy>,
    data: SigningData,
) -> Result<Vec<u8>, Problem> {
    if !data.fits(policy.entry.key.is_rsa()) {
        return Err(Problem::invalid_format());
    }
    if !call.effect.is_processed() {
        return Ok(Vec::new());
    }
    let data = match call.effect {
        Effect::OtherEncoding => data.in_the_other_encoding(),
        _ => data,
    };
    let policy = Arc::clone(policy);
    let signing = tokio::task::spawn_blocking(move || data.sign(policy.key.as_ref()));
    let mut signature = match signing.await {
        Ok(Ok(signature)) => signature,
        Ok(Err(error)) => {
            eprintln!("pkcs11-test: {error}");
            return Err(Problem::INTERNAL);
        }
        Err(_) => return Err(Problem::INTERNAL),
    };
    call.note(|record| record.is_signed = true);
    call.effect.spoil(&mut signature);
    Ok(signature)
}
