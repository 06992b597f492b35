//! Signing policies that come and go while the service runs, and forms without script.

use std::io::BufReader;
use std::process::Command;

use reqwest::StatusCode;
use serde_json::{Value, json};

use super::requests::event;
use super::{Stage, element};
use crate::client::{hash, state};
use crate::openssl;

#[test]
fn forms_work_without_script() {
    let stage = Stage::new();
    let form = |path: &str, fields: &[(&str, &str)]| {
        let body: Vec<_> = fields.iter().map(|(name, value)| format!("{name}={value}")).collect();
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
    for (path, fields, section) in rows! {
        "/faults", &[("fault", "unavailable"), ("times", ""), ("seconds", "5")][..], "#faults";
        "/policies", &[("project", "demo"), ("policy", "by-form"), ("key", "p-256"), ("certificate", "X509")][..], "#policies";
        "/policies/remove", &[("project", "demo"), ("policy", "by-form")][..], "#policies";
        "/requests/clear", &[("policy", "")][..], "#requests";
    } {
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

/// The slugs that the API lists.
fn listed(stage: &Stage) -> Vec<String> {
    let slug = |policy: &Value| policy["signingPolicySlug"].as_str().map(str::to_owned);
    let slugs: Option<_> = stage.client.list("").iter().map(slug).collect();
    slugs.expect("slugs")
}

fn post(stage: &Stage, path: &str, body: &Value) -> (StatusCode, Value) {
    let answer = stage.post(path).json(body).send().expect("an answer");
    (answer.status(), answer.json().expect("JSON"))
}

#[test]
fn policies_come_and_go_while_the_service_runs() {
    let stage = Stage::new();
    let ecdsa = json!({ "SignatureAlgorithm": "Ecdsa", "Base64EncodedHash": hash() });
    // What is added, whether it signs, what can be downloaded of it.
    for (more, signs, files) in rows! {
        json!({}), StatusCode::OK, &["certificate.pem", "public-key.pem"][..];
        json!({ "approval": true }), StatusCode::BAD_REQUEST, &["certificate.pem", "public-key.pem"];
        json!({ "certificate": "None" }), StatusCode::OK, &["openpgp-key.asc", "public-key.pem"];
        json!({ "certificate": "Garbage" }), StatusCode::OK, &["public-key.pem"];
    } {
        let mut added = json!({ "project": "demo", "policy": "added", "key": "p-256" });
        for (name, value) in more.as_object().expect("an object") {
            added[name] = value.clone();
        }
        let done = (StatusCode::OK, json!({ "added": "demo/added" }));
        assert_eq!(post(&stage, "/policies", &added), done);
        assert_eq!(listed(&stage), ["rsa-2048", "p-256", "gpg", "added"]);
        let sign = || stage.client.sign("added", &ecdsa).status;
        assert_eq!(sign(), signs, "{more}");
        let page = stage.text("/");
        for file in ["certificate.pem", "openpgp-key.asc", "public-key.pem"] {
            let path = format!("/policies/demo/added/{file}");
            let answer = stage.get(&path);
            let is_there = [answer.status() == StatusCode::OK, page.contains(&path)];
            assert_eq!(is_there, [files.contains(&file); 2], "{file} {more}");
            let saved = answer.headers().get("content-disposition");
            let name = format!("attachment; filename=\"demo-added-{file}\"");
            assert_eq!(saved.is_some_and(|saved| *saved == name), is_there[0]);
        }
        let twice = post(&stage, "/policies", &added);
        assert_eq!(twice.0, StatusCode::BAD_REQUEST);
        let reason = "there is already a signing policy demo/added";
        assert!(twice.1.to_string().contains(reason), "{}", twice.1);

        let removed = json!({ "project": "demo", "policy": "added" });
        let remove = || post(&stage, "/policies/remove", &removed).0;
        let removed = [remove(), remove()];
        assert_eq!(removed, [StatusCode::OK, StatusCode::BAD_REQUEST]);
        assert_eq!(listed(&stage), ["rsa-2048", "p-256", "gpg"]);
        assert_eq!(sign(), StatusCode::BAD_REQUEST);
    }
}

#[test]
fn the_certificate_of_a_policy_has_its_public_key() {
    let stage = Stage::new();
    let pem = stage.text("/policies/demo/p-256/certificate.pem");
    let from_certificate = openssl::run(&["x509", "-noout", "-pubkey"], pem.as_bytes());
    let public_key = stage.text("/policies/demo/p-256/public-key.pem");
    assert_eq!(public_key.as_bytes(), from_certificate);
}

#[test]
fn a_policy_that_cannot_be_added_is_explained() {
    let stage = Stage::new();
    let kept = json!({ "project": "demo", "policy": "kept", "key": "p-256" });
    for path in ["/policies", "/policies/remove"] {
        assert_eq!(post(&stage, path, &kept).0, StatusCode::OK);
    }
    for (body, reason) in rows! {
        json!({ "project": "demo", "policy": "kept", "key": "rsa-2048" }), "use another slug";
        json!({ "project": "demo", "key": "p-256" }), "`policy` is missing";
        json!({ "project": "demo", "policy": "../x", "key": "p-256" }), "../x";
        json!({ "project": "demo", "policy": "x", "key": "p-1" }), "p-1";
        json!({ "project": "demo", "policy": "x", "key": "p-256", "certificate": "PGP" }), "PGP";
    } {
        let (status, answer) = post(&stage, "/policies", &body);
        assert_eq!(status, StatusCode::BAD_REQUEST);
        assert!(answer.to_string().contains(reason), "{answer}");
    }
}

#[test]
fn gpg_reads_the_openpgp_key_of_a_policy_and_gets_commands_for_it() {
    let stage = Stage::new();
    let mut events = BufReader::new(stage.get("/events"));
    let missing = "need a signing policy of type GPG with an RSA key";
    assert!(stage.text("/").contains(missing));
    let added = json!({ "project": "demo", "policy": "packages", "key": "rsa-2048", "certificate": "None" });
    assert_eq!(post(&stage, "/policies", &added).0, StatusCode::OK);
    // On a page that is open too.
    while !event(&mut events, "try-it").contains("setup gpg demo/packages ") {}
    let page = stage.text("/");
    assert!(page.contains("Type GPG: OpenPGP key"));
    let commands = element(&page, "commands-6");
    assert!(commands.contains("setup gpg demo/packages "), "{commands}");

    let key = stage.text("/policies/demo/packages/openpgp-key.asc");
    let route = "/Projects/demo/SigningPolicies/packages/Certificate/GpgPublicKey";
    assert_eq!(stage.client.get(route).body, key.as_bytes());
    let folder = state("page-gpg");
    std::fs::create_dir_all(&folder).expect("a folder");
    let file = folder.join("key.asc");
    std::fs::write(&file, key).expect("write");
    let shown = Command::new("gpg")
        .args(["--batch", "--with-colons", "--show-keys", "--homedir"])
        .args([&folder, &file])
        .output()
        .expect("gpg");
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    let user_id = ":demo packages <packages@demo.example>:";
    assert!(shown.contains(user_id), "{shown}");
}
