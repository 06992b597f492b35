//! Signatures by every route, for every key.

use base64::prelude::{BASE64_STANDARD, Engine};
use reqwest::StatusCode;
use serde_json::json;

use crate::client::{
    self, CURVES, Client, Hash, RSA, der_sequence, ecdsa_payload, rows, rsa_payload, service,
    signature,
};
use crate::openssl::{self, ECDSA, PKCS1, PSS};

#[test]
fn rsa_signatures_verify_with_every_digest_and_padding() {
    let service = service();
    let client = Client::new(&service);
    for slug in RSA {
        let certificate = service.certificate_der("demo", slug).unwrap();
        for hash in &Hash::ALL {
            for (algorithm, options) in [("RsaPkcs1", PKCS1), ("RsaPss", PSS)] {
                let answer = client.sign(slug, &rsa_payload(algorithm, hash)).json();
                assert_eq!(answer["Base64EncodedHash"], hash.base64());
                openssl::verify(certificate, options, hash, &signature(&answer));
            }
        }
    }
}

#[test]
fn ecdsa_signatures_verify_in_both_formats() {
    let service = service();
    let client = Client::new(&service);
    for (slug, field_length) in CURVES {
        let certificate = service.certificate_der("demo", slug).unwrap();
        // A P-521 key with a short hash and a P-256 key with a long one among them.
        for hash in &Hash::ALL[1..] {
            let der = signature(&client.sign(slug, &ecdsa_payload("Asn1", hash)).json());
            openssl::verify(certificate, ECDSA, hash, &der);
            let payload =
                json!({ "SignatureAlgorithm": "Ecdsa", "Base64EncodedHash": hash.base64() });
            let ieee = signature(&client.sign(slug, &payload).json());
            assert_eq!(ieee.len(), 2 * field_length);
            openssl::verify(certificate, ECDSA, hash, &der_sequence(&ieee));
        }
    }
}

#[test]
fn sign_hash_requests_are_signed() {
    let service = service();
    let client = Client::new(&service);
    let hash = Hash::SHA256;
    for (slug, mut data, options) in rows! {
        "rsa-2048", json!({ "signatureAlgorithm": "Rsa", "rsaOptions": { "hashAlgorithmName": "Sha256" } }), PKCS1;
        "rsa-2048", json!({ "signatureAlgorithm": "Rsa", "rsaOptions": { "hashAlgorithmOid": hash.oid, "paddingMode": "Pss" } }), PSS;
        "p-256", json!({ "signatureAlgorithm": "Ecdsa", "ecdsaOptions": { "signatureFormat": "Asn1" } }), ECDSA;
    } {
        data["hash"] = hash.base64().into();
        let body =
            json!({ "projectSlug": "demo", "signingPolicySlug": slug, "hashSigningData": data });
        let answer = client.post_json("/SigningRequests/SignHash", &body).json();
        assert_eq!(answer["hashSigningData"]["hash"], hash.base64());
        let [link, id] = ["webLink", "signingRequestId"].map(|name| answer[name].as_str().unwrap());
        assert!(link.ends_with(id), "{link}");
        let signature = answer["hashSigningResult"]["signature"].as_str().unwrap();
        let signature = BASE64_STANDARD.decode(signature).unwrap();
        let certificate = service.certificate_der("demo", slug).unwrap();
        openssl::verify(certificate, options, hash, &signature);
    }
}

#[test]
fn a_request_that_is_not_fast_is_created() {
    let service = service();
    let fields = [
        ("ProjectSlug", "demo"),
        ("SigningPolicySlug", "rsa-2048"),
        ("IsFastSigningRequest", "false"),
    ];
    let route = "/SigningRequests/SubmitWithArtifact";
    let answer = Client::new(&service).post_form(route, &fields, &client::payload());
    assert_eq!(answer.status, StatusCode::CREATED);
    let created = answer.json();
    let id = created["signingRequestId"].as_str().unwrap();
    let (url, organization) = (service.api_url(), service.organization_id());
    let location = format!("{url}/v1/{organization}/SigningRequests/{id}");
    assert_eq!(answer.headers["location"], location);
}

#[test]
fn case_does_not_matter_in_routes_fields_and_properties() {
    let service = service();
    let client = Client::new(&service);
    let root = service.api_url().trim_end_matches("/Api");
    for (api, list) in
        [("API/V1", "CRYPTOKI/MYSIGNINGPOLICIES"), ("api/v1", "cryptoki/mysigningpolicies")]
    {
        let url = format!("{root}/{api}/{}/{list}", service.organization_id());
        assert_eq!(client.get_url(&url).status, StatusCode::OK, "{url}");
    }
    let (oid, base64) = (Hash::SHA256.oid, Hash::SHA256.base64());
    let payload = json!({ "signatureALGORITHM": "RsaPkcs1", "rsahashalgorithm": oid, "base64encodedhash": base64 });
    let fields = [
        ("projectslug", "demo"),
        ("SIGNINGPOLICYSLUG", "rsa-2048"),
        ("isFastSigningRequest", "True"),
    ];
    let answer = client.post_form("/signingrequests", &fields, &payload);
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(service.requests().last().unwrap().route, "POST /SigningRequests");
}
