//! Every mechanism with every key, over TLS. openssl verifies each signature.

mod common;

use std::path::Path;
use std::process::Command;

use common::{
    SIGN, SIGN_HASH, Traffic, environment, in_child, initialized, logged_in, options, traffic,
};
use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::rsa::{PkcsMgfType, PkcsPssParams};
use cryptoki::mechanism::{Mechanism, MechanismType};
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass};
use cryptoki::session::Session;
use pkcs11_test::{Effect, Fault, Options, Service};
use sha2::Digest;

const MESSAGE: &[u8] =
    b"The quick brown fox jumps over the lazy dog, and signs what it finds there.";

/// RFC 8017, section 9.2, note 1.
const SHA256_PREFIX: &[u8] =
    b"\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20";

const RSA_KEYS: [&str; 3] = ["rsa-2048", "rsa-3072", "rsa-4096"];
const EC_KEYS: [(&str, usize); 3] = [("p-256", 32), ("p-384", 48), ("p-521", 66)];

fn pss(hash: MechanismType, mgf: PkcsMgfType, length: u64) -> PkcsPssParams {
    PkcsPssParams {
        hash_alg: hash,
        mgf,
        s_len: length.into(),
    }
}

/// A mechanism, its input to sign [`MESSAGE`], and the digest for openssl.
struct Row {
    mechanism: Mechanism<'static>,
    input: Vec<u8>,
    digest: &'static str,
}

fn rows(keys: &str) -> Vec<Row> {
    use Mechanism::*;
    let message = |mechanism, digest| Row {
        mechanism,
        input: MESSAGE.to_vec(),
        digest,
    };
    let sha256 = sha2::Sha256::digest(MESSAGE).to_vec();
    let [sha1_pss, sha256_pss, sha384_pss, sha512_pss] = [
        pss(MechanismType::SHA1, PkcsMgfType::MGF1_SHA1, 20),
        pss(MechanismType::SHA256, PkcsMgfType::MGF1_SHA256, 32),
        pss(MechanismType::SHA384, PkcsMgfType::MGF1_SHA384, 48),
        pss(MechanismType::SHA512, PkcsMgfType::MGF1_SHA512, 64),
    ];
    match keys {
        "rsa" => vec![
            Row {
                mechanism: RsaPkcs,
                input: [SHA256_PREFIX, &sha256].concat(),
                digest: "sha256",
            },
            message(Sha1RsaPkcs, "sha1"),
            message(Sha256RsaPkcs, "sha256"),
            message(Sha384RsaPkcs, "sha384"),
            message(Sha512RsaPkcs, "sha512"),
        ],
        "rsa-pss" => vec![
            Row {
                mechanism: RsaPkcsPss(sha256_pss),
                input: sha256,
                digest: "sha256",
            },
            message(Sha1RsaPkcsPss(sha1_pss), "sha1"),
            message(Sha256RsaPkcsPss(sha256_pss), "sha256"),
            message(Sha384RsaPkcsPss(sha384_pss), "sha384"),
            message(Sha512RsaPkcsPss(sha512_pss), "sha512"),
        ],
        _ => vec![
            Row {
                mechanism: Ecdsa,
                input: sha256,
                digest: "sha256",
            },
            message(EcdsaSha1, "sha1"),
            message(EcdsaSha256, "sha256"),
            message(EcdsaSha384, "sha384"),
            message(EcdsaSha512, "sha512"),
        ],
    }
}

/// In the child: signs with each mechanism in one part and in three, and writes the signatures to
/// `{index}.{part}` in a directory for each key and kind.
fn sign_all(session: &Session, key_name: &str, kind: &str) {
    let folder = Path::new(&std::env::var("SIGNPATH_TEST_OUTPUT").unwrap())
        .join(format!("{key_name}.{kind}"));
    std::fs::create_dir(&folder).unwrap();
    let id = format!("demo/{key_name}").into_bytes();
    let template = [
        Attribute::Class(ObjectClass::PRIVATE_KEY),
        Attribute::Id(id),
    ];
    let key = session.find_objects(&template).unwrap()[0];
    for (index, row) in rows(kind).iter().enumerate() {
        let one_part = session.sign(&row.mechanism, key, &row.input).unwrap();
        session.sign_init(&row.mechanism, key).unwrap();
        let (first, rest) = row.input.split_at(7);
        session.sign_update(first).unwrap();
        session.sign_update(&[]).unwrap();
        session.sign_update(rest).unwrap();
        let parts = session.sign_final().unwrap();
        std::fs::write(folder.join(format!("{index}.one")), one_part).unwrap();
        std::fs::write(folder.join(format!("{index}.parts")), parts).unwrap();
    }
}

/// r‖s as a DER sequence (RFC 3279, section 2.2.3), as openssl requires.
fn ecdsa_der(signature: &[u8]) -> Vec<u8> {
    let (r, s) = signature.split_at(signature.len() / 2);
    let mut content = Vec::new();
    for number in [r, s] {
        let start = number.iter().position(|byte| *byte != 0).unwrap();
        let sign = if number[start] >= 0x80 { &[0][..] } else { &[] };
        let number = [sign, &number[start..]].concat();
        content.extend([2, number.len() as u8]);
        content.extend(number);
    }
    let length = match content.len() {
        short @ ..=127 => vec![short as u8],
        long => vec![0x81, long as u8],
    };
    [&[0x30][..], &length, &content].concat()
}

/// Has openssl verify all signatures with the certificate, and returns their number.
fn verify_all(folder: &Path, service: &Service, key_name: &str, kind: &str) -> usize {
    let run = |command: &mut Command| {
        let output = command.current_dir(folder).output().unwrap();
        assert!(
            output.status.success(),
            "{key_name} {kind}: {command:?}: {output:?}"
        );
    };
    let openssl = || Command::new("openssl");
    let certificate = service.certificate_der("demo", key_name).unwrap();
    std::fs::write(folder.join("certificate.der"), certificate).unwrap();
    std::fs::write(folder.join("message"), MESSAGE).unwrap();
    run(openssl()
        .args(["x509", "-inform", "DER", "-in", "certificate.der"])
        .args(["-noout", "-pubkey", "-out", "key.pem"]));
    let mut verified = 0;
    for (index, row) in rows(kind).iter().enumerate() {
        for part in ["one", "parts"] {
            let name = format!("{index}.{part}");
            let signature = std::fs::read(folder.join(&name)).unwrap();
            if kind == "ec" {
                std::fs::write(folder.join(&name), ecdsa_der(&signature)).unwrap();
            }
            let mut command = openssl();
            command.args(["dgst", &format!("-{}", row.digest), "-verify", "key.pem"]);
            if kind == "rsa-pss" {
                command.args(["-sigopt", "rsa_padding_mode:pss"]);
                command.args(["-sigopt", "rsa_pss_saltlen:digest"]);
            }
            run(command.args(["-signature", &name, "message"]));
            verified += 1;
        }
    }
    verified
}

#[test]
fn openssl_verifies_every_mechanism_with_every_key_over_one_connection() {
    every_mechanism_signs(test_name!(), "Auto", SIGN);
}

#[test]
fn converts_an_ecdsa_signature_in_der() {
    for (signing_api, route) in [("Auto", SIGN), ("SignHash", SIGN_HASH)] {
        let prepare = || {
            let service = Service::start(options()).unwrap();
            let fault = Fault::on(route, Effect::OtherEncoding).always();
            service.inject(fault).unwrap();
            let folder = tempfile::tempdir().unwrap();
            let output = folder.path().to_str().unwrap().to_owned();
            let more = [
                ("SIGNPATH_TEST_OUTPUT", output.as_str()),
                ("SIGNPATH_SIGNING_API", signing_api),
                ("SIGNPATH_LOG_CONSOLE_LEVEL", "info"),
            ];
            let environment = environment(&service, &more);
            ((service, folder), environment)
        };
        let child = || {
            let module = initialized();
            let session = logged_in(&module);
            for (key, _) in EC_KEYS {
                sign_all(&session, key, "ec");
            }
        };
        let Some(((service, folder), run)) = in_child(test_name!(), prepare, child) else {
            return;
        };
        let mut verified = 0;
        for (key, field_length) in EC_KEYS {
            let folder = folder.path().join(format!("{key}.ec"));
            let signature = std::fs::read(folder.join("0.one")).unwrap();
            assert_eq!(signature.len(), 2 * field_length, "{key}");
            verified += verify_all(&folder, &service, key, "ec");
        }
        assert_eq!(traffic(&service.requests()).signatures, verified);
        let lines = run.lines();
        let converted = |line: &&&str| line.contains("SignPath returned a DER signature");
        assert_eq!(lines.iter().filter(converted).count(), verified);
    }
}

#[test]
fn every_mechanism_signs_with_sign_hash_too() {
    every_mechanism_signs(test_name!(), "SignHash", SIGN_HASH);
}

fn every_mechanism_signs(test: &str, signing_api: &str, route: &str) {
    let prepare = || {
        let service = Service::start(Options {
            tls: true,
            ..options()
        })
        .unwrap();
        let folder = tempfile::tempdir().unwrap();
        let output = folder.path().to_str().unwrap().to_owned();
        let environment = environment(
            &service,
            &[
                ("SIGNPATH_TEST_OUTPUT", &output),
                ("SIGNPATH_SIGNING_API", signing_api),
            ],
        );
        ((service, folder), environment)
    };
    let child = || {
        let module = initialized();
        let session = logged_in(&module);
        for key in RSA_KEYS {
            sign_all(&session, key, "rsa");
            sign_all(&session, key, "rsa-pss");
        }
        for (key, _) in EC_KEYS {
            sign_all(&session, key, "ec");
        }
    };
    let Some(((service, folder), run)) = in_child(test, prepare, child) else {
        return;
    };
    run.assert_silent();
    let mut verified = 0;
    for key in RSA_KEYS {
        for kind in ["rsa", "rsa-pss"] {
            let folder = folder.path().join(format!("{key}.{kind}"));
            verified += verify_all(&folder, &service, key, kind);
        }
    }
    for (key, field_length) in EC_KEYS {
        let folder = folder.path().join(format!("{key}.ec"));
        let signature = std::fs::read(folder.join("0.one")).unwrap();
        assert_eq!(signature.len(), 2 * field_length, "{key}");
        verified += verify_all(&folder, &service, key, "ec");
    }
    assert_eq!(verified, 90);
    let expected = Traffic {
        lists: 1,
        signatures: verified,
        connections: 1,
    };
    let requests = service.requests();
    assert_eq!(traffic(&requests), expected);
    assert!(
        requests
            .iter()
            .skip(1)
            .all(|request| request.route == route)
    );
}

/// PKCS #11 3.2, section 5.1.6: CKR_KEY_FUNCTION_NOT_PERMITTED has the lowest priority of the three.
#[test]
fn a_created_public_key_does_not_sign() {
    let child = || {
        let module = initialized();
        let session = logged_in(&module);
        let [ec] = session
            .find_objects(&[
                Attribute::Class(ObjectClass::PUBLIC_KEY),
                Attribute::Label(b"demo/p-256".to_vec()),
            ])
            .unwrap()[..]
        else {
            panic!("no key, or many");
        };
        let parts = [AttributeType::EcParams, AttributeType::EcPoint];
        let mut template = session.get_attributes(ec, &parts).unwrap();
        template.extend([
            Attribute::Class(ObjectClass::PUBLIC_KEY),
            Attribute::KeyType(KeyType::EC),
        ]);
        let ec = session.create_object(&template).unwrap();
        let rsa = |bits: usize| {
            let template = [
                Attribute::Class(ObjectClass::PUBLIC_KEY),
                Attribute::KeyType(KeyType::RSA),
                Attribute::Modulus(vec![0xAB; bits / 8]),
                Attribute::PublicExponent(vec![1, 0, 1]),
            ];
            session.create_object(&template).unwrap()
        };
        for (mechanism, key, expected) in [
            (Mechanism::RsaPkcs, ec, RvError::KeyTypeInconsistent),
            (Mechanism::Ecdsa, ec, RvError::KeyFunctionNotPermitted),
            (Mechanism::Ecdsa, rsa(2048), RvError::KeyTypeInconsistent),
            (Mechanism::RsaPkcs, rsa(1024), RvError::KeySizeRange),
            (
                Mechanism::RsaPkcs,
                rsa(2048),
                RvError::KeyFunctionNotPermitted,
            ),
        ] {
            match session.sign_init(&mechanism, key) {
                Err(Error::Pkcs11(error, _)) => assert_eq!(error, expected, "{mechanism:?}"),
                other => panic!("{other:?}"),
            }
        }
    };
    let prepare = || {
        let service = Service::start(options()).unwrap();
        let environment = environment(&service, &[]);
        (service, environment)
    };
    in_child(test_name!(), prepare, child);
}
