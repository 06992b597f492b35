//! The handles of objects while the list of the signing policies is requested again.

mod common;
#[path = "common/openssl.rs"]
mod openssl;

use common::{LIST, SIGN, listed_policies, on_stage, options, traffic};
use cryptoki_sys::*;
use pkcs11_test::harness::Rv;
use pkcs11_test::{Effect, Fault};

/// A certificate of the key of a signing policy, with another serial number each time.
fn certificate(policy: &str) -> Vec<u8> {
    let key = concat!(env!("CARGO_TARGET_TMPDIR"), "/service/keys/demo");
    let key = format!("{key}/{policy}.pem");
    let request = "req -x509 -new -subj /CN=Release -outform DER -key";
    openssl::openssl(&request.split(' ').chain([&*key]).collect::<Vec<_>>())
}

/// The list of two policies with these certificates.
fn list(first: &[u8], second: &[u8]) -> Effect {
    listed_policies([("demo", "p-256", first), ("demo", "p-384", second)], "Ecdsa")
}

#[test]
fn handles_stay_the_same_except_for_a_renewed_certificate() {
    on_stage(test_name!(), options, &[], |stage, t| {
        let [first, second, renewed] = ["p-256", "p-384", "p-256"].map(certificate);
        stage.inject(Fault::on(LIST, list(&first, &second)).times(2));
        stage.inject(Fault::on(LIST, list(&renewed, &second)));
        stage.inject(Fault::on(SIGN, Effect::WrongSignature).times(2));
        let session = t.logged_in().unwrap();
        let objects = |name: &str| {
            let key = session.key(name);
            [session.certificate(name), key.public, key.private]
        };
        let all = || ["demo/p-256", "demo/p-384"].map(objects);
        // A signature that does not verify makes the next search request the list.
        let refuse = || {
            let signed = stage.see(|| common::sign(session));
            assert_eq!(signed.value, CKR_DEVICE_ERROR);
        };
        let before = all();
        let [[certificate, keys @ ..], others] = before;
        refuse();
        assert_eq!(all(), before);

        refuse();
        let [[renewed, keys_now @ ..], others_now] = all();
        assert_eq!((keys_now, others_now), (keys, others));
        assert!(!before.concat().contains(&renewed));
        let gone = stage.see(|| session.attribute(certificate, CKA_VALUE));
        assert_eq!(gone.value, Err(Rv(CKR_OBJECT_HANDLE_INVALID)));
        assert_eq!(session.sign_init(CKM_ECDSA, keys[1]), CKR_OK);
        assert_eq!(session.sign(&[7; 32]).unwrap().len(), 64);
        assert_eq!(traffic(&stage.service.requests()).lists, 3);
    });
}
