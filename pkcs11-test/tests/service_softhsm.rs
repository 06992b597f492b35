//! The service with its keys in SoftHSM: in a process of its own, since SoftHSM reads its configuration from the environment.
//! tests/differential compares what such a service signs with what SoftHSM does.

#[allow(dead_code, reason = "shared with the tests of software keys")]
#[path = "service/client.rs"]
mod client;
#[allow(dead_code, reason = "shared with the tests of software keys")]
#[path = "service/openssl.rs"]
mod openssl;

use client::{Client, payload, signature, state};
use pkcs11_test::KeyStoreKind;

/// What RSASSA-PKCS1-v1_5 makes again and again.
#[test]
fn every_signature_is_made_by_the_token_which_the_next_start_finds() {
    let facts = || {
        let start = |options: &mut pkcs11_test::Options| options.key_store = KeyStoreKind::SoftHsm;
        let service = client::start("softhsm", start);
        let sign = || signature(&Client::new(&service).sign("rsa-2048", &payload()).json());
        let first = sign();
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| (0..4).for_each(|_| assert_eq!(sign(), first)));
            }
        });
        (service.certificate_der("demo", "rsa-2048").unwrap().to_vec(), first)
    };
    assert_eq!(facts(), facts());
    assert!(!state("softhsm").join("keys").exists());
}
