//! Adding, removing and describing signing policies while the service runs.

use std::sync::Arc;

use rsa::pkcs8::LineEnding;
use serde_json::json;
use x509_cert::Certificate;
use x509_cert::der::{Decode, EncodePem};

use super::{Fields, Page};
use crate::organization::SigningPolicy;
use crate::policies::PolicyEntry;

/// The types of signing policies by what they have for a certificate, as in the policies file and in words.
pub(super) static CERTIFICATES: [(&str, &str); 4] = [
    ("X509", "X.509, for code signing"),
    ("Email", "X.509, for e-mail"),
    ("None", "GPG, no certificate (gpg needs RSA)"),
    ("Garbage", "X.509, invalid"),
];

/// What can be downloaded of a policy, by name and in words.
pub(super) static FILES: [(&str, &str); 3] = [
    ("certificate.pem", "Certificate"),
    ("openpgp-key.asc", "OpenPGP key"),
    ("public-key.pem", "Public key"),
];

/// Adds a policy and returns its name. Generating an RSA key takes seconds.
pub(super) async fn add(page: &Arc<Page>, fields: &Fields) -> Result<String, String> {
    let required = |name: &str| fields.get(name).ok_or_else(|| format!("`{name}` is missing"));
    let approval = matches!(fields.get("approval"), Some("true" | "on"));
    let entry = json!({
        "project": required("project")?,
        "policy": required("policy")?,
        "key": required("key")?,
        "certificate": fields.get("certificate").unwrap_or("X509"),
        "approval": approval,
    });
    let entry: PolicyEntry = serde_json::from_value(entry).map_err(|error| error.to_string())?;
    let label = entry.label();
    let page = Arc::clone(page);
    let adding = tokio::task::spawn_blocking(move || {
        page.api.organization.add(entry, &page.state, page.keys.as_ref())
    });
    match adding.await {
        Ok(Ok(())) => Ok(label),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("the key could not be generated".to_owned()),
    }
}

/// Removes a policy and returns its name.
pub(super) fn remove(page: &Page, fields: &Fields) -> Result<String, String> {
    let project = fields.get("project").unwrap_or_default();
    let policy = fields.get("policy").unwrap_or_default();
    if page.api.organization.remove(project, policy) {
        Ok(format!("{project}/{policy}"))
    } else {
        Err(format!("there is no signing policy {project}/{policy}"))
    }
}

/// A file of [`FILES`], if the policy has it.
pub(super) fn file(policy: &SigningPolicy, name: &str) -> Option<String> {
    match name {
        "certificate.pem" => certificate(policy)?.to_pem(LineEnding::LF).ok(),
        "openpgp-key.asc" => policy.openpgp_key.clone(),
        "public-key.pem" => policy.key.public_key().to_pem(LineEnding::LF).ok(),
        _ => None,
    }
}

fn certificate(policy: &SigningPolicy) -> Option<Certificate> {
    Certificate::from_der(policy.certificate.as_ref()?).ok()
}

/// The day on which the certificate expires, such as `2035-01-31`.
pub(super) fn expiry(policy: &SigningPolicy) -> Option<String> {
    let end = certificate(policy)?.tbs_certificate.validity.not_after.to_date_time();
    Some(format!("{:04}-{:02}-{:02}", end.year(), end.month(), end.day()))
}
