//! A public key in one of its encodings, and a signature for it: a byte that selects both, the length of the key, the key,
//! and the signature.

#![no_main]

use signpath_crypto::{Curve, HashAlgorithm, MlDsa, PublicKey, Scheme};
use signpath_fuzz::first_byte;

signpath_fuzz::target!(check);

const SCHEMES: [Scheme; 6] = [
    Scheme::Ecdsa,
    Scheme::RsaPkcs1Raw,
    Scheme::RsaPkcs1(HashAlgorithm::Sha256),
    Scheme::RsaPss { hash: HashAlgorithm::Sha384, salt_length: 48 },
    Scheme::MlDsa { pre_hash: None, context: Vec::new() },
    Scheme::MlDsa { pre_hash: Some(HashAlgorithm::Shake128), context: Vec::new() },
];

fn check(data: &[u8]) {
    let (selector, rest) = first_byte(data);
    let Some((length, rest)) = rest.split_first_chunk() else {
        return;
    };
    let length = usize::from(u16::from_le_bytes(*length)).min(rest.len());
    let (encoded, signature) = rest.split_at(length);
    let key = match selector % 9 {
        0 => PublicKey::from_subject_public_key_info(encoded),
        1 => PublicKey::from_rsa_public_key(encoded),
        2 => PublicKey::from_rsa(encoded, &[1, 0, 1]),
        number @ 3..6 => PublicKey::from_ec_point(Curve::ALL[usize::from(number) - 3], encoded),
        number => PublicKey::from_ml_dsa(MlDsa::ALL[usize::from(number) - 6], encoded),
    };
    let Ok(key) = key else {
        return;
    };
    let scheme = &SCHEMES[usize::from(selector / 9) % SCHEMES.len()];
    let _ = key.verifies(scheme, &[7; 32], signature);
    // A key survives each way out and in again.
    let again = PublicKey::from_subject_public_key_info(key.subject_public_key_info());
    let again = again.expect("its own encoding");
    assert_eq!(again.bits(), key.bits());
    assert!(key.signature_length() * 8 >= key.bits());
    if let Some((modulus, exponent)) = key.rsa() {
        let same = PublicKey::from_rsa(&modulus, &exponent).expect("its own numbers");
        assert_eq!(same.rsa(), Some((modulus, exponent)));
    }
    if let Some((parameter_set, value)) = key.ml_dsa() {
        let same = PublicKey::from_ml_dsa(parameter_set, value).expect("its own value");
        assert_eq!(same.subject_public_key_info(), key.subject_public_key_info());
    }
    if let Some((curve, point)) = key.ec() {
        let same = PublicKey::from_ec_point(curve, &point).expect("its own point");
        assert_eq!(same.ec(), Some((curve, point)));
    }
}
