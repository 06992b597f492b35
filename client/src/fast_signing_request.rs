//! Signs a hash with a fast signing request (REST documentation, "Signing a hash: first
//! generation").

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use signpath_crypto::{Digest, SignatureAlgorithm};

use crate::any_case;
use crate::call::Call;
use crate::cancellation::Cancellation;
use crate::exchange::{Api, serialization_error};
use crate::failed_attempt::FailedAttempt;
use crate::multipart::Form;
use crate::policy_name::PolicyName;
use crate::retry::Attempts;
use crate::signed::Returned;
use crate::transport::Outgoing;
use crate::unexpected::unintelligible;

impl Api {
    /// `POST /SigningRequests` (REST documentation, "Signing a hash: first generation").
    pub(crate) fn fast_signing_request(
        &self,
        policy: &PolicyName,
        algorithm: SignatureAlgorithm,
        digest: &Digest,
        attempts: Attempts,
        cancellation: &Cancellation,
    ) -> std::result::Result<Returned, FailedAttempt> {
        let options = self.options();
        let metadata = self.metadata.creating_process(options, &self.masker);
        let payload = serde_json::to_vec(&Payload::new(algorithm, digest, metadata))
            .map_err(|error| serialization_error(&error))?;
        let optional = [
            ("ArtifactConfigurationSlug", &options.artifact_configuration_slug),
            ("Description", &options.description),
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
        let answer = self.call(&call, attempts, cancellation, |url| {
            Outgoing::post(url, &content_type, body.clone())
        })?;
        let signature = signature(&answer.body).map_err(|reason| {
            unintelligible(&self.masker, "signed payload", &answer.body, &reason)
        })?;
        Ok(Returned { signature, reference: answer.reference, attempts: answer.attempts })
    }
}

/// The artifact of a fast signing request, `payload.json`.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Payload {
    signature_algorithm: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    rsa_hash_algorithm: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ecdsa_signature_format: Option<&'static str>,
    base64_encoded_hash: String,
    metadata: Value,
}

impl Payload {
    fn new(algorithm: SignatureAlgorithm, digest: &Digest, metadata: Value) -> Self {
        let is_rsa = algorithm != SignatureAlgorithm::Ecdsa;
        Self {
            signature_algorithm: algorithm.name(),
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
/// What is missing or invalid.
pub(crate) fn signature(body: &[u8]) -> Result<Vec<u8>, String> {
    let signed: SignedPayload = serde_json::from_slice(body)
        .or_else(|_| any_case::from_slice(body, &["Signature"]))
        .map_err(|error| error.to_string())?;
    STANDARD.decode(signed.signature).map_err(|_| "Signature is not base64".to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use signpath_crypto::HashAlgorithm;

    use super::*;

    #[test]
    fn rsa_payload_has_the_digests_object_identifier() {
        let digest = Digest { algorithm: Some(HashAlgorithm::Sha256), value: b"digest".to_vec() };
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
    fn ecdsa_payload_requests_the_format_of_pkcs11() {
        let digest = Digest { algorithm: Some(HashAlgorithm::Sha256), value: b"digest".to_vec() };
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
}
