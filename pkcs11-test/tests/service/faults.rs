//! Faults: what a client gets, and what the service records.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use pkcs11_test::{Effect, Fault, Gate, ServerCertificate, Service, TlsOptions, TlsVersions};
use reqwest::StatusCode;
use serde_json::json;

use crate::client::{
    self, Client, Hash, der_sequence, ecdsa_payload, rows, service, signature, start,
};
use crate::openssl::{self, ECDSA};

const SIGN: &str = "POST /SigningRequests";
const SIGN_HASH: &str = "POST /SigningRequests/SignHash";

/// A service, and a client that signs.
struct Stage {
    service: Service,
    client: Client,
}

impl Stage {
    fn new() -> Self {
        let service = service();
        let client = Client::new(&service);
        Self { service, client }
    }

    fn inject(&self, fault: impl Into<Fault>) {
        self.service.inject(fault).unwrap();
    }

    fn try_sign(&self) -> reqwest::Result<client::Answer> {
        self.client.try_sign("rsa-2048", &client::payload())
    }

    fn sign(&self) -> client::Answer {
        self.try_sign().unwrap()
    }

    fn answer(&self, effect: Effect) -> client::Answer {
        self.inject(effect);
        self.sign()
    }

    fn assert_statuses(&self, expected: &[Option<u16>]) {
        let requests = self.service.requests().into_iter();
        let statuses: Vec<_> = requests.map(|request| request.status).collect();
        assert_eq!(statuses, expected);
    }

    /// A connection on which the health was requested.
    fn connection(&self) -> TcpStream {
        let address = self.service.api_url().split('/').nth(2).unwrap();
        let mut stream = TcpStream::connect(address).unwrap();
        let request = b"GET /Api/healthz HTTP/1.1\r\nHost: x\r\n\r\n";
        stream.write_all(request).unwrap();
        stream
    }
}

#[test]
fn a_fault_heals_after_as_many_requests_as_it_says() {
    let stage = Stage::new();
    stage.inject(Fault::on(SIGN, Effect::status(503)).times(2));
    stage.inject(Fault::on(SIGN, Effect::status(429)));
    for _ in 0..4 {
        stage.sign();
    }
    stage.assert_statuses(&[Some(503), Some(503), Some(429), Some(200)]);
    let requests = stage.service.requests().into_iter();
    let signed: Vec<_> = requests.map(|request| request.is_signed).collect();
    assert_eq!(signed, [false, false, false, true]);

    stage.inject(Fault::on(SIGN, Effect::status(500)).always());
    for _ in 0..3 {
        assert_eq!(stage.sign().status.as_u16(), 500);
    }
    stage.service.heal();
    assert_eq!(stage.sign().status, StatusCode::OK);
}

#[test]
fn answers_have_the_headers_and_bodies_of_the_real_service() {
    let stage = Stage::new();
    let answer = stage.answer(Effect::problem(400, &["First.", "Second."]));
    let errors = &answer.problem(StatusCode::BAD_REQUEST)["errors"];
    assert_eq!(*errors, json!({ "Field0": ["First."], "Field1": ["Second."] }));
    let page = stage.answer(Effect::web_page(502));
    assert_eq!(page.headers["content-type"], "text/html");
    assert!(page.body.starts_with(b"<html>"));
    // The example of RFC 9110, section 5.6.7
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
    for (effect, expected) in [
        (Effect::retry_after(429, 7), "7"),
        (Effect::retry_at(503, time), "Sun, 06 Nov 1994 08:49:37 GMT"),
    ] {
        assert_eq!(stage.answer(effect).headers["retry-after"], expected);
    }
    let not_text = stage.answer(Effect::answer(500, &[], b"\xff\xfe\x00".to_vec()));
    assert_eq!(not_text.body, b"\xff\xfe\x00");
    let length = 3_000_001;
    let long = stage.answer(Effect::Long { status: 200, length });
    assert_eq!(long.headers["content-length"], length.to_string());
    assert_eq!(long.body.len() as u64, length);
}

#[test]
fn a_redirect_leads_to_another_service() {
    let (stage, other) = (Stage::new(), start("second", |_| {}));
    let elsewhere = format!("{}/healthz", other.api_url());
    stage.inject(Effect::redirect(307, &elsewhere));
    // This client follows it.
    stage.client.get("/Cryptoki/MySigningPolicies");
    assert_eq!(other.requests()[0].route, "GET /healthz");
}

#[test]
fn a_body_that_ends_early_is_an_error_and_the_record_says_whether_it_was_signed() {
    let stage = Stage::new();
    for (effect, is_signed) in rows! {
        Effect::truncated(500, "{", 100), false;
        Effect::Raw(b"\x16\x03\x01 not HTTP\r\n\r\n".to_vec()), false;
        Effect::Raw(Vec::new()), false;
        Effect::Truncate, true;
        Effect::Close, false;
        Effect::ProcessAndClose, true;
    } {
        stage.inject(effect.clone());
        assert!(stage.try_sign().is_err(), "{effect:?}");
        let request = stage.service.requests().pop().unwrap();
        assert_eq!(request.is_signed, is_signed, "{effect:?}");
        assert_eq!(request.status, None);
    }
}

#[test]
fn raw_bytes_are_sent_unchanged() {
    let stage = Stage::new();
    stage.inject(Effect::Raw(b"SSH-2.0-OpenSSH_9.2\r\n".to_vec()));
    let mut text = String::new();
    stage.connection().read_to_string(&mut text).unwrap();
    assert_eq!(text, "SSH-2.0-OpenSSH_9.2\r\n");
}

#[test]
fn a_trickle_pauses_before_each_byte() {
    let stage = Stage::new();
    let pause = Duration::from_millis(5);
    stage.inject(Effect::Trickle(pause));
    let start = Instant::now();
    let health = format!("{}/healthz", stage.service.api_url());
    assert_eq!(stage.client.get_url(&health).body, b"Healthy");
    assert!(start.elapsed() >= 7 * pause);
}

#[test]
fn a_gate_holds_requests_until_it_opens() {
    let stage = Stage::new();
    let gate = Gate::new();
    stage.inject(Fault::hold(SIGN, &gate));
    stage.inject(Fault::on(SIGN, Effect::status(503)).behind(&gate));
    std::thread::scope(|scope| {
        let waiting = [(); 2].map(|()| scope.spawn(|| stage.sign().status.as_u16()));
        gate.wait_for(2);
        assert_eq!(stage.service.requests(), []);
        gate.open();
        let mut statuses = waiting.map(|thread| thread.join().unwrap());
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 503]);
    });
    // An open gate holds nothing.
    stage.inject(Fault::hold(SIGN, &gate));
    assert_eq!(stage.sign().status, StatusCode::OK);
    assert_eq!(gate.arrived(), 3);
}

#[test]
fn a_client_that_does_not_wait_is_recorded_too() {
    let (stage, gate) = (Stage::new(), Gate::new());
    stage.inject(Fault::hold("GET /healthz", &gate));
    let connection = stage.connection();
    gate.wait_for(1);
    drop(connection);
    while stage.service.requests().is_empty() {
        std::thread::yield_now();
    }
    stage.assert_statuses(&[None]);
}

#[test]
fn a_service_without_one_of_the_routes_still_has_the_other() {
    let stage = Stage::new();
    for (route, status) in [(SIGN, 404), (SIGN, 405), (SIGN_HASH, 410)] {
        stage.service.heal();
        stage.inject(Fault::gone(route, status));
        let fast = stage.sign();
        let body = json!({ "projectSlug": "demo", "signingPolicySlug": "rsa-2048", "hashSigningData": {
            "signatureAlgorithm": "Rsa", "rsaOptions": { "hashAlgorithmName": "Sha256" }, "hash": Hash::SHA256.base64() } });
        let sign_hash = stage.client.post_json("/SigningRequests/SignHash", &body);
        let (gone, there) = match route == SIGN {
            true => (fast, sign_hash),
            false => (sign_hash, fast),
        };
        assert_eq!((gone.status.as_u16(), gone.body.len()), (status, 0));
        assert_eq!(gone.headers.contains_key("allow"), status == 405);
        assert_eq!(there.status, StatusCode::OK);
    }
}

#[test]
fn an_ecdsa_signature_comes_in_the_other_encoding() {
    let stage = Stage::new();
    let certificate = stage.service.certificate_der("demo", "p-256").unwrap();
    let in_the_other = |format| {
        stage.inject(Effect::OtherEncoding);
        let payload = ecdsa_payload(format, Hash::SHA256);
        signature(&stage.client.sign("p-256", &payload).json())
    };
    openssl::verify(certificate, ECDSA, Hash::SHA256, &in_the_other("Ieee"));
    let ieee = in_the_other("Asn1");
    assert_eq!(ieee.len(), 64);
    openssl::verify(certificate, ECDSA, Hash::SHA256, &der_sequence(&ieee));
}

#[test]
fn the_record_of_a_sign_hash_request_is_complete() {
    let stage = Stage::new();
    let metadata = json!({ "sourceProcess": { "commandLine": "sign it", "user": "me",
        "operatingSystem": { "type": "Linux", "version": "6.1", "architecture": "X64" } } });
    let body = json!({ "projectSlug": "demo", "signingPolicySlug": "p-256", "artifactConfigurationSlug": "configuration", "description": "text",
        "hashSigningData": { "signatureAlgorithm": "Ecdsa", "ecdsaOptions": { "signatureFormat": "Ieee" }, "hash": Hash::SHA256.base64(),
            "metadata": metadata } });
    let answer = stage.client.post_json("/SigningRequests/SignHash", &body);
    let signature = &answer.json()["hashSigningResult"]["signature"];
    // r and s side by side: 86 base64 digits and two of padding.
    assert_eq!(signature.as_str().unwrap().len(), 88);
    let request = stage.service.requests().pop().unwrap();
    assert_eq!(request.route, SIGN_HASH);
    assert_eq!(request.metadata, Some(metadata));
    let fields = [
        request.project,
        request.policy,
        request.algorithm,
        request.ecdsa_format,
        request.artifact_configuration,
        request.description,
    ];
    let expected = ["demo", "p-256", "Ecdsa", "Ieee", "configuration", "text"];
    assert_eq!(fields.map(Option::unwrap_or_default), expected);
}

/// What `openssl s_client` says of a service with these TLS options.
fn s_client(service: &Service, arguments: &str) -> String {
    let address = service.api_url().split('/').nth(2).unwrap();
    let (_, ca) = service.environment().pop().unwrap();
    let connect =
        format!("s_client -connect {address} -CAfile {ca} -verify_ip 127.0.0.1 {arguments}");
    let mut openssl = Command::new("openssl");
    openssl.args(connect.split_whitespace());
    let output = openssl.stdin(Stdio::null()).output().unwrap();
    String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
}

fn with_tls(tls_options: TlsOptions) -> Service {
    start("default", |options| {
        options.tls = true;
        options.tls_options = tls_options;
    })
}

const VERIFIED: &str = "Verify return code: 0 (ok)";

#[test]
fn certificates_are_wrong_in_the_way_that_openssl_names() {
    for (certificate, expected) in rows! {
        ServerCertificate::Good, VERIFIED;
        ServerCertificate::Expired, "certificate has expired";
        ServerCertificate::NotYetValid, "certificate is not yet valid";
        ServerCertificate::OtherName, "IP address mismatch";
        ServerCertificate::SelfSigned, "self-signed certificate";
    } {
        let service = with_tls(TlsOptions { certificate, ..TlsOptions::default() });
        let said = s_client(&service, "");
        assert!(said.contains(expected), "{certificate:?}: {said}");
    }
}

#[test]
fn only_the_configured_versions_of_tls_are_accepted() {
    for (versions, accepted, refused) in
        [(TlsVersions::Only12, "-tls1_2", "-tls1_3"), (TlsVersions::Only13, "-tls1_3", "-tls1_2")]
    {
        let service = with_tls(TlsOptions { versions, ..TlsOptions::default() });
        assert!(s_client(&service, accepted).contains(VERIFIED));
        assert!(s_client(&service, refused).contains("alert protocol version"));
    }
}

#[test]
fn a_client_without_the_required_certificate_is_refused() {
    let service = with_tls(TlsOptions { client_certificate: true, ..TlsOptions::default() });
    let without = s_client(&service, "-tls1_2");
    assert!(without.contains("alert"), "{without}");
    let file = service.client_certificate().unwrap().display();
    let with = s_client(&service, &format!("-tls1_2 -cert {file} -key {file}"));
    assert!(with.contains(VERIFIED) && !with.contains("alert"), "{with}");
}
