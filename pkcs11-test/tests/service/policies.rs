//! The list of policies, their keys and certificates, and the file they come from.

use base64::prelude::{BASE64_STANDARD, Engine};
use pkcs11_test::{CertificateKind, PolicyFile};
use reqwest::StatusCode;
use serde_json::json;

use crate::client::{self, Client, service, start};
use crate::openssl::{self};

#[test]
fn lists_every_default_policy_with_its_public_key() {
    let service = service();
    let client = Client::new(&service);
    let answer = client.get("/Cryptoki/MySigningPolicies").json();
    let policies = answer["signingPolicies"]
        .as_array()
        .expect("signingPolicies");
    let slugs: Vec<_> = policies
        .iter()
        .map(|policy| policy["signingPolicySlug"].as_str().expect("slug"))
        .collect();
    assert_eq!(
        slugs,
        [
            "rsa-2048", "rsa-3072", "rsa-4096", "p-256", "p-384", "p-521"
        ]
    );
    for policy in policies {
        let slug = policy["signingPolicySlug"].as_str().expect("slug");
        let (family, bits) = slug.split_once('-').expect("kind and size");
        assert_eq!(policy["projectSlug"], "demo");
        assert_eq!(policy["keySizeInBits"].to_string(), bits);
        assert_eq!(policy["certificateType"], "X509");
        let certificate = service.certificate_der("demo", slug).expect("certificate");
        assert_eq!(
            policy["certificateBytes"],
            BASE64_STANDARD.encode(certificate)
        );
        let public_key = BASE64_STANDARD
            .decode(policy["publicKeyBytes"].as_str().expect("publicKeyBytes"))
            .expect("base64");
        let spki = openssl::public_key(certificate);
        if family == "rsa" {
            assert_eq!(policy["keyType"], "Rsa");
            assert_eq!(policy["rsaParameters"]["publicExponent"], "AQAB");
            assert_eq!(
                openssl::run(
                    &[
                        "rsa",
                        "-RSAPublicKey_in",
                        "-inform",
                        "DER",
                        "-pubout",
                        "-outform",
                        "DER"
                    ],
                    &public_key
                ),
                spki
            );
            let modulus = BASE64_STANDARD
                .decode(
                    policy["rsaParameters"]["modulus"]
                        .as_str()
                        .expect("modulus"),
                )
                .expect("base64");
            let hex: String = modulus.iter().map(|byte| format!("{byte:02X}")).collect();
            let printed = openssl::run(
                &["x509", "-inform", "DER", "-noout", "-modulus"],
                certificate,
            );
            assert_eq!(
                String::from_utf8_lossy(&printed).trim(),
                format!("Modulus={hex}")
            );
        } else {
            assert_eq!(policy["keyType"], "Ecdsa");
            assert!(policy.get("rsaParameters").is_none());
            assert_eq!(public_key, spki);
        }
    }
}

#[test]
fn each_filter_narrows_the_list() {
    let policies = r#"{ "policies": [
        { "project": "one", "policy": "test", "key": "p-256" }, { "project": "one", "policy": "release", "key": "p-256" },
        { "project": "two", "policy": "test", "key": "p-256" } ] }"#;
    let service = start("filters", |options| {
        options.policies = PolicyFile::parse(policies).expect("policies")
    });
    let client = Client::new(&service);
    let list = |query: &str| -> Vec<String> {
        let answer = client
            .get(&format!("/Cryptoki/MySigningPolicies{query}"))
            .json();
        let policies = answer["signingPolicies"]
            .as_array()
            .expect("signingPolicies")
            .clone();
        policies
            .iter()
            .map(|policy| {
                format!("{}/{}", policy["projectSlug"], policy["signingPolicySlug"])
                    .replace('"', "")
            })
            .collect()
    };
    assert_eq!(list(""), ["one/test", "one/release", "two/test"]);
    assert_eq!(list("?projectSlug=one"), ["one/test", "one/release"]);
    assert_eq!(list("?SIGNINGPOLICYSLUG=test"), ["one/test", "two/test"]);
    assert_eq!(
        list("?projectSlug=two&signingPolicySlug=test"),
        ["two/test"]
    );
    assert_eq!(
        list("?projectSlug=two&signingPolicySlug=release"),
        Vec::<String>::new()
    );
}

#[test]
fn certificates_are_for_code_signing_and_chain_to_the_authority() {
    let service = service();
    let authority = client::state("default").join("code-signing-ca.pem");
    for slug in [
        "rsa-2048", "rsa-3072", "rsa-4096", "p-256", "p-384", "p-521",
    ] {
        let file = client::state("default").join(format!("certificates/demo/{slug}.pem"));
        let file = file.to_str().expect("UTF-8");
        openssl::run(
            &[
                "verify",
                "-x509_strict",
                "-CAfile",
                authority.to_str().expect("UTF-8"),
                file,
            ],
            b"",
        );
        let text = String::from_utf8(openssl::run(
            &[
                "x509",
                "-in",
                file,
                "-noout",
                "-ext",
                "keyUsage,extendedKeyUsage",
            ],
            b"",
        ))
        .expect("UTF-8");
        assert!(
            text.contains("Digital Signature") && text.contains("Code Signing"),
            "{text}"
        );
        assert_eq!(
            openssl::run(&["x509", "-in", file, "-outform", "DER"], b""),
            service.certificate_der("demo", slug).expect("certificate")
        );
    }
}

#[test]
fn certificates_are_for_code_unless_the_file_says_email() {
    let policies = r#"{ "policies": [
        { "project": "demo", "policy": "code", "key": "p-256" },
        { "project": "demo", "policy": "mail", "key": "p-256", "certificate": "Email" } ] }"#;
    let service = start("usages", |options| {
        options.policies = PolicyFile::parse(policies).expect("policies");
    });
    for (slug, usage) in [("code", "Code Signing"), ("mail", "E-mail Protection")] {
        let der = service.certificate_der("demo", slug).expect("certificate");
        let arguments = "x509 -inform DER -noout -ext extendedKeyUsage";
        let arguments: Vec<_> = arguments.split(' ').collect();
        let text = openssl::run(&arguments, der);
        let text = String::from_utf8_lossy(&text);
        assert_eq!(text.lines().last().map(str::trim), Some(usage), "{text}");
    }
}

#[test]
fn shared_missing_and_broken_certificates_are_shown_as_the_file_says() {
    let policies = r#"{ "policies": [
        { "project": "demo", "policy": "one", "key": "p-256", "keyName": "shared" },
        { "project": "demo", "policy": "two", "key": "p-256", "keyName": "shared" },
        { "project": "demo", "policy": "gpg", "key": "p-256", "certificate": "None" },
        { "project": "demo", "policy": "broken", "key": "p-256", "certificate": "Garbage" } ] }"#;
    let file = PolicyFile::parse(policies).expect("policies");
    assert_eq!(file.policies[3].certificate, CertificateKind::Garbage);
    let service = start("certificates", |options| options.policies = file);
    let client = Client::new(&service);
    let answer = client.get("/Cryptoki/MySigningPolicies").json();
    let [one, two, gpg, broken] = &answer["signingPolicies"].as_array().expect("array")[..] else {
        panic!("{answer}")
    };
    assert_eq!(one["certificateBytes"], two["certificateBytes"]);
    assert_ne!(one["signingPolicyId"], two["signingPolicyId"]);
    assert_eq!(
        (&gpg["certificateType"], gpg.get("certificateBytes")),
        (&json!("GpgKey"), None)
    );
    assert_eq!(
        (&broken["certificateType"], &broken["certificateBytes"]),
        (&json!("X509"), &json!("invalid"))
    );

    let download = |slug: &str| {
        client.get(&format!(
            "/Projects/demo/SigningPolicies/{slug}/Certificate/X509Certificate"
        ))
    };
    assert_eq!(
        Some(&download("two").body[..]),
        service.certificate_der("demo", "one")
    );
    download("gpg").problem(StatusCode::NOT_FOUND);
    let openpgp_key = |slug: &str| {
        client.get(&format!(
            "/Projects/demo/SigningPolicies/{slug}/Certificate/GpgPublicKey"
        ))
    };
    let key = openpgp_key("gpg").body;
    assert!(key.starts_with(b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n"));
    assert_eq!(openpgp_key("gpg").body, key);
    openpgp_key("one").problem(StatusCode::NOT_FOUND);
}

#[test]
fn a_policies_file_that_is_wrong_says_where_and_what_is_expected() {
    let cases = [
        (
            "{ \"policies\": [\n{ \"project\": \"a\", \"policy\": \"b\", \"key\": \"rsa-1024\" } ] }",
            "unknown variant `rsa-1024`, expected one of `rsa-2048`",
            "line 2",
        ),
        (
            "{ \"policy\": [] }",
            "unknown field `policy`, expected one of `organizationId`, `users`, `policies`",
            "line 1",
        ),
        (
            "{ \"policies\": [ { \"project\": \"../a\", \"policy\": \"b\", \"key\": \"p-256\" } ] }",
            "`../a` is not a valid slug: expected letters",
            "line 1",
        ),
        (
            "{ \"users\": [ { \"name\": \"x\", \"submitterOf\": [ \"demo/none\" ] } ] }",
            "`demo/none`, which is not in `policies`",
            "",
        ),
    ];
    let path = client::state("policies.json");
    for (text, expected, line) in cases {
        std::fs::write(&path, text).expect("write");
        let message = PolicyFile::read(&path).expect_err(text).to_string();
        for part in [expected, line, path.to_str().expect("UTF-8")] {
            assert!(message.contains(part), "{message}");
        }
    }
}

#[test]
fn what_was_made_on_first_start_is_kept_and_private() {
    use std::os::unix::fs::PermissionsExt;

    let policies = || {
        PolicyFile::parse(
            r#"{ "policies": [ { "project": "a", "policy": "b", "key": "p-256" } ] }"#,
        )
        .expect("policies")
    };
    let state = client::state("kept");
    let _ = std::fs::remove_dir_all(&state);
    let facts = || {
        let service = start("kept", |options| options.policies = policies());
        let listed = Client::new(&service)
            .get("/Cryptoki/MySigningPolicies")
            .json();
        (
            service.organization_id(),
            service.token().to_owned(),
            listed,
        )
    };
    let first = facts();
    assert_eq!(facts(), first);
    assert_eq!(first.1.len(), 44);
    let mode = |name: &str| {
        std::fs::metadata(state.join(name))
            .expect(name)
            .permissions()
            .mode()
            & 0o777
    };
    assert_eq!(mode(""), 0o700);
    for file in ["keys/a/b.pem", "code-signing-ca-key.pem", "identities.json"] {
        assert_eq!(mode(file), 0o600, "{file}");
    }
}
