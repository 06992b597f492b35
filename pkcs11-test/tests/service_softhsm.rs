//! The service with its keys in SoftHSM: in a process of its own, since SoftHSM reads its configuration from the environment.

#[allow(dead_code, reason = "shared with the tests of software keys")]
#[path = "service/client.rs"]
mod client;
#[allow(dead_code, reason = "shared with the tests of software keys")]
#[path = "service/openssl.rs"]
mod openssl;

use client::{Client, Curve, Hash};
use cryptoki::context::Pkcs11;
use cryptoki::object::{Attribute, AttributeType, ObjectClass};
use cryptoki::session::{Session, UserType};
use cryptoki::types::AuthPin;
use openssl::Verification;
use pkcs11_test::{KeyStoreKind, Service, SoftHsmToken};
use serde_json::{Value, json};

#[test]
fn every_signature_comes_out_of_the_token() {
    let service = client::start("softhsm", |options| {
        options.key_store = KeyStoreKind::SoftHsm
    });
    assert!(!client::state("softhsm").join("keys").exists());
    signatures_verify(&service);
    concurrent_requests_are_signed(&service);
    the_token_holds_the_policies(&service);

    // A second start finds the same keys and certificates.
    let certificate = service
        .certificate_der("demo", "rsa-2048")
        .map(<[u8]>::to_vec);
    drop(service);
    let service = client::start("softhsm", |options| {
        options.key_store = KeyStoreKind::SoftHsm
    });
    assert_eq!(
        service
            .certificate_der("demo", "rsa-2048")
            .map(<[u8]>::to_vec),
        certificate
    );
    signatures_verify(&service);
}

fn signatures_verify(service: &Service) {
    let client = Client::new(service);
    let check = |slug: &str, payload: &Value, verification: Verification, hash: &Hash| {
        let answer = client.sign(slug, payload).json();
        openssl::verify(
            service.certificate_der("demo", slug).expect("certificate"),
            verification,
            hash,
            &client::signature(&answer),
        );
    };
    for slug in ["rsa-2048", "rsa-3072", "rsa-4096"] {
        for hash in &Hash::ALL {
            let payload = |algorithm: &str| json!({ "SignatureAlgorithm": algorithm, "RsaHashAlgorithm": hash.oid, "Base64EncodedHash": hash.base64() });
            check(slug, &payload("RsaPkcs1"), Verification::Pkcs1, hash);
            // PKCS #11 has no MGF with MD5.
            if hash.name != "md5" {
                check(slug, &payload("RsaPss"), Verification::Pss, hash);
            }
        }
    }
    for curve in &Curve::ALL {
        for hash in &Hash::ALL[1..] {
            let payload = json!({ "SignatureAlgorithm": "Ecdsa", "Base64EncodedHash": hash.base64(), "EcdsaSignatureFormat": "Asn1" });
            check(curve.slug, &payload, Verification::Ecdsa, hash);
        }
    }
}

fn concurrent_requests_are_signed(service: &Service) {
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let client = Client::new(service);
                for _ in 0..4 {
                    assert_eq!(
                        client.sign("rsa-2048", &client::payload()).status,
                        reqwest::StatusCode::OK
                    );
                }
            });
        }
    });
}

/// Objects with CKA_ID and CKA_LABEL `project/policy`, as another program sees them.
fn the_token_holds_the_policies(service: &Service) {
    let token = service.softhsm().expect("a token");
    let found = SoftHsmToken::in_state_folder(&client::state("softhsm")).expect("a token");
    assert_eq!(
        (&found.module, &found.configuration, &found.user_pin),
        (&token.module, &token.configuration, &token.user_pin)
    );

    let module = Pkcs11::new(&token.module).expect("SoftHSM");
    let slots = module.get_slots_with_initialized_token().expect("slots");
    let slot = slots
        .into_iter()
        .find(|slot| {
            module
                .get_token_info(*slot)
                .is_ok_and(|info| info.label() == token.label)
        })
        .expect("the token");
    let session = module.open_ro_session(slot).expect("a session");
    // The service's login is this process's login.
    assert!(
        session
            .login(UserType::User, Some(&AuthPin::from(token.user_pin.clone())))
            .is_err()
    );
    for slug in [
        "rsa-2048", "rsa-3072", "rsa-4096", "p-256", "p-384", "p-521",
    ] {
        let label = format!("demo/{slug}");
        let certificate = service
            .certificate_der("demo", slug)
            .expect("certificate")
            .to_vec();
        assert_eq!(
            read(
                &session,
                ObjectClass::CERTIFICATE,
                &label,
                AttributeType::Value
            ),
            Attribute::Value(certificate)
        );
        assert_eq!(
            read(
                &session,
                ObjectClass::PUBLIC_KEY,
                &label,
                AttributeType::Verify
            ),
            Attribute::Verify(true)
        );
        assert_eq!(
            read(
                &session,
                ObjectClass::PRIVATE_KEY,
                &label,
                AttributeType::Extractable
            ),
            Attribute::Extractable(false)
        );
    }
}

fn read(session: &Session, class: ObjectClass, label: &str, attribute: AttributeType) -> Attribute {
    let template = [
        Attribute::Class(class),
        Attribute::Id(label.into()),
        Attribute::Label(label.into()),
    ];
    let [object] = session.find_objects(&template).expect("a search")[..] else {
        panic!("{label}: not one object of {class}")
    };
    session
        .get_attributes(object, &[attribute])
        .expect("attributes")
        .remove(0)
}
