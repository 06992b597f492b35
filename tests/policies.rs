//! Which signing policies are shown, and which warnings explain the others.

mod common;

use common::{NOTHING, assert_lines, list_of, listed, on_stage, options, visible, with_policies};
use cryptoki_sys::*;
use pkcs11_test::harness::ulong;
use serde_json::json;

#[test]
fn a_search_for_an_unknown_name_lists_the_known_ones() {
    let slug = [("SIGNPATH_PROJECT_SLUG", "demo")];
    on_stage(test_name!(), options, &slug, |stage, module| {
        let session = module.logged_in().unwrap();
        let seen = stage.see(|| {
            // A typo, the hash by which NSS looks for a key, and a name that is too long to repeat.
            for id in [&b"demo/rsa2048"[..], &[0xa0; 20], &[b'x'; 300]] {
                for class in [CKO_PRIVATE_KEY, CKO_CERTIFICATE] {
                    let template = [(CKA_CLASS, ulong(class)), (CKA_ID, id.to_vec())];
                    assert_eq!(session.find(&template).unwrap(), NOTHING);
                }
            }
        });
        let lines = ["\"demo/rsa2048\"", &format!("0x{}", "a0".repeat(20))].map(|name| {
            format!(
                "warning … no signing policy {name} … \
                 ; the user of the API token can sign with demo/rsa-2048, demo/rsa-3072 … ProjectSlug/SigningPolicySlug"
            )
        });
        assert_lines(&seen.lines, &lines.each_ref().map(|line| &**line));
    });
}

#[test]
fn an_invalid_certificate_hides_no_other_policy() {
    let policies = || {
        with_policies(
            r#"{"policies": [
                {"project": "demo", "policy": "p-384", "key": "p-384", "certificate": "Garbage"},
                {"project": "demo", "policy": "p-256", "key": "p-256"},
                {"project": "demo", "policy": "p-521", "key": "p-521", "certificate": "None"}]}"#,
        )
    };
    on_stage(test_name!(), policies, &[], |stage, module| {
        let login = stage.see(|| module.logged_in().unwrap());
        assert_lines(&login.lines, &["warning … signing policy demo/p-384 … skipped"]);
        // A policy without certificate still shows its keys.
        assert_eq!(visible(login.value).len(), 3 + 2);
        for name in ["demo/p-256", "demo/p-521"] {
            login.value.key(name).sign(CKM_ECDSA, &[7; 32]).unwrap();
        }
    });
}

/// `a/b/c` would be ambiguous, and a line break would forge a line in a log.
#[test]
fn a_name_with_a_slash_or_line_break_is_skipped() {
    const ODD: &str = "$(id) `|\\\"' #=;: \u{df}";
    on_stage(test_name!(), options, &[], |stage, module| {
        let certificate = stage.service.certificate_der("demo", "rsa-2048").unwrap();
        let names = [("a/b", "c"), ("a", "b/c"), ("a", "b\nc"), ("a", ODD)];
        stage.inject(listed(&names, certificate));
        let login = stage.see(|| module.logged_in().unwrap());
        let expected = [
            "signing policy a/b/c: its project slug contains a slash",
            "signing policy a/b/c: its signing policy slug contains a slash",
            r"signing policy a/b\nc: its signing policy slug contains the character U+000A",
        ];
        assert_lines(&login.lines, &expected);
        let objects = visible(login.value);
        assert_eq!(objects.len(), 3);
        for object in objects {
            for attribute in [CKA_LABEL, CKA_ID] {
                let name = login.value.attribute(object, attribute).unwrap();
                assert_eq!(String::from_utf8(name).unwrap(), format!("a/{ODD}"));
            }
        }
    });
}

#[test]
fn names_ten_unusable_policies_and_counts_the_rest() {
    on_stage(test_name!(), options, &[], |stage, module| {
        let entries = (0..10_000).flat_map(|index| {
            let policy = format!("p{index}");
            [
                json!({"projectSlug": "broken", "signingPolicySlug": policy, "keyType": 1}),
                json!({"projectSlug": "garbage", "signingPolicySlug": policy, "certificateBytes": "AAAA"}),
                json!({"projectSlug": "quantum", "signingPolicySlug": policy, "keyType": "Quantum"}),
            ]
        });
        stage.inject(list_of(entries.collect()));
        let lines = stage.see(|| _ = module.logged_in().unwrap()).lines;
        for (part, count) in table! {
            ("invalid entry in the list of signing policies", 10),
            ("signing policy garbage/p", 10),
            ("signing policy quantum/p", 10),
            ("warning: more invalid entries in the list of signing policies, skipped: 9990", 1),
            ("warning: more unusable signing policies, skipped: 9990", 1),
            ("warning: more signing policies whose key cannot sign: 9990", 1),
        } {
            let said = lines.iter().filter(|line| line.contains(part)).count();
            assert_eq!(said, count, "{part}: {lines:#?}");
        }
        // The last one says that no signing policy is left.
        assert_eq!(lines.len(), 3 * (10 + 1) + 1, "{lines:#?}");
    });
}

#[test]
fn names_ten_unknown_keys_and_counts_the_rest() {
    on_stage(test_name!(), options, &[], |stage, module| {
        let session = module.logged_in().unwrap();
        let seen = stage.see(|| {
            for index in (0..40).chain(0..40) {
                let unknown = format!("demo/unknown-{index}");
                assert_eq!(session.find(&[(CKA_ID, unknown.into())]).unwrap(), NOTHING);
            }
            assert_eq!(module.finalize(), CKR_OK);
        });
        let told = (0..10).map(|index| format!("demo/unknown-{index}\""));
        let rest = "warning: more searches for unknown keys: 60".to_owned();
        let expected: Vec<_> = told.chain([rest]).collect();
        let expected: Vec<_> = expected.iter().map(|line| &**line).collect();
        assert_lines(&seen.lines, &expected);
    });
}
