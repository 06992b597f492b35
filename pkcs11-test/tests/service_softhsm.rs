//! The service with its keys in SoftHSM: in a process of its own, since SoftHSM reads its configuration from the environment.
//! tests/differential compares what such a service signs with what SoftHSM does.

#[allow(dead_code, reason = "shared with the tests of software keys")]
#[path = "service/client.rs"]
mod client;
#[allow(dead_code, reason = "shared with the tests of software keys")]
#[path = "service/openssl.rs"]
mod openssl;

use std::process::Command;

use client::{Client, payload, signature, state};
use pkcs11_test::{KeyStoreKind, Service, SoftHsmToken};

fn start() -> Service {
    client::start("softhsm", |options| options.key_store = KeyStoreKind::SoftHsm)
}

/// What RSASSA-PKCS1-v1_5 makes again and again.
#[test]
fn every_signature_is_made_by_the_token_which_the_next_start_finds() {
    let facts = || {
        let service = start();
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

/// What OpenSC's pkcs11-tool prints.
fn pkcs11_tool(token: &SoftHsmToken, arguments: &[&str]) -> String {
    let done = Command::new("pkcs11-tool")
        .env("SOFTHSM2_CONF", &token.configuration)
        .arg("--module")
        .arg(&token.module)
        .args(["--login", "--pin", &token.user_pin])
        .args(arguments)
        .output()
        .expect("pkcs11-tool");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap()
}

#[test]
fn half_of_a_pair_of_keys_is_replaced_by_a_pair() {
    for lost in ["privkey", "pubkey"] {
        let token = start().softhsm().unwrap().clone();
        pkcs11_tool(&token, &["--delete-object", "--type", lost, "--label", "demo/p-256"]);
        drop(start());
        for half in ["privkey", "pubkey"] {
            let listed = pkcs11_tool(&token, &["--list-objects", "--type", half]);
            let keys = listed.lines().filter(|line| line.ends_with(" demo/p-256"));
            assert_eq!(keys.count(), 1, "{listed}");
        }
    }
}
