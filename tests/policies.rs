//! Which signing policies are shown, and what is said about the others.

mod common;

use common::{
    LIST, SIGN, code, environment, in_child, initialized, listed, logged_in, objects, options,
    private_key, said, say, service,
};
use cryptoki::mechanism::Mechanism;
use cryptoki::object::{Attribute, AttributeType, ObjectClass};
use pkcs11_test::{Effect, Fault, Options, PolicyFile, Service};
use serde_json::json;

/// Starts a service whose policies are those of a policies file.
fn service_with(policies: &str) -> Service {
    let policies: PolicyFile = serde_json::from_str(policies).unwrap();
    Service::start(Options {
        policies,
        ..options()
    })
    .unwrap()
}

#[test]
fn a_search_for_a_name_that_no_policy_has_names_those_there_are_once() {
    let prepare = || {
        let service = service();
        let environment = environment(&service, &[("SIGNPATH_PROJECT_SLUG", "demo")]);
        (service, environment)
    };
    let child = || {
        let module = initialized();
        let session = logged_in(&module);
        // A mistyped name, the hash that NSS knows a key by, and what nobody types.
        for id in [&b"demo/rsa2048"[..], &[0xa0; 20], &[b'x'; 300]] {
            for class in [ObjectClass::PRIVATE_KEY, ObjectClass::CERTIFICATE] {
                let template = [Attribute::Class(class), Attribute::Id(id.to_vec())];
                assert_eq!(session.find_objects(&template).unwrap(), []);
            }
        }
    };
    let Some((_, run)) = in_child(test_name!(), prepare, child) else {
        return;
    };
    let hash = format!("0x{}", "a0".repeat(20));
    let lines = run.lines();
    assert_eq!(lines.len(), 2, "{lines:#?}");
    for (line, name) in lines.iter().zip(["\"demo/rsa2048\"", &hash]) {
        for part in [
            "warning",
            &format!("no signing policy {name} "),
            "; the user of the API token can sign with demo/rsa-2048, demo/rsa-3072",
            "ProjectSlug/SigningPolicySlug",
        ] {
            assert!(line.contains(part), "{part:?} is not in {line:?}");
        }
    }
}

#[test]
fn slugs_in_the_configuration_narrow_the_list() {
    let prepare = || {
        let service = service();
        let slug = ("SIGNPATH_SIGNING_POLICY_SLUG", "p-256");
        let environment = environment(&service, &[("SIGNPATH_PROJECT_SLUG", "demo"), slug]);
        (service, environment)
    };
    let child = || {
        let module = initialized();
        let session = logged_in(&module);
        let found = objects(&session);
        assert_eq!(found.len(), 3);
        let id = Attribute::Id(b"demo/p-256".to_vec());
        assert_eq!(session.find_objects(&[id]).unwrap(), found);
    };
    let Some((_, run)) = in_child(test_name!(), prepare, child) else {
        return;
    };
    run.assert_silent();
}

#[test]
fn a_policy_with_garbage_for_a_certificate_hides_no_other() {
    let prepare = || {
        let service = service_with(
            r#"{"policies": [
                {"project": "demo", "policy": "p-384", "key": "p-384", "certificate": "Garbage"},
                {"project": "demo", "policy": "p-256", "key": "p-256"},
                {"project": "demo", "policy": "p-521", "key": "p-521", "certificate": "None"}]}"#,
        );
        let environment = environment(&service, &[]);
        (service, environment)
    };
    let child = || {
        let module = initialized();
        let session = logged_in(&module);
        // A policy without certificate still shows its keys.
        assert_eq!(objects(&session).len(), 3 + 2);
        for name in ["demo/p-256", "demo/p-521"] {
            let key = private_key(&session, name);
            say(&code(session.sign(&Mechanism::Ecdsa, key, &[7; 32])));
        }
    };
    let Some((_, run)) = in_child(test_name!(), prepare, child) else {
        return;
    };
    assert_eq!(said(&run.stdout), ["CKR_OK", "CKR_OK"]);
    run.assert_one_line(&["warning", "signing policy demo/p-384", "skipped"]);
}

#[test]
fn a_byte_order_mark_before_an_answer_is_ignored() {
    let prepare = || {
        let service = service();
        let certificate = service.certificate_der("demo", "rsa-2048").unwrap();
        let with_mark = |effect| match effect {
            Effect::Answer {
                status,
                headers,
                body,
            } => Effect::Answer {
                status,
                headers,
                body: [b"\xef\xbb\xbf", body.as_slice()].concat(),
            },
            other => other,
        };
        let list = with_mark(listed(&[("app", "release")], certificate));
        service.inject(Fault::on(LIST, list).always()).unwrap();
        let refusal = with_mark(Effect::problem(400, &["No."]));
        service.inject(Fault::on(SIGN, refusal)).unwrap();
        let environment = environment(&service, &[]);
        (service, environment)
    };
    let child = || {
        let module = initialized();
        let session = logged_in(&module);
        let key = private_key(&session, "app/release");
        session
            .sign(&Mechanism::Sha256RsaPkcs, key, b"data")
            .unwrap_err();
    };
    let Some((_, run)) = in_child(test_name!(), prepare, child) else {
        return;
    };
    run.assert_one_line(&["the signing request for app/release (400 Bad Request): No. (trace id"]);
}

/// Two signing policies would have the same key, and a line break would be another line elsewhere.
#[test]
fn a_name_with_another_slash_or_a_line_break_is_no_key() {
    const ODD: &str = "$(id) `|\\\"' #=;: \u{df}";
    let prepare = || {
        let service = service();
        let certificate = service.certificate_der("demo", "rsa-2048").unwrap();
        let names = [("a/b", "c"), ("a", "b/c"), ("a", "b\nc"), ("a", ODD)];
        let list = Fault::on(LIST, listed(&names, certificate)).always();
        service.inject(list).unwrap();
        let environment = environment(&service, &[]);
        (service, environment)
    };
    let child = || {
        let module = initialized();
        let session = logged_in(&module);
        let name = format!("a/{ODD}");
        for object in objects(&session) {
            for attribute in [AttributeType::Label, AttributeType::Id] {
                let value = match &session.get_attributes(object, &[attribute]).unwrap()[..] {
                    [Attribute::Label(value) | Attribute::Id(value)] => value.clone(),
                    other => panic!("{other:?}"),
                };
                assert_eq!(String::from_utf8(value).unwrap(), name);
            }
        }
        assert_eq!(objects(&session).len(), 3);
    };
    let Some((_, run)) = in_child(test_name!(), prepare, child) else {
        return;
    };
    let lines = run.lines();
    assert_eq!(lines.len(), 3, "{lines:#?}");
    for (line, expected) in lines.iter().zip([
        "signing policy a/b/c: its project slug contains a slash",
        "signing policy a/b/c: its signing policy slug contains a slash",
        r"signing policy a/b\nc: its signing policy slug contains the character U+000A",
    ]) {
        assert!(line.contains(expected), "{line}");
    }
}

/// A list in which `number` entries are broken, as many have no certificate in theirs, and as many a key of an unknown type.
fn broken_list(number: usize) -> Effect {
    let entry = |kind: &str, index: usize, more: serde_json::Value| {
        let mut entry = json!({"projectSlug": kind, "signingPolicySlug": format!("p{index}")});
        let more = more.as_object().unwrap().clone();
        entry.as_object_mut().unwrap().extend(more);
        entry
    };
    let entries: Vec<_> = (0..number)
        .flat_map(|index| {
            [
                entry("broken", index, json!({"keyType": 1})),
                entry("garbage", index, json!({"certificateBytes": "AAAA"})),
                entry("quantum", index, json!({"keyType": "Quantum"})),
            ]
        })
        .collect();
    let body = json!({ "signingPolicies": entries }).to_string();
    Effect::answer(200, &[], body)
}

#[test]
fn of_many_unusable_policies_a_few_are_named_and_the_rest_counted() {
    let prepare = || {
        let service = service();
        service
            .inject(Fault::on(LIST, broken_list(10_000)).always())
            .unwrap();
        let environment = environment(&service, &[]);
        (service, environment)
    };
    let child = || drop(logged_in(&initialized()));
    let Some((_, run)) = in_child(test_name!(), prepare, child) else {
        return;
    };
    let lines = run.lines();
    let count = |part: &str| lines.iter().filter(|line| line.contains(part)).count();
    for part in [
        "invalid entry in the list of signing policies",
        "signing policy garbage/p",
        "signing policy quantum/p",
    ] {
        assert_eq!(count(part), 10, "{lines:#?}");
    }
    for part in [
        "warning: more invalid entries in the list of signing policies, skipped: 9990",
        "warning: more unusable signing policies, skipped: 9990",
        "warning: more signing policies whose key is not supported: 9990",
    ] {
        assert_eq!(count(part), 1, "{lines:#?}");
    }
    // The last one says that no signing policy is left.
    assert_eq!(lines.len(), 3 * (10 + 1) + 1, "{lines:#?}");
}

#[test]
fn of_many_searches_for_unknown_names_a_few_are_told_and_the_rest_counted() {
    let prepare = || {
        let service = service();
        let environment = environment(&service, &[]);
        (service, environment)
    };
    let child = || {
        let module = initialized();
        let session = logged_in(&module);
        for index in (0..40).chain(0..40) {
            let unknown = Attribute::Id(format!("demo/unknown-{index}").into_bytes());
            assert_eq!(session.find_objects(&[unknown]).unwrap(), []);
        }
        drop(session);
        module.finalize().unwrap();
    };
    let Some((_, run)) = in_child(test_name!(), prepare, child) else {
        return;
    };
    let lines = run.lines();
    assert_eq!(lines.len(), 10 + 1, "{lines:#?}");
    for (index, line) in lines[..10].iter().enumerate() {
        assert!(line.contains(&format!("demo/unknown-{index}\"")), "{line}");
    }
    assert!(
        lines[10].ends_with("warning: more searches for unknown keys: 60"),
        "{}",
        lines[10]
    );
}
