//! Every mechanism with every key, each signature judged by openssl.

mod common;
#[path = "common/openssl.rs"]
mod openssl;
#[allow(dead_code, reason = "tests/differential uses the rest")]
#[path = "differential/verification.rs"]
mod verification;

use common::{LIST, SIGN, SIGN_HASH, on_stage, options, traffic};
use cryptoki_sys::*;
use openssl::Padding;
use pkcs11_test::harness::{Session, Stage};
use pkcs11_test::{Effect, Fault, Options};
use verification::{Hash, SHA1, SHA256, SHA384, SHA512};

const MESSAGE: &[u8] =
    b"The quick brown fox jumps over the lazy dog, and signs what it finds there.";

const RSA_KEYS: [(&str, usize); 3] = [("rsa-2048", 256), ("rsa-3072", 384), ("rsa-4096", 512)];
const EC_KEYS: [(&str, usize); 3] = [("p-256", 64), ("p-384", 96), ("p-521", 132)];

/// Mechanisms, and what they hash with, or are given a digest of.
type Rows<'a> = [(CK_MECHANISM_TYPE, &'a Hash)];

static PKCS1: &Rows = &[
    (CKM_RSA_PKCS, &SHA256),
    (CKM_SHA1_RSA_PKCS, &SHA1),
    (CKM_SHA256_RSA_PKCS, &SHA256),
    (CKM_SHA384_RSA_PKCS, &SHA384),
    (CKM_SHA512_RSA_PKCS, &SHA512),
];
static PSS: &Rows = &[
    (CKM_RSA_PKCS_PSS, &SHA256),
    (CKM_SHA1_RSA_PKCS_PSS, &SHA1),
    (CKM_SHA256_RSA_PKCS_PSS, &SHA256),
    (CKM_SHA384_RSA_PKCS_PSS, &SHA384),
    (CKM_SHA512_RSA_PKCS_PSS, &SHA512),
];
static ECDSA: &Rows = &[
    (CKM_ECDSA, &SHA256),
    (CKM_ECDSA_SHA1, &SHA1),
    (CKM_ECDSA_SHA256, &SHA256),
    (CKM_ECDSA_SHA384, &SHA384),
    (CKM_ECDSA_SHA512, &SHA512),
];

/// Signs by the mechanisms with the keys, and has openssl verify; the number of signatures.
fn sign(
    stage: &Stage,
    session: Session,
    keys: &[(&str, usize)],
    (rows, padding): (&Rows, Padding),
) -> usize {
    for (name, length) in keys {
        let key = session.key(&format!("demo/{name}"));
        let certificate = stage.service.certificate_der("demo", name).unwrap();
        let public_key = openssl::public_key(certificate);
        for (id, hash) in rows {
            let data = match *id {
                CKM_RSA_PKCS => hash.digest_info(MESSAGE),
                CKM_RSA_PKCS_PSS | CKM_ECDSA => hash.digest(MESSAGE),
                _ => MESSAGE.to_vec(),
            };
            let mechanism = match padding {
                Padding::Pss => hash.pss(*id),
                _ => (*id).into(),
            };
            let signature = key.sign(&mechanism, &data).unwrap();
            assert_eq!(signature.len(), *length, "{name} {id:#x}");
            openssl::verify(&public_key, hash.name, padding, MESSAGE, &signature);
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
