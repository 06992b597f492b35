//! The module verifies signatures of openssl: with the public key that is shown before login, and without a signing
//! request.

mod common;

use std::path::Path;
use std::process::Command;
use std::ptr::{self, null_mut};

use common::raw::{self, Raw, ck};
use common::{Traffic, environment, in_child, initialized, service, slot, traffic};
use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::{Mechanism, MechanismType};
use cryptoki::object::{Attribute, KeyType, ObjectClass};
use cryptoki_sys::*;
use spki::der::asn1::UintRef;
use spki::der::{Decode, Reader, SliceReader};

const MESSAGE: &[u8] =
    b"The quick brown fox jumps over the lazy dog, and checks who signed for it.";

/// Where the service keeps its keys.
const KEYS: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/service/keys/demo");

/// A mechanism, and how openssl makes its signatures of [`MESSAGE`].
struct Row {
    mechanism: CK_MECHANISM_TYPE,
    pss: Option<CK_RSA_PKCS_PSS_PARAMS>,
    /// The name of the digest in openssl.
    digest: &'static str,
    /// Whether the input is the digest instead of the message.
    is_digested: bool,
}

const fn row(mechanism: CK_MECHANISM_TYPE, digest: &'static str) -> Row {
    Row {
        mechanism,
        pss: None,
        digest,
        is_digested: false,
    }
}

const fn pss(
    mechanism: CK_MECHANISM_TYPE,
    digest: &'static str,
    hash: CK_MECHANISM_TYPE,
    mgf: CK_RSA_PKCS_MGF_TYPE,
    salt_length: CK_ULONG,
) -> Row {
    Row {
        mechanism,
        pss: Some(CK_RSA_PKCS_PSS_PARAMS {
            hashAlg: hash,
            mgf,
            sLen: salt_length,
        }),
        digest,
        is_digested: mechanism == CKM_RSA_PKCS_PSS,
    }
}

const RSA_ROWS: &[Row] = &[
    row(CKM_MD5_RSA_PKCS, "md5"),
    row(CKM_SHA1_RSA_PKCS, "sha1"),
    row(CKM_SHA256_RSA_PKCS, "sha256"),
    row(CKM_SHA384_RSA_PKCS, "sha384"),
    row(CKM_SHA512_RSA_PKCS, "sha512"),
    pss(CKM_SHA1_RSA_PKCS_PSS, "sha1", CKM_SHA_1, CKG_MGF1_SHA1, 20),
    pss(
        CKM_SHA256_RSA_PKCS_PSS,
        "sha256",
        CKM_SHA256,
        CKG_MGF1_SHA256,
        32,
    ),
    pss(
        CKM_SHA384_RSA_PKCS_PSS,
        "sha384",
        CKM_SHA384,
        CKG_MGF1_SHA384,
        0,
    ),
    pss(
        CKM_SHA512_RSA_PKCS_PSS,
        "sha512",
        CKM_SHA512,
        CKG_MGF1_SHA512,
        190,
    ),
    pss(CKM_RSA_PKCS_PSS, "sha256", CKM_SHA256, CKG_MGF1_SHA256, 100),
    // Only verification has these.
    pss(CKM_RSA_PKCS_PSS, "sha224", CKM_SHA224, CKG_MGF1_SHA224, 28),
    pss(
        CKM_RSA_PKCS_PSS,
        "sha3-224",
        CKM_SHA3_224,
        CKG_MGF1_SHA3_224,
        28,
    ),
    pss(
        CKM_RSA_PKCS_PSS,
        "sha3-256",
        CKM_SHA3_256,
        CKG_MGF1_SHA3_256,
        0,
    ),
    pss(
        CKM_RSA_PKCS_PSS,
        "sha3-384",
        CKM_SHA3_384,
        CKG_MGF1_SHA3_384,
        48,
    ),
    pss(
        CKM_RSA_PKCS_PSS,
        "sha3-512",
        CKM_SHA3_512,
        CKG_MGF1_SHA3_512,
        64,
    ),
];

const EC_ROWS: &[Row] = &[
    row(CKM_ECDSA_SHA1, "sha1"),
    row(CKM_ECDSA_SHA256, "sha256"),
    row(CKM_ECDSA_SHA384, "sha384"),
    row(CKM_ECDSA_SHA512, "sha512"),
    Row {
        is_digested: true,
        ..row(CKM_ECDSA, "sha224")
    },
    Row {
        is_digested: true,
        ..row(CKM_ECDSA, "sha3-512")
    },
];

fn openssl(arguments: &[&str]) -> Vec<u8> {
    let output = Command::new("openssl").args(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    output.stdout
}

/// r‖s, each of `length` bytes, from openssl's DER sequence (RFC 3279, section 2.2.3).
fn fixed_size(der: &[u8], length: usize) -> Vec<u8> {
    let mut reader = SliceReader::new(der).unwrap();
    reader
        .sequence(|content| {
            let numbers = [UintRef::decode(content)?, UintRef::decode(content)?];
            Ok(numbers
                .iter()
                .flat_map(|number| {
                    let bytes = number.as_bytes();
                    [vec![0; length - bytes.len()], bytes.to_vec()].concat()
                })
                .collect())
        })
        .unwrap()
}

/// The input of the module, and the signature of openssl.
fn signed(folder: &Path, key: &str, row: &Row) -> (Vec<u8>, Vec<u8>) {
    let message = folder.join("message");
    std::fs::write(&message, MESSAGE).unwrap();
    let message = message.to_str().unwrap();
    let digest = format!("-{}", row.digest);
    let pem = format!("{KEYS}/{key}.pem");
    let mut arguments = vec!["dgst", &digest, "-sign", &pem];
    let salt = row.pss.map(|pss| format!("rsa_pss_saltlen:{}", pss.sLen));
    if let Some(salt) = &salt {
        arguments.extend(["-sigopt", "rsa_padding_mode:pss", "-sigopt", salt]);
    }
    arguments.push(message);
    let signature = openssl(&arguments);
    let signature = match key {
        "p-256" => fixed_size(&signature, 32),
        "p-384" => fixed_size(&signature, 48),
        "p-521" => fixed_size(&signature, 66),
        _ => signature,
    };
    let data = match row.is_digested {
        true => openssl(&["dgst", &digest, "-binary", message]),
        false => MESSAGE.to_vec(),
    };
    (data, signature)
}

/// All ways to verify, with the functions of 2.40, 3.0 and 3.2.
fn verify_every_way(
    raw: &Raw,
    session: CK_SESSION_HANDLE,
    key: CK_OBJECT_HANDLE,
    row: &Row,
    data: &[u8],
    signature: &[u8],
) -> [CK_RV; 6] {
    let mut pss = row.pss;
    let mut mechanism = raw::mechanism(row.mechanism);
    if let Some(pss) = &mut pss {
        mechanism.pParameter = ptr::from_mut(pss).cast();
        mechanism.ulParameterLen = size_of::<CK_RSA_PKCS_PSS_PARAMS>() as CK_ULONG;
    }
    let mechanism = &raw mut mechanism;
    let bytes = |bytes: &[u8]| (bytes.as_ptr().cast_mut(), bytes.len() as CK_ULONG);
    let (all, all_length) = bytes(data);
    let parts = data.split_at(data.len() / 3);
    let ((first, first_length), (rest, rest_length)) = (bytes(parts.0), bytes(parts.1));
    let (signature, length) = bytes(signature);
    let none: *mut CK_BYTE = null_mut();
    let ok = |answer: CK_RV| assert_eq!(answer, CKR_OK);

    ok(ck!(raw, C_VerifyInit(session, mechanism, key)));
    let one_part = ck!(raw, C_Verify(session, all, all_length, signature, length));

    ok(ck!(raw, C_VerifyInit(session, mechanism, key)));
    ok(ck!(raw, C_VerifyUpdate(session, first, first_length)));
    ok(ck!(raw, C_VerifyUpdate(session, rest, rest_length)));
    let in_parts = ck!(raw, C_VerifyFinal(session, signature, length));

    let init = || {
        ok(ck!(
            raw,
            C_VerifySignatureInit(session, mechanism, key, signature, length)
        ));
    };
    init();
    let told = ck!(raw, C_VerifySignature(session, all, all_length));
    init();
    ok(ck!(
        raw,
        C_VerifySignatureUpdate(session, first, first_length)
    ));
    ok(ck!(
        raw,
        C_VerifySignatureUpdate(session, rest, rest_length)
    ));
    let told_in_parts = ck!(raw, C_VerifySignatureFinal(session));

    ok(ck!(raw, C_MessageVerifyInit(session, mechanism, key)));
    let message = ck!(
        raw,
        C_VerifyMessage(session, none.cast(), 0, all, all_length, signature, length)
    );
    ok(ck!(raw, C_VerifyMessageBegin(session, none.cast(), 0)));
    ok(ck!(
        raw,
        C_VerifyMessageNext(session, none.cast(), 0, first, first_length, none, 0)
    ));
    let message_in_parts = ck!(
        raw,
        C_VerifyMessageNext(
            session,
            none.cast(),
            0,
            rest,
            rest_length,
            signature,
            length
        )
    );
    ok(ck!(raw, C_MessageVerifyFinal(session)));
    [
        one_part,
        in_parts,
        told,
        told_in_parts,
        message,
        message_in_parts,
    ]
}

#[test]
fn signatures_of_openssl_verify_in_every_way_before_login_without_a_request() {
    let prepare = || {
        let service = service();
        let environment = environment(&service, &[]);
        (service, environment)
    };
    let child = || {
        let raw = Raw::load();
        assert_eq!(ck!(raw, C_Initialize(null_mut())), CKR_OK);
        let mut session = 0;
        let flags = CKF_SERIAL_SESSION;
        let opened = ck!(raw, C_OpenSession(1, flags, null_mut(), None, &mut session));
        assert_eq!(opened, CKR_OK);
        let folder = tempfile::tempdir().unwrap();
        let keys = [
            ("rsa-2048", RSA_ROWS),
            ("rsa-4096", RSA_ROWS),
            ("p-256", EC_ROWS),
            ("p-384", EC_ROWS),
            ("p-521", EC_ROWS),
        ];
        for (name, rows) in keys {
            let key = raw::object(&raw, session, CKO_PUBLIC_KEY, &format!("demo/{name}"));
            for row in rows {
                let (data, signature) = signed(folder.path(), name, row);
                let case = format!("{name} {:#x} {}", row.mechanism, row.digest);
                let verify = |data: &[u8], signature: &[u8]| {
                    verify_every_way(&raw, session, key, row, data, signature)
                };
                assert_eq!(verify(&data, &signature), [CKR_OK; 6], "{case}");
                let mut other = data.clone();
                other[0] ^= 0x80;
                assert_eq!(
                    verify(&other, &signature),
                    [CKR_SIGNATURE_INVALID; 6],
                    "{case}"
                );
                let mut other = signature.clone();
                other[5] ^= 1;
                assert_eq!(verify(&data, &other), [CKR_SIGNATURE_INVALID; 6], "{case}");
                let shorter = &signature[1..];
                assert_eq!(
                    verify(&data, shorter),
                    [CKR_SIGNATURE_LEN_RANGE; 6],
                    "{case}"
                );
            }
        }
    };
    let Some((service, run)) = in_child(test_name!(), prepare, child) else {
        return;
    };
    // The return value is the answer to a question, so nothing is logged as a failure.
    run.assert_silent();
    let expected = Traffic {
        lists: 1,
        signatures: 0,
        connections: 1,
    };
    assert_eq!(traffic(&service.requests()), expected);
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

/// RFC 8017, section 5.2.2: such a number is congruent to a signature, but out of range.
#[test]
fn an_rsa_signature_with_the_modulus_added_to_it_does_not_verify() {
    let child = || {
        let raw = Raw::load();
        assert_eq!(ck!(raw, C_Initialize(null_mut())), CKR_OK);
        let mut session = 0;
        let flags = CKF_SERIAL_SESSION;
        let opened = ck!(raw, C_OpenSession(1, flags, null_mut(), None, &mut session));
        assert_eq!(opened, CKR_OK);
        let folder = tempfile::tempdir().unwrap();
        let path = |name| folder.path().join(name).to_str().unwrap().to_owned();
        let (pem, message) = (path("key.pem"), path("message"));
        std::fs::write(&message, MESSAGE).unwrap();
        // Two bits more than whole bytes: a signature has room for the modulus many times.
        openssl(&["genrsa", "-out", &pem, "2050"]);
        let modulus = openssl(&["rsa", "-in", &pem, "-noout", "-modulus"]);
        let modulus = String::from_utf8(modulus).unwrap();
        let (_, digits) = modulus.trim().split_once('=').unwrap();
        let modulus = base16ct::upper::decode_vec(format!("0{digits}")).unwrap();
        let template = [
            (CKA_CLASS, CKO_PUBLIC_KEY.to_ne_bytes().to_vec()),
            (CKA_KEY_TYPE, CKK_RSA.to_ne_bytes().to_vec()),
            (CKA_MODULUS, modulus.clone()),
            (CKA_PUBLIC_EXPONENT, vec![1, 0, 1]),
        ];
        let key = raw::created(&raw, session, &template);

        let pkcs1 = row(CKM_SHA256_RSA_PKCS, "sha256");
        let pss = pss(
            CKM_SHA256_RSA_PKCS_PSS,
            "sha256",
            CKM_SHA256,
            CKG_MGF1_SHA256,
            32,
        );
        let salt_length = "rsa_pss_saltlen:32";
        let padding = ["-sigopt", "rsa_padding_mode:pss", "-sigopt", salt_length];
        for (row, padding) in [(pkcs1, &[][..]), (pss, &padding)] {
            let sign = ["dgst", "-sha256", "-sign", &pem];
            let signature = openssl(&[&sign, padding, &[&*message]].concat());
            let verify =
                |signature: &[u8]| verify_every_way(&raw, session, key, &row, MESSAGE, signature);
            let case = format!("{:#x}", row.mechanism);
            assert_eq!(verify(&signature), [CKR_OK; 6], "{case}");
            let mut more = signature;
            for times in 1..=3 {
                more = sum(&more, &modulus);
                assert_eq!(verify(&more), [CKR_SIGNATURE_INVALID; 6], "{case} {times}");
            }
        }
    };
    in_child(test_name!(), || ((), Vec::new()), child);
}

/// SunPKCS11 passes signatures like these.
#[test]
fn an_ecdsa_signature_without_leading_zeros_in_r_and_s_verifies() {
    let prepare = || {
        let service = service();
        let environment = environment(&service, &[]);
        (service, environment)
    };
    let child = || {
        let raw = Raw::load();
        let session = raw::logged_in(&raw);
        let key = raw::object(&raw, session, CKO_PUBLIC_KEY, "demo/p-521");
        let folder = tempfile::tempdir().unwrap();
        let row = row(CKM_ECDSA_SHA256, "sha256");
        // One signature in four starts with a zero byte in both halves.
        let (data, signature) = (0..1000)
            .map(|_| signed(folder.path(), "p-521", &row))
            .find(|(_, signature)| signature[0] == 0 && signature[1] != 0 && signature[66] == 0)
            .unwrap();
        let verify =
            |signature: &[u8]| verify_every_way(&raw, session, key, &row, &data, signature);
        let (r, s) = signature.split_at(66);
        assert_eq!(verify(&[&r[1..], &s[1..]].concat()), [CKR_OK; 6]);
        let too_short = [&r[2..], &s[2..]].concat();
        assert_eq!(verify(&too_short), [CKR_SIGNATURE_INVALID; 6]);
        for length in [0, 131, 133, 134] {
            let other = [&signature[..], &[0; 2]].concat()[..length].to_vec();
            assert_eq!(verify(&other), [CKR_SIGNATURE_LEN_RANGE; 6], "{length}");
        }
    };
    in_child(test_name!(), prepare, child);
}

#[test]
fn a_created_key_verifies_only_with_its_allowed_mechanisms() {
    let child = || {
        let module = initialized();
        let session = module.open_ro_session(slot(&module)).unwrap();
        let create = |bits: usize, more: &[Attribute]| {
            // Nothing is verified, so any odd number of that many bits is a modulus.
            let modulus = vec![0xAB; bits / 8];
            let mut template = vec![
                Attribute::Class(ObjectClass::PUBLIC_KEY),
                Attribute::KeyType(KeyType::RSA),
                Attribute::Modulus(modulus),
                Attribute::PublicExponent(vec![1, 0, 1]),
            ];
            template.extend_from_slice(more);
            session.create_object(&template).unwrap()
        };
        let init = |mechanism: &Mechanism, key| {
            let other = module.open_ro_session(slot(&module)).unwrap();
            match other.verify_init(mechanism, key) {
                Ok(()) => None,
                Err(Error::Pkcs11(error, _)) => Some(error),
                Err(error) => panic!("{error}"),
            }
        };
        let free = create(2048, &[]);
        assert_eq!(init(&Mechanism::Sha256RsaPkcs, free), None);
        assert_eq!(
            init(&Mechanism::Ecdsa, free),
            Some(RvError::KeyTypeInconsistent)
        );
        let mute = create(2048, &[Attribute::Verify(false)]);
        let refused = init(&Mechanism::Sha256RsaPkcs, mute);
        assert_eq!(refused, Some(RvError::KeyFunctionNotPermitted));
        let allowed = [MechanismType::SHA256_RSA_PKCS, MechanismType::RSA_PKCS];
        let choosy = create(2048, &[Attribute::AllowedMechanisms(allowed.to_vec())]);
        assert_eq!(init(&Mechanism::Sha256RsaPkcs, choosy), None);
        assert_eq!(init(&Mechanism::RsaPkcs, choosy), None);
        let refused = init(&Mechanism::Sha512RsaPkcs, choosy);
        assert_eq!(refused, Some(RvError::MechanismInvalid));
        for bits in [1024, 8192] {
            let refused = init(&Mechanism::Sha256RsaPkcs, create(bits, &[]));
            assert_eq!(refused, Some(RvError::KeySizeRange), "{bits}");
        }
    };
    in_child(test_name!(), || ((), Vec::new()), child);
}
