//! A list of signing policies, with its keys and certificates.

#![no_main]

use signpath_client::{Secret, fuzzing, has_supported_size};
use signpath_crypto::{Digest, SignatureAlgorithm};
use signpath_fuzz::{TOKEN, assert_hidden};

signpath_fuzz::target!(check);

fn check(body: &[u8]) {
    let secret = Secret::new(TOKEN.to_owned());
    let list = match fuzzing::policies(body, &secret) {
        Ok(list) => list,
        Err(reason) => return assert_hidden(TOKEN, body, &reason),
    };
    let digest = Digest { algorithm: None, value: vec![7; 32] };
    for policy in list.clone().read() {
        let policy = match policy {
            Ok(policy) => policy,
            Err(reason) => {
                assert_hidden(TOKEN, body, &reason);
                continue;
            }
        };
        let name = policy.name.to_string();
        assert!(name.len() <= signpath_client::PolicyName::MAX_LENGTH);
        assert!(!name.chars().any(char::is_control), "{name:?}");
        if let Some(certificate) = &policy.certificate {
            let _ = (certificate.title(), certificate.key_identifier());
            assert!(body.len() > certificate.der().len());
        }
        if let Some(key) = &policy.public_key {
            let _ = has_supported_size(key);
            if let Some(scheme) = SignatureAlgorithm::Ecdsa.scheme(&digest) {
                let zeros = vec![0; key.signature_length()];
                assert!(!key.verifies(&scheme, &digest.value, &zeros));
            }
        }
    }
    list.usable();
}
