//! ML-DSA keys (PKCS #11 3.2, section 6.67): what is shown of them, and signatures of NIST's ACVP and of OpenSSL 3.5, verified
//! by the module.

mod common;
#[path = "common/openssl.rs"]
mod openssl;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use common::{listed_policies, on_stage, options};
use cryptoki_sys::*;
use pkcs11_test::harness::{Mechanism, Module, Rv, Session, Stage, ulong};
use pkcs11_test::{Effect, call};
use serde_json::{Value, json};

/// Test cases of ML-DSA-sigVer-FIPS204 of NIST's ACVP (version 1.1.0.40, interface "external"): all signatures that are valid, and
/// of each group the five invalid ones with the shortest messages.
const ACVP: &str = include_str!("ml-dsa/acvp.json");

/// What OpenSSL 3.5.9 made: `req -x509 -newkey ML-DSA-44`, `pkeyutl -sign -rawin` with and without
/// `-pkeyopt context-string:releases`, and for HashML-DSA the message of FIPS 204, section 5.4, with `-pkeyopt message-encoding:0`.
const OPENSSL: &str = include_str!("ml-dsa/openssl.json");

/// What OpenSSL signed.
const MESSAGE: &[u8] = b"The quick brown fox jumps over the lazy dog";

/// The parameter sets with the lengths of their public keys and signatures in bytes (FIPS 204, table 2).
const SETS: [(&str, CK_ULONG, usize, usize); 3] = [
    ("ML-DSA-44", CKP_ML_DSA_44, 1312, 2420),
    ("ML-DSA-65", CKP_ML_DSA_65, 1952, 3309),
    ("ML-DSA-87", CKP_ML_DSA_87, 2592, 4627),
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

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap()
}

fn bytes(value: &Value, name: &str) -> Vec<u8> {
    STANDARD.decode(text(value, name)).unwrap()
}

fn set_of(value: &Value) -> (&'static str, CK_ULONG, usize, usize) {
    let name = text(value, "parameterSet");
    SETS.into_iter().find(|(known, ..)| *known == name).unwrap()
}

fn create(session: Session, set: CK_ULONG, value: Vec<u8>) -> Result<CK_OBJECT_HANDLE, Rv> {
    session.create(&[
        (CKA_CLASS, ulong(CKO_PUBLIC_KEY)),
        (CKA_KEY_TYPE, ulong(CKK_ML_DSA)),
        (CKA_PARAMETER_SET, ulong(set)),
        (CKA_VALUE, value),
    ])
}

/// The answers to a signature in all ways in which it can be verified: in one part and in several, and of the digest.
fn every_way(
    session: Session,
    key: CK_OBJECT_HANDLE,
    hash: Option<&str>,
    context: &[u8],
    message: &[u8],
    signature: &[u8],
) -> Vec<Rv> {
    let known =
        |hash: &str| HASHES.into_iter().find(|(acvp, name, ..)| [*acvp, *name].contains(&hash));
    let (name, digested, hashing) = match hash {
        None => ("", None, Some(CKM_ML_DSA)),
        Some(hash) => {
            known(hash).map(|(_, name, digested, hashing)| (name, digested, hashing)).unwrap()
        }
    };
    let mut answers = Vec::new();
    if let Some(id) = hashing {
        let mechanism = Mechanism::in_context(id, context, None);
        assert_eq!(session.verify_init(&mechanism, key), CKR_OK);
        answers.push(session.verify(message, signature));
        assert_eq!(session.verify_init(&mechanism, key), CKR_OK);
        for part in message.chunks(1000) {
            assert_eq!(session.verify_update(part), CKR_OK);
        }
        answers.push(session.verify_final(signature));
        assert_eq!(session.verify_signature_init(&mechanism, key, signature), CKR_OK);
        let (data, length) = (message.as_ptr().cast_mut(), message.len() as CK_ULONG);
        answers.push(call!(session.module, C_VerifySignature(session.handle, data, length)));
        assert_eq!(session.verify_signature_init(&mechanism, key, signature), CKR_OK);
        let update = call!(session.module, C_VerifySignatureUpdate(session.handle, data, length));
        assert_eq!(update, CKR_OK);
        answers.push(call!(session.module, C_VerifySignatureFinal(session.handle)));
    }
    if let Some(digested) = digested {
        let digest = openssl::digest(name, message);
        assert_eq!(
            session
                .verify_init(Mechanism::in_context(CKM_HASH_ML_DSA, context, Some(digested)), key),
            CKR_OK
        );
        answers.push(session.verify(&digest, signature));
    }
    assert!(!answers.is_empty());
    answers
}

#[test]
fn signatures_of_acvp_verify_as_nist_says() {
    let cases: Vec<Value> = serde_json::from_str(ACVP).unwrap();
    assert_eq!(cases.len(), 48);
    on_stage(test_name!(), options, &[], |stage, module| {
        let seen = stage.see(|| {
            let session = module.opened();
            for case in &cases {
                let key = create(session, set_of(case).1, bytes(case, "pk")).unwrap();
                let (message, context) = (bytes(case, "message"), bytes(case, "context"));
                let answers = every_way(
                    session,
                    key,
                    case["hashAlg"].as_str(),
                    &context,
                    &message,
                    &bytes(case, "signature"),
                );
                let expected = match case["testPassed"].as_bool().unwrap() {
                    true => CKR_OK,
                    false => CKR_SIGNATURE_INVALID,
                };
                assert!(
                    answers.iter().all(|rv| *rv == expected),
                    "case {}: {answers:?}",
                    case["tcId"]
                );
            }
        });
        assert_eq!((seen.lines.len(), seen.requests.len()), (0, 0), "{seen:?}");
    });
}

/// Signing policies with the certificates, or with the public keys alone.
fn policies(made: &Value, with_certificates: bool) -> Effect {
    let keys = made["keys"].as_array().unwrap();
    if with_certificates {
        let certificates: Vec<_> = keys.iter().map(|key| bytes(key, "certificate")).collect();
        let entries = keys.iter().zip(&certificates);
        return listed_policies(
            entries.map(|(key, der)| ("demo", text(key, "parameterSet"), &der[..])),
            "Mldsa",
        );
    }
    let entry = |key: &Value| {
        // A SubjectPublicKeyInfo, or only the bytes of the key.
        let (name, _, length, _) = set_of(key);
        let info = bytes(key, "publicKey");
        let start = if name == "ML-DSA-65" { 0 } else { info.len() - length };
        json!({"projectSlug": "demo", "signingPolicySlug": name, "keyType": "Mldsa", "publicKeyBytes": STANDARD.encode(&info[start..])})
    };
    let entries: Vec<_> = keys.iter().map(entry).collect();
    let body = json!({ "signingPolicies": entries }).to_string();
    Effect::answer(200, &[("Content-Type", "application/json")], body)
}

#[test]
fn a_signing_policy_shows_its_certificate_and_its_public_key() {
    on_stage(test_name!(), options, &[], |stage, module| shown(stage, module, true));
}

#[test]
fn a_signing_policy_without_a_certificate_shows_its_public_key() {
    on_stage(test_name!(), options, &[], |stage, module| shown(stage, module, false));
}

/// What is shown, and whether it verifies what OpenSSL signed.
fn shown(stage: &Stage, module: &Module, with_certificates: bool) {
    let made: Value = serde_json::from_str(OPENSSL).unwrap();
    stage.inject(policies(&made, with_certificates));
    let login = stage.see(|| module.logged_in().unwrap());
    let (session, lines) = (login.value, login.lines);
    assert_eq!(lines.len(), 3, "{lines:#?}");
    for key in made["keys"].as_array().unwrap() {
        let (name, set, length, _) = set_of(key);
        let why = format!("demo/{name}: its {name} key can verify, but not sign");
        assert!(
            lines.iter().any(|line| line.contains("warning") && line.contains(&why)),
            "{lines:#?}"
        );
        let (id, info) = (format!("demo/{name}"), bytes(key, "publicKey"));
        let object = session.public(&id);
        for (attribute, expected) in [
            (CKA_KEY_TYPE, ulong(CKK_ML_DSA)),
            (CKA_PARAMETER_SET, ulong(set)),
            (CKA_VALUE, info[info.len() - length..].to_vec()),
            (CKA_PUBLIC_KEY_INFO, info),
            (CKA_VERIFY, vec![CK_TRUE]),
        ] {
            let class = (CKA_CLASS, ulong(CKO_PUBLIC_KEY));
            let found = session.find(&[class, (attribute, expected.clone())]).unwrap();
            assert!(found.contains(&object), "{name} {attribute:#x}");
            assert_eq!(session.attribute(object, attribute), Ok(expected), "{name} {attribute:#x}");
        }
        let hashing = HASHES.iter().filter_map(|(.., hashing)| *hashing);
        let allowed = [CKM_ML_DSA, CKM_HASH_ML_DSA].into_iter().chain(hashing);
        let allowed = allowed.flat_map(ulong).collect();
        assert_eq!(session.attribute(object, CKA_ALLOWED_MECHANISMS), Ok(allowed));
        let find = |class| {
            session
                .find(&[(CKA_CLASS, ulong(class)), (CKA_ID, id.clone().into_bytes())])
                .unwrap()
                .len()
        };
        assert_eq!(
            [find(CKO_CERTIFICATE), find(CKO_PRIVATE_KEY)],
            [usize::from(with_certificates), 0]
        );
        if with_certificates {
            let certificate = session.attribute(session.certificate(&id), CKA_VALUE);
            assert_eq!(certificate, Ok(bytes(key, "certificate")));
        }
    }
    for made in made["signatures"].as_array().unwrap() {
        let key = session.public(&format!("demo/{}", text(made, "parameterSet")));
        let (hash, context, signature) =
            (made["hash"].as_str(), text(made, "context"), bytes(made, "signature"));
        let mut changed = signature.clone();
        changed[77] ^= 1;
        for (context, message, signature, expected) in [
            (context, MESSAGE, &signature, CKR_OK),
            (context, &MESSAGE[1..], &signature, CKR_SIGNATURE_INVALID),
            ("nightly", MESSAGE, &signature, CKR_SIGNATURE_INVALID),
            (context, MESSAGE, &changed, CKR_SIGNATURE_INVALID),
        ] {
            let answers = every_way(session, key, hash, context.as_bytes(), message, signature);
            assert!(answers.iter().all(|rv| *rv == expected), "{hash:?} {answers:?}");
        }
        if context.is_empty() {
            // Without a parameter, the context is empty.
            assert_eq!(session.verify_init(CKM_ML_DSA, key), CKR_OK);
            assert_eq!(session.verify(MESSAGE, &signature), CKR_OK);
        }
    }
}

#[test]
fn its_mechanisms_only_verify() {
    on_stage(test_name!(), options, &[], |stage, module| {
        let session = module.logged_in().unwrap();
        let own = create(session, CKP_ML_DSA_44, vec![7; 1312]).unwrap();
        let of_token = session.key("demo/rsa-2048");
        let hashing = HASHES.iter().filter_map(|(.., hashing)| *hashing);
        for id in [CKM_ML_DSA, CKM_HASH_ML_DSA].into_iter().chain(hashing) {
            for key in [own, of_token.private] {
                let seen = stage.see(|| session.sign_init(id, key));
                assert_eq!(seen.value, CKR_MECHANISM_INVALID);
                let says = "can verify, but not sign: SignPath does not document yet how it signs with ML-DSA";
                assert!(seen.lines.len() == 1 && seen.lines[0].contains(says), "{seen:?}");
            }
            let inits =
                || [session.message_verify_init(id, own), session.message_sign_init(id, own)];
            assert_eq!(stage.see(inits).value, [CKR_MECHANISM_INVALID; 2]);
            let mechanism =
                Mechanism::in_context(id, b"", (id == CKM_HASH_ML_DSA).then_some(CKM_SHA256));
            let other = stage.see(|| session.verify_init(&mechanism, of_token.public));
            assert_eq!(other.value, CKR_KEY_TYPE_INCONSISTENT);
        }
        let other = stage.see(|| session.verify_init(CKM_SHA256_RSA_PKCS, own));
        assert_eq!(other.value, CKR_KEY_TYPE_INCONSISTENT);
    });
}

#[test]
fn refuses_parameters_lengths_and_keys_that_the_standard_does_not_allow() {
    on_stage(test_name!(), options, &[], |stage, module| {
        stage.see(|| refused(module));
    });
}

fn refused(module: &Module) {
    let session = module.opened();
    let key = create(session, CKP_ML_DSA_65, vec![7; 1952]).unwrap();
    let context = vec![1; 256];
    let null = |length| {
        [ulong(CKH_HEDGE_PREFERRED), 0_usize.to_ne_bytes().to_vec(), ulong(length)].concat()
    };
    let given = |id, parameter| Mechanism { id, parameter };
    for (mechanism, expected) in [
        (Mechanism::in_context(CKM_ML_DSA, &context[..255], None), CKR_OK),
        (Mechanism::in_context(CKM_ML_DSA, &context, None), CKR_MECHANISM_PARAM_INVALID),
        (given(CKM_ML_DSA, null(0)), CKR_OK),
        (given(CKM_ML_DSA, null(1)), CKR_MECHANISM_PARAM_INVALID),
        (given(CKM_ML_DSA, null(CK_ULONG::MAX)), CKR_MECHANISM_PARAM_INVALID),
        (given(CKM_ML_DSA, vec![0; 3]), CKR_MECHANISM_PARAM_INVALID),
        (Mechanism::in_context(CKM_ML_DSA, b"", Some(CKM_SHA256)), CKR_MECHANISM_PARAM_INVALID),
        (
            Mechanism::in_context(CKM_HASH_ML_DSA_SHA256, b"", Some(CKM_SHA256)),
            CKR_MECHANISM_PARAM_INVALID,
        ),
        (given(CKM_HASH_ML_DSA_SHA256, Vec::new()), CKR_OK),
        (given(CKM_HASH_ML_DSA, Vec::new()), CKR_MECHANISM_PARAM_INVALID),
        (Mechanism::in_context(CKM_HASH_ML_DSA, b"", None), CKR_MECHANISM_PARAM_INVALID),
        (Mechanism::in_context(CKM_HASH_ML_DSA, b"", Some(CKM_SHA_1)), CKR_MECHANISM_PARAM_INVALID),
        (Mechanism::in_context(CKM_HASH_ML_DSA, b"", Some(CKM_MD5)), CKR_MECHANISM_PARAM_INVALID),
        (Mechanism::in_context(CKM_HASH_ML_DSA, b"", Some(CKM_ECDSA)), CKR_MECHANISM_PARAM_INVALID),
        (Mechanism::in_context(CKM_HASH_ML_DSA, b"", Some(CKM_SHA3_512)), CKR_OK),
    ] {
        let rv = session.verify_init(&mechanism, key);
        assert_eq!(rv, expected, "{:#x} {:x?}", mechanism.id, mechanism.parameter);
        if rv == CKR_OK {
            assert_eq!(session.verify(&[7; 64], &[7; 3308]), CKR_SIGNATURE_LEN_RANGE);
        }
    }
    let digest = Mechanism::in_context(CKM_HASH_ML_DSA, b"", Some(CKM_SHA256));
    assert_eq!(session.verify_init(&digest, key), CKR_OK);
    assert_eq!(session.verify(&[7; 31], &[7; 3309]), CKR_DATA_LEN_RANGE);

    let template = |attributes: &[(CK_ATTRIBUTE_TYPE, Vec<u8>)]| {
        let always = [(CKA_CLASS, ulong(CKO_PUBLIC_KEY)), (CKA_KEY_TYPE, ulong(CKK_ML_DSA))];
        session.create(&[&always[..], attributes].concat()).err()
    };
    let set = (CKA_PARAMETER_SET, ulong(CKP_ML_DSA_65));
    let value = |length| (CKA_VALUE, vec![7; length]);
    for (attributes, expected) in [
        (vec![set.clone(), value(1952)], None),
        (vec![value(1952)], Some(CKR_TEMPLATE_INCOMPLETE)),
        (vec![set.clone()], Some(CKR_TEMPLATE_INCOMPLETE)),
        (vec![set.clone(), value(1312)], Some(CKR_ATTRIBUTE_VALUE_INVALID)),
        (vec![(CKA_PARAMETER_SET, ulong(4)), value(1952)], Some(CKR_PARAMETER_SET_NOT_SUPPORTED)),
        (vec![set.clone(), value(1952), (CKA_MODULUS, vec![1])], Some(CKR_TEMPLATE_INCONSISTENT)),
        (vec![set, value(1952), (CKA_PUBLIC_KEY_INFO, vec![1])], Some(CKR_ATTRIBUTE_VALUE_INVALID)),
    ] {
        assert_eq!(template(&attributes), expected.map(Rv), "{:x?}", attributes.first());
    }

    // Such an object is copied and changed with the rules of its own type.
    let of_ec = [(CKA_EC_POINT, vec![4])];
    assert_eq!(session.copy(key, &of_ec), Err(Rv(CKR_TEMPLATE_INCONSISTENT)));
    let new_set = [(CKA_PARAMETER_SET, ulong(CKP_ML_DSA_44))];
    assert_eq!(session.change(key, &new_set), CKR_ATTRIBUTE_READ_ONLY);
    let copy = session.copy(key, &[(CKA_LABEL, b"copy".to_vec())]).unwrap();
    let info = |key| session.attribute(key, CKA_PUBLIC_KEY_INFO).unwrap();
    assert_eq!(info(copy), info(key));
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
        let short = &info[..info.len() - 1];
        let entry = |(index, key): (usize, &[u8])| json!({"projectSlug": "demo", "signingPolicySlug": format!("p{index}"), "keyType": "Mldsa", "publicKeyBytes": STANDARD.encode(key)});
        let keys = [&with_null[..], short, &[7; 1311]];
        let entries: Vec<_> = keys.into_iter().enumerate().map(entry).collect();
        let body = json!({ "signingPolicies": entries }).to_string();
        stage.inject(Effect::answer(200, &[("Content-Type", "application/json")], body));
        let login = stage.see(|| module.logged_in().unwrap());
        let (session, lines) = (login.value, login.lines);
        assert_eq!(session.find(&[(CKA_CLASS, ulong(CKO_PUBLIC_KEY))]), Ok(vec![]));
        for index in 0..3 {
            let why = format!("signing policy demo/p{index}: its public key is malformed; skipped");
            assert!(lines.iter().any(|line| line.contains(&why)), "{lines:#?}");
        }
    });
}
