//! Faults: what a client gets, and what the service takes it for.

use std::io::Read;
use std::time::{Duration, Instant, SystemTime};

use pkcs11_test::{Effect, Fault, Gate, ServerCertificate, Service, TlsOptions, TlsVersions};
use reqwest::StatusCode;
use serde_json::json;

use crate::client::{self, Client, Hash, der_sequence, service, signature, start};
use crate::openssl;

const SIGN: &str = "POST /SigningRequests";
const SIGN_HASH: &str = "POST /SigningRequests/SignHash";

fn inject(service: &Service, fault: impl Into<Fault>) {
    service.inject(fault).expect("a fault");
}

fn sign(client: &Client) -> reqwest::Result<client::Answer> {
    client.try_sign("rsa-2048", &client::payload())
}

fn statuses(service: &Service) -> Vec<Option<u16>> {
    service
        .requests()
        .iter()
        .map(|request| request.status)
        .collect()
}

fn signatures(service: &Service) -> Vec<bool> {
    service
        .requests()
        .iter()
        .map(|request| request.is_signed)
        .collect()
}

#[test]
fn a_fault_heals_after_as_many_requests_as_it_says() {
    let service = service();
    let client = Client::new(&service);
    inject(&service, Fault::on(SIGN, Effect::status(503)).times(2));
    inject(&service, Fault::on(SIGN, Effect::status(429)));
    for _ in 0..4 {
        sign(&client).expect("an answer");
    }
    assert_eq!(
        statuses(&service),
        [Some(503), Some(503), Some(429), Some(200)]
    );
    // Only the last one would be counted.
    assert_eq!(signatures(&service), [false, false, false, true]);

    inject(&service, Fault::on(SIGN, Effect::status(500)).always());
    for _ in 0..3 {
        assert_eq!(sign(&client).expect("an answer").status.as_u16(), 500);
    }
    service.heal();
    assert_eq!(sign(&client).expect("an answer").status, StatusCode::OK);
}

#[test]
fn answers_have_the_headers_and_bodies_of_the_real_ones() {
    let service = service();
    let client = Client::new(&service);
    let answer = |effect: Effect| {
        inject(&service, effect);
        sign(&client).expect("an answer")
    };
    let problem =
        answer(Effect::problem(400, &["First.", "Second."])).problem(StatusCode::BAD_REQUEST);
    assert_eq!(
        problem["errors"],
        json!({ "Field0": ["First."], "Field1": ["Second."] })
    );
    let page = answer(Effect::web_page(502));
    assert_eq!(page.headers["content-type"], "text/html");
    assert!(page.body.starts_with(b"<html>"));
    assert_eq!(
        answer(Effect::retry_after(429, 7)).headers["retry-after"],
        "7"
    );
    // The example of RFC 9110, section 5.6.7
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
    assert_eq!(
        answer(Effect::retry_at(503, time)).headers["retry-after"],
        "Sun, 06 Nov 1994 08:49:37 GMT"
    );
    let not_text = answer(Effect::answer(500, &[], b"\xff\xfe\x00".to_vec()));
    assert_eq!(not_text.body, b"\xff\xfe\x00");
}

#[test]
fn a_redirect_leads_to_another_service() {
    let (service, other) = (service(), start("second", |_| {}));
    let elsewhere = format!("{}/healthz", other.api_url());
    inject(&service, Effect::redirect(307, &elsewhere));
    // The client follows it, as a careless one would.
    Client::new(&service).get("/Cryptoki/MySigningPolicies");
    assert_eq!(other.requests()[0].route, "GET /healthz");
}

#[test]
fn a_long_body_is_sent_as_a_whole() {
    let service = service();
    let length = 3_000_001;
    inject(
        &service,
        Effect::Long {
            status: 200,
            length,
        },
    );
    let answer = sign(&Client::new(&service)).expect("an answer");
    assert_eq!(answer.headers["content-length"], length.to_string());
    assert_eq!(answer.body.len() as u64, length);
}

#[test]
fn bodies_that_end_early_are_errors_and_say_whether_a_signature_was_made() {
    let service = service();
    let client = Client::new(&service);
    for effect in [
        Effect::truncated(500, "{", 100),
        Effect::Raw(b"\x16\x03\x01 this is no HTTP\r\n\r\n".to_vec()),
        Effect::Raw(Vec::new()),
        Effect::Truncate,
        Effect::Close,
        Effect::ProcessAndClose,
    ] {
        inject(&service, effect.clone());
        assert!(sign(&client).is_err(), "{effect:?}");
        let request = service.requests().pop().expect("a request");
        assert_eq!(request.is_signed, effect.is_processed(), "{effect:?}");
        assert_eq!(request.status, None);
    }
}

#[test]
fn bytes_go_out_as_they_are() {
    use std::io::Write;
    let service = service();
    inject(&service, Effect::Raw(b"SSH-2.0-OpenSSH_9.2\r\n".to_vec()));
    let address = service
        .api_url()
        .trim_start_matches("http://")
        .trim_end_matches("/Api");
    let mut stream = std::net::TcpStream::connect(address).expect("a connection");
    stream
        .write_all(b"GET /Api/healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        .expect("written");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("read");
    assert_eq!(text, "SSH-2.0-OpenSSH_9.2\r\n");
}

#[test]
fn a_trickle_pauses_before_each_byte() {
    let service = service();
    let pause = Duration::from_millis(5);
    inject(&service, Effect::Trickle(pause));
    let begin = Instant::now();
    let answer = Client::new(&service).get_url(&format!("{}/healthz", service.api_url()));
    assert_eq!(answer.body, b"Healthy");
    assert!(begin.elapsed() >= 7 * pause);
}

#[test]
fn a_gate_holds_requests_until_it_opens() {
    let service = service();
    let client = Client::new(&service);
    let gate = Gate::new();
    inject(&service, Fault::hold(SIGN, &gate));
    inject(&service, Fault::on(SIGN, Effect::status(503)).behind(&gate));
    std::thread::scope(|scope| {
        let waiting: Vec<_> = (0..2).map(|_| scope.spawn(|| sign(&client))).collect();
        gate.wait_for(2);
        assert_eq!(service.requests(), []);
        gate.open();
        let mut answers: Vec<_> = waiting
            .into_iter()
            .map(|thread| {
                thread
                    .join()
                    .expect("a thread")
                    .expect("an answer")
                    .status
                    .as_u16()
            })
            .collect();
        answers.sort_unstable();
        assert_eq!(answers, [200, 503]);
    });
    // Open, it holds nothing.
    inject(&service, Fault::hold(SIGN, &gate));
    assert_eq!(sign(&client).expect("an answer").status, StatusCode::OK);
    assert_eq!(gate.arrived(), 3);
}

#[test]
fn a_client_that_does_not_wait_is_recorded_too() {
    use std::io::Write;
    let service = service();
    let gate = Gate::new();
    inject(&service, Fault::hold("GET /healthz", &gate));
    let address = service
        .api_url()
        .trim_start_matches("http://")
        .trim_end_matches("/Api");
    let mut stream = std::net::TcpStream::connect(address).expect("a connection");
    stream
        .write_all(b"GET /Api/healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        .expect("written");
    gate.wait_for(1);
    drop(stream);
    while service.requests().is_empty() {
        std::thread::yield_now();
    }
    assert_eq!(statuses(&service), [None]);
}

#[test]
fn a_service_of_one_generation_answers_as_if_the_other_route_did_not_exist() {
    let service = service();
    let client = Client::new(&service);
    for (route, status) in [(SIGN, 404), (SIGN, 405), (SIGN_HASH, 410)] {
        service.heal();
        inject(&service, Fault::gone(route, status));
        let fast = sign(&client).expect("an answer");
        let body = json!({ "projectSlug": "demo", "signingPolicySlug": "rsa-2048", "hashSigningData": {
            "signatureAlgorithm": "Rsa", "rsaOptions": { "hashAlgorithmName": "Sha256" }, "hash": Hash::ALL[2].base64() } });
        let sign_hash = client.post_json("/SigningRequests/SignHash", &body);
        let (gone, there) = if route == SIGN {
            (fast, sign_hash)
        } else {
            (sign_hash, fast)
        };
        assert_eq!((gone.status.as_u16(), gone.body.len()), (status, 0));
        assert_eq!(gone.headers.contains_key("allow"), status == 405);
        assert_eq!(there.status, StatusCode::OK);
    }
}

#[test]
fn an_ecdsa_signature_comes_in_the_other_encoding() {
    let service = service();
    let client = Client::new(&service);
    let payload = |format| json!({ "SignatureAlgorithm": "Ecdsa", "EcdsaSignatureFormat": format, "Base64EncodedHash": Hash::ALL[2].base64() });
    let certificate = service
        .certificate_der("demo", "p-256")
        .expect("certificate");
    inject(&service, Effect::OtherEncoding);
    let der = signature(&client.sign("p-256", &payload("Ieee")).json());
    openssl::verify(
        certificate,
        openssl::Verification::Ecdsa,
        &Hash::ALL[2],
        &der,
    );
    inject(&service, Effect::OtherEncoding);
    let ieee = signature(&client.sign("p-256", &payload("Asn1")).json());
    assert_eq!(ieee.len(), 64);
    openssl::verify(
        certificate,
        openssl::Verification::Ecdsa,
        &Hash::ALL[2],
        &der_sequence(&ieee),
    );
}

#[test]
fn the_record_of_a_second_generation_request_is_complete() {
    let service = service();
    let metadata = json!({ "sourceProcess": { "commandLine": "sign it", "user": "me",
        "operatingSystem": { "type": "Linux", "version": "6.1", "architecture": "X64" } } });
    let body = json!({ "projectSlug": "demo", "signingPolicySlug": "p-256", "artifactConfigurationSlug": "configuration", "description": "text",
        "hashSigningData": { "signatureAlgorithm": "Ecdsa", "ecdsaOptions": { "signatureFormat": "Ieee" }, "hash": Hash::ALL[2].base64(),
            "metadata": metadata } });
    let answer = Client::new(&service)
        .post_json("/SigningRequests/SignHash", &body)
        .json();
    // r and s side by side, 86 base64 digits and two of padding.
    assert_eq!(
        answer["hashSigningResult"]["signature"]
            .as_str()
            .expect("text")
            .len(),
        88
    );
    let request = service.requests().pop().expect("a request");
    assert_eq!(request.route, SIGN_HASH);
    assert_eq!(request.metadata, Some(metadata));
    let texts = [
        &request.project,
        &request.policy,
        &request.algorithm,
        &request.ecdsa_format,
        &request.artifact_configuration,
        &request.description,
    ];
    assert_eq!(
        texts.map(|text| text.as_deref().unwrap_or_default()),
        ["demo", "p-256", "Ecdsa", "Ieee", "configuration", "text"]
    );
}

/// What `openssl s_client` says of a service, with more arguments.
fn s_client(service: &Service, arguments: &[&str]) -> String {
    let address = service
        .api_url()
        .trim_start_matches("https://")
        .trim_end_matches("/Api")
        .to_owned();
    let (_, authority) = service.environment().pop().expect("environment");
    let output = std::process::Command::new("openssl")
        .args([
            "s_client",
            "-connect",
            &address,
            "-CAfile",
            &authority,
            "-verify_ip",
            "127.0.0.1",
        ])
        .args(arguments)
        .stdin(std::process::Stdio::null())
        .output()
        .expect("openssl");
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

fn with_tls(tls_options: TlsOptions) -> Service {
    start("default", |options| {
        options.tls = true;
        options.tls_options = tls_options;
    })
}

#[test]
fn certificates_are_wrong_in_the_way_that_openssl_names() {
    for (certificate, expected) in [
        (ServerCertificate::Good, "Verify return code: 0 (ok)"),
        (ServerCertificate::Expired, "certificate has expired"),
        (
            ServerCertificate::NotYetValid,
            "certificate is not yet valid",
        ),
        (ServerCertificate::OtherName, "IP address mismatch"),
        (ServerCertificate::SelfSigned, "self-signed certificate"),
    ] {
        let service = with_tls(TlsOptions {
            certificate,
            ..TlsOptions::default()
        });
        let said = s_client(&service, &[]);
        assert!(said.contains(expected), "{certificate:?}: {said}");
    }
}

#[test]
fn only_the_versions_of_tls_that_are_asked_for_are_spoken() {
    for (versions, spoken, refused) in [
        (TlsVersions::Only12, "-tls1_2", "-tls1_3"),
        (TlsVersions::Only13, "-tls1_3", "-tls1_2"),
    ] {
        let service = with_tls(TlsOptions {
            versions,
            ..TlsOptions::default()
        });
        assert!(s_client(&service, &[spoken]).contains("Verify return code: 0 (ok)"));
        assert!(s_client(&service, &[refused]).contains("alert protocol version"));
    }
}

#[test]
fn a_client_without_certificate_is_refused_where_one_is_demanded() {
    let service = with_tls(TlsOptions {
        client_certificate: true,
        ..TlsOptions::default()
    });
    let file = service
        .client_certificate()
        .expect("a file")
        .to_str()
        .expect("UTF-8");
    let without = s_client(&service, &["-tls1_2"]);
    assert!(without.contains("alert"), "{without}");
    let with = s_client(&service, &["-tls1_2", "-cert", file, "-key", file]);
    assert!(
        with.contains("Verify return code: 0 (ok)") && !with.contains("alert"),
        "{with}"
    );
}
