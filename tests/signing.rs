//! Every mechanism with every key, each signature judged by openssl.

mod common;
#[path = "common/openssl.rs"]
mod openssl;

use common::{LIST, SIGN, SIGN_HASH, on_stage, options, traffic};
use cryptoki_sys::*;
use openssl::Padding;
use pkcs11_test::harness::{Mechanism, Session, Stage};
use pkcs11_test::{Effect, Fault, Options};

const MESSAGE: &[u8] =
    b"The quick brown fox jumps over the lazy dog, and signs what it finds there.";

/// RFC 8017, section 9.2, note 1.
const SHA256_PREFIX: &[u8] =
    b"\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20";

const RSA_KEYS: [(&str, usize); 3] = [("rsa-2048", 256), ("rsa-3072", 384), ("rsa-4096", 512)];
const EC_KEYS: [(&str, usize); 3] = [("p-256", 64), ("p-384", 96), ("p-521", 132)];

/// Mechanisms, and the digest for openssl.
type Rows = [(CK_MECHANISM_TYPE, &'static str)];

const PKCS1: &Rows = &[
    (CKM_RSA_PKCS, "sha256"),
    (CKM_SHA1_RSA_PKCS, "sha1"),
    (CKM_SHA256_RSA_PKCS, "sha256"),
    (CKM_SHA384_RSA_PKCS, "sha384"),
    (CKM_SHA512_RSA_PKCS, "sha512"),
];
const PSS: &Rows = &[
    (CKM_RSA_PKCS_PSS, "sha256"),
    (CKM_SHA1_RSA_PKCS_PSS, "sha1"),
    (CKM_SHA256_RSA_PKCS_PSS, "sha256"),
    (CKM_SHA384_RSA_PKCS_PSS, "sha384"),
    (CKM_SHA512_RSA_PKCS_PSS, "sha512"),
];
const ECDSA: &Rows = &[
    (CKM_ECDSA, "sha256"),
    (CKM_ECDSA_SHA1, "sha1"),
    (CKM_ECDSA_SHA256, "sha256"),
    (CKM_ECDSA_SHA384, "sha384"),
    (CKM_ECDSA_SHA512, "sha512"),
];

fn mechanism(id: CK_MECHANISM_TYPE, digest: &str, padding: Padding) -> Mechanism {
    let (hash, mgf, length) = match digest {
        _ if padding != Padding::Pss => return id.into(),
        "sha1" => (CKM_SHA_1, CKG_MGF1_SHA1, 20),
        "sha256" => (CKM_SHA256, CKG_MGF1_SHA256, 32),
        "sha384" => (CKM_SHA384, CKG_MGF1_SHA384, 48),
        _ => (CKM_SHA512, CKG_MGF1_SHA512, 64),
    };
    Mechanism::pss(id, hash, mgf, length)
}

/// Signs by the mechanisms with the keys, and has openssl verify; the number of signatures.
fn sign(
    stage: &Stage,
    session: Session,
    keys: &[(&str, usize)],
    (rows, padding): (&Rows, Padding),
) -> usize {
    let sha256 = openssl::digest("sha256", MESSAGE);
    for (name, length) in keys {
        let key = session.key(&format!("demo/{name}"));
        let certificate = stage.service.certificate_der("demo", name).unwrap();
        let public_key = openssl::public_key(certificate);
        for (id, digest) in rows {
            let data = match *id {
                CKM_RSA_PKCS => [SHA256_PREFIX, &sha256].concat(),
                CKM_RSA_PKCS_PSS | CKM_ECDSA => sha256.clone(),
                _ => MESSAGE.to_vec(),
            };
            let mechanism = mechanism(*id, digest, padding);
            let signature = key.sign(&mechanism, &data).unwrap();
            assert_eq!(signature.len(), *length, "{name} {id:#x}");
            openssl::verify(&public_key, digest, padding, MESSAGE, &signature);
        }
    }
    keys.len() * rows.len()
}

/// tests/differential has the same over the other route.
#[test]
fn sign_hash_signs_with_every_mechanism_and_key_over_one_connection() {
    let with_tls = || Options { tls: true, ..options() };
    let sign_hash = [("SIGNPATH_SIGNING_API", "SignHash")];
    on_stage(test_name!(), with_tls, &sign_hash, |stage, t| {
        let seen = stage.see(|| {
            let session = t.logged_in().unwrap();
            sign(stage, session, &RSA_KEYS, (PKCS1, Padding::Pkcs1))
                + sign(stage, session, &RSA_KEYS, (PSS, Padding::Pss))
                + sign(stage, session, &EC_KEYS, (ECDSA, Padding::Ecdsa))
        });
        assert_eq!((seen.value, seen.lines), (45, vec![]));
        assert_eq!(seen.requests[0], LIST);
        assert_eq!(seen.requests[1..], [SIGN_HASH; 45]);
        assert_eq!(traffic(&stage.service.requests()).connections, 1);
    });
}

#[test]
fn an_ecdsa_signature_in_der_is_converted() {
    let level = [("SIGNPATH_LOG_CONSOLE_LEVEL", "info")];
    on_stage(test_name!(), options, &level, |stage, t| {
        for (api, route) in [("Auto", SIGN), ("SignHash", SIGN_HASH)] {
            stage.set("SIGNPATH_SIGNING_API", api);
            stage.inject(Fault::on(route, Effect::OtherEncoding).always());
            let seen = stage.see(|| {
                let session = t.logged_in().unwrap();
                let signed = sign(stage, session, &EC_KEYS, (ECDSA, Padding::Ecdsa));
                t.finalize();
                signed
            });
            let converted = |line: &&String| line.contains("SignPath returned a DER signature");
            assert_eq!(seen.lines.iter().filter(converted).count(), seen.value, "{api}");
            assert_eq!(seen.requests.len(), 1 + seen.value, "{api}");
        }
    });
}
