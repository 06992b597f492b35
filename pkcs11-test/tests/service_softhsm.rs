//! The service with its keys in SoftHSM: in a process of its own, since SoftHSM reads its configuration from the environment.

#[allow(dead_code, reason = "shared with the tests of software keys")]
#[path = "service/client.rs"]
mod client;
#[allow(dead_code, reason = "shared with the tests of software keys")]
#[path = "service/openssl.rs"]
mod openssl;

use client::{CURVES, Client, Hash, RSA, ecdsa_payload, rows, rsa_payload};
use cryptoki::context::Pkcs11;
use cryptoki::object::{Attribute, AttributeType, ObjectClass};
use cryptoki::session::{Session, UserType};
use cryptoki::types::AuthPin;
use openssl::{ECDSA, PKCS1, PSS};
use pkcs11_test::{KeyStoreKind, Service, SoftHsmToken};
use serde_json::Value;

fn start() -> Service {
    client::start("softhsm", |options| options.key_store = KeyStoreKind::SoftHsm)
}

#[test]
fn every_signature_is_made_by_the_token() {
    let service = start();
    assert!(!client::state("softhsm").join("keys").exists());
    signatures_verify(&service);
    concurrent_requests_are_signed(&service);
    the_token_holds_the_policies(&service);

    // A second start finds the same keys and certificates.
    let certificate =
        |service: &Service| service.certificate_der("demo", "rsa-2048").map(<[u8]>::to_vec);
    let first = certificate(&service);
    drop(service);
    let service = start();
    assert_eq!(certificate(&service), first);
    signatures_verify(&service);
}

fn signatures_verify(service: &Service) {
    let client = Client::new(service);
    let check = |slug: &str, payload: &Value, options: &str, hash: &Hash| {
        let signature = client::signature(&client.sign(slug, payload).json());
        openssl::verify(service.certificate_der("demo", slug).unwrap(), options, hash, &signature);
    };
    for slug in RSA {
        for hash in &Hash::ALL {
            check(slug, &rsa_payload("RsaPkcs1", hash), PKCS1, hash);
            // PKCS #11 has no MGF with MD5.
            if hash.name != "md5" {
                check(slug, &rsa_payload("RsaPss", hash), PSS, hash);
            }
        }
    }
    for (slug, _) in CURVES {
        for hash in &Hash::ALL[1..] {
            check(slug, &ecdsa_payload("Asn1", hash), ECDSA, hash);
        }
    }
}

fn concurrent_requests_are_signed(service: &Service) {
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let client = Client::new(service);
                for _ in 0..4 {
                    let answer = client.sign("rsa-2048", &client::payload());
                    assert_eq!(answer.status, reqwest::StatusCode::OK);
                }
            });
        }
    });
}

/// Objects with CKA_ID and CKA_LABEL `project/policy`, as another program sees them.
fn the_token_holds_the_policies(service: &Service) {
    let token = service.softhsm().unwrap();
    let found = SoftHsmToken::in_state_folder(&client::state("softhsm")).unwrap();
    assert_eq!((&found.module, &found.configuration), (&token.module, &token.configuration));
    assert_eq!(found.user_pin, token.user_pin);

    let module = Pkcs11::new(&token.module).unwrap();
    let mut slots = module.get_slots_with_initialized_token().unwrap().into_iter();
    let has_label = |info: cryptoki::slot::TokenInfo| info.label() == token.label;
    let slot = slots.find(|slot| module.get_token_info(*slot).is_ok_and(has_label)).unwrap();
    let session = module.open_ro_session(slot).unwrap();
    // This process is logged in already: the service runs in it.
    let pin = AuthPin::from(token.user_pin.clone());
    assert!(session.login(UserType::User, Some(&pin)).is_err());
    for slug in RSA.into_iter().chain(CURVES.map(|(slug, _)| slug)) {
        let certificate = service.certificate_der("demo", slug).unwrap().to_vec();
        for (class, attribute, expected) in rows! {
            ObjectClass::CERTIFICATE, AttributeType::Value, Attribute::Value(certificate);
            ObjectClass::PUBLIC_KEY, AttributeType::Verify, Attribute::Verify(true);
            ObjectClass::PRIVATE_KEY, AttributeType::Extractable, Attribute::Extractable(false);
        } {
            assert_eq!(read(&session, class, &format!("demo/{slug}"), attribute), expected);
        }
    }
}

fn read(session: &Session, class: ObjectClass, label: &str, attribute: AttributeType) -> Attribute {
    let (id, text) = (Attribute::Id(label.into()), Attribute::Label(label.into()));
    let [object] = session.find_objects(&[Attribute::Class(class), id, text]).unwrap()[..] else {
        panic!("{label}: not one object of {class}")
    };
    session.get_attributes(object, &[attribute]).unwrap().remove(0)
}
