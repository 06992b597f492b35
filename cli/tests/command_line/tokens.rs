//! Several tokens: what `list`, `certificate`, `sign`, `setup` and `doctor` make of the setting Tokens.

use serde_json::{Value, json};

use crate::doctor::assert_says;
use crate::program::{Bench, Run};

/// A bench and the variable that names the file with its tokens, the last of which is on a server that is down.
fn bench() -> (Bench, String) {
    let bench = Bench::new();
    let tokens = json!({"Tokens": [
        {"Label": "Demo", "SigningPolicySlug": "p-256"},
        {"Label": "Two words", "SigningPolicySlug": "p-384"},
        {"Label": "Down", "ApiToken": "s3cret", "ApiUrl": "http://127.0.0.1:1/Api"},
    ]});
    bench.write("tokens.json", tokens.to_string());
    let file = bench.text("tokens.json");
    (bench, file)
}

fn run((bench, file): &(Bench, String), arguments: &[&str]) -> Run {
    let variables = [
        ("SIGNPATH_CONFIG_FILE", file.as_str()),
        ("SIGNPATH_SERVICE_UNAVAILABLE_TIMEOUT_IN_SECONDS", "2"),
    ];
    bench.run_words(arguments, &variables)
}

#[test]
fn the_list_shows_the_tokens_that_can_be_reached_and_reports_the_others() {
    let bench = bench();
    let list = run(&bench, &["list"]);
    assert_eq!(list.status, Some(1));
    let said = "token Down: cannot connect to http://127.0.0.1:1/Api";
    assert!(list.stderr.contains(said), "{}", list.stderr);
    for uri in [
        "token=Demo;object=demo%2Fp-256",
        "token=Two%20words;object=demo%2Fp-384",
    ] {
        assert!(list.stdout.contains(uri), "{}", list.stdout);
    }
    let json: Value = serde_json::from_str(&run(&bench, &["list", "--json"]).stdout).unwrap();
    let policies = json["signingPolicies"].as_array().unwrap().iter();
    let policies: Vec<_> = policies
        .map(|policy| (policy["token"].clone(), policy["name"].clone()))
        .collect();
    assert_eq!(
        policies,
        [
            (json!("Demo"), json!("demo/p-256")),
            (json!("Two words"), json!("demo/p-384"))
        ]
    );
    let one = run(&bench, &["list", "--token", "Two words"])
        .assert_ok()
        .stdout;
    assert!(
        one.contains("demo/p-384") && !one.contains("demo/p-256"),
        "{one}"
    );
}

#[test]
fn the_option_names_the_token_and_the_first_is_the_default() {
    let bench = bench();
    for (option, policy) in [(&[][..], "p-256"), (&["--token", "Two words"], "p-384")] {
        let certificate = run(
            &bench,
            &[&["certificate", "--format", "der"], option].concat(),
        )
        .assert_ok();
        assert_eq!(
            certificate.bytes,
            bench.0.service.certificate_der("demo", policy).unwrap()
        );
        bench.0.write("file", "data");
        let sign = [
            "sign",
            "--file",
            "file",
            "--output",
            "signature",
            "--hash",
            "sha256",
        ];
        run(&bench, &[&sign, option].concat()).assert_ok();
        bench.0.write_certificate(policy);
        bench.0.sh(
            "openssl x509 -inform DER -in certificate.der -noout -pubkey >key &&
            openssl dgst -sha256 -verify key -signature signature file",
        );
    }
    let unknown = run(&bench, &["certificate", "--token", "Three"]);
    unknown.assert_fails(1, &["no token Three; choose one of Demo, Two words, Down"]);
}

#[test]
fn configurations_of_tools_name_label_and_slot() {
    let bench = bench();
    for (tool, parts) in [
        (&["sunpkcs11"][..], &["\nslot = 2\n"][..]),
        (
            &["osslsigncode"],
            &["-key 'pkcs11:token=Two%20words;object=demo%2Fp-384;type=private'"],
        ),
        (
            &["openssl-provider"],
            &["pkcs11:token=Two%20words;object=demo%2Fp-384;type=private"],
        ),
        (&["nss"], &["-K -h 'Two words' -d", "-t 'Two words' -c"]),
        (&["p11-kit"], &["'pkcs11:token=Two%20words'"]),
        (&["p11-kit", "--offline"], &["'pkcs11:token=Two%20words'"]),
    ] {
        let module = crate::common::module_path();
        let module = ["--module", module.to_str().unwrap(), "--token", "Two words"];
        let setup = run(&bench, &[&["setup"], tool, &module].concat()).assert_ok();
        setup.assert_prints(parts);
    }
}

#[test]
fn offline_needs_no_configuration_unless_a_token_is_named() {
    let (bench, _) = bench();
    let module = crate::common::module_path();
    let setup = [
        "setup",
        "p11-kit",
        "--offline",
        "--module",
        module.to_str().unwrap(),
    ];
    let none = [("SIGNPATH_CONFIG_FILE", "/nonexistent/signpath.json")];
    let setup_done = bench.run_words(&setup, &none).assert_ok();
    setup_done.assert_prints(&["'pkcs11:token=SignPath'"]);
    let named = bench.run_words(&[&setup[..], &["--token", "Demo"]].concat(), &none);
    named.assert_fails(
        1,
        &["cannot read configuration file /nonexistent/signpath.json"],
    );
}

#[test]
fn the_doctor_tries_tools_with_a_token_that_has_a_certificate() {
    let bench = Bench::new();
    let tokens = json!({"Tokens": [{"Label": "None", "ProjectSlug": "none"}, {"Label": "Demo"}]});
    bench.write("tokens.json", tokens.to_string());
    let tokens = [("SIGNPATH_CONFIG_FILE", "tokens.json")];
    let run = bench.run_with("doctor --json --module {module}", &tokens);
    for tool in ["openssl engine", "keytool, jarsigner", "ssh"] {
        assert_says(&run, tool, "ok", "; loads the module", "");
    }
}

#[test]
fn the_doctor_looks_at_each_token() {
    let bench = bench();
    let module = crate::common::module_path();
    let doctor = ["doctor", "--no-tools", "--module", module.to_str().unwrap()];
    let text = run(&bench, &doctor);
    assert_eq!(text.status, Some(1));
    let shown = [
        "token Demo: an API token is configured",
        "token Down: cannot connect to 127.0.0.1",
        "Tokens[Down].ApiUrl",
        "Tokens[Down].ApiToken",
    ];
    for part in shown {
        assert!(text.stdout.contains(part), "{part}: {}", text.stdout);
    }
    assert!(!text.stdout.contains("s3cret"), "{}", text.stdout);
    let json: Value =
        serde_json::from_str(&run(&bench, &[&doctor[..], &["--json"]].concat()).stdout).unwrap();
    let findings = json["findings"].as_array().unwrap();
    let of = |check: &str| -> Vec<_> {
        let findings = findings.iter().filter(|finding| finding["check"] == check);
        findings
            .map(|finding| (finding["token"].clone(), finding["status"].clone()))
            .collect()
    };
    assert_eq!(
        of("API token"),
        [
            (json!("Demo"), json!("ok")),
            (json!("Two words"), json!("ok"))
        ]
    );
    assert_eq!(of("module"), [(Value::Null, json!("ok"))]);
}
