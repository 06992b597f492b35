//! Signatures that openssl made, verified by the module: with the public key that is seen before login, and without a request
//! to sign.

mod common;
#[path = "common/openssl.rs"]
mod openssl;

use std::path::Path;

use common::{on_stage, options, verified};
use cryptoki_sys::*;
use openssl::{Padding, fixed_size, openssl, openssl_in, sign};
use pkcs11_test::harness::{Mechanism, Rv, Session, ulong};

const MESSAGE: &[u8] =
    b"The quick brown fox jumps over the lazy dog, and checks who signed for it.";

/// Where the service keeps its keys.
const KEYS: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/service/keys/demo");

/// A mechanism, what openssl calls its digest, and the hash, the MGF and the salt of PSS.
type Row = (CK_MECHANISM_TYPE, &'static str, Option<[CK_ULONG; 3]>);

const RSA_ROWS: &[Row] = &table! {
    (CKM_MD5_RSA_PKCS, "md5", None),
    (CKM_SHA1_RSA_PKCS, "sha1", None),
    (CKM_SHA256_RSA_PKCS, "sha256", None),
    (CKM_SHA384_RSA_PKCS, "sha384", None),
    (CKM_SHA512_RSA_PKCS, "sha512", None),
    (CKM_SHA1_RSA_PKCS_PSS, "sha1", Some([CKM_SHA_1, CKG_MGF1_SHA1, 20])),
    (CKM_SHA256_RSA_PKCS_PSS, "sha256", Some([CKM_SHA256, CKG_MGF1_SHA256, 32])),
    (CKM_SHA384_RSA_PKCS_PSS, "sha384", Some([CKM_SHA384, CKG_MGF1_SHA384, 0])),
    (CKM_SHA512_RSA_PKCS_PSS, "sha512", Some([CKM_SHA512, CKG_MGF1_SHA512, 190])),
    (CKM_RSA_PKCS_PSS, "sha256", Some([CKM_SHA256, CKG_MGF1_SHA256, 100])),
    // Only verification has these.
    (CKM_RSA_PKCS_PSS, "sha224", Some([CKM_SHA224, CKG_MGF1_SHA224, 28])),
    (CKM_RSA_PKCS_PSS, "sha3-224", Some([CKM_SHA3_224, CKG_MGF1_SHA3_224, 28])),
    (CKM_RSA_PKCS_PSS, "sha3-256", Some([CKM_SHA3_256, CKG_MGF1_SHA3_256, 0])),
    (CKM_RSA_PKCS_PSS, "sha3-384", Some([CKM_SHA3_384, CKG_MGF1_SHA3_384, 48])),
    (CKM_RSA_PKCS_PSS, "sha3-512", Some([CKM_SHA3_512, CKG_MGF1_SHA3_512, 64])),
};

const EC_ROWS: &[Row] = &[
    (CKM_ECDSA_SHA1, "sha1", None),
    (CKM_ECDSA_SHA256, "sha256", None),
    (CKM_ECDSA_SHA384, "sha384", None),
    (CKM_ECDSA_SHA512, "sha512", None),
    (CKM_ECDSA, "sha224", None),
    (CKM_ECDSA, "sha3-512", None),
];

fn mechanism((id, _, pss): &Row) -> Mechanism {
    match pss {
        Some([hash, mgf, salt]) => Mechanism::pss(*id, *hash, *mgf, *salt),
        None => (*id).into(),
    }
}

/// What the module is given, and the signature of openssl.
fn signed(pem: &Path, (id, digest, pss): &Row) -> (Vec<u8>, Vec<u8>) {
    let padding = pss.map_or(Padding::Pkcs1, |[.., salt]| Padding::PssWith(salt));
    let signature = sign(pem, digest, padding, MESSAGE);
    let length = [("p-256", 32), ("p-384", 48), ("p-521", 66)]
        .into_iter()
        .find(|(name, _)| pem.file_stem().is_some_and(|stem| stem == *name));
    let signature = length.map_or(signature.clone(), |(_, length)| fixed_size(&signature, length));
    let data = match *id {
        CKM_ECDSA | CKM_RSA_PKCS_PSS => openssl::digest(digest, MESSAGE),
        _ => MESSAGE.to_vec(),
    };
    (data, signature)
}

/// Verifies in all ways, with the functions of 2.40, 3.0 and 3.2.
fn every_way(
    s: Session,
    key: CK_OBJECT_HANDLE,
    row: &Row,
    data: &[u8],
    signature: &[u8],
) -> Vec<Rv> {
    let m = &mechanism(row);
    let mut answers = verified(s, m, key, data, signature);
    let ok = |rv: Rv| assert_eq!(rv, CKR_OK);
    let (first, rest) = data.split_at(data.len() / 3);
    ok(s.message_verify_init(m, key));
    answers.push(s.verify_message(data, signature));
    ok(s.verify_message_begin());
    ok(s.verify_message_part(first));
    answers.push(s.verify_message_last(rest, signature));
    ok(s.message_verify_final());
    answers
}

#[test]
fn signatures_of_openssl_verify_in_every_way_before_login() {
    on_stage(test_name!(), options, &[], |stage, t| {
        let seen = stage.see(|| {
            let session = t.opened();
            for (name, rows) in [
                ("rsa-2048", RSA_ROWS),
                ("rsa-4096", RSA_ROWS),
                ("p-256", EC_ROWS),
                ("p-384", EC_ROWS),
                ("p-521", EC_ROWS),
            ] {
                let key = session.public(&format!("demo/{name}"));
                for row in rows {
                    let (data, signature) =
                        signed(&Path::new(KEYS).join(format!("{name}.pem")), row);
                    let check = |data: &[u8], signature: &[u8], rv: CK_RV| {
                        let answers = every_way(session, key, row, data, signature);
                        assert_eq!(answers, [rv; 6], "{name} {:#x} {}", row.0, row.1);
                    };
                    let changed = |bytes: &[u8], at: usize| {
                        let mut other = bytes.to_vec();
                        other[at] ^= 0x80;
                        other
                    };
                    check(&data, &signature, CKR_OK);
                    check(&changed(&data, 0), &signature, CKR_SIGNATURE_INVALID);
                    check(&data, &changed(&signature, 5), CKR_SIGNATURE_INVALID);
                    check(&data, &signature[1..], CKR_SIGNATURE_LEN_RANGE);
                }
            }
        });
        // An answer that a program asked for is not a failure to tell its user about.
        assert_eq!(seen.lines, [""; 0]);
        assert_eq!(seen.requests, [common::LIST]);
    });
}

/// The sum of two numbers, most significant byte first, in as many bytes as the first one has.
fn sum(number: &[u8], other: &[u8]) -> Vec<u8> {
    let mut sum = number.to_vec();
    let others = other.iter().rev().chain(std::iter::repeat(&0));
    let mut carry = 0;
    for (byte, other) in sum.iter_mut().rev().zip(others) {
        carry += u16::from(*byte) + u16::from(*other);
        *byte = (carry & 0xFF) as u8;
        carry >>= 8;
    }
    assert_eq!(carry, 0, "the sum is longer");
    sum
}

/// Makes a key of so many bits and primes, writes it to a file, and shows the public key to the module. Also returns the modulus.
fn made_by_openssl(
    session: Session,
    pem: &Path,
    bits: &str,
    primes: &str,
) -> (CK_OBJECT_HANDLE, Vec<u8>) {
    let path = pem.to_str().unwrap();
    openssl(&["genrsa", "-primes", primes, "-out", path, bits]);
    let modulus = openssl(&["rsa", "-in", path, "-noout", "-modulus"]);
    let modulus = String::from_utf8(modulus).unwrap();
    let (_, digits) = modulus.trim().split_once('=').unwrap();
    let modulus = base16ct::upper::decode_vec(format!("0{digits}")).unwrap();
    let template = [
        (CKA_CLASS, ulong(CKO_PUBLIC_KEY)),
        (CKA_KEY_TYPE, ulong(CKK_RSA)),
        (CKA_MODULUS, modulus.clone()),
        (CKA_PUBLIC_EXPONENT, vec![1, 0, 1]),
    ];
    (session.create(&template).unwrap(), modulus)
}

/// It takes no API token and no request. RFC 8017, section 5.2.2: such a number is congruent to a signature, and none.
#[test]
fn an_rsa_signature_plus_the_modulus_does_not_verify() {
    on_stage(test_name!(), options, &[("SIGNPATH_API_TOKEN", "")], |stage, t| {
        let session = t.opened();
        let folder = tempfile::tempdir().unwrap();
        let pem = folder.path().join("key.pem");
        // Two bits more than whole bytes: a signature has room for the modulus many times.
        let (key, modulus) = made_by_openssl(session, &pem, "2050", "2");
        for row in [&RSA_ROWS[2], &RSA_ROWS[6]] {
            let (data, mut signature) = signed(&pem, row);
            assert_eq!(every_way(session, key, row, &data, &signature), [CKR_OK; 6]);
            for times in 1..=3 {
                signature = sum(&signature, &modulus);
                let answers = every_way(session, key, row, &data, &signature);
                assert_eq!(answers, [CKR_SIGNATURE_INVALID; 6], "{:#x} {times}", row.0);
            }
        }
        assert_eq!(stage.service.requests().len(), 0);
    });
}

/// RFC 8017, section 8.1.2, step 2c: with one bit more than whole bytes, the encoded message is a byte shorter than the
/// modulus, so a number with a bit in that byte is not an encoded message. openssl refuses such a signature too.
#[test]
fn a_pss_signature_of_a_longer_number_does_not_verify() {
    on_stage(test_name!(), options, &[], |_, t| {
        let session = t.opened();
        let folder = tempfile::tempdir().unwrap();
        let pem = folder.path().join("key.pem");
        // With two primes openssl makes the number of bits even.
        let (key, modulus) = made_by_openssl(session, &pem, "2049", "3");
        let raw = |act, number: &[u8]| {
            let key = ["-inkey", pem.to_str().unwrap(), "-pkeyopt", "rsa_padding_mode:none"];
            openssl_in(&[&["pkeyutl", act][..], &key].concat(), number)
        };
        let row = &RSA_ROWS[6];
        let (data, signature, longer) = (0..1000)
            .map(|_| {
                let (data, signature) = signed(&pem, row);
                let mut number = raw("-verifyrecover", &signature);
                assert_eq!(number[0], 0);
                number[0] = 1;
                (data, signature, number)
            })
            .find(|(.., longer)| *longer < modulus)
            .unwrap();
        assert_eq!(every_way(session, key, row, &data, &signature), [CKR_OK; 6]);
        let signature = raw("-decrypt", &longer);
        assert_eq!(every_way(session, key, row, &data, &signature), [CKR_SIGNATURE_INVALID; 6]);
    });
}

/// SunPKCS11 hands over signatures like these.
#[test]
fn an_ecdsa_signature_without_leading_zeros_verifies() {
    on_stage(test_name!(), options, &[], |_, t| {
        let session = t.logged_in().unwrap();
        let (key, row) = (session.public("demo/p-521"), &EC_ROWS[1]);
        // One signature of four begins with a zero in both halves.
        let (data, signature) = (0..1000)
            .map(|_| signed(&Path::new(KEYS).join("p-521.pem"), row))
            .find(|(_, signature)| signature[0] == 0 && signature[1] != 0 && signature[66] == 0)
            .unwrap();
        let check = |signature: &[u8], rv: CK_RV| {
            assert_eq!(every_way(session, key, row, &data, signature), [rv; 6]);
        };
        let (r, s) = signature.split_at(66);
        check(&[&r[1..], &s[1..]].concat(), CKR_OK);
        check(&[&r[2..], &s[2..]].concat(), CKR_SIGNATURE_INVALID);
        for length in [0, 131, 133, 134] {
            let other = [&signature[..], &[0; 2]].concat();
            check(&other[..length], CKR_SIGNATURE_LEN_RANGE);
        }
    });
}
