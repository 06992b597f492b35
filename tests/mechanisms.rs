//! The mechanisms and attributes that SoftHSM does not have, so that no comparison with it is possible.

mod common;
#[path = "common/openssl.rs"]
mod openssl;

use common::{on_stage, options};
use cryptoki_sys::*;
use pkcs11_test::harness::{Rv, mechanism_name, ulong};

/// Those that hash, with their names in openssl.
const DIGESTS: [(CK_MECHANISM_TYPE, &str); 6] = table! {
    (CKM_SHA512_224, "sha512-224"), (CKM_SHA512_256, "sha512-256"), (CKM_SHA3_224, "sha3-224"), (CKM_SHA3_256, "sha3-256"),
    (CKM_SHA3_384, "sha3-384"), (CKM_SHA3_512, "sha3-512")
};

#[test]
fn each_mechanism_has_the_key_sizes_and_flags_of_its_kind() {
    const SIGNS: CK_FLAGS =
        CKF_HW | CKF_SIGN | CKF_VERIFY | CKF_MESSAGE_SIGN | CKF_MESSAGE_VERIFY | CKF_MULTI_MESSAGE;
    const EC: CK_FLAGS = SIGNS | CKF_EC_F_P | CKF_EC_NAMEDCURVE | CKF_EC_UNCOMPRESS;
    on_stage(test_name!(), options, &[], |_, module| {
        assert_eq!(module.initialize(), CKR_OK);
        let listed = module.mechanisms();
        assert_eq!((listed[0], listed.len()), (CKM_RSA_PKCS, 40), "RSA_PKCS comes first");
        let ml_dsa = CKM_HASH_ML_DSA_SHA224..=CKM_HASH_ML_DSA_SHAKE256;
        let ml_dsa: Vec<_> = [CKM_ML_DSA, CKM_HASH_ML_DSA].into_iter().chain(ml_dsa).collect();
        assert!(ml_dsa.iter().all(|id| listed.contains(id)));
        for id in listed {
            let expected = match mechanism_name(id) {
                name if name.contains("RSA_PKCS") => (2048, 4096, SIGNS),
                name if name.contains("ECDSA") => (256, 521, EC),
                _ if ml_dsa.contains(&id) => (1312, 2592, CKF_VERIFY),
                _ => (0, 0, CKF_DIGEST),
            };
            let info = module.mechanism_info(1, id).unwrap();
            let info = (info.ulMinKeySize, info.ulMaxKeySize, info.flags);
            assert_eq!(info, expected, "{id:#x}");
        }
    });
}

#[test]
fn digests_equal_those_of_openssl_in_one_part_and_in_several() {
    let message: Vec<u8> = (0..100_000_u32).map(|number| number as u8).collect();
    on_stage(test_name!(), options, &[], |_, module| {
        let session = module.opened();
        for (id, name) in DIGESTS {
            let expected = Ok(openssl::digest(name, &message));
            assert_eq!(session.digest_init(id), CKR_OK);
            assert_eq!(session.digest_into(&message, 64).bytes(), expected, "{name}");
            assert_eq!(session.digest_init(id), CKR_OK);
            for part in message.chunks(777) {
                assert_eq!(session.digest_update(part), CKR_OK);
            }
            assert_eq!(session.digest_final_into(64).bytes(), expected, "{name}, in parts");
        }
    });
}

#[test]
fn attributes_of_newer_versions_are_absent_or_fit_the_token() {
    on_stage(test_name!(), options, &[], |_, module| {
        let absent = || Err(Rv(CKR_ATTRIBUTE_TYPE_INVALID));
        let (no, empty, none) = (|| Ok(vec![CK_FALSE]), || Ok(vec![]), || Ok(ulong(0)));
        // What fits this token (PKCS #11 3.2, section 4): it neither encapsulates nor restricts by templates, and no key
        // has been validated. No object has a CRC of its key.
        let expected = table! {
            (CKO_PUBLIC_KEY, &[CKA_DECAPSULATE, CKA_DECAPSULATE_TEMPLATE, CKA_PUBLIC_CRC64_VALUE][..], absent()),
            (CKO_PUBLIC_KEY, &[CKA_PARAMETER_SET, CKA_PROFILE_ID], absent()),
            (CKO_PUBLIC_KEY, &[CKA_ENCAPSULATE], no()),
            (CKO_PUBLIC_KEY, &[CKA_ENCAPSULATE_TEMPLATE], empty()),
            (CKO_PUBLIC_KEY, &[CKA_OBJECT_VALIDATION_FLAGS], none()),
            (CKO_PRIVATE_KEY, &[CKA_ENCAPSULATE, CKA_PUBLIC_CRC64_VALUE], absent()),
            (CKO_PRIVATE_KEY, &[CKA_DECAPSULATE], no()),
            (CKO_PRIVATE_KEY, &[CKA_DECAPSULATE_TEMPLATE], empty()),
            (CKO_PRIVATE_KEY, &[CKA_OBJECT_VALIDATION_FLAGS], none()),
            (CKO_CERTIFICATE, &[CKA_ENCAPSULATE, CKA_PROFILE_ID], absent()),
        };
        let session = module.logged_in().unwrap();
        for label in ["demo/rsa-3072", "demo/p-256"] {
            for (class, ids, expected) in &expected {
                for id in *ids {
                    let value = session.attribute(session.object(*class, label), *id);
                    assert_eq!(value, *expected, "{id:#x} of class {class} of {label}");
                }
            }
        }
    });
}
