//! The page over HTTP, as a browser without script and a shell script use it. tests/browser uses a browser.

mod commands;
mod faults;
mod guard;
mod policies;
mod requests;

use std::time::Duration;

use pkcs11_test::{PolicyFile, Service};
use reqwest::StatusCode;
use reqwest::blocking::{RequestBuilder, Response};
use serde_json::Value;

use crate::client::{self, Client, start};

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
