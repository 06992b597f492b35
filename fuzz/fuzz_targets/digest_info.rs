//! What CKM_RSA_PKCS signs, and ECDSA signatures in DER.

#![no_main]

use signpath_crypto::{asn1_from_ieee, ieee_from_asn1, parse_digest_info};

signpath_fuzz::target!(check);

fn check(data: &[u8]) {
    match parse_digest_info(data) {
        Ok(digest) => {
            let hash = digest.algorithm.expect("a DigestInfo names its algorithm");
            assert_eq!(digest.value.len(), hash.digest_length());
            // DER has one encoding, so the rest can only be the prefix (RFC 8017, section 9.2, note 1).
            assert!(data.ends_with(&digest.value));
            assert!((15..=19).contains(&(data.len() - digest.value.len())));
        }
        Err(reason) => assert!(!reason.is_empty()),
    }
    for length in [32, 48, 66] {
        if let Some(signature) = ieee_from_asn1(data, length) {
            assert_eq!(signature.len(), 2 * length);
            assert_eq!(asn1_from_ieee(&signature).as_deref(), Some(data));
        }
    }
    // The integers of an empty signature are zero, which takes a byte.
    if let Some(der) = asn1_from_ieee(data).filter(|_| !data.is_empty()) {
        assert_eq!(ieee_from_asn1(&der, data.len() / 2).as_deref(), Some(data));
    }
}
