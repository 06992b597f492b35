//! Objects other than those of an ordinary signing policy: profiles, dummy certificates, keys that cannot sign, and public keys
//! that a program creates.

mod common;

use std::collections::HashSet;
use std::process::Command;
use std::sync::Barrier;
use std::thread;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use common::{in_child, module_path, options, said, say};
use cryptoki_sys::*;
use pkcs11_test::harness::{Module, Rv, Session, Stage, boolean, ulong};
use pkcs11_test::{Effect, Options, PolicyFile};
use sha1::{Digest, Sha1};

const WITHOUT_CERTIFICATES: &str = r#"{"policies": [
    {"project": "demo", "policy": "rsa-2048", "key": "rsa-2048", "certificate": "None"},
    {"project": "demo", "policy": "p-384", "key": "p-384", "certificate": "None"},
    {"project": "demo", "policy": "p-256", "key": "p-256"}]}"#;

/// Options of a service with these policies.
fn with_policies(policies: &str) -> Options {
    let policies = PolicyFile::parse(policies).unwrap();
    Options {
        policies,
        ..options()
    }
}

/// Runs a test with a service of these options in a process of its own, and returns what it printed with [`say`].
fn on_stage(
    test: &str,
    options: Options,
    more: &[(&str, &str)],
    act: impl FnOnce(&Stage, &Module),
) -> Option<Vec<String>> {
    let child = || {
        let stage = Stage::new(options, more).unwrap();
        act(&stage, &Module::load(module_path()));
    };
    let ((), run) = in_child(test, || ((), Vec::new()), child)?;
    Some(said(&run.stdout).into_iter().map(str::to_owned).collect())
}

/// How many objects of a class there are.
fn count(session: Session, class: CK_OBJECT_CLASS) -> usize {
    session.find(&[(CKA_CLASS, ulong(class))]).unwrap().len()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let byte = |at| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(byte).collect()
}

/// The output of openssl. `input`, if any, is in a file after `-in`.
fn openssl(arguments: &[&str], input: Option<&[u8]>) -> Vec<u8> {
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut openssl = Command::new("openssl");
    openssl.args(arguments);
    if let Some(input) = input {
        std::fs::write(file.path(), input).unwrap();
        openssl.arg("-in").arg(file.path());
    }
    let output = openssl.output().unwrap();
    assert!(output.status.success(), "openssl {arguments:?}: {output:?}");
    output.stdout
}

/// What openssl says of a certificate in DER.
fn x509(options: &[&str], certificate: &[u8]) -> Vec<u8> {
    let arguments = [&["x509", "-inform", "DER", "-noout"], options].concat();
    openssl(&arguments, Some(certificate))
}

/// The public key of a certificate, in DER.
fn key_of(certificate: &[u8]) -> Vec<u8> {
    let pem = x509(&["-pubkey"], certificate);
    openssl(&["pkey", "-pubin", "-outform", "DER"], Some(&pem))
}

#[test]
fn the_profiles_are_listed_without_a_request() {
    on_stage(test_name!(), options(), &[], |stage, module| {
        let token = stage.service.token();
        // Certificates are shown before login only if credentials are configured.
        let login_first = [
            CKP_BASELINE_PROVIDER,
            CKP_EXTENDED_PROVIDER,
            CKP_AUTHENTICATION_TOKEN,
        ];
        let configured = [&login_first[..], &[CKP_PUBLIC_CERTIFICATES_TOKEN]].concat();
        for (token, expected) in [(token, &configured[..]), ("", &login_first)] {
            stage.set("SIGNPATH_API_TOKEN", token);
            let seen = stage.see(|| {
                module.initialize();
                let session = module.session();
                let class = (CKA_CLASS, ulong(CKO_PROFILE));
                let profiles = session.find(std::slice::from_ref(&class)).unwrap();
                let of = |id| -> Vec<_> {
                    let value = |profile: &_| session.attribute(*profile, id).unwrap();
                    profiles.iter().map(value).collect()
                };
                let ids: Vec<_> = expected.iter().map(|id| ulong(*id)).collect();
                assert_eq!(of(CKA_PROFILE_ID), ids);
                assert_eq!(of(CKA_TOKEN), vec![boolean(true); ids.len()]);
                assert_eq!(of(CKA_PRIVATE), vec![boolean(false); ids.len()]);
                let on_token = [class, (CKA_TOKEN, boolean(true))];
                assert_eq!(session.find(&on_token).unwrap(), profiles);
                // Nothing asks for objects of mechanisms: section 4.13 of PKCS #11 3.2 defines what they
                // look like where a token has some, and no profile wants any.
                assert_eq!(count(session, CKO_MECHANISM), 0);
                module.finalize();
            });
            assert_eq!((seen.lines.len(), seen.requests.len()), (0, 0), "{seen:?}");
        }
    });
}

#[test]
fn a_key_without_certificate_gets_the_same_dummy_certificate_in_each_process() {
    let stand_in = [(
        "SIGNPATH_INCLUDE_DUMMY_X509CERTIFICATE_FOR_GPG_KEYS",
        "true",
    )];
    let mut seen = Vec::new();
    for _ in 0..2 {
        let options = with_policies(WITHOUT_CERTIFICATES);
        let said = on_stage(test_name!(), options, &stand_in, |stage, module| {
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
                assert_eq!(
                    key_of(&der),
                    value(key.public, CKA_PUBLIC_KEY_INFO),
                    "{name}"
                );
                let text = String::from_utf8(x509(&["-subject", "-enddate"], &der)).unwrap();
                assert!(text.contains(name) && text.contains("9999"), "{text}");
                say(&hex(&der));
            }
        });
        let Some(said) = said else {
            return;
        };
        assert_eq!(said.len(), 2);
        seen.push(said);
    }
    assert_eq!(seen[0], seen[1]);
}

#[test]
fn without_the_setting_there_is_no_dummy_certificate() {
    let options = with_policies(WITHOUT_CERTIFICATES);
    on_stage(test_name!(), options, &[], |_, module| {
        let session = module.logged_in().unwrap();
        let of = |class| {
            let template = [(CKA_CLASS, ulong(class)), (CKA_ID, b"demo/p-384".to_vec())];
            session.find(&template).unwrap().len()
        };
        assert_eq!(
            [CKO_CERTIFICATE, CKO_PUBLIC_KEY, CKO_PRIVATE_KEY].map(of),
            [0, 1, 1]
        );
        let all = session.find(&[]).unwrap().len();
        assert_eq!(all - count(session, CKO_PROFILE), 2 + 2 + 3);
    });
}

/// Names of keys, how openssl makes them, and why they cannot sign; `None` for a key that can verify.
const KEYS_OF_NO_USE: [(&str, &str, Option<&str>); 7] = [
    ("ed25519", "ed25519", Some("1.3.101.112")),
    (
        "secp256k1",
        "ec -pkeyopt ec_paramgen_curve:secp256k1",
        Some("1.3.132.0.10"),
    ),
    (
        "explicit",
        "ec -pkeyopt ec_paramgen_curve:P-256 -pkeyopt ec_param_enc:explicit",
        Some("explicit curve parameters"),
    ),
    (
        "large-exponent",
        "rsa:2048 -pkeyopt rsa_keygen_pubexp:1208925819614629174706175",
        Some("a public exponent of 80 bits"),
    ),
    (
        "rsa-pss",
        "rsa-pss -pkeyopt rsa_keygen_bits:2048",
        Some("1.2.840.113549.1.1.10"),
    ),
    (
        "malformed",
        "ec -pkeyopt ec_paramgen_curve:P-256",
        Some("malformed"),
    ),
    ("rsa-1024", "rsa:1024", None),
];

/// A certificate for a key that openssl makes with these options.
fn self_signed(name: &str, newkey: &str) -> Vec<u8> {
    let request = "req -x509 -nodes -subj /CN=Demo -keyout /dev/null -outform DER -newkey";
    let arguments: Vec<_> = request.split(' ').chain(newkey.split(' ')).collect();
    let mut certificate = openssl(&arguments, None);
    if name == "malformed" {
        // With another first byte, this is not an EC point.
        let point = certificate
            .windows(4)
            .position(|bytes| bytes == [3, 66, 0, 4]);
        certificate[point.unwrap() + 3] = 9;
    }
    certificate
}

#[test]
fn a_key_that_cannot_sign_shows_its_certificate_and_a_warning() {
    on_stage(test_name!(), options(), &[], |stage, module| {
        let policies = KEYS_OF_NO_USE.map(|(name, newkey, _)| {
            serde_json::json!({
                "signingPolicyId": "eacd4b78-6038-4450-9eec-4acd1c7ba6f1",
                "projectSlug": "demo", "signingPolicySlug": name, "keyType": "Other",
                "certificateBytes": BASE64_STANDARD.encode(self_signed(name, newkey)),
                "certificateType": "X509",
            })
        });
        let body = serde_json::json!({ "signingPolicies": policies }).to_string();
        let headers = [("Content-Type", "application/json")];
        stage
            .service
            .inject(Effect::answer(200, &headers, body))
            .unwrap();
        let login = stage.see(|| module.logged_in().unwrap());
        let (session, lines) = (login.value, login.lines);
        for (name, _, why) in KEYS_OF_NO_USE {
            let certificate = session.certificate(&format!("demo/{name}"));
            let category = session.attribute(certificate, CKA_CERTIFICATE_CATEGORY);
            assert_eq!(
                category,
                Ok(ulong(CK_CERTIFICATE_CATEGORY_OTHER_ENTITY)),
                "{name}"
            );
            let says = [
                "warning",
                name,
                "its key is not supported",
                why.unwrap_or_default(),
            ];
            let is_said = |line: &&String| says.iter().all(|word| line.contains(word));
            let said = lines.iter().filter(is_said).count();
            assert_eq!(said, usize::from(why.is_some()), "{lines:#?}");
        }
        assert_eq!(lines.len(), KEYS_OF_NO_USE.len() - 1, "{lines:#?}");
        let key = session.public("demo/rsa-1024");
        assert!(session.attribute(key, CKA_ALLOWED_MECHANISMS).is_err());
        let counts =
            [CKO_CERTIFICATE, CKO_PUBLIC_KEY, CKO_PRIVATE_KEY].map(|class| count(session, class));
        assert_eq!(counts.iter().sum::<usize>(), KEYS_OF_NO_USE.len() + 1);
    });
}

#[test]
fn an_object_is_found_by_each_of_its_attributes_and_by_all_of_them() {
    let level = [("SIGNPATH_LOG_CONSOLE_LEVEL", "error")];
    on_stage(test_name!(), options(), &level, |stage, module| {
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

#[test]
fn the_attributes_of_a_certificate_are_those_that_openssl_reads() {
    on_stage(test_name!(), options(), &[], |stage, module| {
        let session = module.logged_in().unwrap();
        let certificate = session.certificate("demo/p-521");
        let attribute = |id| session.attribute(certificate, id).unwrap();
        let value = stage.service.certificate_der("demo", "p-521").unwrap();
        assert_eq!(attribute(CKA_VALUE), value);
        assert_eq!(attribute(CKA_CHECK_VALUE), Sha1::digest(value)[..3]);
        let serial = String::from_utf8(x509(&["-serial"], value)).unwrap();
        let serial = unhex(serial.trim().strip_prefix("serial=").unwrap());
        assert_eq!(attribute(CKA_SERIAL_NUMBER)[2..], serial, "a DER INTEGER");
        assert_eq!(attribute(CKA_PUBLIC_KEY_INFO), key_of(value));
    });
}

#[test]
fn a_public_key_that_a_program_creates_verifies_what_openssl_signed() {
    let no_token = [("SIGNPATH_API_TOKEN", "")];
    on_stage(test_name!(), options(), &no_token, |stage, module| {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        let (file, message) = (path("key"), path("message"));
        let run = |arguments: &[&str]| openssl(arguments, None);
        run(&[
            "genpkey",
            "-algorithm",
            "RSA",
            "-pkeyopt",
            "rsa_keygen_bits:2048",
            "-out",
            &file,
        ]);
        std::fs::write(&message, b"message").unwrap();
        let signature = run(&["dgst", "-sha256", "-sign", &file, &message]);
        let modulus = String::from_utf8(run(&["rsa", "-in", &file, "-noout", "-modulus"])).unwrap();
        module.initialize();
        let session = module.session();
        let key = session.create(&[
            (CKA_CLASS, ulong(CKO_PUBLIC_KEY)),
            (CKA_KEY_TYPE, ulong(CKK_RSA)),
            (
                CKA_MODULUS,
                unhex(modulus.trim().strip_prefix("Modulus=").unwrap()),
            ),
            (CKA_PUBLIC_EXPONENT, vec![1, 0, 1]),
        ]);
        let key = key.unwrap();
        let verify = |message: &[u8]| {
            assert_eq!(session.verify_init(CKM_SHA256_RSA_PKCS, key), CKR_OK);
            session.verify(message, &signature)
        };
        assert_eq!(verify(b"message"), CKR_OK);
        assert_eq!(verify(b"massage"), CKR_SIGNATURE_INVALID);
        let sign = session.sign_init(CKM_SHA256_RSA_PKCS, key);
        assert_eq!(sign, CKR_KEY_FUNCTION_NOT_PERMITTED);
        assert_eq!(stage.service.requests().len(), 0, "nobody is asked");
    });
}

#[test]
fn threads_that_change_or_destroy_an_object_do_not_undo_each_other() {
    on_stage(test_name!(), options(), &[], |stage, module| {
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
