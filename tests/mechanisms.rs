//! The mechanism list, and the digests in it.

mod common;

use std::io::Write;
use std::process::{Command, Stdio};
use std::ptr::null_mut;

use common::in_child;
use common::raw::{Raw, ck, mechanism};
use cryptoki_sys::*;

const SIGNS: CK_FLAGS =
    CKF_HW | CKF_SIGN | CKF_VERIFY | CKF_MESSAGE_SIGN | CKF_MESSAGE_VERIFY | CKF_MULTI_MESSAGE;

const EC: CK_FLAGS = CKF_EC_F_P | CKF_EC_NAMEDCURVE | CKF_EC_UNCOMPRESS;

/// The digests, and what openssl calls them.
const DIGESTS: [(CK_MECHANISM_TYPE, &str); 12] = [
    (CKM_MD5, "md5"),
    (CKM_SHA_1, "sha1"),
    (CKM_SHA224, "sha224"),
    (CKM_SHA256, "sha256"),
    (CKM_SHA384, "sha384"),
    (CKM_SHA512, "sha512"),
    (CKM_SHA512_224, "sha512-224"),
    (CKM_SHA512_256, "sha512-256"),
    (CKM_SHA3_224, "sha3-224"),
    (CKM_SHA3_256, "sha3-256"),
    (CKM_SHA3_384, "sha3-384"),
    (CKM_SHA3_512, "sha3-512"),
];

/// In the child: the initialized module and its list.
fn listed() -> (Raw, Vec<CK_MECHANISM_TYPE>) {
    let raw = Raw::load();
    assert_eq!(ck!(raw, C_Initialize(null_mut())), CKR_OK);
    let (mut list, mut count) = (vec![0; 100], 100);
    let answer = ck!(raw, C_GetMechanismList(1, list.as_mut_ptr(), &mut count));
    assert_eq!(answer, CKR_OK);
    list.truncate(count as usize);
    (raw, list)
}

#[test]
fn what_signpath_signs_is_listed_with_its_key_sizes_and_rsa_pkcs_comes_first() {
    let child = || {
        let (raw, list) = listed();
        assert_eq!(list[0], CKM_RSA_PKCS);
        let rsa = [
            CKM_RSA_PKCS,
            CKM_MD5_RSA_PKCS,
            CKM_SHA1_RSA_PKCS,
            CKM_SHA256_RSA_PKCS,
            CKM_SHA384_RSA_PKCS,
            CKM_SHA512_RSA_PKCS,
            CKM_RSA_PKCS_PSS,
            CKM_SHA1_RSA_PKCS_PSS,
            CKM_SHA256_RSA_PKCS_PSS,
            CKM_SHA384_RSA_PKCS_PSS,
            CKM_SHA512_RSA_PKCS_PSS,
        ];
        let ec = [
            CKM_ECDSA,
            CKM_ECDSA_SHA1,
            CKM_ECDSA_SHA256,
            CKM_ECDSA_SHA384,
            CKM_ECDSA_SHA512,
        ];
        let rsa = rsa.map(|id| (id, (2048, 4096, SIGNS)));
        let ec = ec.map(|id| (id, (256, 521, SIGNS | EC)));
        let digests = DIGESTS.map(|(id, _)| (id, (0, 0, CKF_DIGEST)));
        let expected: Vec<_> = [&rsa[..], &ec, &digests].concat();
        for (id, expected) in &expected {
            assert!(list.contains(id), "{id:#x}");
            let mut info = CK_MECHANISM_INFO::default();
            assert_eq!(ck!(raw, C_GetMechanismInfo(1, *id, &mut info)), CKR_OK);
            let info = (info.ulMinKeySize, info.ulMaxKeySize, info.flags);
            assert_eq!(info, *expected, "{id:#x}");
        }
        assert_eq!(list.len(), expected.len());
        for id in [
            CKM_SHA224_RSA_PKCS,
            CKM_ECDSA_SHA224,
            CKM_ECDSA_SHA3_256,
            CKM_RSA_X_509,
        ] {
            let mut info = CK_MECHANISM_INFO::default();
            let answer = ck!(raw, C_GetMechanismInfo(1, id, &mut info));
            assert_eq!(answer, CKR_MECHANISM_INVALID, "{id:#x}");
        }
    };
    in_child(test_name!(), || ((), Vec::new()), child);
}

#[test]
fn digests_are_those_of_openssl_in_one_part_and_in_many() {
    let message: Vec<u8> = (0..100_000_u32).map(|number| number as u8).collect();
    let child = || {
        let (raw, _) = listed();
        let (mut session, flags) = (0, CKF_SERIAL_SESSION);
        let opened = ck!(raw, C_OpenSession(1, flags, null_mut(), None, &mut session));
        assert_eq!(opened, CKR_OK);
        for (id, name) in DIGESTS {
            let expected = openssl(name, &message);
            let init = || ck!(raw, C_DigestInit(session, &mut mechanism(id)));
            let (mut digest, mut length) = ([0; 64], 64);
            let output = digest.as_mut_ptr();
            let pointer = message.as_ptr().cast_mut();
            assert_eq!(init(), CKR_OK);
            let all = message.len() as CK_ULONG;
            let rv = ck!(raw, C_Digest(session, pointer, all, output, &mut length));
            assert_eq!(rv, CKR_OK);
            assert_eq!(digest[..length as usize], expected, "{name}");
            assert_eq!(init(), CKR_OK);
            for part in message.chunks(777) {
                let (pointer, length) = (part.as_ptr().cast_mut(), part.len() as CK_ULONG);
                assert_eq!(ck!(raw, C_DigestUpdate(session, pointer, length)), CKR_OK);
            }
            digest.fill(0);
            let output = digest.as_mut_ptr();
            assert_eq!(
                ck!(raw, C_DigestFinal(session, output, &mut length)),
                CKR_OK
            );
            assert_eq!(digest[..length as usize], expected, "{name}, in parts");
        }
    };
    in_child(test_name!(), || ((), Vec::new()), child);
}

fn openssl(digest: &str, message: &[u8]) -> Vec<u8> {
    let mut openssl = Command::new("openssl")
        .args(["dgst", &format!("-{digest}"), "-binary"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    openssl.stdin.take().unwrap().write_all(message).unwrap();
    openssl.wait_with_output().unwrap().stdout
}
