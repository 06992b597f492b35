//! Several tokens: what `list`, `certificate`, `sign`, `setup` and `doctor` make of the setting Tokens.

use serde_json::json;

use crate::doctor::{assert_finds, findings};
use crate::program::{Bench, Run, rows};

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

/// Runs the program with these words, and `more` after them.
fn run((bench, file): &(Bench, String), words: &str, more: &[&str]) -> Run {
    let module = crate::common::module_path();
    let words = words.replace("{module}", module.to_str().unwrap());
    let words: Vec<_> = words.split(' ').chain(more.iter().copied()).collect();
    let variables = [
        ("SIGNPATH_CONFIG_FILE", file.as_str()),
        ("SIGNPATH_SERVICE_UNAVAILABLE_TIMEOUT_IN_SECONDS", "2"),
    ];
    bench.run_words(&words, &variables)
}

/// The option for the second token.
const SECOND: &[&str] = &["--token", "Two words"];

#[test]
fn the_list_shows_the_tokens_that_can_be_reached_and_reports_the_others() {
    let bench = bench();
    let list = run(&bench, "list", &[]);
    assert_eq!(list.status, Some(1));
    let said = "token Down: cannot connect to http://127.0.0.1:1/Api";
    assert!(list.stderr.contains(said), "{}", list.stderr);
    list.assert_prints(&[
        "token=Demo;object=demo%2Fp-256",
        "token=Two%20words;object=demo%2Fp-384",
    ]);
    let json = run(&bench, "list --json", &[]).json();
    let policies = json["signingPolicies"].as_array().unwrap().iter();
    let policies = policies.map(|policy| json!([policy["token"], policy["name"]]));
    let expected = [json!(["Demo", "demo/p-256"]), json!(["Two words", "demo/p-384"])];
    assert_eq!(policies.collect::<Vec<_>>(), expected);
    let one = run(&bench, "list", SECOND).assert_ok();
    one.assert_prints(&["demo/p-384"]);
    assert!(!one.stdout.contains("demo/p-256"), "{one:?}");
}

#[test]
fn the_option_names_the_token_and_the_first_is_the_default() {
    let bench = bench();
    for (option, policy) in [(&[][..], "p-256"), (SECOND, "p-384")] {
        let certificate = run(&bench, "certificate --format der", option).assert_ok();
        let expected = bench.0.service.certificate_der("demo", policy).unwrap();
        assert_eq!(certificate.bytes, expected);
        bench.0.write("file", "data");
        let sign = "sign --file file --output signature --hash sha256";
        run(&bench, sign, option).assert_ok();
        bench.0.write_certificate(policy);
        bench.0.sh("openssl x509 -inform DER -in certificate.der -noout -pubkey >key &&
            openssl dgst -sha256 -verify key -signature signature file");
    }
    let unknown = run(&bench, "certificate --token Three", &[]);
    unknown.assert_fails(1, &["no token Three; choose one of Demo, Two words, Down"]);
}

#[test]
fn configurations_of_tools_name_label_and_slot() {
    let bench = bench();
    for (tool, parts) in rows! {
        "sunpkcs11", &["\nslot = 2\n"][..];
        "osslsigncode", &["-key 'pkcs11:token=Two%20words;object=demo%2Fp-384;type=private'"];
        "openssl-provider", &["pkcs11:token=Two%20words;object=demo%2Fp-384;type=private"];
        "nss", &["-K -h 'Two words' -d", "-t 'Two words' -c"];
        "p11-kit", &["'pkcs11:token=Two%20words'"];
        "p11-kit --offline", &["'pkcs11:token=Two%20words'"];
    } {
        let setup = run(&bench, &format!("setup --module {{module}} {tool}"), SECOND);
        setup.assert_ok().assert_prints(parts);
    }
}

#[test]
fn offline_needs_no_configuration_unless_a_token_is_named() {
    let none = (Bench::new(), "/nonexistent/signpath.json".to_owned());
    let setup = "setup p11-kit --offline --module {module}";
    run(&none, setup, &[]).assert_ok().assert_prints(&["'pkcs11:token=SignPath'"]);
    let unreadable = "cannot read configuration file /nonexistent/signpath.json";
    run(&none, setup, SECOND).assert_fails(1, &[unreadable]);
}

#[test]
fn the_doctor_tries_tools_with_a_token_that_has_a_certificate() {
    let bench = Bench::new();
    let tokens = json!({"Tokens": [{"Label": "None", "ProjectSlug": "none"}, {"Label": "Demo"}]});
    bench.write("tokens.json", tokens.to_string());
    let tokens = [("SIGNPATH_CONFIG_FILE", "tokens.json")];
    let run = bench.run_with("doctor --json --module {module}", &tokens);
    let none = ("signing policies", "failed", "no signing policies", "");
    let loads = |tool| (tool, "ok", "; loads the module", "");
    let tools = ["openssl engine", "keytool, jarsigner", "ssh"].map(loads);
    assert_finds(&run, &[&[none], &tools[..]].concat());
}

#[test]
fn the_doctor_looks_at_each_token() {
    let bench = bench();
    let doctor = "doctor --no-tools --module {module}";
    let text = run(&bench, doctor, &[]);
    assert_eq!(text.status, Some(1));
    text.assert_prints(&[
        "token Demo: an API token is configured",
        "token Down: cannot connect to 127.0.0.1",
        "Tokens[Down].ApiUrl",
        "Tokens[Down].ApiToken",
    ]);
    assert!(!text.stdout.contains("s3cret"), "{}", text.stdout);
    let findings = findings(&run(&bench, doctor, &["--json"]));
    let of = |check: &str| -> Vec<_> {
        let findings = findings.iter().filter(|finding| finding["check"] == check);
        findings.map(|finding| json!([finding["token"], finding["status"]])).collect()
    };
    assert_eq!(of("API token"), [json!(["Demo", "ok"]), json!(["Two words", "ok"])]);
    assert_eq!(of("module"), [json!([null, "ok"])]);
}
