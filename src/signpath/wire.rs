//! The JSON of the REST API.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{PolicyName, SigningPolicy};
use crate::crypto::{Digest, SignatureAlgorithm};

/// Answer of `GET /Cryptoki/MySigningPolicies`. The entries are read one by one, so that one
/// which this version does not understand hides no other.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct MySigningPolicies {
    pub(super) signing_policies: Vec<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    project_slug: String,
    signing_policy_slug: String,
    #[serde(default)]
    key_type: String,
    key_size_in_bits: Option<u32>,
    public_key_bytes: Option<String>,
    certificate_bytes: Option<String>,
}

impl SigningPolicy {
    /// Reads an entry of the list.
    ///
    /// # Errors
    /// What is wrong with it, as a sentence that names it if it can be named.
    pub(super) fn from_entry(entry: &Value) -> Result<Self, String> {
        let entry = Entry::deserialize(entry).map_err(|error| {
            format!("an entry in the list of signing policies is unusable: {error}")
        })?;
        let name = PolicyName {
            project_slug: entry.project_slug,
            signing_policy_slug: entry.signing_policy_slug,
        };
        let decoded = |field: &str, text: Option<String>| {
            text.filter(|text| !text.is_empty())
                .map(|text| STANDARD.decode(text))
                .transpose()
                .map_err(|_| format!("signing policy {name}: {field} is not base64"))
        };
        Ok(Self {
            public_key: decoded("publicKeyBytes", entry.public_key_bytes)?,
            certificate: decoded("certificateBytes", entry.certificate_bytes)?,
            key_type: entry.key_type,
            key_size_in_bits: entry.key_size_in_bits,
            name,
        })
    }
}

/// The artifact of a fast signing request, `payload.json`.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Payload {
    signature_algorithm: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    rsa_hash_algorithm: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ecdsa_signature_format: Option<&'static str>,
    base64_encoded_hash: String,
    metadata: Value,
}

impl Payload {
    pub(super) fn new(algorithm: SignatureAlgorithm, digest: &Digest, metadata: Value) -> Self {
        let (signature_algorithm, is_rsa) = match algorithm {
            SignatureAlgorithm::RsaPkcs1 => ("RsaPkcs1", true),
            SignatureAlgorithm::RsaPss => ("RsaPss", true),
            SignatureAlgorithm::Ecdsa => ("Ecdsa", false),
        };
        Self {
            signature_algorithm,
            rsa_hash_algorithm: digest
                .algorithm
                .filter(|_| is_rsa)
                .map(|hash| hash.oid().to_string()),
            ecdsa_signature_format: (!is_rsa).then_some("Ieee"),
            base64_encoded_hash: STANDARD.encode(&digest.value),
            metadata,
        }
    }
}

/// The signed artifact: the payload with the signature added.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SignedPayload {
    signature: String,
}

/// The signature in a signed artifact.
///
/// # Errors
/// What is missing or wrong.
pub(super) fn signature(body: &[u8]) -> Result<Vec<u8>, String> {
    let signed: SignedPayload = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    STANDARD
        .decode(signed.signature)
        .map_err(|_| "Signature is not base64".to_owned())
}

/// RFC 9110 problem details, as far as they help a user.
#[derive(Deserialize)]
struct ProblemDetails {
    title: Option<String>,
    detail: Option<String>,
    #[serde(default)]
    errors: BTreeMap<String, Vec<String>>,
    #[serde(rename = "traceId")]
    trace_id: Option<String>,
}

/// What the body of an error says to a user; [`None`] where it is no problem details.
pub(super) fn problem(body: &[u8]) -> Option<String> {
    let problem: ProblemDetails = serde_json::from_slice(body).ok()?;
    let mut messages: Vec<String> = problem.errors.into_values().flatten().collect();
    if messages.is_empty() {
        messages.extend(problem.detail.or(problem.title));
    }
    let messages = messages.join(" ");
    let trace_id = problem
        .trace_id
        .map(|trace_id| format!(" (trace id {trace_id})"))
        .unwrap_or_default();
    (!messages.is_empty()).then(|| format!("{messages}{trace_id}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::crypto::HashAlgorithm;

    #[test]
    fn an_rsa_payload_names_the_digest_by_its_object_identifier() {
        let digest = Digest {
            algorithm: Some(HashAlgorithm::Sha256),
            value: b"digest".to_vec(),
        };
        let payload = Payload::new(SignatureAlgorithm::RsaPss, &digest, json!({"a": 1}));
        assert_eq!(
            serde_json::to_value(payload).unwrap(),
            json!({
                "SignatureAlgorithm": "RsaPss",
                "RsaHashAlgorithm": "2.16.840.1.101.3.4.2.1",
                "Base64EncodedHash": "ZGlnZXN0",
                "Metadata": {"a": 1}
            })
        );
    }

    #[test]
    fn an_ecdsa_payload_asks_for_the_format_that_pkcs11_returns() {
        let digest = Digest {
            algorithm: Some(HashAlgorithm::Sha256),
            value: b"digest".to_vec(),
        };
        let payload = Payload::new(SignatureAlgorithm::Ecdsa, &digest, json!({}));
        assert_eq!(
            serde_json::to_value(payload).unwrap(),
            json!({
                "SignatureAlgorithm": "Ecdsa",
                "EcdsaSignatureFormat": "Ieee",
                "Base64EncodedHash": "ZGlnZXN0",
                "Metadata": {}
            })
        );
    }

    /// Bodies of the live service.
    #[test]
    fn all_messages_of_problem_details_reach_the_user() {
        let body = json!({
            "errors": {
                "SigningPolicyId": ["The selected signing policy has an approval process."],
                "": ["The file has an invalid format."]
            },
            "type": "https://tools.ietf.org/html/rfc9110#section-15.5.1",
            "title": "One or more validation errors occurred.",
            "status": 400,
            "traceId": "00-5465-5d5a-00"
        });
        assert_eq!(
            problem(body.to_string().as_bytes()).unwrap(),
            "The file has an invalid format. The selected signing policy has an approval process. \
             (trace id 00-5465-5d5a-00)"
        );
        assert_eq!(problem(br#"{"title": "Not Found"}"#).unwrap(), "Not Found");
        assert_eq!(problem(b"<html>Bad Gateway</html>"), None);
        assert_eq!(problem(b"{}"), None);
    }

    #[test]
    fn an_entry_says_which_field_is_unusable() {
        let entry = json!({"projectSlug": "p", "signingPolicySlug": "s", "certificateBytes": "?"});
        assert_eq!(
            SigningPolicy::from_entry(&entry).unwrap_err(),
            "signing policy p/s: certificateBytes is not base64"
        );
        let reason = SigningPolicy::from_entry(&json!({"projectSlug": "p"})).unwrap_err();
        assert!(reason.contains("signingPolicySlug"), "{reason}");
    }
}
