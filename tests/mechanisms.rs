//! All mechanisms, the digests, and the attributes that SoftHSM does not have.

mod common;
#[path = "common/openssl.rs"]
mod openssl;

use common::{on_stage, options};
use cryptoki_sys::*;
use pkcs11_test::harness::{Rv, ulong};

/// Those that hash, with their names in openssl.
const DIGESTS: [(CK_MECHANISM_TYPE, &str); 12] = table! {
    (CKM_MD5, "md5"), (CKM_SHA_1, "sha1"), (CKM_SHA224, "sha224"), (CKM_SHA256, "sha256"), (CKM_SHA384, "sha384"), (CKM_SHA512, "sha512"),
    (CKM_SHA512_224, "sha512-224"), (CKM_SHA512_256, "sha512-256"), (CKM_SHA3_224, "sha3-224"), (CKM_SHA3_256, "sha3-256"),
    (CKM_SHA3_384, "sha3-384"), (CKM_SHA3_512, "sha3-512")
};

#[test]
fn lists_the_mechanisms_of_signpath_with_key_sizes_rsa_pkcs_first() {
    const SIGNS: CK_FLAGS =
        CKF_HW | CKF_SIGN | CKF_VERIFY | CKF_MESSAGE_SIGN | CKF_MESSAGE_VERIFY | CKF_MULTI_MESSAGE;
    const EC: CK_FLAGS = SIGNS | CKF_EC_F_P | CKF_EC_NAMEDCURVE | CKF_EC_UNCOMPRESS;
    let hash_ml_dsa = CKM_HASH_ML_DSA_SHA224..=CKM_HASH_ML_DSA_SHAKE256;
    let ml_dsa: Vec<_> = [CKM_ML_DSA, CKM_HASH_ML_DSA].into_iter().chain(hash_ml_dsa).collect();
    let digests = DIGESTS.map(|(id, _)| id);
    let rsa = table! {
        CKM_RSA_PKCS, CKM_MD5_RSA_PKCS, CKM_SHA1_RSA_PKCS, CKM_SHA256_RSA_PKCS, CKM_SHA384_RSA_PKCS, CKM_SHA512_RSA_PKCS,
        CKM_RSA_PKCS_PSS, CKM_SHA1_RSA_PKCS_PSS, CKM_SHA256_RSA_PKCS_PSS, CKM_SHA384_RSA_PKCS_PSS, CKM_SHA512_RSA_PKCS_PSS
    };
    let ec = [CKM_ECDSA, CKM_ECDSA_SHA1, CKM_ECDSA_SHA256, CKM_ECDSA_SHA384, CKM_ECDSA_SHA512];
    on_stage(test_name!(), options, &[], |_, module| {
        assert_eq!(module.initialize(), CKR_OK);
        let mut listed = module.mechanisms();
        assert_eq!(listed[0], CKM_RSA_PKCS);
        for (ids, expected) in table! {
            (&rsa[..], (2048, 4096, SIGNS)),
            (&ec, (256, 521, EC)),
            (&ml_dsa, (1312, 2592, CKF_VERIFY)),
            (&digests, (0, 0, CKF_DIGEST)),
        } {
            for id in ids {
                let info = module.mechanism_info(1, *id).unwrap();
                let info = (info.ulMinKeySize, info.ulMaxKeySize, info.flags);
                assert_eq!(info, expected, "{id:#x}");
            }
        }
        let mut ids = [&rsa[..], &ec, &ml_dsa, &digests].concat();
        ids.sort_unstable();
        listed.sort_unstable();
        assert_eq!(listed, ids);
        for id in [CKM_SHA224_RSA_PKCS, CKM_ECDSA_SHA224, CKM_ECDSA_SHA3_256, CKM_RSA_X_509] {
            let info = module.mechanism_info(1, id).map(drop);
            assert_eq!(info, Err(Rv(CKR_MECHANISM_INVALID)), "{id:#x}");
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
