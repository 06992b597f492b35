//! Object handles stay valid while the list of signing policies is requested again.

mod common;

use std::process::Command;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use common::{LIST, SIGN, environment, in_child, initialized, logged_in, service, traffic};
use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::Mechanism;
use cryptoki::object::{Attribute, AttributeType, ObjectClass, ObjectHandle};
use cryptoki::session::Session;
use pkcs11_test::{Effect, Fault};

const CLASSES: [ObjectClass; 3] = [
    ObjectClass::CERTIFICATE,
    ObjectClass::PUBLIC_KEY,
    ObjectClass::PRIVATE_KEY,
];

/// A certificate of the key of a signing policy, with another serial number each time.
fn certificate(policy: &str) -> String {
    let key = format!(
        "{}/service/keys/demo/{policy}.pem",
        env!("CARGO_TARGET_TMPDIR")
    );
    let output = Command::new("openssl")
        .args(["req", "-x509", "-new", "-subj", "/CN=Release"])
        .args(["-key", &key, "-outform", "DER"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    BASE64_STANDARD.encode(output.stdout)
}

/// The list of two policies with these certificates.
fn list(certificates: [&str; 2]) -> Effect {
    let policy = |slug, id, certificate| {
        serde_json::json!({
            "signingPolicyId": id, "projectSlug": "demo", "signingPolicySlug": slug,
            "keyType": "Ecdsa", "certificateBytes": certificate, "certificateType": "X509",
        })
    };
    let [first, second] = certificates;
    let body = serde_json::json!({"signingPolicies": [
        policy("p-256", "eacd4b78-6038-4450-9eec-4acd1c7ba6f1", first),
        policy("p-384", "1de0f2d9-2df7-4f2b-8d4c-5d5c4ac9e8a1", second),
    ]});
    let headers = [("Content-Type", "application/json")];
    Effect::answer(200, &headers, body.to_string())
}

/// The certificate and the keys of a policy.
fn objects(session: &Session, policy: &str) -> [ObjectHandle; 3] {
    let id = format!("demo/{policy}");
    CLASSES.map(|class| {
        let template = [
            Attribute::Class(class),
            Attribute::Id(id.clone().into_bytes()),
        ];
        match session.find_objects(&template).unwrap()[..] {
            [object] => object,
            ref other => panic!("{policy}: {other:?}"),
        }
    })
}

fn sign(session: &Session, key: ObjectHandle) -> Result<Vec<u8>, Error> {
    session.sign(&Mechanism::Ecdsa, key, &[7; 32])
}

#[test]
fn handles_stay_the_same_when_the_list_is_asked_for_again_and_a_renewed_certificate_gets_a_new_one()
{
    let prepare = || {
        let service = service();
        let (first, second) = (certificate("p-256"), certificate("p-384"));
        let renewed = certificate("p-256");
        let before = Fault::on(LIST, list([&first, &second])).times(2);
        service.inject(before).unwrap();
        service
            .inject(Fault::on(LIST, list([&renewed, &second])))
            .unwrap();
        let wrong = Fault::on(SIGN, Effect::WrongSignature).times(2);
        service.inject(wrong).unwrap();
        let environment = environment(&service, &[]);
        (service, environment)
    };
    let child = || {
        let module = initialized();
        let session = logged_in(&module);
        let all = || ["p-256", "p-384"].map(|policy| objects(&session, policy));
        // After a signature that does not verify, the next search requests the list.
        let refuse = |key| match sign(&session, key) {
            Err(Error::Pkcs11(RvError::DeviceError, _)) => {}
            other => panic!("{other:?}"),
        };
        let first = all();
        let [[certificate, public_key, private_key], others] = first;
        refuse(private_key);
        assert_eq!(all(), first);

        refuse(private_key);
        let [[renewed, keys @ ..], others_now] = all();
        assert_eq!((keys, others_now), ([public_key, private_key], others));
        assert_ne!(renewed, certificate);
        assert!(!first.concat().contains(&renewed));
        match session.get_attributes(certificate, &[AttributeType::Value]) {
            Err(Error::Pkcs11(RvError::ObjectHandleInvalid, _)) => {}
            other => panic!("{other:?}"),
        }
        assert_eq!(sign(&session, private_key).unwrap().len(), 64);
    };
    let Some((service, _)) = in_child(test_name!(), prepare, child) else {
        return;
    };
    assert_eq!(traffic(&service.requests()).lists, 3);
}
