//! Services that share state folders, an HTTP client, and OpenSSL.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Once;

use base64::prelude::{BASE64_STANDARD, Engine};
use pkcs11_test::{Options, PolicyFile, Service};
use reqwest::StatusCode;
use reqwest::blocking::RequestBuilder;
use reqwest::blocking::multipart::{Form, Part};
use reqwest::header::HeaderMap;
use serde_json::{Value, json};

use crate::openssl;

/// A directory that later runs find again: keys take long to make.
pub fn state(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("service");
    std::fs::create_dir_all(&folder).unwrap();
    folder.join(name)
}

pub fn start(state_name: &str, change: impl FnOnce(&mut Options)) -> Service {
    let mut options = Options::new(state(state_name));
    change(&mut options);
    Service::start(options).unwrap()
}

/// A service with the policies of a file.
pub fn with_policies(state_name: &str, policies: &str) -> Service {
    start(state_name, |options| options.policies = PolicyFile::parse(policies).unwrap())
}

/// The default policies over plain HTTP.
pub fn service() -> Service {
    start("default", |_| {})
}

pub const MESSAGE: &[u8] = b"what is signed";

/// The object identifier of SHA-256.
pub const SHA256: &str = "2.16.840.1.101.3.4.2.1";

/// A digest of [`MESSAGE`].
pub fn digest(name: &str) -> Vec<u8> {
    openssl::line(&format!("dgst -{name} -binary"), MESSAGE)
}

/// The SHA-256 digest of [`MESSAGE`] in base64.
pub fn hash() -> String {
    BASE64_STANDARD.encode(digest("sha256"))
}

/// A payload for an RSA signature.
pub fn rsa_payload(algorithm: &str) -> Value {
    json!({ "SignatureAlgorithm": algorithm, "RsaHashAlgorithm": SHA256, "Base64EncodedHash": hash() })
}

/// A request for an RSASSA-PKCS1-v1_5 signature of a SHA-256 hash.
pub fn payload() -> Value {
    rsa_payload("RsaPkcs1")
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The signature in the answer to a first-generation request.
pub fn signature(answer: &Value) -> Vec<u8> {
    BASE64_STANDARD.decode(answer["Signature"].as_str().unwrap()).unwrap()
}

/// The permissions of a file.
pub fn mode(file: impl AsRef<Path>) -> u32 {
    std::fs::metadata(file).unwrap().permissions().mode() & 0o777
}

/// An HTTP client of one user, with a connection pool of its own.
pub struct Client {
    http: reqwest::blocking::Client,
    base: String,
    token: String,
}

pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|_| panic!("{} {}", self.status, String::from_utf8_lossy(&self.body)))
    }

    /// The problem details, once it is sure that the answer is some.
    pub fn problem(&self, status: StatusCode) -> Value {
        assert_eq!(self.status, status);
        let content_type = self.headers["content-type"].to_str().unwrap();
        assert!(content_type.starts_with("application/problem+json"));
        let problem = self.json();
        assert_eq!(problem["status"], status.as_u16());
        assert!(problem["traceId"].as_str().unwrap().starts_with("00-"));
        problem
    }
}

impl Client {
    pub fn new(service: &Service) -> Self {
        Self::with_token(service, service.token())
    }

    pub fn with_token(service: &Service, token: &str) -> Self {
        // A client needs it even for plain HTTP.
        static PROVIDER: Once = Once::new();
        let ring = rustls::crypto::ring::default_provider;
        PROVIDER.call_once(|| ring().install_default().unwrap());
        let http = reqwest::blocking::Client::builder().no_proxy();
        Self {
            http: http.tls_certs_only([]).build().unwrap(),
            base: format!("{}/v1/{}", service.api_url(), service.organization_id()),
            token: token.to_owned(),
        }
    }

    pub fn get(&self, route: &str) -> Answer {
        self.get_url(&format!("{}{route}", self.base))
    }

    /// The signing policies.
    pub fn list(&self, query: &str) -> Vec<Value> {
        let answer = self.get(&format!("/Cryptoki/MySigningPolicies{query}")).json();
        answer["signingPolicies"].as_array().unwrap().clone()
    }

    pub fn get_url(&self, url: &str) -> Answer {
        self.send(self.http.get(url)).unwrap()
    }

    pub fn post_json(&self, route: &str, body: &Value) -> Answer {
        self.send(self.http.post(format!("{}{route}", self.base)).json(body)).unwrap()
    }

    pub fn post_form(
        &self,
        route: &str,
        fields: &[(&'static str, &str)],
        payload: &Value,
    ) -> reqwest::Result<Answer> {
        let artifact = Part::bytes(payload.to_string().into_bytes())
            .file_name("payload.json")
            .mime_str("application/json")?;
        let form = fields
            .iter()
            .fold(Form::new(), |form, (name, value)| form.text(*name, value.to_string()))
            .part("Artifact", artifact);
        self.send(self.http.post(format!("{}{route}", self.base)).multipart(form))
    }

    /// A fast signing request for a policy of project `demo`.
    pub fn sign(&self, policy: &str, payload: &Value) -> Answer {
        self.try_sign(policy, payload).unwrap()
    }

    pub fn try_sign(&self, policy: &str, payload: &Value) -> reqwest::Result<Answer> {
        let fields = [
            ("ProjectSlug", "demo"),
            ("SigningPolicySlug", policy),
            ("IsFastSigningRequest", "true"),
        ];
        self.post_form("/SigningRequests", &fields, payload)
    }

    fn send(&self, request: RequestBuilder) -> reqwest::Result<Answer> {
        let request =
            if self.token.is_empty() { request } else { request.bearer_auth(&self.token) };
        let response = request.send()?;
        Ok(Answer {
            status: response.status(),
            headers: response.headers().clone(),
            body: response.bytes()?.to_vec(),
        })
    }
}
