//! The objects beside those of an ordinary signing policy: profiles, stand-ins for certificates,
//! keys that nobody here can sign with, and those that a program creates to verify with.

mod common;

use std::process::Command;
use std::ptr::null_mut;
use std::sync::Barrier;
use std::thread;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use common::raw::{self, Raw, ck};
use common::{
    environment, in_child, initialized, logged_in, objects, options, service, slot, traffic,
};
use cryptoki::object::{Attribute, AttributeType, ObjectClass, ObjectHandle};
use cryptoki::session::Session;
use cryptoki_sys::*;
use pkcs11_test::{Effect, Fault, Options, PolicyFile, Service};
use sha1::{Digest, Sha1};

const STAND_IN: &str = "SIGNPATH_INCLUDE_DUMMY_X509CERTIFICATE_FOR_GPG_KEYS";

const WITHOUT_CERTIFICATES: &str = r#"{"policies": [
    {"project": "demo", "policy": "rsa-2048", "key": "rsa-2048", "certificate": "None"},
    {"project": "demo", "policy": "p-384", "key": "p-384", "certificate": "None"},
    {"project": "demo", "policy": "p-256", "key": "p-256"}]}"#;

fn service_with(policies: &str) -> Service {
    let policies: PolicyFile = serde_json::from_str(policies).unwrap();
    Service::start(Options {
        policies,
        ..options()
    })
    .unwrap()
}

fn bytes(session: &Session, object: ObjectHandle, id: AttributeType) -> Vec<u8> {
    let attributes = session.get_attributes(object, &[id]).unwrap();
    match &attributes[..] {
        [
            Attribute::Value(bytes)
            | Attribute::Id(bytes)
            | Attribute::Label(bytes)
            | Attribute::Subject(bytes)
            | Attribute::Issuer(bytes)
            | Attribute::SerialNumber(bytes)
            | Attribute::PublicKeyInfo(bytes)
            | Attribute::CheckValue(bytes)
            | Attribute::UniqueId(bytes),
        ] => bytes.clone(),
        other => panic!("{id}: {other:?}"),
    }
}

fn find(session: &Session, class: ObjectClass, name: &str) -> Vec<ObjectHandle> {
    let template = [Attribute::Class(class), Attribute::Id(name.into())];
    session.find_objects(&template).unwrap()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

fn openssl(arguments: &[&str], input: &[u8]) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("input");
    std::fs::write(&file, input).unwrap();
    let output = Command::new("openssl")
        .args(arguments)
        .arg("-in")
        .arg(&file)
        .output()
        .unwrap();
    assert!(output.status.success(), "openssl {arguments:?}: {output:?}");
    output.stdout
}

/// The values that a child printed as `name: hex`.
fn printed(stdout: &str, name: &str) -> Vec<Vec<u8>> {
    let prefix = format!("{name}: ");
    let lines = stdout.lines().filter_map(|line| line.strip_prefix(&prefix));
    lines.map(unhex).collect()
}

#[test]
fn the_profiles_that_hold_are_there_and_nobody_is_asked_for_them() {
    // Certificates are seen before login only with credentials in the configuration.
    let ids = |ids: &[CK_PROFILE_ID]| format!("{ids:?}");
    let login_first = [
        CKP_BASELINE_PROVIDER,
        CKP_EXTENDED_PROVIDER,
        CKP_AUTHENTICATION_TOKEN,
    ];
    let configured = [&login_first[..], &[CKP_PUBLIC_CERTIFICATES_TOKEN]].concat();
    for (token, expected) in [("configured", ids(&configured)), ("", ids(&login_first))] {
        let child = || {
            let module = initialized();
            let session = module.open_ro_session(slot(&module)).unwrap();
            let profiles = session
                .find_objects(&[Attribute::Class(ObjectClass::PROFILE)])
                .unwrap();
            let ids: Vec<_> = profiles
                .iter()
                .map(|profile| {
                    let wanted = [
                        AttributeType::ProfileId,
                        AttributeType::Token,
                        AttributeType::Private,
                    ];
                    let attributes = session.get_attributes(*profile, &wanted).unwrap();
                    let [
                        Attribute::ProfileId(id),
                        Attribute::Token(true),
                        Attribute::Private(false),
                    ] = attributes[..]
                    else {
                        panic!("{attributes:?}");
                    };
                    *id.as_ref()
                })
                .collect();
            println!("\nprofiles: {ids:?}");
            let by_id = [
                Attribute::Class(ObjectClass::PROFILE),
                Attribute::Token(true),
            ];
            assert_eq!(session.find_objects(&by_id).unwrap(), profiles);
            // Nothing asks for objects of mechanisms: section 4.13 of PKCS #11 3.2 defines what they
            // look like where a token has some, and no profile wants any.
            let mechanisms = [Attribute::Class(ObjectClass::MECHANISM)];
            assert_eq!(session.find_objects(&mechanisms).unwrap(), []);
        };
        let prepare = || {
            let service = service();
            let more: &[_] = match token {
                "" => &[("SIGNPATH_API_TOKEN", "")],
                _ => &[],
            };
            let environment = environment(&service, more);
            (service, environment)
        };
        let Some((service, run)) = in_child(test_name!(), prepare, child) else {
            return;
        };
        let expected = format!("profiles: {expected}");
        assert!(run.stdout.contains(&expected), "{}", run.stdout);
        assert_eq!(service.requests().len(), 0);
        run.assert_silent();
    }
}

#[test]
fn a_key_without_certificate_gets_a_stand_in_that_is_the_same_in_each_process() {
    let child = || {
        let module = initialized();
        let session = logged_in(&module);
        for name in ["demo/rsa-2048", "demo/p-384"] {
            let [certificate] = find(&session, ObjectClass::CERTIFICATE, name)[..] else {
                panic!("{name}");
            };
            let [private_key] = find(&session, ObjectClass::PRIVATE_KEY, name)[..] else {
                panic!("{name}");
            };
            let [public_key] = find(&session, ObjectClass::PUBLIC_KEY, name)[..] else {
                panic!("{name}");
            };
            let subject = bytes(&session, certificate, AttributeType::Subject);
            assert_eq!(
                bytes(&session, private_key, AttributeType::Subject),
                subject
            );
            assert_eq!(
                bytes(&session, certificate, AttributeType::Label),
                name.as_bytes()
            );
            let print = |name, value: Vec<u8>| println!("\n{name}: {}", hex(&value));
            print(
                "certificate",
                bytes(&session, certificate, AttributeType::Value),
            );
            print(
                "key",
                bytes(&session, public_key, AttributeType::PublicKeyInfo),
            );
        }
    };
    let mut seen = Vec::new();
    for _ in 0..2 {
        let prepare = || {
            let service = service_with(WITHOUT_CERTIFICATES);
            let environment = environment(&service, &[(STAND_IN, "true")]);
            (service, environment)
        };
        let Some((_, run)) = in_child(test_name!(), prepare, child) else {
            return;
        };
        run.assert_silent();
        let certificates = printed(&run.stdout, "certificate");
        let keys = printed(&run.stdout, "key");
        for (index, name) in ["demo/rsa-2048", "demo/p-384"].into_iter().enumerate() {
            let certificate = &certificates[index];
            let key = openssl(
                &["x509", "-inform", "DER", "-noout", "-pubkey"],
                certificate,
            );
            let key = openssl(&["pkey", "-pubin", "-outform", "DER"], &key);
            assert_eq!(key, keys[index], "{name}");
            let text = openssl(
                &["x509", "-inform", "DER", "-noout", "-subject", "-enddate"],
                certificate,
            );
            let text = String::from_utf8(text).unwrap();
            assert!(text.contains(name), "{text}");
            assert!(text.contains("9999"), "{text}");
        }
        seen.push(certificates);
    }
    assert_eq!(seen[0], seen[1]);
}

#[test]
fn without_the_setting_a_key_without_certificate_has_none() {
    let child = || {
        let module = initialized();
        let session = logged_in(&module);
        assert_eq!(find(&session, ObjectClass::CERTIFICATE, "demo/p-384"), []);
        assert_eq!(
            find(&session, ObjectClass::PUBLIC_KEY, "demo/p-384").len(),
            1
        );
        assert_eq!(
            find(&session, ObjectClass::PRIVATE_KEY, "demo/p-384").len(),
            1
        );
        assert_eq!(objects(&session).len(), 2 + 2 + 3);
    };
    let prepare = || {
        let service = service_with(WITHOUT_CERTIFICATES);
        let environment = environment(&service, &[]);
        (service, environment)
    };
    in_child(test_name!(), prepare, child);
}

/// Self-signed certificates as DER, with a key as openssl is told to make it.
const KEYS_OF_NO_USE: [(&str, &[&str]); 5] = [
    ("ed25519", &["ed25519"]),
    (
        "secp256k1",
        &["ec", "-pkeyopt", "ec_paramgen_curve:secp256k1"],
    ),
    (
        "explicit",
        &[
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-pkeyopt",
            "ec_param_enc:explicit",
        ],
    ),
    (
        "large-exponent",
        &[
            "rsa:2048",
            "-pkeyopt",
            "rsa_keygen_pubexp:1208925819614629174706175",
        ],
    ),
    ("rsa-pss", &["rsa-pss", "-pkeyopt", "rsa_keygen_bits:2048"]),
];

fn self_signed(newkey: &[&str]) -> Vec<u8> {
    let output = Command::new("openssl")
        .args(["req", "-x509", "-nodes", "-subj", "/CN=Demo"])
        .args(["-keyout", "/dev/null", "-outform", "DER", "-newkey"])
        .args(newkey)
        .output()
        .unwrap();
    assert!(output.status.success(), "openssl {newkey:?}: {output:?}");
    output.stdout
}

/// The same certificate with another first byte of its EC point, which makes it no point.
fn with_malformed_key(mut certificate: Vec<u8>) -> Vec<u8> {
    let point = certificate
        .windows(4)
        .position(|bytes| bytes == [3, 66, 0, 4])
        .unwrap();
    certificate[point + 3] = 9;
    certificate
}

#[test]
fn a_key_that_nobody_here_signs_with_shows_its_certificate_and_a_warning() {
    let prepare = || {
        let mut certificates: Vec<_> = KEYS_OF_NO_USE
            .iter()
            .map(|(name, newkey)| (*name, self_signed(newkey)))
            .collect();
        let p256 = self_signed(&["ec", "-pkeyopt", "ec_paramgen_curve:P-256"]);
        certificates.push(("malformed", with_malformed_key(p256)));
        certificates.push(("rsa-1024", self_signed(&["rsa:1024"])));
        let policies: Vec<_> = certificates
            .iter()
            .map(|(name, certificate)| {
                serde_json::json!({
                    "signingPolicyId": "eacd4b78-6038-4450-9eec-4acd1c7ba6f1",
                    "projectSlug": "demo", "signingPolicySlug": name, "keyType": "Other",
                    "certificateBytes": BASE64_STANDARD.encode(certificate),
                    "certificateType": "X509",
                })
            })
            .collect();
        let service = service();
        service
            .inject(Fault::from(Effect::Answer {
                status: 200,
                headers: vec![("Content-Type".to_owned(), "application/json".to_owned())],
                body: serde_json::json!({ "signingPolicies": policies })
                    .to_string()
                    .into_bytes(),
            }))
            .unwrap();
        let environment = environment(&service, &[]);
        (service, environment)
    };
    let child = || {
        let raw = Raw::load();
        let session = raw::logged_in(&raw);
        let names = KEYS_OF_NO_USE.map(|(name, _)| name);
        let names = names.into_iter().chain(["malformed", "rsa-1024"]);
        for name in names.clone() {
            let id = format!("demo/{name}");
            let certificate = raw::object(&raw, session, CKO_CERTIFICATE, &id);
            assert_eq!(
                raw::value(&raw, session, certificate, CKA_CERTIFICATE_CATEGORY).unwrap(),
                CK_CERTIFICATE_CATEGORY_OTHER_ENTITY.to_ne_bytes(),
                "{name}"
            );
        }
        let key = raw::object(&raw, session, CKO_PUBLIC_KEY, "demo/rsa-1024");
        let allowed = raw::value(&raw, session, key, CKA_ALLOWED_MECHANISMS);
        assert_eq!(allowed, None);
        let shown: usize = [CKO_CERTIFICATE, CKO_PUBLIC_KEY, CKO_PRIVATE_KEY]
            .map(|class| {
                let class = (CKA_CLASS, class.to_ne_bytes().to_vec());
                raw::search(&raw, session, &mut [class]).len()
            })
            .iter()
            .sum();
        assert_eq!(shown, names.count() + 1);
    };
    let Some((_, run)) = in_child(test_name!(), prepare, child) else {
        return;
    };
    let lines: Vec<_> = run.stderr.lines().collect();
    assert_eq!(lines.len(), KEYS_OF_NO_USE.len() + 1, "{}", run.stderr);
    for (name, why) in [
        ("ed25519", "1.3.101.112"),
        ("secp256k1", "1.3.132.0.10"),
        ("explicit", "explicit curve parameters"),
        ("large-exponent", "a public exponent of 80 bits"),
        ("rsa-pss", "1.2.840.113549.1.1.10"),
        ("malformed", "malformed"),
    ] {
        let says = ["warning", name, "its key is not supported", why];
        let is_said = |line: &&&str| says.iter().all(|word| line.contains(word));
        assert_eq!(lines.iter().filter(is_said).count(), 1, "{}", run.stderr);
    }
}

#[test]
fn an_object_is_found_by_each_of_its_attributes_and_by_all_of_them() {
    let child = || {
        let raw = Raw::load();
        let session = raw::logged_in(&raw);
        let all_objects = raw::search(&raw, session, &mut []);
        assert_eq!(all_objects.len(), 4 + 6 * 3);
        let mut unique_ids = std::collections::HashSet::new();
        for object in all_objects {
            // All that the standard defines, those with CKF_ARRAY_ATTRIBUTE too.
            let ids = (0..0x700).flat_map(|id| [id, CKF_ARRAY_ATTRIBUTE | id]);
            let mut attributes: Vec<_> = ids
                .filter_map(|id| Some((id, raw::value(&raw, session, object, id)?)))
                .collect();
            assert!(attributes.len() >= 9, "{attributes:x?}");
            for attribute in &attributes {
                let found = raw::search(&raw, session, &mut [attribute.clone()]);
                assert!(found.contains(&object), "{attribute:x?}");
                let mut another = attribute.clone();
                another.1.push(0);
                let found = raw::search(&raw, session, &mut [another]);
                assert!(!found.contains(&object), "{attribute:x?}");
            }
            attributes.reverse();
            assert_eq!(raw::search(&raw, session, &mut attributes), [object]);
            assert!(unique_ids.insert(raw::value(&raw, session, object, CKA_UNIQUE_ID).unwrap()));
        }
    };
    let prepare = || {
        let service = service();
        let environment = environment(&service, &[("SIGNPATH_LOG_CONSOLE_LEVEL", "error")]);
        (service, environment)
    };
    let Some((_, run)) = in_child(test_name!(), prepare, child) else {
        return;
    };
    run.assert_silent();
}

#[test]
fn the_attributes_of_a_certificate_are_those_that_openssl_reads() {
    let prepare = || {
        let service = service();
        let environment = environment(&service, &[]);
        (service, environment)
    };
    let child = || {
        let module = initialized();
        let session = logged_in(&module);
        let [certificate] = find(&session, ObjectClass::CERTIFICATE, "demo/p-521")[..] else {
            panic!();
        };
        let print = |name, id| println!("\n{name}: {}", hex(&bytes(&session, certificate, id)));
        print("value", AttributeType::Value);
        print("check", AttributeType::CheckValue);
        print("serial", AttributeType::SerialNumber);
        print("key", AttributeType::PublicKeyInfo);
    };
    let Some((service, run)) = in_child(test_name!(), prepare, child) else {
        return;
    };
    let value = service.certificate_der("demo", "p-521").unwrap();
    let one = |name| printed(&run.stdout, name).remove(0);
    assert_eq!(one("value"), value);
    assert_eq!(one("check"), Sha1::digest(value)[..3]);
    let read = |options: &[&str]| {
        let arguments = [&["x509", "-inform", "DER", "-noout"], options].concat();
        openssl(&arguments, value)
    };
    let serial = String::from_utf8(read(&["-serial"])).unwrap();
    let serial = unhex(serial.trim().strip_prefix("serial=").unwrap());
    assert_eq!(one("serial")[2..], serial, "a DER INTEGER");
    let key = openssl(&["pkey", "-pubin", "-outform", "DER"], &read(&["-pubkey"]));
    assert_eq!(one("key"), key);
}

#[test]
fn a_public_key_that_a_program_creates_verifies_what_openssl_signed() {
    let prepare = || {
        let service = service();
        let environment = environment(&service, &[("SIGNPATH_API_TOKEN", "")]);
        (service, environment)
    };
    let child = || {
        let raw = Raw::load();
        assert_eq!(ck!(raw, C_Initialize(null_mut())), CKR_OK);
        let mut session = 0;
        let opened = ck!(
            raw,
            C_OpenSession(1, CKF_SERIAL_SESSION, null_mut(), None, &mut session)
        );
        assert_eq!(opened, CKR_OK);
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        let run = |arguments: &[&str]| {
            let output = Command::new("openssl").args(arguments).output().unwrap();
            assert!(output.status.success(), "openssl {arguments:?}: {output:?}");
            output.stdout
        };
        run(&[
            "genpkey",
            "-algorithm",
            "RSA",
            "-pkeyopt",
            "rsa_keygen_bits:2048",
            "-out",
            &path("key"),
        ]);
        std::fs::write(path("message"), b"message").unwrap();
        let mut signature = run(&["dgst", "-sha256", "-sign", &path("key"), &path("message")]);
        let modulus = run(&["rsa", "-in", &path("key"), "-noout", "-modulus"]);
        let modulus = String::from_utf8(modulus).unwrap();
        let mut modulus = unhex(modulus.trim().strip_prefix("Modulus=").unwrap());
        let (mut class, mut key_type, mut exponent) = (CKO_PUBLIC_KEY, CKK_RSA, [1_u8, 0, 1]);
        let long = size_of::<CK_ULONG>();
        let mut template = [
            (CKA_CLASS, (&raw mut class).cast(), long),
            (CKA_KEY_TYPE, (&raw mut key_type).cast(), long),
            (CKA_MODULUS, modulus.as_mut_ptr().cast(), modulus.len()),
            (CKA_PUBLIC_EXPONENT, exponent.as_mut_ptr().cast(), 3),
        ]
        .map(|(id, value, length)| CK_ATTRIBUTE {
            type_: id,
            pValue: value,
            ulValueLen: length as CK_ULONG,
        });
        let mut key = 0;
        let created = ck!(
            raw,
            C_CreateObject(session, template.as_mut_ptr(), 4, &mut key)
        );
        assert_eq!(created, CKR_OK);
        let mut mechanism = raw::mechanism(CKM_SHA256_RSA_PKCS);
        let mut verify = |message: &mut [u8]| {
            let init = ck!(raw, C_VerifyInit(session, &mut mechanism, key));
            assert_eq!(init, CKR_OK);
            let length = message.len() as CK_ULONG;
            ck!(
                raw,
                C_Verify(
                    session,
                    message.as_mut_ptr(),
                    length,
                    signature.as_mut_ptr(),
                    256
                )
            )
        };
        assert_eq!(verify(&mut b"message".to_owned()), CKR_OK);
        assert_eq!(verify(&mut b"massage".to_owned()), CKR_SIGNATURE_INVALID);
        let sign = ck!(raw, C_SignInit(session, &mut mechanism, key));
        assert_eq!(sign, CKR_KEY_FUNCTION_NOT_PERMITTED);
    };
    let Some((service, _)) = in_child(test_name!(), prepare, child) else {
        return;
    };
    assert_eq!(traffic(&service.requests()).lists, 0, "nobody is asked");
}

#[test]
fn two_threads_that_change_or_destroy_an_object_do_not_undo_each_other() {
    let prepare = || {
        let service = service();
        let environment = environment(&service, &[]);
        (service, environment)
    };
    let child = || {
        let raw = Raw::load();
        let session = raw::logged_in(&raw);
        let key = raw::object(&raw, session, CKO_PUBLIC_KEY, "demo/p-256");
        let parts = [CKA_CLASS, CKA_KEY_TYPE, CKA_EC_PARAMS, CKA_EC_POINT];
        let mut parts = parts.map(|id| (id, raw::value(&raw, session, key, id).unwrap()));
        let change = |object, id, mut value: Vec<u8>| {
            let mut attribute = raw::attribute(id, &mut value);
            ck!(raw, C_SetAttributeValue(session, object, &mut attribute, 1))
        };
        let barrier = Barrier::new(2);
        let at_once = |one: &(dyn Fn() -> CK_RV + Sync), other: &(dyn Fn() -> CK_RV + Sync)| {
            let run = |act: &(dyn Fn() -> CK_RV + Sync)| {
                barrier.wait();
                act()
            };
            thread::scope(|scope| {
                let one = scope.spawn(|| run(one));
                [run(other), one.join().unwrap()]
            })
        };
        for round in 0..300_u32 {
            let mut template: Vec<_> = parts
                .iter_mut()
                .map(|(id, value)| raw::attribute(*id, value))
                .collect();
            let (mut object, count) = (0, template.len() as CK_ULONG);
            let created = ck!(
                raw,
                C_CreateObject(session, template.as_mut_ptr(), count, &mut object)
            );
            assert_eq!(created, CKR_OK);
            let value = round.to_string().into_bytes();
            let changed = at_once(&|| change(object, CKA_LABEL, value.clone()), &|| {
                change(object, CKA_ID, value.clone())
            });
            assert_eq!(changed, [CKR_OK, CKR_OK]);
            for id in [CKA_LABEL, CKA_ID] {
                assert_eq!(raw::value(&raw, session, object, id).unwrap(), value);
            }
            let destroy = || ck!(raw, C_DestroyObject(session, object));
            let mut destroyed = at_once(&destroy, &destroy);
            destroyed.sort_unstable();
            assert_eq!(destroyed, [CKR_OK, CKR_OBJECT_HANDLE_INVALID]);
        }
    };
    let Some((_, run)) = in_child(test_name!(), prepare, child) else {
        return;
    };
    assert!(!run.stderr.contains("panic"), "{}", run.stderr);
}
