//! Signs a hash with SignHash (REST documentation, "Signing a hash: second generation").

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use signpath_crypto::{Digest, HashAlgorithm, SignatureAlgorithm};

use crate::any_case;
use crate::call::Call;
use crate::cancellation::Cancellation;
use crate::error::{Error, ErrorKind};
use crate::exchange::{Api, serialization_error};
use crate::failed_attempt::FailedAttempt;
use crate::options::Options;
use crate::policy_name::PolicyName;
use crate::retry::Attempts;
use crate::signed::Returned;
use crate::transport::Outgoing;
use crate::unexpected::unintelligible;

impl Api {
    /// `POST /SigningRequests/SignHash` (REST documentation, "Signing a hash: second generation").
    pub(crate) fn sign_hash(
        &self,
        policy: &PolicyName,
        algorithm: SignatureAlgorithm,
        digest: &Digest,
        attempts: Attempts,
        cancellation: &Cancellation,
    ) -> std::result::Result<Returned, FailedAttempt> {
        if digest.algorithm == Some(HashAlgorithm::Md5) && algorithm != SignatureAlgorithm::Ecdsa {
            return Err(Error::new(ErrorKind::Refused, NO_MD5).into());
        }
        let options = self.options();
        let metadata = self.metadata.source_process(options, &self.masker);
        let request = SignHash::new(policy, options, algorithm, digest, metadata);
        let request = serde_json::to_vec(&request).map_err(|error| serialization_error(&error))?;
        let call = Call::sign("SigningRequests/SignHash", policy);
        let request = Bytes::from(request);
        let answer = self.call(&call, attempts, cancellation, |url| {
            Outgoing::post(url, "application/json", request.clone())
        })?;
        let signature = signature(&answer.body, digest).map_err(|reason| {
            unintelligible(&self.masker, "SignHash response", &answer.body, &reason)
        })?;
        Ok(Returned { signature, reference: answer.reference, attempts: answer.attempts })
    }
}

/// The documentation of SignHash names SHA-1, SHA-256, SHA-384 and SHA-512, so no request is wasted on MD5.
const NO_MD5: &str = "SignPath's route SignHash does not sign MD5 digests; use SHA-256";

/// The body of `POST /SigningRequests/SignHash`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SignHash<'a> {
    project_slug: &'a str,
    signing_policy_slug: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    artifact_configuration_slug: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    hash_signing_data: HashSigningData,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct HashSigningData {
    signature_algorithm: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    rsa_options: Option<RsaOptions>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ecdsa_options: Option<EcdsaOptions>,
    hash: String,
    metadata: Value,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RsaOptions {
    #[serde(skip_serializing_if = "Option::is_none")]
    hash_algorithm_name: Option<&'static str>,
    /// For algorithms without a name in this API.
    #[serde(skip_serializing_if = "Option::is_none")]
    hash_algorithm_oid: Option<String>,
    padding_mode: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct EcdsaOptions {
    signature_format: &'static str,
}

impl<'a> SignHash<'a> {
    fn new(
        policy: &'a PolicyName,
        options: &'a Options,
        algorithm: SignatureAlgorithm,
        digest: &Digest,
        metadata: Value,
    ) -> Self {
        let rsa_options = |padding_mode| {
            let name = digest.algorithm.and_then(hash_algorithm_name);
            let oid = digest.algorithm.map(|hash| hash.oid().to_string());
            Some(RsaOptions {
                hash_algorithm_name: name,
                hash_algorithm_oid: oid.filter(|_| name.is_none()),
                padding_mode,
            })
        };
        let (signature_algorithm, rsa_options) = match algorithm {
            SignatureAlgorithm::RsaPkcs1 => ("Rsa", rsa_options("Pkcs1")),
            SignatureAlgorithm::RsaPss => ("Rsa", rsa_options("Pss")),
            SignatureAlgorithm::Ecdsa => ("Ecdsa", None),
        };
        let ecdsa_options =
            rsa_options.is_none().then_some(EcdsaOptions { signature_format: "Ieee" });
        Self {
            project_slug: policy.project_slug(),
            signing_policy_slug: policy.signing_policy_slug(),
            artifact_configuration_slug: options.artifact_configuration_slug.as_deref(),
            description: options.description.as_deref(),
            hash_signing_data: HashSigningData {
                signature_algorithm,
                rsa_options,
                ecdsa_options,
                hash: STANDARD.encode(&digest.value),
                metadata,
            },
        }
    }
}

/// The value of `rsaOptions.hashAlgorithmName`, which has none for MD5.
const fn hash_algorithm_name(hash: HashAlgorithm) -> Option<&'static str> {
    match hash {
        HashAlgorithm::Sha1 => Some("Sha1"),
        HashAlgorithm::Sha256 => Some("Sha256"),
        HashAlgorithm::Sha384 => Some("Sha384"),
        HashAlgorithm::Sha512 => Some("Sha512"),
        _ => None,
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SignHashResponse {
    hash_signing_data: Option<SignedData>,
    hash_signing_result: SigningResult,
}

#[derive(Deserialize)]
struct SignedData {
    hash: Option<String>,
}

#[derive(Deserialize)]
struct SigningResult {
    signature: String,
}

/// The signature of `digest` in the response of SignHash.
///
/// # Errors
/// What is missing or invalid.
pub(crate) fn signature(body: &[u8], digest: &Digest) -> Result<Vec<u8>, String> {
    const NAMES: [&str; 4] = ["hashSigningData", "hashSigningResult", "hash", "signature"];
    let response: SignHashResponse =
        any_case::from_slice(body, &NAMES).map_err(|error| error.to_string())?;
    let signed = response.hash_signing_data.and_then(|data| data.hash);
    if signed.is_some_and(|signed| signed != STANDARD.encode(&digest.value)) {
        return Err("the signature is for another hash".to_owned());
    }
    STANDARD
        .decode(response.hash_signing_result.signature)
        .map_err(|_| "hashSigningResult.signature is not base64".to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The example and the table of the REST documentation, "Signing a hash: second generation".
    /// The digest is the one in the example.
    #[test]
    fn sign_hash_sends_the_documented_request() {
        let policy = PolicyName::new("hash-signing", "test-signing").unwrap();
        let encoded = "ZOyIygCyaOW6GjVnihtTFtIS9PNmskdyMlNKiuyjfzw=";
        let value = STANDARD.decode(encoded).unwrap();
        let metadata = json!({"sourceProcess": {"commandLine": "...", "user": "..."}});
        let bare = Options::new("https://example.org/Api".parse().unwrap());
        let options = Options {
            artifact_configuration_slug: Some("installer".to_owned()),
            description: Some("1.0".to_owned()),
            ..bare.clone()
        };
        let rsa = |hash: Value, padding: &str| {
            let mut key_options = hash;
            key_options["paddingMode"] = padding.into();
            ("Rsa", "rsaOptions", key_options)
        };
        let sha256 = || json!({"hashAlgorithmName": "Sha256"});
        let ecdsa = ("Ecdsa", "ecdsaOptions", json!({"signatureFormat": "Ieee"}));
        use HashAlgorithm::Sha256;
        use SignatureAlgorithm::{Ecdsa, RsaPkcs1, RsaPss};
        for (algorithm, hash, (name, key_options_name, key_options)) in [
            (RsaPkcs1, Sha256, rsa(sha256(), "Pkcs1")),
            (RsaPss, Sha256, rsa(sha256(), "Pss")),
            (Ecdsa, Sha256, ecdsa),
        ] {
            let digest = Digest { algorithm: Some(hash), value: value.clone() };
            let request = |options: &Options| {
                let request = SignHash::new(&policy, options, algorithm, &digest, metadata.clone());
                serde_json::to_value(request).unwrap()
            };
            let mut expected = json!({
                "projectSlug": "hash-signing",
                "signingPolicySlug": "test-signing",
                "hashSigningData": {
                    "signatureAlgorithm": name,
                    "hash": encoded,
                    "metadata": metadata,
                }
            });
            expected["hashSigningData"][key_options_name] = key_options;
            assert_eq!(request(&bare), expected);
            expected["artifactConfigurationSlug"] = "installer".into();
            expected["description"] = "1.0".into();
            assert_eq!(request(&options), expected);
        }
    }
}
