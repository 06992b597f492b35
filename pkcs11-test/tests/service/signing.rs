//! Signatures by every route, for every key.

use base64::prelude::{BASE64_STANDARD, Engine};
use reqwest::StatusCode;
use serde_json::json;

use crate::client::{self, Client, Curve, Hash, service, signature};
use crate::openssl::{self, Verification};

const RSA: [&str; 3] = ["rsa-2048", "rsa-3072", "rsa-4096"];

#[test]
fn rsa_signatures_verify_with_every_digest_and_padding() {
    let service = service();
    let client = Client::new(&service);
    for slug in RSA {
        let certificate = service.certificate_der("demo", slug).expect("certificate");
        for hash in &Hash::ALL {
            for (algorithm, verification) in [
                ("RsaPkcs1", Verification::Pkcs1),
                ("RsaPss", Verification::Pss),
            ] {
                let payload = json!({ "SignatureAlgorithm": algorithm, "RsaHashAlgorithm": hash.oid, "Base64EncodedHash": hash.base64() });
                let answer = client.sign(slug, &payload).json();
                assert_eq!(answer["Base64EncodedHash"], payload["Base64EncodedHash"]);
                openssl::verify(certificate, verification, hash, &signature(&answer));
            }
        }
    }
}

#[test]
fn ecdsa_signatures_verify_in_both_formats() {
    let service = service();
    let client = Client::new(&service);
    for curve in Curve::ALL {
        let certificate = service
            .certificate_der("demo", curve.slug)
            .expect("certificate");
        // A P-521 key with a short hash and a P-256 key with a long one among them.
        for hash in Hash::ALL.iter().filter(|hash| hash.name != "md5") {
            let payload = json!({ "SignatureAlgorithm": "Ecdsa", "Base64EncodedHash": hash.base64(), "EcdsaSignatureFormat": "Asn1" });
            openssl::verify(
                certificate,
                Verification::Ecdsa,
                hash,
                &signature(&client.sign(curve.slug, &payload).json()),
            );

            let payload =
                json!({ "SignatureAlgorithm": "Ecdsa", "Base64EncodedHash": hash.base64() });
            let ieee = signature(&client.sign(curve.slug, &payload).json());
            assert_eq!(ieee.len(), 2 * curve.field_length);
            openssl::verify(
                certificate,
                Verification::Ecdsa,
                hash,
                &client::der_sequence(&ieee),
            );
        }
    }
}

#[test]
fn second_generation_requests_sign_too() {
    let service = service();
    let client = Client::new(&service);
    let hash = &Hash::ALL[2];
    let cases = [
        (
            "rsa-2048",
            json!({ "signatureAlgorithm": "Rsa", "rsaOptions": { "hashAlgorithmName": "Sha256" } }),
            Verification::Pkcs1,
        ),
        (
            "rsa-2048",
            json!({ "signatureAlgorithm": "Rsa", "rsaOptions": { "hashAlgorithmOid": hash.oid, "paddingMode": "Pss" } }),
            Verification::Pss,
        ),
        (
            "p-256",
            json!({ "signatureAlgorithm": "Ecdsa", "ecdsaOptions": { "signatureFormat": "Asn1" } }),
            Verification::Ecdsa,
        ),
    ];
    for (slug, mut data, verification) in cases {
        data["hash"] = hash.base64().into();
        let body =
            json!({ "projectSlug": "demo", "signingPolicySlug": slug, "hashSigningData": data });
        let answer = client.post_json("/SigningRequests/SignHash", &body).json();
        assert_eq!(answer["hashSigningData"]["hash"], hash.base64());
        assert!(
            answer["webLink"].as_str().expect("webLink").ends_with(
                answer["signingRequestId"]
                    .as_str()
                    .expect("signingRequestId")
            )
        );
        let signature = BASE64_STANDARD
            .decode(
                answer["hashSigningResult"]["signature"]
                    .as_str()
                    .expect("signature"),
            )
            .expect("base64");
        openssl::verify(
            service.certificate_der("demo", slug).expect("certificate"),
            verification,
            hash,
            &signature,
        );
    }
}

#[test]
fn a_request_that_is_not_fast_is_created() {
    let service = service();
    let client = Client::new(&service);
    let fields = [
        ("ProjectSlug", "demo"),
        ("SigningPolicySlug", "rsa-2048"),
        ("IsFastSigningRequest", "false"),
    ];
    let answer = client.post_form(
        "/SigningRequests/SubmitWithArtifact",
        &fields,
        &client::payload(),
    );
    assert_eq!(answer.status, StatusCode::CREATED);
    let id = answer.json()["signingRequestId"]
        .as_str()
        .expect("signingRequestId")
        .to_owned();
    let location = answer.headers["location"].to_str().expect("text");
    assert_eq!(
        location,
        format!(
            "{}/v1/{}/SigningRequests/{id}",
            service.api_url(),
            service.organization_id()
        )
    );
}

#[test]
fn case_does_not_matter_in_routes_fields_and_properties() {
    let service = service();
    let client = Client::new(&service);
    let root = service.api_url().trim_end_matches("/Api");
    for path in [
        "/API/V1/{}/CRYPTOKI/MYSIGNINGPOLICIES",
        "/api/v1/{}/cryptoki/mysigningpolicies",
    ] {
        let url = format!("{root}{}", path.replace("{}", &service.organization_id()));
        assert_eq!(client.get_url(&url).status, StatusCode::OK, "{url}");
    }
    let payload = json!({ "signatureALGORITHM": "RsaPkcs1", "rsahashalgorithm": Hash::ALL[2].oid, "base64encodedhash": Hash::ALL[2].base64() });
    let fields = [
        ("projectslug", "demo"),
        ("SIGNINGPOLICYSLUG", "rsa-2048"),
        ("isFastSigningRequest", "True"),
    ];
    let answer = client.post_form("/signingrequests", &fields, &payload);
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(
        service.requests().last().expect("a request").route,
        "POST /SigningRequests"
    );
}
