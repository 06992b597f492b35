//! Who is let in, and what the page gives away.

use std::io::BufReader;

use reqwest::StatusCode;
use serde_json::json;

use super::Stage;
use super::requests::event;
use crate::client::{self, Client};

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
    let [of_localhost, of_rebound] = [&localhost, &rebound].map(|host| format!("http://{host}"));
    let (over_tls, another) = (format!("https://{address}"), format!("127.0.0.2:{port}"));
    // Host, Origin, query, is it answered?
    let rows: [(&str, Option<&str>, &str, bool); 16] = [
        (&address, None, &key, true),
        (&address, Some(&own_origin), &key, true),
        (&localhost, None, &key, true),
        (&localhost, Some(&of_localhost), &key, true),
        (&localhost, Some(&own_origin), &key, false),
        (&address, None, "", false),
        (&address, None, "?key=", false),
        (&address, None, &other_key, false),
        (&address, None, &key[..key.len() - 1], false),
        (&rebound, None, &key, false),
        (&rebound, Some(&of_rebound), &key, false),
        ("127.0.0.1", None, &key, false),
        (&another, None, &key, false),
        (&address, Some("http://other.example"), &key, false),
        (&address, Some("null"), &key, false),
        (&address, Some(&over_tls), &key, false),
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
            let is_answered = status != StatusCode::FORBIDDEN;
            let what = format!("{path}{query} {host} {origin:?}: {status}");
            assert_eq!(is_answered, answered, "{what}");
        }
    }
}

#[test]
fn a_refused_request_changes_nothing() {
    let stage = Stage::new();
    let fault = json!({ "fault": "unavailable" });
    let post = || stage.post("/faults");
    for request in [
        stage.http.post(format!("{}/faults", stage.site)),
        post().header("origin", "http://other.example"),
        post().header("host", "rebound.example"),
    ] {
        let answer = request.json(&fault).send().expect("an answer");
        assert_eq!(answer.status(), StatusCode::FORBIDDEN);
    }
    assert_eq!(stage.sign(), StatusCode::OK);
}

#[test]
fn every_answer_keeps_other_sites_and_inline_script_out() {
    let stage = Stage::new();
    for path in ["/", "/events", "/script.js", "/requests.jsonl", "/nothing", "/requests/7"] {
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
    let page = client.get_url(&format!("{site}/"));
    assert_eq!(page.status, StatusCode::NOT_FOUND);
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
    for path in ["/", "/requests", "/requests.jsonl", "/requests/1", "/faults"] {
        let text = stage.text(path);
        assert!(!text.contains(&token), "{path}: {text}");
    }
    let rows = event(&mut BufReader::new(stage.get("/events?after=0")), "rows");
    assert!(!rows.contains(&token), "{rows}");
    for shown in [rows, stage.text("/")] {
        assert!(shown.contains("tool --pin ***"), "{shown}");
    }
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
