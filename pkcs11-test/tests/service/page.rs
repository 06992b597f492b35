//! The page over HTTP, as a browser without script and a shell script use it. tests/browser.rs uses a browser.

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};
use std::time::Duration;

use pkcs11_test::{PolicyFile, Service};
use reqwest::StatusCode;
use reqwest::blocking::{RequestBuilder, Response};
use serde_json::{Value, json};

use crate::client::{self, Client, Hash, start, state};
use crate::openssl;

const POLICIES: &str = r#"{ "users": [ { "name": "ci", "token": "tell/no+one=" } ], "policies": [
    { "project": "demo", "policy": "rsa-2048", "key": "rsa-2048" },
    { "project": "demo", "policy": "p-256", "key": "p-256" },
    { "project": "demo", "policy": "gpg", "key": "p-384", "certificate": "None" } ] }"#;

/// A service with a page.
struct Stage {
    service: Service,
    client: Client,
    http: reqwest::blocking::Client,
    /// `http://host:port`
    site: String,
    key: String,
}

impl Stage {
    fn new() -> Self {
        let service = start("page", |options| {
            options.policies = PolicyFile::parse(POLICIES).expect("policies");
            options.page = Some(([127, 0, 0, 1], 0).into());
        });
        let client = Client::new(&service);
        let url = service.page_url().expect("a page").to_owned();
        let (site, key) = url.split_once("/?key=").expect("a key");
        let http = reqwest::blocking::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(Duration::from_secs(60));
        Self {
            client,
            http: http.build().expect("a client"),
            site: site.to_owned(),
            key: key.to_owned(),
            service,
        }
    }

    fn url(&self, path: &str) -> String {
        let separator = if path.contains('?') { '&' } else { '?' };
        format!("{}{path}{separator}key={}", self.site, self.key)
    }

    fn get(&self, path: &str) -> Response {
        self.http.get(self.url(path)).send().expect("an answer")
    }

    fn text(&self, path: &str) -> String {
        let answer = self.get(path);
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        answer.text().expect("text")
    }

    fn post(&self, path: &str) -> RequestBuilder {
        self.http.post(self.url(path))
    }

    fn fault(&self, fault: &Value) -> Response {
        self.post("/faults").json(fault).send().expect("an answer")
    }

    /// The exported lines.
    fn exported(&self, query: &str) -> Vec<Value> {
        self.text(&format!("/requests.jsonl{query}"))
            .lines()
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect()
    }

    fn sign(&self) -> StatusCode {
        self.client.sign("rsa-2048", &client::payload()).status
    }
}

/// The text of the first element with this id.
fn element(html: &str, id: &str) -> String {
    let (_, rest) = html
        .split_once(&format!("id=\"{id}\""))
        .unwrap_or_else(|| panic!("there is no {id} in {html}"));
    let (_, rest) = rest.split_once('>').expect("the tag ends");
    let (text, _) = rest.split_once("</").expect("the element ends");
    text.replace("&#39;", "'")
        .replace("&quot;", "\"")
        .replace("&gt;", ">")
        .replace("&lt;", "<")
        .replace("&amp;", "&")
}

#[test]
fn refuses_other_sites_rebound_names_and_a_missing_key() {
    let stage = Stage::new();
    let address = stage.site.trim_start_matches("http://").to_owned();
    let port = address.rsplit_once(':').expect("a port").1.to_owned();
    let key = format!("?key={}", stage.key);
    let other_key = format!("?key={}", "0".repeat(stage.key.len()));
    let own_origin = format!("http://{address}");
    let localhost = format!("localhost:{port}");
    let rebound = format!("rebound.example:{port}");
    // Host, Origin, query, is it answered?
    let rows: [(&str, Option<&str>, &str, bool); 16] = [
        (&address, None, &key, true),
        (&address, Some(&own_origin), &key, true),
        (&localhost, None, &key, true),
        (&localhost, Some(&format!("http://{localhost}")), &key, true),
        (&localhost, Some(&own_origin), &key, false),
        (&address, None, "", false),
        (&address, None, "?key=", false),
        (&address, None, &other_key, false),
        (&address, None, &key[..key.len() - 1], false),
        (&rebound, None, &key, false),
        (&rebound, Some(&format!("http://{rebound}")), &key, false),
        ("127.0.0.1", None, &key, false),
        (&format!("127.0.0.2:{port}"), None, &key, false),
        (&address, Some("http://other.example"), &key, false),
        (&address, Some("null"), &key, false),
        (&address, Some(&format!("https://{address}")), &key, false),
    ];
    for (host, origin, query, answered) in rows {
        for (method, path) in [
            ("GET", "/"),
            ("GET", "/events"),
            ("GET", "/requests.jsonl"),
            ("GET", "/style.css"),
            ("GET", "/policies/demo/p-256/certificate.pem"),
            ("GET", "/faults"),
            ("DELETE", "/faults"),
            ("GET", "/nothing"),
        ] {
            let method = method.parse().expect("a method");
            let mut request = stage
                .http
                .request(method, format!("{}{path}{query}", stage.site))
                .header("host", host);
            if let Some(origin) = origin {
                request = request.header("origin", origin);
            }
            let status = request.send().expect("an answer").status();
            assert_eq!(
                status != StatusCode::FORBIDDEN,
                answered,
                "{path}{query} {host} {origin:?}: {status}"
            );
        }
    }
}

#[test]
fn a_refused_request_changes_nothing() {
    let stage = Stage::new();
    let fault = json!({ "fault": "unavailable" });
    for request in [
        stage.http.post(format!("{}/faults", stage.site)),
        stage
            .post("/faults")
            .header("origin", "http://other.example"),
        stage.post("/faults").header("host", "rebound.example"),
    ] {
        let answer = request.json(&fault).send().expect("an answer");
        assert_eq!(answer.status(), StatusCode::FORBIDDEN);
    }
    assert_eq!(stage.sign(), StatusCode::OK);
}

#[test]
fn every_answer_keeps_other_sites_and_inline_script_out() {
    let stage = Stage::new();
    for path in [
        "/",
        "/events",
        "/script.js",
        "/requests.jsonl",
        "/nothing",
        "/requests/7",
    ] {
        for url in [stage.url(path), format!("{}{path}", stage.site)] {
            let answer = stage.http.get(url).send().expect("an answer");
            let header = |name: &str| answer.headers()[name].to_str().expect("text").to_owned();
            let policy = header("content-security-policy");
            for part in [
                "default-src 'none'",
                "script-src 'self'",
                "frame-ancestors 'none'",
                "base-uri 'none'",
            ] {
                assert!(policy.contains(part), "{path}: {policy}");
            }
            assert!(!policy.contains("unsafe"), "{path}: {policy}");
            assert_eq!(header("x-content-type-options"), "nosniff");
            assert_eq!(header("cache-control"), "no-store");
            assert!(!answer.headers().contains_key("access-control-allow-origin"));
        }
    }
    // What the policy would block is not there in the first place.
    let page = stage.text("/");
    for part in ["style=", "onclick", "<style", "https://"] {
        assert!(!page.contains(part), "{part}");
    }
}

#[test]
fn there_is_no_page_unless_asked_for() {
    let service = client::service();
    assert_eq!(service.page_url(), None);
    let client = Client::new(&service);
    let site = service.api_url().trim_end_matches("/Api");
    assert_eq!(
        client.get_url(&format!("{site}/")).status,
        StatusCode::NOT_FOUND
    );
}

#[test]
fn the_api_token_is_nowhere_on_the_page() {
    let stage = Stage::new();
    let token = stage.service.token().to_owned();
    let mut payload = client::payload();
    payload["Metadata"] = json!({ "CreatingProcess": {
        "CommandLine": format!("tool --pin {token}"), "User": token } });
    stage.client.sign("rsa-2048", &payload);
    stage.client.get(&format!("/{token}"));
    for path in [
        "/",
        "/requests",
        "/requests.jsonl",
        "/requests/1",
        "/faults",
    ] {
        let text = stage.text(path);
        assert!(!text.contains(&token), "{path}: {text}");
    }
    let mut start = [0; 4096];
    let length = stage
        .get("/events?after=0")
        .read(&mut start)
        .expect("events");
    assert!(!String::from_utf8_lossy(&start[..length]).contains(&token));
    assert!(stage.text("/").contains("tool --pin ***"));
}

#[test]
fn text_from_a_request_is_shown_as_text() {
    let stage = Stage::new();
    let mut payload = client::payload();
    payload["Metadata"] = json!({ "CreatingProcess": { "CommandLine": "<script>alert(1)</script> '\"&", "User": "\u{202e}x" } });
    stage.client.sign("rsa-2048", &payload);
    stage.client.sign("<b>\"", &client::payload());
    let page = stage.text("/");
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt; &#39;&quot;&amp;"));
    assert!(page.contains("demo/&lt;b&gt;&quot;"));
    assert!(!page.contains("<script>alert") && !page.contains("<b>"));
    assert!(!page.contains('\u{202e}'));
}

#[test]
fn lists_a_signature_with_what_was_sent_and_answered() {
    let stage = Stage::new();
    let mut payload = client::payload();
    payload["Metadata"] = json!({ "CreatingProcess": {
        "CommandLine": "/usr/bin/pkcs11-tool --sign", "User": "builder" } });
    let answer = stage.client.sign("rsa-2048", &payload).json();
    let signature: String = client::signature(&answer)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();

    let page = stage.text("/");
    let rows = page.split("<tbody").nth(1).expect("a table");
    for part in [
        ">pkcs11-tool<",
        "/usr/bin/pkcs11-tool --sign",
        "builder",
        "demo/rsa-2048",
        "CKM_SHA256_RSA_PKCS",
        "RsaPkcs1",
        "SHA-256",
        "Signed",
        "ci<",
    ] {
        assert!(rows.contains(part), "{part}: {rows}");
    }
    let details = stage.text("/requests/1");
    assert_eq!(element(&details, "signature-1"), signature);
    let digest = Hash::ALL[2].value();
    let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(element(&details, "digest-1"), digest);
    assert!(element(&details, "sent-1").contains("\"Base64EncodedHash\""));
    assert!(element(&details, "answered-1").contains("\"Signature\""));

    let line = &stage.exported("")[0];
    assert_eq!(line["signature"], signature);
    assert_eq!(line["digest"], digest);
    assert_eq!(line["mechanism"], "CKM_SHA256_RSA_PKCS");
    assert_eq!(line["outcome"], "signed");
    assert_eq!(line["route"], "POST /SigningRequests");
}

#[test]
fn the_openssl_command_of_a_request_verifies_its_signature() {
    let hash = Hash::ALL[2].base64();
    let rsa = |algorithm: &str| json!({ "SignatureAlgorithm": algorithm, "RsaHashAlgorithm": Hash::ALL[2].oid, "Base64EncodedHash": hash });
    let ecdsa = |format: &str| json!({ "SignatureAlgorithm": "Ecdsa", "EcdsaSignatureFormat": format, "Base64EncodedHash": hash });
    let stage = Stage::new();
    let rows = [
        ("rsa-2048", rsa("RsaPkcs1"), "CKM_SHA256_RSA_PKCS"),
        ("rsa-2048", rsa("RsaPss"), "CKM_SHA256_RSA_PKCS_PSS"),
        ("p-256", ecdsa("Ieee"), "CKM_ECDSA_SHA256"),
        ("gpg", ecdsa("Asn1"), "CKM_ECDSA_SHA256"),
    ];
    for (policy, payload, _) in &rows {
        stage.client.sign(policy, payload);
    }
    let second = json!({ "projectSlug": "demo", "signingPolicySlug": "rsa-2048", "hashSigningData": {
        "signatureAlgorithm": "Rsa", "rsaOptions": { "hashAlgorithmName": "Sha256", "paddingMode": "Pss" }, "hash": hash } });
    stage.client.post_json("/SigningRequests/SignHash", &second);
    let mechanisms = rows
        .iter()
        .map(|row| row.2)
        .chain(["CKM_SHA256_RSA_PKCS_PSS"]);
    for (index, mechanism) in mechanisms.enumerate() {
        let number = index + 1;
        let details = stage.text(&format!("/requests/{number}?part=true"));
        assert!(details.contains(&format!("<code>{mechanism}</code>")));
        let folder = state(&format!("verify-{number}"));
        std::fs::create_dir_all(&folder).expect("a folder");
        let output = Command::new("sh")
            .args(["-ec", &element(&details, &format!("verify-{number}"))])
            .current_dir(folder)
            .output()
            .expect("sh");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(said, "Signature Verified Successfully\n", "{mechanism}");
    }
}

#[test]
fn filters_by_policy_and_outcome() {
    let stage = Stage::new();
    stage.sign();
    stage.client.get("/Cryptoki/MySigningPolicies");
    stage.client.sign("p-256", &client::payload());
    stage.fault(&json!({ "fault": "unavailable", "times": 1 }));
    stage.sign();
    for (query, numbers) in [
        ("", vec![1, 2, 3, 4]),
        ("?outcome=signed", vec![1]),
        ("?outcome=failed", vec![3, 4]),
        ("?outcome=other", vec![2]),
        ("?policy=demo/rsa-2048", vec![1, 4]),
        ("?policy=demo%2Frsa-2048&outcome=failed", vec![4]),
        ("?policy=demo/unknown", vec![]),
    ] {
        let exported: Vec<_> = stage
            .exported(query)
            .iter()
            .map(|line| line["number"].as_u64().expect("a number"))
            .collect();
        assert_eq!(exported, numbers, "{query}");
        let page = stage.text(&format!("/{query}"));
        for number in 1..=4 {
            let is_shown = page.contains(&format!("id=\"request-{number}\""));
            assert_eq!(is_shown, numbers.contains(&number), "{query} {number}");
        }
    }
}

#[test]
fn clears_the_table_but_not_the_log() {
    let stage = Stage::new();
    stage.sign();
    let answer = stage.post("/requests/clear").send().expect("an answer");
    assert_eq!(answer.status(), StatusCode::OK);
    assert!(stage.exported("").is_empty());
    assert!(stage.text("/").contains("No requests yet"));
    assert_eq!(stage.service.requests().len(), 1);
    stage.sign();
    assert_eq!(stage.exported("").len(), 1);
}

/// Reads events until one of this name, and returns its data.
fn event(events: &mut impl BufRead, name: &str) -> String {
    let mut current = String::new();
    let mut data = String::new();
    for line in events.lines() {
        let line = line.expect("a line");
        if let Some(name) = line.strip_prefix("event: ") {
            current = name.to_owned();
        } else if let Some(text) = line.strip_prefix("data: ") {
            data.push_str(text);
        } else if line.is_empty() {
            if current == name {
                return data;
            }
            data.clear();
        }
    }
    panic!("the stream ended")
}

#[test]
fn streams_requests_that_fit_the_filter_as_they_end() {
    let stage = Stage::new();
    stage.sign();
    let mut events = BufReader::new(stage.get("/events?outcome=signed&after=1"));
    assert!(event(&mut events, "active-faults").contains("None."));
    stage.client.get("/Cryptoki/MySigningPolicies");
    stage.sign();
    let rows = event(&mut events, "rows");
    assert!(
        rows.contains("request-3") && !rows.contains("request-2") && !rows.contains("request-1")
    );
    stage.fault(&json!({ "fault": "late", "seconds": 3 }));
    assert!(event(&mut events, "active-faults").contains("Answer 3 s late"));
    stage.post("/requests/clear").send().expect("an answer");
    event(&mut events, "reset");
}

#[test]
fn a_stream_that_was_cut_goes_on_where_it_ended() {
    let stage = Stage::new();
    for _ in 0..3 {
        stage.sign();
    }
    let resumed = stage
        .http
        .get(stage.url("/events?after=0"))
        .header("last-event-id", "2")
        .send()
        .expect("an answer");
    let rows = event(&mut BufReader::new(resumed), "rows");
    assert!(rows.contains("request-3") && !rows.contains("request-2"));
}

#[test]
fn ten_thousand_requests_fit_in_pages_of_a_hundred() {
    let stage = Stage::new();
    let health = format!("{}/healthz", stage.service.api_url());
    for _ in 0..10_050 {
        stage.client.get_url(&health);
    }
    let page = stage.text("/");
    assert_eq!(page.matches("<tr role=\"row\" id=").count(), 100);
    assert!(page.contains("id=\"request-10050\"") && page.contains("before=9951"));
    assert!(page.len() < 200_000, "{} bytes", page.len());
    let older = stage.text("/?before=9951");
    assert!(older.contains("id=\"request-9950\"") && older.contains(">Newest<"));
    // The oldest ones are only in the log.
    assert_eq!(stage.exported("").len(), 10_000);
    assert_eq!(stage.service.requests().len(), 10_050);
    assert_eq!(stage.get("/requests/50").status(), StatusCode::NOT_FOUND);
    assert_eq!(stage.get("/requests/51").status(), StatusCode::OK);
}

#[test]
fn faults_by_name_do_what_they_say() {
    let stage = Stage::new();
    // Name, the status, whether a signature was made, the outcome on the page.
    let rows = [
        ("refuse-token", Some(401), false, "401 Unauthorized"),
        ("unavailable", Some(503), false, "503 Service Unavailable"),
        (
            "too-many-requests",
            Some(429),
            false,
            "429 Too Many Requests",
        ),
        ("late", Some(200), true, "Signed"),
        ("drop-before-signing", None, false, "Dropped"),
        ("drop-after-signing", None, true, "Signed, then dropped"),
        ("wrong-signature", Some(200), true, "Wrong signature"),
        ("truncated-answer", None, true, "Cut short"),
    ];
    for (name, status, is_signed, outcome) in rows {
        let answer = stage.fault(&json!({ "fault": name, "times": 1, "seconds": 1 }));
        assert_eq!(answer.status(), StatusCode::OK, "{name}");
        let active: Value = answer.json().expect("JSON");
        assert_eq!(active["active"][0]["times"], 1, "{name}");
        let shown = stage.text("/");
        let effect = active["active"][0]["effect"].as_str().expect("words");
        assert!(shown.contains(effect), "{name}: {effect}");

        let answer = stage.client.try_sign("rsa-2048", &client::payload());
        if name == "too-many-requests" {
            assert_eq!(answer.expect("an answer").headers["retry-after"], "1");
        }
        let requests = stage.service.requests();
        let last = requests.last().expect("a request");
        assert_eq!((last.status, last.is_signed), (status, is_signed), "{name}");
        if name == "late" {
            assert!(last.duration_ms >= 1000.0, "{}", last.duration_ms);
        }
        let exported = stage.exported("");
        assert_eq!(
            exported.last().expect("a line")["outcome_text"],
            outcome,
            "{name}"
        );
        assert_eq!(stage.sign(), StatusCode::OK, "{name}");
    }
}

#[test]
fn faults_last_until_healed_and_spare_other_requests() {
    let stage = Stage::new();
    stage.fault(&json!({ "fault": "unavailable" }));
    for _ in 0..3 {
        assert_eq!(stage.sign(), StatusCode::SERVICE_UNAVAILABLE);
        let list = stage.client.get("/Cryptoki/MySigningPolicies");
        assert_eq!(list.status, StatusCode::OK);
    }
    // The page is not affected by faults for all requests.
    stage.fault(&json!({ "fault": "drop-before-signing", "requests": "all" }));
    let active: Value = stage.get("/faults").json().expect("JSON");
    assert_eq!(active["active"].as_array().expect("faults").len(), 2);
    let healed = stage
        .http
        .delete(stage.url("/faults"))
        .send()
        .expect("an answer");
    assert_eq!(
        healed.json::<Value>().expect("JSON"),
        json!({ "active": [] })
    );
    assert_eq!(stage.sign(), StatusCode::OK);

    stage.fault(&json!({ "fault": "refuse-token" }));
    let list = stage.client.get("/Cryptoki/MySigningPolicies");
    assert_eq!(list.status, StatusCode::UNAUTHORIZED);
    stage.fault(&json!({ "fault": "heal" }));
    assert_eq!(stage.sign(), StatusCode::OK);
}

#[test]
fn a_fault_that_cannot_be_switched_on_is_explained() {
    let stage = Stage::new();
    for (body, reason) in [
        (
            json!({}),
            "`fault` is missing: expected refuse-token, unavailable",
        ),
        (json!({ "fault": "fire" }), "there is no fault `fire`"),
        (
            json!({ "fault": "late", "seconds": "soon" }),
            "`seconds` is `soon`: expected a number from 0 to 86400",
        ),
        (
            json!({ "fault": "late", "times": 0 }),
            "`times` is `0`: expected a number from 1 to 1000000",
        ),
        (
            json!({ "fault": "late", "requests": "some" }),
            "there are no requests `some`: expected signing or all",
        ),
    ] {
        let answer = stage.fault(&body);
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
        let error = answer.json::<Value>().expect("JSON")["error"].to_string();
        assert!(error.contains(reason), "{error}");
    }
    assert_eq!(stage.sign(), StatusCode::OK);
}

#[test]
fn forms_work_without_script() {
    let stage = Stage::new();
    let form = |path: &str, fields: &[(&str, &str)]| {
        let body: Vec<_> = fields
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        stage
            .post(path)
            .header("origin", &stage.site)
            .header("accept", "text/html,application/xhtml+xml")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body.join("&"))
            .send()
            .expect("an answer")
    };
    // As a browser sends the form: a field that is left empty is there.
    for (path, fields, section) in [
        (
            "/faults",
            &[("fault", "unavailable"), ("times", ""), ("seconds", "5")][..],
            "#faults",
        ),
        (
            "/policies",
            &[
                ("project", "demo"),
                ("policy", "by-form"),
                ("key", "p-256"),
                ("certificate", "X509"),
            ][..],
            "#policies",
        ),
        (
            "/policies/remove",
            &[("project", "demo"), ("policy", "by-form")][..],
            "#policies",
        ),
        ("/requests/clear", &[("policy", "")][..], "#requests"),
    ] {
        let answer = form(path, fields);
        assert_eq!(answer.status(), StatusCode::SEE_OTHER, "{path}");
        let location = answer.headers()["location"].to_str().expect("text");
        assert_eq!(location, format!("/?key={}{section}", stage.key));
    }
    assert_eq!(stage.sign(), StatusCode::SERVICE_UNAVAILABLE);
    let refused = form("/faults", &[("fault", "<fire>")]);
    assert_eq!(refused.status(), StatusCode::BAD_REQUEST);
    let page = refused.text().expect("text");
    assert!(page.contains("role=\"alert\">there is no fault `&lt;fire&gt;`"));
}

#[test]
fn signing_policies_come_and_go_while_the_service_runs() {
    let stage = Stage::new();
    let listed = || -> Vec<String> {
        stage.client.get("/Cryptoki/MySigningPolicies").json()["signingPolicies"]
            .as_array()
            .expect("policies")
            .iter()
            .map(|policy| {
                policy["signingPolicySlug"]
                    .as_str()
                    .expect("slug")
                    .to_owned()
            })
            .collect()
    };
    let post = |path: &str, body: Value| -> (StatusCode, Value) {
        let answer = stage.post(path).json(&body).send().expect("an answer");
        (answer.status(), answer.json().expect("JSON"))
    };
    let added = json!({ "project": "demo", "policy": "added", "key": "p-256" });
    assert_eq!(
        post("/policies", added.clone()),
        (StatusCode::OK, json!({ "added": "demo/added" }))
    );
    assert_eq!(listed(), ["rsa-2048", "p-256", "gpg", "added"]);
    let payload =
        json!({ "SignatureAlgorithm": "Ecdsa", "Base64EncodedHash": Hash::ALL[2].base64() });
    assert_eq!(stage.client.sign("added", &payload).status, StatusCode::OK);
    let pem = stage.text("/policies/demo/added/certificate.pem");
    let from_certificate = openssl::run(&["x509", "-noout", "-pubkey"], pem.as_bytes());
    assert_eq!(
        stage.text("/policies/demo/added/public-key.pem").as_bytes(),
        from_certificate
    );

    let twice = post("/policies", added);
    assert_eq!(twice.0, StatusCode::BAD_REQUEST);
    assert!(
        twice
            .1
            .to_string()
            .contains("there is already a signing policy demo/added")
    );
    for (body, reason) in [
        (
            json!({ "project": "demo", "key": "p-256" }),
            "`policy` is missing",
        ),
        (
            json!({ "project": "demo", "policy": "../x", "key": "p-256" }),
            "../x",
        ),
        (
            json!({ "project": "demo", "policy": "x", "key": "p-1" }),
            "p-1",
        ),
    ] {
        let (status, answer) = post("/policies", body);
        assert_eq!(status, StatusCode::BAD_REQUEST);
        assert!(answer.to_string().contains(reason), "{answer}");
    }

    let approval = json!({ "project": "demo", "policy": "approval", "key": "p-256", "approval": true, "certificate": "None" });
    post("/policies", approval);
    let refused = stage.client.sign("approval", &payload);
    assert!(
        refused
            .problem(StatusCode::BAD_REQUEST)
            .to_string()
            .contains("approval process")
    );
    assert_eq!(
        stage
            .get("/policies/demo/approval/certificate.pem")
            .status(),
        StatusCode::NOT_FOUND
    );

    for policy in ["added", "approval"] {
        let removed = json!({ "project": "demo", "policy": policy });
        assert_eq!(post("/policies/remove", removed.clone()).0, StatusCode::OK);
        assert_eq!(post("/policies/remove", removed).0, StatusCode::BAD_REQUEST);
    }
    assert_eq!(listed(), ["rsa-2048", "p-256", "gpg"]);
    assert_eq!(
        stage.client.sign("added", &payload).status,
        StatusCode::BAD_REQUEST
    );
}

#[test]
fn the_first_commands_lead_to_this_service() {
    use std::os::unix::fs::PermissionsExt;

    let stage = Stage::new();
    let first = element(&stage.text("/"), "commands-first");
    let script = format!(
        "{first}\nprintf '%s\\n' \"$SIGNPATH_API_URL\" \"$SIGNPATH_ORGANIZATION_ID\" \"$SIGNPATH_API_TOKEN\"; cat ca.pem file"
    );
    let output = Command::new("sh")
        .args(["-ec", &script])
        .output()
        .expect("sh");
    let said = String::from_utf8(output.stdout).expect("UTF-8");
    let mut lines = said.lines();
    assert_eq!(lines.next(), Some(stage.service.api_url()));
    assert_eq!(lines.next(), Some(stage.service.organization_id().as_str()));
    let token_file = lines
        .next()
        .and_then(|line| line.strip_prefix("file:"))
        .expect("a file");
    assert_eq!(
        std::fs::read_to_string(token_file).expect("the token"),
        format!("{}\n", stage.service.token())
    );
    let mode = std::fs::metadata(token_file)
        .expect("metadata")
        .permissions();
    assert_eq!(mode.mode() & 0o777, 0o600);
    assert!(said.contains("BEGIN CERTIFICATE") && said.ends_with("Hello, SignPath\n"));
}

#[test]
fn the_address_is_printed_first_and_open_hides_its_key_from_other_users() {
    use std::os::unix::fs::PermissionsExt;

    let folder = state("page-open");
    std::fs::create_dir_all(&folder).expect("a folder");
    let opener = folder.join("xdg-open");
    // The writer of a named pipe waits for its reader.
    std::fs::write(&opener, "#!/bin/sh\nprintf '%s\\n' \"$1\" >\"$OPENED\"\n").expect("write");
    std::fs::set_permissions(&opener, std::fs::Permissions::from_mode(0o755)).expect("mode");
    let pipe = folder.join(format!("opened-{}", std::process::id()));
    assert!(
        Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .expect("mkfifo")
            .success()
    );
    let policies = folder.join("policies.json");
    std::fs::write(&policies, POLICIES).expect("write");
    let mut serve = Command::new(env!("CARGO_BIN_EXE_pkcs11-test"))
        .args(["serve", "--open", "--log", "/dev/null", "--state"])
        .arg(folder.join("state"))
        .arg("--policies")
        .arg(&policies)
        .env("PATH", &folder)
        .env("OPENED", &pipe)
        .stdout(Stdio::piped())
        .spawn()
        .expect("the command starts");
    let mut first = String::new();
    BufReader::new(serve.stdout.as_mut().expect("stdout"))
        .read_line(&mut first)
        .expect("a line");
    let url = first.strip_prefix("# ").expect("a comment").trim_end();
    assert!(url.starts_with("http://127.0.0.1:"), "{url}");
    let opened = std::fs::read_to_string(&pipe).expect("what was opened");
    let _ = std::fs::remove_file(&pipe);
    let file = opened.trim_end();
    assert!(!file.contains("key="), "{file}");
    let mode = std::fs::metadata(file).expect("the file").permissions();
    assert_eq!(mode.mode() & 0o777, 0o600);
    assert!(
        std::fs::read_to_string(file)
            .expect("text")
            .contains(&format!("url={url}"))
    );
    serve.kill().expect("kill");
    serve.wait().expect("the command ends");
}
