//! The objects beside those of an ordinary signing policy: profiles, placeholder certificates, keys that cannot sign, and those
//! that a program creates to verify with.

mod common;
#[path = "common/openssl.rs"]
mod openssl;

use std::collections::HashSet;
use std::sync::Barrier;
use std::thread;

use common::{LIST, SIGN, listed_policies, on_stage, options, said, say, traffic, with_policies};
use cryptoki_sys::*;
use openssl::{openssl, openssl_in};
use pkcs11_test::harness::{Rv, Session, boolean, ulong};
use pkcs11_test::{Effect, Fault};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{RngSeed, TestRunner};

const WITHOUT_CERTIFICATES: &str = r#"{"policies": [
    {"project": "demo", "policy": "rsa-2048", "key": "rsa-2048", "certificate": "None"},
    {"project": "demo", "policy": "p-384", "key": "p-384", "certificate": "None"},
    {"project": "demo", "policy": "p-256", "key": "p-256"}]}"#;

/// How many objects of a class there are.
fn count(session: Session, class: CK_OBJECT_CLASS) -> usize {
    session.find(&[(CKA_CLASS, ulong(class))]).unwrap().len()
}

/// The public key of a certificate, in DER.
fn key_of(certificate: &[u8]) -> Vec<u8> {
    let pem = openssl::public_key(certificate);
    openssl_in(&["pkey", "-pubin", "-outform", "DER"], &pem)
}

#[test]
fn profiles_are_found_without_a_request() {
    on_stage(test_name!(), options, &[], |stage, module| {
        // Certificates are seen before login only with credentials in the configuration.
        let login_first = [CKP_BASELINE_PROVIDER, CKP_EXTENDED_PROVIDER, CKP_AUTHENTICATION_TOKEN];
        let configured = [&login_first[..], &[CKP_PUBLIC_CERTIFICATES_TOKEN]].concat();
        for expected in [&configured[..], &login_first] {
            let seen = stage.see(|| {
                let session = module.opened();
                let profile = [(CKA_CLASS, ulong(CKO_PROFILE)), (CKA_TOKEN, boolean(true))];
                let profiles = session.find(&profile).unwrap().into_iter();
                let value = |profile| {
                    [CKA_PROFILE_ID, CKA_PRIVATE].map(|id| session.attribute(profile, id).unwrap())
                };
                let expected = expected.iter().map(|id| [ulong(*id), boolean(false)]);
                assert!(profiles.map(value).eq(expected));
                // Nothing asks for objects of mechanisms: section 4.13 of PKCS #11 3.2 defines what they
                // look like where a token has some, and no profile wants any.
                assert_eq!(count(session, CKO_MECHANISM), 0);
                module.finalize();
            });
            assert_eq!((seen.lines.len(), seen.requests.len()), (0, 0), "{seen:?}");
            stage.set("SIGNPATH_API_TOKEN", "");
        }
    });
}

#[test]
fn a_placeholder_certificate_is_the_same_in_each_process() {
    let stand_in = [("SIGNPATH_INCLUDE_DUMMY_X509CERTIFICATE_FOR_GPG_KEYS", "true")];
    let mut seen = Vec::new();
    for _ in 0..2 {
        let options = || with_policies(WITHOUT_CERTIFICATES);
        let run = on_stage(test_name!(), options, &stand_in, |stage, module| {
            let login = stage.see(|| module.logged_in().unwrap());
            assert_eq!(login.lines, [""; 0]);
            let session = login.value;
            for name in ["demo/rsa-2048", "demo/p-384"] {
                let value = |object, id| session.attribute(object, id).unwrap();
                let (certificate, key) = (session.certificate(name), session.key(name));
                let subject = value(certificate, CKA_SUBJECT);
                assert_eq!(value(key.private, CKA_SUBJECT), subject);
                assert_eq!(value(certificate, CKA_LABEL), name.as_bytes());
                let der = value(certificate, CKA_VALUE);
                let info = value(key.public, CKA_PUBLIC_KEY_INFO);
                assert_eq!(key_of(&der), info, "{name}");
                assert_eq!(value(certificate, CKA_PUBLIC_KEY_INFO), info, "{name}");
                let text =
                    openssl_in(&["x509", "-inform", "DER", "-noout", "-subject", "-enddate"], &der);
                let text = String::from_utf8(text).unwrap();
                assert!(text.contains(name) && text.contains("9999"), "{text}");
                say(&base16ct::lower::encode_string(&der));
            }
        });
        let run = in_parent!(run);
        seen.push(run.stdout);
    }
    let [first, second] = [said(&seen[0]), said(&seen[1])];
    assert_eq!((first.len(), first), (2, second));
}

/// Names of keys, how openssl makes them, and why they are not supported; nothing where a key can only verify.
const UNSUPPORTED: [(&str, &str, Option<&str>); 7] = table! {
    ("ed25519", "ed25519", Some("1.3.101.112")),
    ("secp256k1", "ec -pkeyopt ec_paramgen_curve:secp256k1", Some("1.3.132.0.10")),
    ("explicit", "ec -pkeyopt ec_paramgen_curve:P-256 -pkeyopt ec_param_enc:explicit", Some("explicit curve parameters")),
    ("large-exponent", "rsa:2048 -pkeyopt rsa_keygen_pubexp:1208925819614629174706175", Some("a public exponent of 80 bits")),
    ("rsa-pss", "rsa-pss -pkeyopt rsa_keygen_bits:2048", Some("1.2.840.113549.1.1.10")),
    ("malformed", "ec -pkeyopt ec_paramgen_curve:P-256", Some("malformed")),
    ("rsa-1024", "rsa:1024", None),
};

/// A certificate for a key as openssl is told to make it.
fn self_signed(name: &str, newkey: &str) -> Vec<u8> {
    let request = "req -x509 -nodes -subj /CN=Demo -keyout /dev/null -outform DER -newkey";
    let words = request.split(' ').chain(newkey.split(' '));
    let mut certificate = openssl(&words.collect::<Vec<_>>());
    if name == "malformed" {
        // Another first byte of the EC point makes it no point.
        let mut places = certificate.windows(4);
        let point = places.position(|bytes| bytes == [3, 66, 0, 4]);
        certificate[point.unwrap() + 3] = 9;
    }
    certificate
}

#[test]
fn an_unsupported_key_shows_its_certificate_and_a_warning() {
    on_stage(test_name!(), options, &[], |stage, module| {
        let certificates = UNSUPPORTED.map(|(name, newkey, _)| (name, self_signed(name, newkey)));
        let policies = certificates.iter().map(|(name, der)| ("demo", *name, &der[..]));
        stage.inject(listed_policies(policies, "Other"));
        let login = stage.see(|| module.logged_in().unwrap());
        let (session, lines) = (login.value, login.lines);
        for (name, _, why) in UNSUPPORTED {
            let certificate = session.certificate(&format!("demo/{name}"));
            let category = session.attribute(certificate, CKA_CERTIFICATE_CATEGORY);
            let other = ulong(CK_CERTIFICATE_CATEGORY_OTHER_ENTITY);
            assert_eq!(category, Ok(other), "{name}");
            let why_not = why.unwrap_or_default();
            let says = ["warning", name, "its key is not supported", why_not];
            let is_said = |line: &&String| says.iter().all(|word| line.contains(word));
            let said = lines.iter().filter(is_said).count();
            assert_eq!(said, usize::from(why.is_some()), "{lines:#?}");
        }
        assert_eq!(lines.len(), UNSUPPORTED.len() - 1, "{lines:#?}");
        let key = session.public("demo/rsa-1024");
        assert!(session.attribute(key, CKA_ALLOWED_MECHANISMS).is_err());
        let counts =
            [CKO_CERTIFICATE, CKO_PUBLIC_KEY, CKO_PRIVATE_KEY].map(|class| count(session, class));
        assert_eq!(counts, [UNSUPPORTED.len(), 1, 0]);
    });
}

#[test]
fn an_object_is_found_by_each_and_all_of_its_attributes() {
    let level = [("SIGNPATH_LOG_CONSOLE_LEVEL", "error")];
    on_stage(test_name!(), options, &level, |stage, module| {
        let seen = stage.see(|| {
            let session = module.logged_in().unwrap();
            let find = |template: &[_]| session.find(template).unwrap();
            let all_objects = find(&[]);
            assert_eq!(all_objects.len(), 4 + 6 * 3);
            let mut unique_ids = HashSet::new();
            for object in all_objects {
                // All that the standard defines, those with CKF_ARRAY_ATTRIBUTE too.
                let ids = (0..0x700).flat_map(|id| [id, CKF_ARRAY_ATTRIBUTE | id]);
                let value = |id| Some((id, session.attribute(object, id).ok()?));
                let mut attributes: Vec<_> = ids.filter_map(value).collect();
                assert!(attributes.len() >= 9, "{attributes:x?}");
                for attribute in &attributes {
                    assert!(
                        find(std::slice::from_ref(attribute)).contains(&object),
                        "{attribute:x?}"
                    );
                    let mut another = attribute.clone();
                    another.1.push(0);
                    assert!(!find(&[another]).contains(&object), "{attribute:x?}");
                }
                attributes.reverse();
                assert_eq!(find(&attributes), [object]);
                assert!(unique_ids.insert(session.attribute(object, CKA_UNIQUE_ID).unwrap()));
            }
        });
        assert_eq!(seen.lines, [""; 0]);
    });
}

/// PKCS #11 3.2, section 5.7.5.
#[test]
fn each_entry_of_a_template_is_answered_as_if_alone() {
    on_stage(test_name!(), options, &[], |_, module| {
        let session = module.logged_in().unwrap();
        let key = session.key("demo/rsa-2048");
        let objects = [session.certificate("demo/rsa-2048"), key.public, key.private];
        let known: &[_] =
            &table! { CKA_CLASS, CKA_ID, CKA_SIGN, CKA_SUBJECT, CKA_MODULUS, CKA_VALUE };
        let others: &[_] =
            &table! { CKA_PRIVATE_EXPONENT, CKA_PRIME_1, CKA_EC_POINT, CKA_VENDOR_DEFINED };
        let id = prop_oneof![3 => select(known), 2 => select(others), 1 => any::<CK_ULONG>()];
        let room = proptest::option::of(prop_oneof![0..20_usize, 200..1500_usize]);
        let template = proptest::collection::vec((id, room), 0..8);
        let config = ProptestConfig {
            rng_seed: RngSeed::Fixed(1),
            failure_persistence: None,
            ..Default::default()
        };
        let check = |(object, template): (_, Vec<(_, Option<usize>)>)| {
            let (rv, entries) = session.attributes_into(object, &template);
            let mut expected = Rv(CKR_OK);
            for ((id, room), entry) in template.into_iter().zip(entries) {
                let mut buffer = vec![0; room.unwrap_or_default()];
                let (rv, length) = match (session.attribute(object, id), room) {
                    (Err(rv), _) => (rv, CK_UNAVAILABLE_INFORMATION),
                    (Ok(value), Some(room)) if room < value.len() => {
                        (Rv(CKR_BUFFER_TOO_SMALL), CK_UNAVAILABLE_INFORMATION)
                    }
                    (Ok(value), room) => {
                        if room.is_some() {
                            buffer[..value.len()].copy_from_slice(&value);
                        }
                        (Rv(CKR_OK), value.len() as CK_ULONG)
                    }
                };
                prop_assert_eq!(entry, (length, buffer));
                expected = if expected == CKR_OK { rv } else { expected };
            }
            prop_assert_eq!(rv, expected);
            Ok(())
        };
        let strategy = (select(objects.to_vec()), template);
        TestRunner::new(config).run(&strategy, check).unwrap();
    });
}

#[test]
fn threads_that_change_or_destroy_an_object_do_not_interfere() {
    on_stage(test_name!(), options, &[], |stage, module| {
        let session = module.logged_in().unwrap();
        let key = session.public("demo/p-256");
        let value = |object, id| session.attribute(object, id).unwrap();
        let parts = [CKA_CLASS, CKA_KEY_TYPE, CKA_EC_PARAMS, CKA_EC_POINT];
        let template = parts.map(|id| (id, value(key, id)));
        let barrier = Barrier::new(2);
        let at_once = |one: &(dyn Fn() -> Rv + Sync), other: &(dyn Fn() -> Rv + Sync)| {
            let run = |act: &(dyn Fn() -> Rv + Sync)| {
                barrier.wait();
                act()
            };
            thread::scope(|scope| {
                let one = scope.spawn(|| run(one));
                [run(other).0, one.join().unwrap().0]
            })
        };
        let seen = stage.see(|| {
            for round in 0..300_u32 {
                let object = session.create(&template).unwrap();
                let text = round.to_string().into_bytes();
                let change = |id| session.change(object, &[(id, text.clone())]);
                let changed = at_once(&|| change(CKA_LABEL), &|| change(CKA_ID));
                assert_eq!(changed, [CKR_OK; 2]);
                assert_eq!([CKA_LABEL, CKA_ID].map(|id| value(object, id)), [&*text; 2]);
                let destroy = || session.destroy(object);
                let mut destroyed = at_once(&destroy, &destroy);
                destroyed.sort_unstable();
                assert_eq!(destroyed, [CKR_OK, CKR_OBJECT_HANDLE_INVALID]);
            }
        });
        assert!(!seen.stderr.contains("panic"), "{}", seen.stderr);
    });
}

/// A certificate of the key of a signing policy, with another serial number each time.
fn certificate(policy: &str) -> Vec<u8> {
    let key = concat!(env!("CARGO_TARGET_TMPDIR"), "/service/keys/demo");
    let key = format!("{key}/{policy}.pem");
    let request = "req -x509 -new -subj /CN=Release -outform DER -key";
    openssl(&request.split(' ').chain([&*key]).collect::<Vec<_>>())
}

/// The list of two policies with these certificates.
fn list(first: &[u8], second: &[u8]) -> Effect {
    listed_policies([("demo", "p-256", first), ("demo", "p-384", second)], "Ecdsa")
}

#[test]
fn handles_stay_the_same_except_for_a_renewed_certificate() {
    on_stage(test_name!(), options, &[], |stage, t| {
        let [first, second, renewed] = ["p-256", "p-384", "p-256"].map(certificate);
        stage.inject(Fault::on(LIST, list(&first, &second)).times(2));
        stage.inject(Fault::on(LIST, list(&renewed, &second)));
        stage.inject(Fault::on(SIGN, Effect::WrongSignature).times(2));
        let session = t.logged_in().unwrap();
        let objects = |name: &str| {
            let key = session.key(name);
            [session.certificate(name), key.public, key.private]
        };
        let all = || ["demo/p-256", "demo/p-384"].map(objects);
        // A signature that does not verify makes the next search request the list.
        let refuse = || {
            let signed = stage.see(|| common::sign(session));
            assert_eq!(signed.value, CKR_DEVICE_ERROR);
        };
        let before = all();
        let [[certificate, keys @ ..], others] = before;
        refuse();
        assert_eq!(all(), before);

        refuse();
        let [[renewed, keys_now @ ..], others_now] = all();
        assert_eq!((keys_now, others_now), (keys, others));
        assert!(!before.concat().contains(&renewed));
        let gone = stage.see(|| session.attribute(certificate, CKA_VALUE));
        assert_eq!(gone.value, Err(Rv(CKR_OBJECT_HANDLE_INVALID)));
        assert_eq!(session.sign_init(CKM_ECDSA, keys[1]), CKR_OK);
        assert_eq!(session.sign(&[7; 32]).unwrap().len(), 64);
        assert_eq!(traffic(&stage.service.requests()).lists, 3);
    });
}
