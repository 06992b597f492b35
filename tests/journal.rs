//! The journal of signatures (`Log.Journal`), and log lines as JSON (`Log.File.Format`). `tests/failures` has journals that cannot be
//! written.

mod common;
#[path = "common/openssl.rs"]
mod openssl;

use std::fs;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use common::{SIGN, SIGN_HASH, on_stage, options, sign, with_policies};
use cryptoki_sys::*;
use openssl::Padding;
use pkcs11_test::harness::{Mechanism, Module, Stage};
use pkcs11_test::{Effect, Fault, Options};
use serde_json::{Value, json};

const JOURNAL: &str = "SIGNPATH_LOG_JOURNAL";

/// Both the directory and the file are created.
const CREATED: &str = "records/signatures.jsonl";

const MESSAGE: &[u8] = b"what is signed";

/// The DigestInfo of SHA-256 (RFC 8017, section 9.2, note 1), without the digest.
const DIGEST_INFO: &[u8] =
    b"\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20";

/// Runs a test with a journal of that name in a new folder.
fn with_journal(test: &str, options: fn() -> Options, name: &str, act: fn(&Stage, &Module, &Path)) {
    on_stage(test, options, &[], |stage, module| {
        let folder = tempfile::tempdir().unwrap();
        let journal = folder.path().join(name);
        stage.set(JOURNAL, journal.to_str().unwrap());
        act(stage, module, &journal);
    });
}

/// The lines of a journal or log. All of them are whole.
fn entries(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap();
    assert!(text.ends_with('\n'), "{text}");
    let entry = |line| serde_json::from_str(line).unwrap();
    text.lines().map(entry).collect()
}

fn digest() -> Vec<u8> {
    openssl::digest("sha256", MESSAGE)
}

/// Has openssl verify what an entry says, with the key in it.
fn verify(entry: &Value) {
    let text = |name: &str| {
        let text = entry[name].as_str();
        text.unwrap_or_else(|| panic!("no {name} in {entry}"))
    };
    let bytes = |name| STANDARD.decode(text(name)).unwrap();
    let key = match entry["certificate"].is_string() {
        true => openssl::public_key(&bytes("certificate")),
        false => openssl::openssl_in(&["pkey", "-pubin", "-inform", "DER"], &bytes("publicKey")),
    };
    let padding = match text("signatureAlgorithm") {
        "RsaPkcs1" => Padding::Pkcs1,
        "RsaPss" => Padding::Pss,
        other => {
            assert_eq!(other, "Ecdsa");
            Padding::Ecdsa
        }
    };
    assert_eq!(text("digest"), base16ct::lower::encode_string(&digest()));
    openssl::verify(&key, "sha256", padding, MESSAGE, &bytes("signature"));
}

#[test]
fn openssl_verifies_each_line_with_the_key_in_it() {
    let policies = || {
        with_policies(
            r#"{"policies": [
                {"project": "demo", "policy": "rsa-2048", "key": "rsa-2048"},
                {"project": "demo", "policy": "rsa-3072", "key": "rsa-3072"},
                {"project": "demo", "policy": "p-256", "key": "p-256"},
                {"project": "demo", "policy": "gpg", "key": "rsa-2048", "keyName": "openpgp", "certificate": "None"}]}"#,
        )
    };
    with_journal(test_name!(), policies, CREATED, |stage, module, journal| {
        let folder = journal.ancestors().nth(2).unwrap();
        std::env::set_current_dir(folder).unwrap();
        stage.set(JOURNAL, CREATED);
        let session = module.logged_in().unwrap();
        // The application changes its directory while it signs.
        std::env::set_current_dir("/").unwrap();
        let digest_info = [DIGEST_INFO, &digest()].concat();
        let pss = Mechanism::pss(CKM_RSA_PKCS_PSS, CKM_SHA256, CKG_MGF1_SHA256, 32);
        let rows = table! {
            ("rsa-2048", CKM_RSA_PKCS.into(), &digest_info, json!(["RsaPkcs1", "SHA-256"])),
            ("rsa-3072", pss, &digest(), json!(["RsaPss", "SHA-256"])),
            ("p-256", CKM_ECDSA.into(), &digest(), json!(["Ecdsa", null])),
            // A key without a certificate.
            ("gpg", CKM_RSA_PKCS.into(), &digest_info, json!(["RsaPkcs1", "SHA-256"])),
        };
        for (policy, mechanism, data, _) in &rows {
            let key = session.key(&format!("demo/{policy}"));
            key.sign(mechanism, data).unwrap();
        }
        // Without a signature there is no line.
        stage.inject(Fault::on(SIGN, Effect::status(403)));
        assert_ne!(stage.see(|| sign(session)).value, CKR_OK);

        let lines = entries(journal);
        assert_eq!(lines.len(), rows.len());
        let process = std::process::id();
        for (entry, (policy, _, _, algorithms)) in lines.iter().zip(&rows) {
            let values = |names: [&str; 2]| json!(names.map(|name| &entry[name]));
            assert_eq!(entry["organizationId"], stage.service.organization_id());
            assert_eq!(values(["projectSlug", "signingPolicySlug"]), json!(["demo", policy]));
            assert_eq!(values(["signatureAlgorithm", "hashAlgorithm"]), *algorithms);
            assert_eq!(values(["attempts", "processId"]), json!([1, process]));
            for name in ["user", "program", "time"] {
                assert!(entry[name].is_string(), "{name}: {entry}");
            }
            verify(entry);
        }
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode(journal.parent().unwrap()), 0o700);
            assert_eq!(mode(journal), 0o600);
        }
        let text = fs::read_to_string(journal).unwrap();
        assert!(!text.contains(stage.service.token()));
    });
}

#[test]
fn a_line_names_its_signing_request_also_after_a_truncated_one() {
    with_journal(test_name!(), options, "journal", |stage, module, journal| {
        let truncated = "{\"time\": \"2026-";
        fs::write(journal, truncated).unwrap();
        stage.set("SIGNPATH_SIGNING_API", "SignHash");
        stage.inject(Fault::on(SIGN_HASH, Effect::retry_after(503, 0)));
        let key = module.logged_in().unwrap().key("demo/p-256");
        stage.see(|| key.sign(CKM_ECDSA, &digest()).unwrap());
        let text = fs::read_to_string(journal).unwrap();
        let (first, whole) = text.split_once('\n').unwrap();
        assert_eq!(first, truncated);
        let entry: Value = serde_json::from_str(whole).unwrap();
        verify(&entry);
        assert_eq!(entry["attempts"], 2);
        let id = entry["signingRequestId"].as_str().unwrap();
        assert!(entry["webLink"].as_str().unwrap().contains(id), "{entry}");
    });
}

#[test]
fn log_lines_are_json_if_the_format_is_json() {
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path().join("logs");
    let more = [
        (common::LOG_DIRECTORY, directory.to_str().unwrap()),
        ("SIGNPATH_LOG_FILE_FORMAT", "json"),
        ("SIGNPATH_LOG_FILE_LEVEL", "debug"),
        ("SIGNPATH_DESCRIPTION", "a\u{202e}b"),
    ];
    on_stage(test_name!(), options, &more, |_, module| {
        common::log_in_and_sign(module);
        let lines = entries(&directory.join("SignPath.CryptoProviders.Cryptoki.txt"));
        let said = |part: &str| {
            let says = |line: &&Value| line["message"].as_str().unwrap().contains(part);
            let found = lines.iter().find(says);
            found.unwrap_or_else(|| panic!("no {part} in {lines:#?}"))
        };
        assert_eq!(lines[0]["level"], "info");
        for line in &lines {
            let names: Vec<_> = line.as_object().unwrap().keys().collect();
            assert_eq!(names, ["call", "level", "message", "processId", "time"]);
            assert_eq!(line["processId"], std::process::id());
        }
        let sign = said("C_Sign(");
        assert_eq!(sign["level"], "debug");
        assert_eq!(said("POST SigningRequests, attempt 1")["call"], sign["call"]);
    });
}
