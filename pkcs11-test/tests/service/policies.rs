//! The list of policies, their keys and certificates, and the file they come from.

use base64::prelude::{BASE64_STANDARD, Engine};
use pkcs11_test::PolicyFile;
use reqwest::StatusCode;
use serde_json::Value;

use crate::client::{self, Client, hex, service, start, state, with_policies};
use crate::openssl;

const SLUGS: [&str; 6] = ["rsa-2048", "rsa-3072", "rsa-4096", "p-256", "p-384", "p-521"];

fn decoded(value: &Value) -> Vec<u8> {
    BASE64_STANDARD.decode(value.as_str().unwrap()).unwrap()
}

#[test]
fn lists_every_default_policy_with_its_public_key() {
    let service = service();
    let policies = Client::new(&service).list("");
    assert_eq!(policies.len(), SLUGS.len());
    for (slug, policy) in SLUGS.into_iter().zip(&policies) {
        let (family, bits) = slug.split_once('-').unwrap();
        assert_eq!(policy["projectSlug"], "demo");
        assert_eq!(policy["signingPolicySlug"], slug);
        assert_eq!(policy["keySizeInBits"].to_string(), bits);
        assert_eq!(policy["certificateType"], "X509");
        let certificate = service.certificate_der("demo", slug).unwrap();
        assert_eq!(decoded(&policy["certificateBytes"]), certificate);
        let public_key = decoded(&policy["publicKeyBytes"]);
        let spki = openssl::public_key(certificate);
        if family == "rsa" {
            assert_eq!(policy["keyType"], "Rsa");
            assert_eq!(policy["rsaParameters"]["publicExponent"], "AQAB");
            let convert = "rsa -RSAPublicKey_in -inform DER -pubout -outform DER";
            assert_eq!(openssl::line(convert, &public_key), spki);
            let modulus = decoded(&policy["rsaParameters"]["modulus"]);
            let printed = openssl::line("x509 -inform DER -noout -modulus", certificate);
            let expected = format!("Modulus={}\n", hex(&modulus).to_uppercase());
            assert_eq!(printed, expected.into_bytes());
        } else {
            assert_eq!(policy["keyType"], "Ecdsa");
            assert_eq!(policy.get("rsaParameters"), None);
            assert_eq!(public_key, spki);
        }
    }
}

#[test]
fn each_filter_narrows_the_list() {
    let service = with_policies(
        "filters",
        r#"{ "policies": [
        { "project": "one", "policy": "test", "key": "p-256" }, { "project": "one", "policy": "release", "key": "p-256" },
        { "project": "two", "policy": "test", "key": "p-256" } ] }"#,
    );
    for (query, expected) in [
        ("", "one/test one/release two/test"),
        ("?projectSlug=one", "one/test one/release"),
        ("?SIGNINGPOLICYSLUG=test", "one/test two/test"),
        ("?projectSlug=two&signingPolicySlug=test", "two/test"),
        ("?projectSlug=two&signingPolicySlug=release", ""),
    ] {
        let listed = Client::new(&service).list(query);
        let slug = |policy: &Value, name: &str| policy[name].as_str().unwrap().to_owned();
        let names = listed
            .iter()
            .map(|policy| slug(policy, "projectSlug") + "/" + &slug(policy, "signingPolicySlug"));
        assert_eq!(names.collect::<Vec<_>>().join(" "), expected, "{query}");
    }
}

#[test]
fn certificates_are_issued_by_the_ca_for_what_the_file_says() {
    let policies = r#"{ "policies": [
        { "project": "demo", "policy": "code", "key": "p-256" },
        { "project": "demo", "policy": "mail", "key": "p-256", "certificate": "Email" } ] }"#;
    let state = state("usages");
    let _ = std::fs::remove_dir_all(&state);
    drop(with_policies("usages", &policies.replace("Email", "X509")));
    // What the first start has issued is for another usage. What the second has issued is of a CA whose key is lost.
    for lost in [None, Some("code-signing-ca-key.pem")] {
        if let Some(file) = lost {
            std::fs::remove_file(state.join(file)).unwrap();
        }
        let service = with_policies("usages", policies);
        let ca = state.join("code-signing-ca.pem").display().to_string();
        for (slug, usage) in [("code", "Code Signing"), ("mail", "E-mail Protection")] {
            let file = state.join(format!("certificates/demo/{slug}.pem")).display().to_string();
            openssl::line(&format!("verify -x509_strict -CAfile {ca} {file}"), b"");
            let show = format!("x509 -in {file} -noout -ext keyUsage,extendedKeyUsage");
            let usages = String::from_utf8(openssl::line(&show, b"")).unwrap();
            assert!(usages.contains("Digital Signature"), "{usages}");
            assert_eq!(usages.lines().last().map(str::trim), Some(usage), "{usages}");
            let der = openssl::line(&format!("x509 -in {file} -outform DER"), b"");
            assert_eq!(der, service.certificate_der("demo", slug).unwrap());
        }
    }
}

#[test]
fn the_certificates_for_tls_are_for_localhost_its_address_and_clients() {
    let with_tls = || {
        start("tls", |options| {
            options.tls = true;
            options.policies = PolicyFile::parse(r#"{ "policies": [] }"#).unwrap();
        })
    };
    drop(with_tls());
    let state = state("tls");
    std::fs::remove_file(state.join("tls-ca-key.pem")).unwrap();
    let service = with_tls();
    let (name, ca) = service.environment().pop().unwrap();
    assert_eq!(name, "SIGNPATH_TLS_CA_FILE");
    for (file, options) in [
        ("tls.pem", "-verify_hostname localhost"),
        ("tls.pem", "-verify_ip 127.0.0.1"),
        ("tls-client.pem", "-purpose sslclient"),
    ] {
        let file = state.join(file).display().to_string();
        openssl::line(&format!("verify {options} -CAfile {ca} {file}"), b"");
    }
}

#[test]
fn shared_missing_and_broken_certificates_are_listed_as_the_file_says() {
    let service = with_policies(
        "certificates",
        r#"{ "policies": [
        { "project": "demo", "policy": "one", "key": "p-256", "keyName": "shared" },
        { "project": "demo", "policy": "two", "key": "p-256", "keyName": "shared" },
        { "project": "demo", "policy": "gpg", "key": "p-256", "certificate": "None" },
        { "project": "demo", "policy": "broken", "key": "p-256", "certificate": "Garbage" } ] }"#,
    );
    let client = Client::new(&service);
    let [one, two, gpg, broken] = &client.list("")[..] else { panic!("not four signing policies") };
    assert_eq!(one["certificateBytes"], two["certificateBytes"]);
    assert_ne!(one["signingPolicyId"], two["signingPolicyId"]);
    assert_eq!(gpg["certificateType"], "GpgKey");
    assert_eq!(gpg.get("certificateBytes"), None);
    assert_eq!(broken["certificateType"], "X509");
    assert_eq!(broken["certificateBytes"], "invalid");

    let download = |slug: &str, file: &str| {
        let certificate = format!("/Projects/demo/SigningPolicies/{slug}/Certificate");
        client.get(&format!("{certificate}/{file}"))
    };
    let certificate = download("two", "X509Certificate").body;
    assert_eq!(service.certificate_der("demo", "one"), Some(&*certificate));
    let key = download("gpg", "GpgPublicKey").body;
    assert!(key.starts_with(b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n"));
    assert_eq!(download("gpg", "GpgPublicKey").body, key);
    download("gpg", "X509Certificate").problem(StatusCode::NOT_FOUND);
    download("one", "GpgPublicKey").problem(StatusCode::NOT_FOUND);
}

#[test]
fn an_error_in_the_policies_file_says_where_it_is_and_what_is_expected() {
    let path = state("policies.json");
    for (text, expected, line) in rows! {
        "{ \"policies\": [\n{ \"project\": \"a\", \"policy\": \"b\", \"key\": \"rsa-1024\" }] }",
            "unknown variant `rsa-1024`, expected one of `rsa-2048`", "line 2";
        r#"{ "policy": [] }"#, "unknown field `policy`, expected one of `organizationId`, `users`, `policies`", "line 1";
        r#"{ "policies": [{ "project": "../a", "policy": "b", "key": "p-256" }] }"#, "`../a` is not a valid slug: expected letters",
            "line 1";
        r#"{ "users": [{ "name": "x", "submitterOf": ["demo/none"] }] }"#, "`demo/none`, which is not in `policies`", "";
    } {
        std::fs::write(&path, text).unwrap();
        let message = PolicyFile::read(&path).unwrap_err().to_string();
        for part in [expected, line, path.to_str().unwrap()] {
            assert!(message.contains(part), "{message}");
        }
    }
}

#[test]
fn the_next_start_finds_what_the_first_has_made_in_private_files() {
    let state = state("kept");
    let _ = std::fs::remove_dir_all(&state);
    let facts = || {
        let policies = r#"{ "policies": [ { "project": "a", "policy": "b", "key": "p-256" } ] }"#;
        let service = with_policies("kept", policies);
        let (list, token) = (Client::new(&service).list(""), service.token().to_owned());
        (service.organization_id(), token, list)
    };
    let first = facts();
    assert_eq!(facts(), first);
    assert_eq!(first.1.len(), 44);
    for (file, mode) in [
        ("", 0o700),
        ("keys/a/b.pem", 0o600),
        ("code-signing-ca-key.pem", 0o600),
        ("identities.json", 0o600),
    ] {
        assert_eq!(client::mode(state.join(file)), mode, "{file}");
    }
}
