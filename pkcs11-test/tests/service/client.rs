//! Services that share state folders, an HTTP client, and OpenSSL.

use std::path::{Path, PathBuf};
use std::sync::Once;

use base64::prelude::{BASE64_STANDARD, Engine};
use pkcs11_test::{Options, Service};
use reqwest::blocking::RequestBuilder;
use reqwest::blocking::multipart::{Form, Part};
use reqwest::header::HeaderMap;
use reqwest::{Certificate, StatusCode};
use serde_json::{Value, json};

use crate::openssl;

/// A folder that later runs find again: keys take long to make.
pub fn state(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("service");
    std::fs::create_dir_all(&folder).expect("a folder for state");
    folder.join(name)
}

pub fn start(state_name: &str, change: impl FnOnce(&mut Options)) -> Service {
    let mut options = Options::new(state(state_name));
    change(&mut options);
    Service::start(options).expect("the service starts")
}

/// The default policies over plain HTTP.
pub fn service() -> Service {
    start("default", |_| {})
}

pub const MESSAGE: &[u8] = b"what is signed";

/// A digest of [`MESSAGE`].
pub struct Hash {
    /// As the `openssl` command knows it.
    pub name: &'static str,
    pub oid: &'static str,
}

impl Hash {
    /// By length.
    pub const ALL: [Self; 5] = [
        Self {
            name: "md5",
            oid: "1.2.840.113549.2.5",
        },
        Self {
            name: "sha1",
            oid: "1.3.14.3.2.26",
        },
        Self {
            name: "sha256",
            oid: "2.16.840.1.101.3.4.2.1",
        },
        Self {
            name: "sha384",
            oid: "2.16.840.1.101.3.4.2.2",
        },
        Self {
            name: "sha512",
            oid: "2.16.840.1.101.3.4.2.3",
        },
    ];

    pub fn value(&self) -> Vec<u8> {
        openssl::run(&["dgst", &format!("-{}", self.name), "-binary"], MESSAGE)
    }

    pub fn base64(&self) -> String {
        BASE64_STANDARD.encode(self.value())
    }
}

pub struct Curve {
    pub slug: &'static str,
    /// In bytes.
    pub field_length: usize,
}

impl Curve {
    pub const ALL: [Self; 3] = [
        Self {
            slug: "p-256",
            field_length: 32,
        },
        Self {
            slug: "p-384",
            field_length: 48,
        },
        Self {
            slug: "p-521",
            field_length: 66,
        },
    ];
}

/// A request for an RSASSA-PKCS1-v1_5 signature of a SHA-256 hash.
pub fn payload() -> Value {
    let hash = &Hash::ALL[2];
    json!({ "SignatureAlgorithm": "RsaPkcs1", "RsaHashAlgorithm": hash.oid, "Base64EncodedHash": hash.base64() })
}

/// Ecdsa-Sig-Value (RFC 3279, section 2.2.3) of r and s side by side.
pub fn der_sequence(ieee: &[u8]) -> Vec<u8> {
    let (r, s) = ieee.split_at(ieee.len() / 2);
    let hex = |number: &[u8]| {
        number
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>()
    };
    let definition = format!(
        "asn1=SEQUENCE:signature\n[signature]\nr=INTEGER:0x{}\ns=INTEGER:0x{}\n",
        hex(r),
        hex(s)
    );
    let file = tempfile(definition.as_bytes());
    openssl::run(
        &[
            "asn1parse",
            "-genconf",
            file.path(),
            "-noout",
            "-out",
            "/dev/stdout",
        ],
        b"",
    )
}

/// The signature in the answer to a first-generation request.
pub fn signature(answer: &Value) -> Vec<u8> {
    BASE64_STANDARD
        .decode(answer["Signature"].as_str().expect("Signature"))
        .expect("base64")
}

/// A file that is gone when this is dropped.
pub struct TemporaryFile(PathBuf);

pub fn tempfile(content: &[u8]) -> TemporaryFile {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NUMBER: AtomicU32 = AtomicU32::new(0);

    let path = state(&format!(
        "{}-{}.tmp",
        std::process::id(),
        NUMBER.fetch_add(1, Ordering::Relaxed)
    ));
    std::fs::write(&path, content).expect("write");
    TemporaryFile(path)
}

impl TemporaryFile {
    pub fn path(&self) -> &str {
        self.0.to_str().expect("UTF-8")
    }
}

impl Drop for TemporaryFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
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
        assert!(
            self.headers["content-type"]
                .to_str()
                .expect("text")
                .starts_with("application/problem+json")
        );
        let problem = self.json();
        assert_eq!(problem["status"], status.as_u16());
        assert!(
            problem["traceId"]
                .as_str()
                .expect("traceId")
                .starts_with("00-")
        );
        problem
    }
}

impl Client {
    pub fn new(service: &Service) -> Self {
        Self::with_token(service, service.token())
    }

    pub fn with_token(service: &Service, token: &str) -> Self {
        // No authority at all: most of the services do without TLS.
        Self::build(service, token, Vec::new())
    }

    pub fn trusting(service: &Service, authority: &[u8]) -> Self {
        Self::build(
            service,
            service.token(),
            vec![Certificate::from_pem(authority).expect("a certificate")],
        )
    }

    fn build(service: &Service, token: &str, authorities: Vec<Certificate>) -> Self {
        static PROVIDER: Once = Once::new();
        PROVIDER.call_once(|| {
            rustls::crypto::ring::default_provider()
                .install_default()
                .expect("the first provider")
        });

        let http = reqwest::blocking::Client::builder()
            .no_proxy()
            .tls_certs_only(authorities)
            .build()
            .expect("a client");
        Self {
            http,
            base: format!("{}/v1/{}", service.api_url(), service.organization_id()),
            token: token.to_owned(),
        }
    }

    pub fn get(&self, route: &str) -> Answer {
        self.get_url(&format!("{}{route}", self.base))
    }

    pub fn get_url(&self, url: &str) -> Answer {
        self.try_get_url(url).expect("an answer")
    }

    pub fn try_get_url(&self, url: &str) -> reqwest::Result<Answer> {
        self.send(self.http.get(url))
    }

    pub fn post_json(&self, route: &str, body: &Value) -> Answer {
        self.send(self.http.post(format!("{}{route}", self.base)).json(body))
            .expect("an answer")
    }

    pub fn post_form(
        &self,
        route: &str,
        fields: &[(&'static str, &str)],
        payload: &Value,
    ) -> Answer {
        self.try_post_form(route, fields, payload)
            .expect("an answer")
    }

    fn try_post_form(
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
            .fold(Form::new(), |form, (name, value)| {
                form.text(*name, value.to_string())
            })
            .part("Artifact", artifact);
        self.send(
            self.http
                .post(format!("{}{route}", self.base))
                .multipart(form),
        )
    }

    /// A fast signing request for a policy of project `demo`.
    pub fn sign(&self, policy: &str, payload: &Value) -> Answer {
        self.try_sign(policy, payload).expect("an answer")
    }

    pub fn try_sign(&self, policy: &str, payload: &Value) -> reqwest::Result<Answer> {
        let fields = [
            ("ProjectSlug", "demo"),
            ("SigningPolicySlug", policy),
            ("IsFastSigningRequest", "true"),
        ];
        self.try_post_form("/SigningRequests", &fields, payload)
    }

    fn send(&self, request: RequestBuilder) -> reqwest::Result<Answer> {
        let request = if self.token.is_empty() {
            request
        } else {
            request.bearer_auth(&self.token)
        };
        let response = request.send()?;
        Ok(Answer {
            status: response.status(),
            headers: response.headers().clone(),
            body: response.bytes()?.to_vec(),
        })
    }
}
