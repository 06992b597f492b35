//! The JSON of the REST API.

use std::borrow::Cow;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::StatusCode;
use serde::de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use serde_json::value::RawValue;

use super::{PolicyName, SigningPolicy};
use crate::config::Config;
use crate::crypto::{Digest, HashAlgorithm, SignatureAlgorithm};

#[derive(Serialize, Deserialize)]
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
    fn from_entry(entry: &str) -> Result<Self, String> {
        let entry: Entry = serde_json::from_str(entry).map_err(|error| {
            let reason = without_place(&error);
            format!("an entry in the list of signing policies is unusable: {reason}")
        })?;
        let (project, policy) = (entry.project_slug, entry.signing_policy_slug);
        let name = PolicyName::new(&project, &policy).map_err(|reason| {
            let shown = PolicyName::beginning(&project, &policy);
            format!("signing policy {shown}: {reason}; correct it in SignPath")
        })?;
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

    /// Reads a list of signing policies, which is the answer of `GET /Cryptoki/MySigningPolicies`,
    /// and hands each entry to `take`, or what is wrong with it. They are read one by one, so that one
    /// which this version does not understand hides no other, and none is kept as JSON.
    ///
    /// # Errors
    /// What is wrong with the list as a whole.
    pub fn read_list(
        body: &[u8],
        take: impl FnMut(Result<Self, String>),
    ) -> serde_json::Result<()> {
        let mut deserializer = serde_json::Deserializer::from_slice(body);
        deserializer.deserialize_map(List(take))?;
        deserializer.end()
    }
}

/// The object around the list.
struct List<F>(F);

impl<'de, F: FnMut(Result<SigningPolicy, String>)> Visitor<'de> for List<F> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        const NAME: &str = "signingPolicies";
        let mut is_there = false;
        while let Some(name) = map.next_key::<Cow<'de, str>>()? {
            if name != NAME {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            if std::mem::replace(&mut is_there, true) {
                return Err(A::Error::duplicate_field(NAME));
            }
            map.next_value_seed(Entries(&mut self.0))?;
        }
        match is_there {
            true => Ok(()),
            false => Err(A::Error::missing_field(NAME)),
        }
    }
}

/// The list itself.
struct Entries<'a, F>(&'a mut F);

impl<'de, F: FnMut(Result<SigningPolicy, String>)> DeserializeSeed<'de> for Entries<'_, F> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de, F: FnMut(Result<SigningPolicy, String>)> Visitor<'de> for Entries<'_, F> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list of signing policies")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        while let Some(entry) = entries.next_element::<&RawValue>()? {
            self.0(SigningPolicy::from_entry(entry.get()));
        }
        Ok(())
    }
}

/// The entry of the list that it was read from, without what was not.
impl Serialize for SigningPolicy {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let encoded = |bytes: &Option<Vec<u8>>| bytes.as_ref().map(|bytes| STANDARD.encode(bytes));
        Entry {
            project_slug: self.name.project_slug().to_owned(),
            signing_policy_slug: self.name.signing_policy_slug().to_owned(),
            key_type: self.key_type.clone(),
            key_size_in_bits: self.key_size_in_bits,
            public_key_bytes: encoded(&self.public_key),
            certificate_bytes: encoded(&self.certificate),
        }
        .serialize(serializer)
    }
}

/// What is wrong with an entry. The line and column in it alone would help nobody, nor would a whole
/// value that is as long as the entry.
fn without_place(error: &serde_json::Error) -> String {
    const MAX_CHARACTERS: usize = 200;
    let text = error.to_string();
    let reason = text
        .rsplit_once(" at line ")
        .map_or(&*text, |(reason, _)| reason);
    match reason.char_indices().nth(MAX_CHARACTERS) {
        Some((end, _)) => format!("{}...", reason.get(..end).unwrap_or_default()),
        None => reason.to_owned(),
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

/// The body of `POST /SigningRequests/SignHash`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SignHash<'a> {
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
    /// For what has no name there.
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
    pub(super) fn new(
        policy: &'a PolicyName,
        config: &'a Config,
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
        let ecdsa_options = rsa_options.is_none().then_some(EcdsaOptions {
            signature_format: "Ieee",
        });
        Self {
            project_slug: policy.project_slug(),
            signing_policy_slug: policy.signing_policy_slug(),
            artifact_configuration_slug: config.artifact_configuration_slug.as_deref(),
            description: config.description.as_deref(),
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

/// The names of `rsaOptions.hashAlgorithmName`, which has none for MD5.
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
struct SignHashAnswer {
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

/// The signature of `digest` in an answer to SignHash.
///
/// # Errors
/// What is missing or wrong.
pub(super) fn sign_hash_signature(body: &[u8], digest: &Digest) -> Result<Vec<u8>, String> {
    let answer: SignHashAnswer = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    let signed = answer.hash_signing_data.and_then(|data| data.hash);
    if signed.is_some_and(|signed| signed != STANDARD.encode(&digest.value)) {
        return Err("it signed another hash".to_owned());
    }
    STANDARD
        .decode(answer.hash_signing_result.signature)
        .map_err(|_| "hashSigningResult.signature is not base64".to_owned())
}

/// What the service calls an exchange, for the log: the ids and addresses in the body of an answer.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Reference {
    trace_id: Option<String>,
    signing_request_id: Option<String>,
    web_link: Option<String>,
}

impl Reference {
    /// Those in `body`, if it is one.
    pub(super) fn of(body: &[u8]) -> Self {
        serde_json::from_slice(body).unwrap_or_default()
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in [
            ("trace id", &self.trace_id),
            ("signing request", &self.signing_request_id),
            ("web link", &self.web_link),
        ] {
            if let Some(value) = value {
                write!(formatter, ", {name} {value}")?;
            }
        }
        Ok(())
    }
}

/// Problem details (RFC 9457), as far as they help a user.
#[derive(Deserialize)]
struct ProblemDetails {
    title: Option<String>,
    detail: Option<String>,
    #[serde(default)]
    errors: Value,
    #[serde(rename = "traceId")]
    trace_id: Option<String>,
}

/// What the body of an error says.
pub(super) struct Problem {
    /// All messages, for a user.
    pub(super) text: String,
    /// Whether it says more than the status does.
    pub(super) is_specific: bool,
}

/// What the body of an error says; [`None`] where it is no problem details. A title that only
/// repeats the `status` says nothing.
pub(super) fn problem(body: &[u8], status: StatusCode) -> Option<Problem> {
    let problem: ProblemDetails = serde_json::from_slice(body).ok()?;
    let mut messages = messages(problem.errors);
    if messages.is_empty() {
        let title = problem.title.filter(|title| !repeats(title, status));
        messages.extend(problem.detail.or(title));
    }
    let is_specific = !messages.is_empty();
    messages.extend(
        problem
            .trace_id
            .map(|trace_id| format!("(trace id {trace_id})")),
    );
    (!messages.is_empty()).then(|| Problem {
        text: messages.join(" "),
        is_specific,
    })
}

fn repeats(title: &str, status: StatusCode) -> bool {
    let reason = status.canonical_reason().unwrap_or_default();
    title
        .trim()
        .trim_end_matches('.')
        .eq_ignore_ascii_case(reason)
        || title.trim().is_empty()
}

/// The texts in `errors`: lists by field, as SignPath has them, or objects with a `detail` each (RFC
/// 9457, section 3).
fn messages(errors: Value) -> Vec<String> {
    match errors {
        Value::String(message) => vec![message],
        Value::Array(errors) => errors.into_iter().flat_map(messages).collect(),
        Value::Object(mut errors) => match errors.remove("detail") {
            Some(detail) => messages(detail),
            None => errors
                .into_iter()
                .flat_map(|(_, errors)| messages(errors))
                .collect(),
        },
        _ => Vec::new(),
    }
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

    /// The example and the table of the REST documentation, "Signing a hash: second generation". The
    /// digest is the example's, which the documentation has in base64.
    #[test]
    fn sign_hash_is_the_request_that_is_documented() {
        let policy = PolicyName::new("hash-signing", "test-signing").unwrap();
        let encoded = "ZOyIygCyaOW6GjVnihtTFtIS9PNmskdyMlNKiuyjfzw=";
        let value = STANDARD.decode(encoded).unwrap();
        let metadata = json!({"sourceProcess": {"commandLine": "...", "user": "..."}});
        let bare = Config::load().unwrap();
        let config = Config {
            artifact_configuration_slug: Some("installer".to_owned()),
            description: Some("1.0".to_owned()),
            ..bare.clone()
        };
        let rsa = |hash: Value, padding: &str| {
            let mut options = hash;
            options["paddingMode"] = padding.into();
            ("Rsa", "rsaOptions", options)
        };
        let sha256 = || json!({"hashAlgorithmName": "Sha256"});
        // MD5 has no name there.
        let md5 = || json!({"hashAlgorithmOid": "1.2.840.113549.2.5"});
        let ecdsa = ("Ecdsa", "ecdsaOptions", json!({"signatureFormat": "Ieee"}));
        use HashAlgorithm::{Md5, Sha256};
        use SignatureAlgorithm::{Ecdsa, RsaPkcs1, RsaPss};
        for (algorithm, hash, (name, options_name, options)) in [
            (RsaPkcs1, Sha256, rsa(sha256(), "Pkcs1")),
            (RsaPss, Sha256, rsa(sha256(), "Pss")),
            (RsaPkcs1, Md5, rsa(md5(), "Pkcs1")),
            (Ecdsa, Sha256, ecdsa),
        ] {
            let digest = Digest {
                algorithm: Some(hash),
                value: value.clone(),
            };
            let request = |config: &Config| {
                let request = SignHash::new(&policy, config, algorithm, &digest, metadata.clone());
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
            expected["hashSigningData"][options_name] = options;
            assert_eq!(request(&bare), expected);
            expected["artifactConfigurationSlug"] = "installer".into();
            expected["description"] = "1.0".into();
            assert_eq!(request(&config), expected);
        }
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
            problem(body.to_string().as_bytes(), StatusCode::BAD_REQUEST)
                .unwrap()
                .text,
            "The file has an invalid format. The selected signing policy has an approval process. \
             (trace id 00-5465-5d5a-00)"
        );
        // The example of RFC 9457, section 3.
        let body = json!({
            "type": "https://example.net/validation-error",
            "title": "Your request is not valid.",
            "errors": [
                {"detail": "must be a positive integer", "pointer": "#/age"},
                {"detail": "must be 'green', 'red' or 'blue'", "pointer": "#/profile/color"}
            ]
        });
        let problem_of =
            |body: Value| problem(body.to_string().as_bytes(), StatusCode::BAD_REQUEST);
        assert_eq!(
            problem_of(body).unwrap().text,
            "must be a positive integer must be 'green', 'red' or 'blue'"
        );
        assert_eq!(problem_of(json!({"errors": "No."})).unwrap().text, "No.");
        let missing = |body: &str| problem(body.as_bytes(), StatusCode::NOT_FOUND);
        let not_found = missing(r#"{"title": "Not Found", "traceId": "00-1"}"#).unwrap();
        assert_eq!(not_found.text, "(trace id 00-1)");
        assert!(!not_found.is_specific);
        let other = missing(r#"{"title": "No such route"}"#).unwrap();
        assert_eq!(other.text, "No such route");
        assert!(other.is_specific);
        for body in ["<html>Not Found</html>", "{}", r#"{"title": "Not Found"}"#] {
            assert!(missing(body).is_none(), "{body}");
        }
    }

    #[test]
    fn an_entry_says_which_field_is_unusable() {
        let entry = json!({"projectSlug": "p", "signingPolicySlug": "s", "certificateBytes": "?"});
        assert_eq!(
            SigningPolicy::from_entry(&entry.to_string()).unwrap_err(),
            "signing policy p/s: certificateBytes is not base64"
        );
        assert_eq!(
            SigningPolicy::from_entry(r#"{"projectSlug": "p"}"#).unwrap_err(),
            "an entry in the list of signing policies is unusable: missing field `signingPolicySlug`"
        );
        let long = json!({"projectSlug": "p", "keySizeInBits": "x".repeat(1 << 20)});
        let reason = SigningPolicy::from_entry(&long.to_string()).unwrap_err();
        assert!(reason.len() < 300, "{}", reason.len());
    }
}
