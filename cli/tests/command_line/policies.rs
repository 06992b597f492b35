//! `list` and `certificate`.

use std::fs;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use pkcs11_test::{Effect, Fault};
use serde_json::json;

use crate::common::{LIST, Traffic, options, traffic};
use crate::program::{Bench, failures, text};

const CHAIN: &str = "SIGNPATH_CHAIN_CERTIFICATES_FILE";

#[test]
fn the_list_shows_each_policy_with_key_certificate_and_uri_in_one_request() {
    let bench = Bench::new();
    let list = bench.ok("list").stdout;
    let lines: Vec<_> = list.lines().collect();
    assert_eq!(lines.len(), 7, "{list}");
    let heading = "SIGNING POLICY  KEY       EXPIRES";
    assert!(lines[0].starts_with(heading), "{list}");
    let columns = lines[2].split("  ").filter(|cell| !cell.is_empty());
    let columns: Vec<_> = columns.map(str::trim).collect();
    assert_eq!(columns[..2], ["demo/rsa-3072", "RSA 3072"]);
    let uri = "pkcs11:token=SignPath;object=demo%2Frsa-3072;type=private";
    assert_eq!(columns[4..], ["64656d6f2f7273612d33303732", uri]);
    let once = Traffic { lists: 1, signatures: 0, connections: 1 };
    assert_eq!(traffic(&bench.service.requests()), once);
    bench.write_certificate("rsa-3072");
    let end = "openssl x509 -inform DER -in certificate.der -noout -enddate -dateopt iso_8601";
    assert!(bench.sh(end).contains(columns[2]), "{list}");
}

#[test]
fn the_list_as_json_says_what_openssl_says_of_the_certificate() {
    let bench = Bench::new();
    let json = bench.ok("list --json").json();
    let policies = json["signingPolicies"].as_array().unwrap();
    let names: Vec<_> = policies.iter().map(|policy| policy["name"].as_str().unwrap()).collect();
    let slugs = ["rsa-2048", "rsa-3072", "rsa-4096", "p-256", "p-384", "p-521"];
    assert_eq!(names, slugs.map(|slug| format!("demo/{slug}")));
    let policy = &policies[4];
    let key = json!({"type": "EC", "bits": 384, "curve": "P-384"});
    assert_eq!(policy["key"], key);
    let uri = "pkcs11:token=SignPath;id=%64%65%6d%6f%2f%70%2d%33%38%34;type=private";
    assert_eq!(policy["idUri"], uri);
    bench.write_certificate("p-384");
    for (field, option) in [("sha256", "-fingerprint"), ("serialNumber", "-serial")] {
        let ask = format!("openssl x509 -inform DER -in certificate.der -noout -sha256 {option}");
        let printed = bench.sh(&ask);
        let (_, value) = printed.trim().split_once('=').unwrap();
        let value = value.replace(':', "").to_lowercase();
        assert_eq!(policy["certificate"][field], value);
    }
}

#[test]
fn a_certificate_is_pem_or_der_and_goes_to_a_file_or_standard_output() {
    let bench = Bench::new();
    let expected = bench.service.certificate_der("demo", "p-256").unwrap();
    let der = bench.ok("certificate demo/p-256 --format der");
    assert_eq!(der.bytes, expected);
    let command = "certificate demo/p-256 --format der --output certificate.der";
    assert_eq!(bench.ok(command).stdout, "");
    assert_eq!(fs::read(bench.path("certificate.der")).unwrap(), expected);
    bench.write("pem", bench.ok("certificate demo/p-256").stdout);
    bench.sh("openssl x509 -in pem -outform DER -out der");
    assert_eq!(fs::read(bench.path("der")).unwrap(), expected);
    assert_eq!(traffic(&bench.service.requests()).signatures, 0);
}

#[test]
fn openssl_verifies_the_chain() {
    let bench = Bench::new();
    let ca = options().state.join("code-signing-ca.pem");
    let command = "certificate demo/rsa-2048 --chain";
    let run = bench.run_with(command, &[(CHAIN, text(&ca))]);
    let chain = run.assert_ok().stdout;
    assert_eq!(chain.matches("BEGIN CERTIFICATE").count(), 2);
    assert!(chain.ends_with(&fs::read_to_string(&ca).unwrap()));
    bench.write("chain", &chain);
    let verified = bench.sh(&format!("openssl verify -CAfile {} chain", ca.display()));
    assert_eq!(verified, "chain: OK\n");
}

#[test]
fn the_name_may_be_left_out_if_there_is_only_one_policy() {
    let bench = Bench::with_policies(r#"{"project": "demo", "policy": "p-256", "key": "p-256"}"#);
    let expected = bench.service.certificate_der("demo", "p-256").unwrap();
    assert_eq!(bench.ok("certificate --format der").bytes, expected);
}

#[test]
fn each_failure_says_what_happened_and_what_to_do() {
    let bench = Bench::new();
    bench.sh(
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=Other \
        -keyout other.key -out other.pem 2>&1",
    );
    failures! { bench;
        "list" [SIGNPATH_API_TOKEN = "wr0ng"] => 1: "401", "check that the API token is complete";
        "list" [SIGNPATH_API_TOKEN = ""] => 1: "no API token is configured; set SIGNPATH_API_TOKEN";
        "list" [SIGNPATH_API_URL = "http://127.0.0.1:1/Api", SIGNPATH_SERVICE_UNAVAILABLE_TIMEOUT_IN_SECONDS = "2"]
            => 1: "cannot connect to http://127.0.0.1:1/Api";
        "list" [SIGNPATH_API_URL = "nonsense"] => 1: "SIGNPATH_API_URL", "expected a URL";
        "certificate demo/none" [] => 1: "no signing policy demo/none; choose one of", "demo/p-521";
        "certificate" [] => 1: "more than one signing policy", "demo/rsa-2048";
        "certificate demo/p-256 --chain" [] => 1: "SIGNPATH_CHAIN_CERTIFICATES_FILE";
        "certificate demo/p-256 --chain" [SIGNPATH_CHAIN_CERTIFICATES_FILE = "other.pem"] => 1: "lacks the issuer", "demo/p-256";
        "certificate demo/p-256 --chain --format der" [] => 1: "--format pem";
        "certificate demo/p-256 --output /nonexistent/x" [] => 1: "cannot write /nonexistent/x: no such file or directory\n";
        "list --nonsense" [] => 2: "--nonsense";
        "nonsense" [] => 2: "nonsense";
        "" [] => 2: "Usage:";
    }
    let wrong = bench.run_with("list", &[("SIGNPATH_API_TOKEN", "wr0ng")]);
    assert!(!wrong.stderr.contains("wr0ng"), "{wrong:?}");
}

/// SignPath does not document how it signs with ML-DSA.
#[test]
fn a_key_that_only_verifies_is_listed_and_neither_signs_nor_gets_into_a_configuration() {
    let bench = Bench::new();
    // Any bytes of the right length are a public key (FIPS 204, section 7.2).
    let key = STANDARD.encode([7; 1952]);
    let policy = json!({
        "projectSlug": "demo", "signingPolicySlug": "new", "keyType": "Mldsa", "publicKeyBytes": key,
    });
    let body = json!({ "signingPolicies": [policy] }).to_string();
    let list = Fault::on(LIST, Effect::answer(200, &[], body)).always();
    bench.service.inject(list).unwrap();
    let listed = bench.run("list --json").json()["signingPolicies"][0].clone();
    let uri = "pkcs11:token=SignPath;object=demo%2Fnew;type=public";
    assert_eq!((&listed["key"], &listed["uri"]), (&json!(null), &json!(uri)));
    assert!(bench.run("list").stdout.contains("ML-DSA-65"));
    let why = "signing policy demo/new: its ML-DSA-65 key can verify, but not sign";
    for arguments in [
        "sign --digest 0000000000000000000000000000000000000000000000000000000000000000 demo/new",
        "setup openssl-provider demo/new --module {module}",
        "setup gpg demo/new --import --module {module}",
    ] {
        bench.run(arguments).assert_fails(1, &[why]);
    }
    let configuration = bench.run("setup openssl-provider --module {module}").stdout;
    assert!(
        configuration.contains("demo/new, ML-DSA-65, which cannot sign")
            && configuration.contains("PROJECT%2FPOLICY"),
        "{configuration}"
    );
}
