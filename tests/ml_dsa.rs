//! ML-DSA keys (PKCS #11 3.2, section 6.67): what is shown of them, and signatures of NIST's ACVP and of OpenSSL 3.5, verified
//! by the module.

mod common;
#[path = "common/openssl.rs"]
mod openssl;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use common::{list_of, on_stage, options, verified};
use cryptoki_sys::*;
use pkcs11_test::harness::{Key, Mechanism, Module, Rv, Session, Stage, ulong};
use serde_json::{Value, json};

/// Test cases of ML-DSA-sigVer-FIPS204 of NIST's ACVP (version 1.1.0.40, interface "external"): all signatures that are valid, and
/// of each group the five invalid ones with the shortest messages.
const ACVP: &str = include_str!("ml-dsa/acvp.json");

/// What OpenSSL 3.5.9 made: `req -x509 -newkey ML-DSA-44`, `pkeyutl -sign -rawin` with and without
/// `-pkeyopt context-string:releases`, and for HashML-DSA the message of FIPS 204, section 5.4, with `-pkeyopt message-encoding:0`.
const OPENSSL: &str = include_str!("ml-dsa/openssl.json");

/// What OpenSSL signed.
const MESSAGE: &[u8] = b"The quick brown fox jumps over the lazy dog";

/// The parameter sets with the lengths of their public keys in bytes (FIPS 204, table 2).
const SETS: [(&str, CK_ULONG, usize); 3] = [
    ("ML-DSA-44", CKP_ML_DSA_44, 1312),
    ("ML-DSA-65", CKP_ML_DSA_65, 1952),
    ("ML-DSA-87", CKP_ML_DSA_87, 2592),
];

/// The hashes of HashML-DSA: the names of ACVP and openssl, the mechanism of the hash, and the one that hashes itself.
const HASHES: [(&str, &str, Option<CK_ULONG>, Option<CK_ULONG>); 12] = table! {
    ("SHA2-224", "sha224", Some(CKM_SHA224), Some(CKM_HASH_ML_DSA_SHA224)),
    ("SHA2-256", "sha256", Some(CKM_SHA256), Some(CKM_HASH_ML_DSA_SHA256)),
    ("SHA2-384", "sha384", Some(CKM_SHA384), Some(CKM_HASH_ML_DSA_SHA384)),
    ("SHA2-512", "sha512", Some(CKM_SHA512), Some(CKM_HASH_ML_DSA_SHA512)),
    ("SHA2-512/224", "sha512-224", Some(CKM_SHA512_224), None),
    ("SHA2-512/256", "sha512-256", Some(CKM_SHA512_256), None),
    ("SHA3-224", "sha3-224", Some(CKM_SHA3_224), Some(CKM_HASH_ML_DSA_SHA3_224)),
    ("SHA3-256", "sha3-256", Some(CKM_SHA3_256), Some(CKM_HASH_ML_DSA_SHA3_256)),
    ("SHA3-384", "sha3-384", Some(CKM_SHA3_384), Some(CKM_HASH_ML_DSA_SHA3_384)),
    ("SHA3-512", "sha3-512", Some(CKM_SHA3_512), Some(CKM_HASH_ML_DSA_SHA3_512)),
    ("SHAKE-128", "shake128", None, Some(CKM_HASH_ML_DSA_SHAKE128)),
    ("SHAKE-256", "shake256", None, Some(CKM_HASH_ML_DSA_SHAKE256)),
};

/// All mechanisms, in the order of the list.
fn mechanisms() -> impl Iterator<Item = CK_MECHANISM_TYPE> {
    let hashing = HASHES.into_iter().filter_map(|(.., hashing)| hashing);
    [CKM_ML_DSA, CKM_HASH_ML_DSA].into_iter().chain(hashing)
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap()
}

fn bytes(value: &Value, name: &str) -> Vec<u8> {
    STANDARD.decode(text(value, name)).unwrap()
}

fn set_of(value: &Value) -> (&'static str, CK_ULONG, usize) {
    let name = text(value, "parameterSet");
    SETS.into_iter().find(|(known, ..)| *known == name).unwrap()
}

/// Creates a public key with these attributes.
fn create(session: Session, attributes: &[(CK_ATTRIBUTE_TYPE, Vec<u8>)]) -> Result<CK_ULONG, Rv> {
    let always = [(CKA_CLASS, ulong(CKO_PUBLIC_KEY)), (CKA_KEY_TYPE, ulong(CKK_ML_DSA))];
    session.create(&[&always[..], attributes].concat())
}

fn key(set: CK_ULONG, value: Vec<u8>) -> [(CK_ATTRIBUTE_TYPE, Vec<u8>); 2] {
    [(CKA_PARAMETER_SET, ulong(set)), (CKA_VALUE, value)]
}

/// Panics unless a signature is answered in this way by all mechanisms for the hash: those that hash themselves, and the one
/// that is given the digest.
fn assert_answer(
    key: Key,
    hash: &Value,
    context: &[u8],
    message: &[u8],
    signature: &[u8],
    rv: CK_RV,
) {
    let hash = hash.as_str();
    let is_it = |row: &&(&str, &str, _, _)| hash.is_some_and(|hash| [row.0, row.1].contains(&hash));
    let (name, digested, hashing) = match HASHES.iter().find(is_it) {
        Some((_, name, digested, hashing)) => (*name, *digested, *hashing),
        None => ("", None, Some(CKM_ML_DSA)),
    };
    let mut answers = Vec::new();
    if let Some(id) = hashing {
        let mechanism = Mechanism::in_context(id, context, None);
        answers = verified(key.session, &mechanism, key.public, message, signature);
    }
    if let Some(digested) = digested {
        let mechanism = Mechanism::in_context(CKM_HASH_ML_DSA, context, Some(digested));
        answers.push(key.verify(mechanism, &openssl::digest(name, message), signature));
    }
    let is_right = !answers.is_empty() && answers.iter().all(|answer| *answer == rv);
    assert!(is_right, "{hash:?} {answers:?}, not {rv:#x}");
}

#[test]
fn signatures_of_acvp_verify_as_nist_says() {
    let cases: Vec<Value> = serde_json::from_str(ACVP).unwrap();
    assert_eq!(cases.len(), 48);
    on_stage(test_name!(), options, &[], |stage, module| {
        let seen = stage.see(|| {
            let session = module.opened();
            for case in &cases {
                let public = create(session, &key(set_of(case).1, bytes(case, "pk"))).unwrap();
                let [context, message, signature] =
                    ["context", "message", "signature"].map(|name| bytes(case, name));
                let rv = match case["testPassed"].as_bool().unwrap() {
                    true => CKR_OK,
                    false => CKR_SIGNATURE_INVALID,
                };
                let key = Key { session, private: 0, public };
                assert_answer(key, &case["hashAlg"], &context, &message, &signature, rv);
            }
        });
        assert_eq!((seen.lines.len(), seen.requests.len()), (0, 0), "{seen:?}");
    });
}

/// An entry of the list with a certificate, or with the public key alone: a SubjectPublicKeyInfo, or only its bytes.
fn entry(key: &Value, with_certificate: bool) -> Value {
    let (name, _, length) = set_of(key);
    let info = bytes(key, "publicKey");
    let start = if name == "ML-DSA-65" { 0 } else { info.len() - length };
    let mut entry = json!({"projectSlug": "demo", "signingPolicySlug": name, "keyType": "Mldsa"});
    match with_certificate {
        true => entry["certificateBytes"] = key["certificate"].clone(),
        false => entry["publicKeyBytes"] = STANDARD.encode(&info[start..]).into(),
    }
    entry
}

#[test]
fn a_signing_policy_shows_its_public_key_with_and_without_a_certificate() {
    on_stage(test_name!(), options, &[], |stage, module| {
        for with_certificates in [true, false] {
            shown(stage, module, with_certificates);
            assert_eq!(module.finalize(), CKR_OK);
        }
    });
}

/// What is shown, and whether it verifies what OpenSSL signed.
fn shown(stage: &Stage, module: &Module, with_certificates: bool) {
    let made: Value = serde_json::from_str(OPENSSL).unwrap();
    let keys = made["keys"].as_array().unwrap();
    stage.inject(list_of(keys.iter().map(|key| entry(key, with_certificates)).collect()));
    let login = stage.see(|| module.logged_in().unwrap());
    let (session, lines) = (login.value, login.lines);
    assert_eq!(lines.len(), 3, "{lines:#?}");
    for key in keys {
        let (name, set, length) = set_of(key);
        let (id, info) = (format!("demo/{name}"), bytes(key, "publicKey"));
        let why = format!("warning: signing policy {id}: its {name} key can verify, but not sign");
        assert!(lines.iter().any(|line| line.contains(&why)), "{lines:#?}");
        let object = session.public(&id);
        for attribute in [
            (CKA_KEY_TYPE, ulong(CKK_ML_DSA)),
            (CKA_PARAMETER_SET, ulong(set)),
            (CKA_VALUE, info[info.len() - length..].to_vec()),
            (CKA_PUBLIC_KEY_INFO, info),
            (CKA_VERIFY, vec![CK_TRUE]),
            (CKA_ALLOWED_MECHANISMS, mechanisms().flat_map(ulong).collect()),
        ] {
            assert_eq!(session.attribute(object, attribute.0).as_ref(), Ok(&attribute.1), "{name}");
            let class = (CKA_CLASS, ulong(CKO_PUBLIC_KEY));
            assert!(session.find(&[class, attribute]).unwrap().contains(&object), "{name}");
        }
        let find = |class| {
            session.find(&[(CKA_CLASS, ulong(class)), (CKA_ID, id.clone().into())]).unwrap()
        };
        assert_eq!(find(CKO_PRIVATE_KEY), common::NOTHING);
        let certificates = find(CKO_CERTIFICATE).into_iter();
        let shown: Vec<_> = certificates.map(|it| session.attribute(it, CKA_VALUE)).collect();
        let expected = with_certificates.then(|| Ok(bytes(key, "certificate")));
        assert_eq!(shown, expected.into_iter().collect::<Vec<_>>());
    }
    for made in made["signatures"].as_array().unwrap() {
        let public = session.public(&format!("demo/{}", text(made, "parameterSet")));
        let key = Key { session, private: 0, public };
        let (hash, context, signature) =
            (&made["hash"], text(made, "context"), bytes(made, "signature"));
        let mut changed = signature.clone();
        changed[77] ^= 1;
        for (context, message, signature, rv) in [
            (context, MESSAGE, &signature, CKR_OK),
            (context, &MESSAGE[1..], &signature, CKR_SIGNATURE_INVALID),
            ("nightly", MESSAGE, &signature, CKR_SIGNATURE_INVALID),
            (context, MESSAGE, &changed, CKR_SIGNATURE_INVALID),
        ] {
            assert_answer(key, hash, context.as_bytes(), message, signature, rv);
        }
        if context.is_empty() {
            // Without a parameter, the context is empty.
            assert_eq!(key.verify(CKM_ML_DSA, MESSAGE, &signature), CKR_OK);
        }
    }
}

#[test]
fn its_mechanisms_only_verify() {
    on_stage(test_name!(), options, &[], |stage, module| {
        let session = module.logged_in().unwrap();
        let own = create(session, &key(CKP_ML_DSA_44, vec![7; 1312])).unwrap();
        let rsa = session.key("demo/rsa-2048");
        stage.see(|| {
            for id in mechanisms() {
                let signs = [own, rsa.private].map(|key| session.sign_init(id, key));
                assert_eq!(signs, [CKR_MECHANISM_INVALID; 2]);
                let of_messages =
                    [session.message_verify_init(id, own), session.message_sign_init(id, own)];
                assert_eq!(of_messages, [CKR_MECHANISM_INVALID; 2]);
                let hash = (id == CKM_HASH_ML_DSA).then_some(CKM_SHA256);
                let other = session.verify_init(Mechanism::in_context(id, b"", hash), rsa.public);
                assert_eq!(other, CKR_KEY_TYPE_INCONSISTENT);
            }
            let other = session.verify_init(CKM_SHA256_RSA_PKCS, own);
            assert_eq!(other, CKR_KEY_TYPE_INCONSISTENT);
        });
    });
}

#[test]
fn refuses_parameters_lengths_and_keys_that_the_standard_does_not_allow() {
    on_stage(test_name!(), options, &[], |stage, module| {
        stage.see(|| refused(module.opened()));
    });
}

fn refused(session: Session) {
    let good = key(CKP_ML_DSA_65, vec![7; 1952]);
    let key = create(session, &good).unwrap();
    let (context, nothing) = (vec![1; 256], Vec::new());
    let no_pointer = 0_usize.to_ne_bytes().to_vec();
    let null = |length| [ulong(CKH_HEDGE_PREFERRED), no_pointer.clone(), ulong(length)].concat();
    let given = |id, parameter| Mechanism { id, parameter };
    let with = |id, length, hash| Mechanism::in_context(id, &context[..length], hash);
    let (pure, any, sha256) = (CKM_ML_DSA, CKM_HASH_ML_DSA, CKM_HASH_ML_DSA_SHA256);
    for mechanism in table! {
        with(pure, 255, None), given(pure, null(0)), given(sha256, nothing.clone()), with(any, 0, Some(CKM_SHA3_512))
    } {
        assert_eq!(session.verify_init(&mechanism, key), CKR_OK, "{:x?}", mechanism.parameter);
        assert_eq!(session.verify(&[7; 64], &[7; 3308]), CKR_SIGNATURE_LEN_RANGE);
    }
    for mechanism in table! {
        with(pure, 256, None), given(pure, null(1)), given(pure, null(CK_ULONG::MAX)), given(pure, vec![0; 3]),
        with(pure, 0, Some(CKM_SHA256)), with(sha256, 0, Some(CKM_SHA256)), given(any, nothing), with(any, 0, None),
        with(any, 0, Some(CKM_SHA_1)), with(any, 0, Some(CKM_MD5)), with(any, 0, Some(CKM_ECDSA))
    } {
        let rv = session.verify_init(&mechanism, key);
        assert_eq!(rv, CKR_MECHANISM_PARAM_INVALID, "{:x?}", mechanism.parameter);
    }
    assert_eq!(session.verify_init(with(any, 0, Some(CKM_SHA256)), key), CKR_OK);
    assert_eq!(session.verify(&[7; 31], &[7; 3309]), CKR_DATA_LEN_RANGE);

    let and = |id, value| [&good[..], &[(id, value)]].concat();
    for (attributes, rv) in table! {
        (good[1..].to_vec(), CKR_TEMPLATE_INCOMPLETE),
        (good[..1].to_vec(), CKR_TEMPLATE_INCOMPLETE),
        (and(CKA_MODULUS, vec![1]), CKR_TEMPLATE_INCONSISTENT),
        (and(CKA_PUBLIC_KEY_INFO, vec![1]), CKR_ATTRIBUTE_VALUE_INVALID),
    } {
        assert_eq!(create(session, &attributes), Err(Rv(rv)), "{:x?}", attributes.last());
    }
    // Such an object is copied and changed with the rules of its own type.
    let of_ec = [(CKA_EC_POINT, vec![4])];
    assert_eq!(session.copy(key, &of_ec), Err(Rv(CKR_TEMPLATE_INCONSISTENT)));
    let new_set = [(CKA_PARAMETER_SET, ulong(CKP_ML_DSA_44))];
    assert_eq!(session.change(key, &new_set), CKR_ATTRIBUTE_READ_ONLY);
    let copy = session.copy(key, &[(CKA_LABEL, b"copy".to_vec())]).unwrap();
    let [info, of_copy] = [key, copy].map(|key| session.attribute(key, CKA_PUBLIC_KEY_INFO));
    assert!(info.is_ok() && info == of_copy);
}

/// RFC 9881, section 2: a key has no parameters and exactly its length. FIPS 204 has no other lengths.
#[test]
fn a_malformed_key_is_reported_and_left_out() {
    on_stage(test_name!(), options, &[], |stage, module| {
        let made: Value = serde_json::from_str(OPENSSL).unwrap();
        let info = bytes(&made["keys"][0], "publicKey");
        // SEQUENCE (1330 bytes) of a SEQUENCE of 11 bytes, which holds the object identifier, and the BIT STRING.
        let with_null =
            [&[0x30, 0x82, 5, 0x34, 0x30, 13], &info[6..17], &[5, 0], &info[17..]].concat();
        let keys = [&with_null[..], &info[..info.len() - 1], &[7; 1311]];
        let entry = |(index, key): (usize, &[u8])| {
            let (slug, key) = (format!("p{index}"), STANDARD.encode(key));
            json!({"projectSlug": "demo", "signingPolicySlug": slug, "keyType": "Mldsa", "publicKeyBytes": key})
        };
        stage.inject(list_of(keys.into_iter().enumerate().map(entry).collect()));
        let login = stage.see(|| module.logged_in().unwrap());
        let public = login.value.find(&[(CKA_CLASS, ulong(CKO_PUBLIC_KEY))]);
        assert_eq!(public, Ok(vec![]));
        for index in 0..3 {
            let why = format!("signing policy demo/p{index}: its public key is malformed; skipped");
            assert!(login.lines.iter().any(|line| line.contains(&why)), "{:#?}", login.lines);
        }
    });
}
