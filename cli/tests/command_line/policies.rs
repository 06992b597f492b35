//! `list` and `certificate`.

use crate::common::{ONE_ATTEMPT, Traffic, options, service, traffic};
use crate::program::{openssl, run, run_with, service_with, text};

#[test]
fn the_list_shows_each_policy_with_key_certificate_and_uri_in_one_request() {
    let service = service();
    let run = run(&service, &["list"]).assert_ok();
    let lines: Vec<_> = run.stdout.lines().collect();
    assert_eq!(lines.len(), 7, "{}", run.stdout);
    assert!(
        lines[0].starts_with("SIGNING POLICY  KEY       EXPIRES"),
        "{}",
        lines[0]
    );
    let columns: Vec<_> = lines[2]
        .split("  ")
        .filter(|cell| !cell.is_empty())
        .map(str::trim)
        .collect();
    assert_eq!(columns[..2], ["demo/rsa-3072", "RSA 3072"]);
    assert_eq!(
        columns[4..],
        [
            "64656d6f2f7273612d33303732",
            "pkcs11:token=SignPath;object=demo%2Frsa-3072;type=private"
        ]
    );
    let certificate = service.certificate_der("demo", "rsa-3072").unwrap();
    let end = openssl(
        &[
            "x509", "-inform", "DER", "-noout", "-enddate", "-dateopt", "iso_8601",
        ],
        certificate,
    );
    assert!(end.contains(columns[2]), "{end}");
    let once = Traffic {
        lists: 1,
        signatures: 0,
        connections: 1,
    };
    assert_eq!(traffic(&service.requests()), once);
}

#[test]
fn the_list_as_json_says_what_openssl_says_of_the_certificate() {
    let service = service();
    let run = run(&service, &["list", "--json"]).assert_ok();
    let json = run.json();
    let policies = json["signingPolicies"].as_array().unwrap();
    let names: Vec<_> = policies
        .iter()
        .map(|policy| policy["name"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        [
            "demo/rsa-2048",
            "demo/rsa-3072",
            "demo/rsa-4096",
            "demo/p-256",
            "demo/p-384",
            "demo/p-521"
        ]
    );
    let policy = &policies[4];
    assert_eq!(
        policy["key"],
        serde_json::json!({"type": "EC", "bits": 384, "curve": "P-384"})
    );
    assert_eq!(
        policy["idUri"],
        "pkcs11:token=SignPath;id=%64%65%6d%6f%2f%70%2d%33%38%34;type=private"
    );
    let certificate = service.certificate_der("demo", "p-384").unwrap();
    let ask = |option| {
        let printed = openssl(
            &["x509", "-inform", "DER", "-noout", option, "-sha256"],
            certificate,
        );
        let (_, value) = printed.trim().split_once('=').unwrap();
        value.replace(':', "").to_lowercase()
    };
    let shown = &policy["certificate"];
    assert_eq!(shown["sha256"].as_str().unwrap(), ask("-fingerprint"));
    assert_eq!(shown["serialNumber"].as_str().unwrap(), ask("-serial"));
}

#[test]
fn a_certificate_comes_as_pem_or_der_to_a_file_or_standard_output() {
    let service = service();
    let expected = service.certificate_der("demo", "p-256").unwrap();
    let pem = run(&service, &["certificate", "demo/p-256"]).assert_ok();
    let from_pem = openssl(&["x509", "-fingerprint", "-noout"], pem.stdout.as_bytes());
    assert_eq!(
        from_pem,
        openssl(
            &["x509", "-inform", "DER", "-fingerprint", "-noout"],
            expected
        )
    );

    let der = run(&service, &["certificate", "demo/p-256", "--format", "der"]).assert_ok();
    assert_eq!(der.bytes, expected);

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("certificate.der");
    let arguments = [
        "certificate",
        "demo/p-256",
        "--format",
        "der",
        "--output",
        text(&path),
    ];
    assert_eq!(run(&service, &arguments).assert_ok().stdout, "");
    assert_eq!(std::fs::read(&path).unwrap(), expected);
    assert_eq!(traffic(&service.requests()).signatures, 0);
}

#[test]
fn a_chain_leads_up_to_the_authority_that_openssl_trusts() {
    let service = service();
    let authority = options().state.join("code-signing-ca.pem");
    let more = [("SIGNPATH_CHAIN_CERTIFICATES_FILE", text(&authority))];
    let run = run_with(
        &service,
        &["certificate", "demo/rsa-2048", "--chain"],
        &more,
    )
    .assert_ok();
    assert_eq!(run.stdout.matches("BEGIN CERTIFICATE").count(), 2);
    let verified = openssl(
        &["verify", "-CAfile", text(&authority)],
        run.stdout.as_bytes(),
    );
    assert_eq!(verified.trim(), "stdin: OK");
    assert!(
        run.stdout
            .ends_with(&std::fs::read_to_string(&authority).unwrap())
    );
}

#[test]
fn the_name_may_be_left_out_if_there_is_only_one_policy() {
    let service = service_with(&["demo/p-256"]);
    let run = run(&service, &["certificate", "--format", "der"]).assert_ok();
    assert_eq!(run.bytes, service.certificate_der("demo", "p-256").unwrap());
}

/// Arguments, environment on top, exit status, and what stderr says.
type Case<'a> = (&'a [&'a str], &'a [(&'a str, &'a str)], i32, &'a [&'a str]);

#[test]
fn each_failure_says_what_happened_and_what_to_do() {
    let service = service();
    let folder = tempfile::tempdir().unwrap();
    let other = folder.path().join("other.pem");
    let made = [
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-subj",
        "/CN=Other",
    ];
    let key = folder.path().join("other.key");
    openssl(
        &[&made[..], &["-keyout", text(&key), "-out", text(&other)]].concat(),
        b"",
    );
    let chain = [("SIGNPATH_CHAIN_CERTIFICATES_FILE", text(&other))];
    let cases: &[Case] = &[
        (
            &["list"],
            &[("SIGNPATH_API_TOKEN", "wr0ng")],
            1,
            &["401", "check that the API token is complete"],
        ),
        (
            &["list"],
            &[("SIGNPATH_API_TOKEN", "")],
            1,
            &["no credentials", "SIGNPATH_API_TOKEN"],
        ),
        (
            &["list"],
            &[("SIGNPATH_API_URL", "http://127.0.0.1:1/Api"), ONE_ATTEMPT],
            1,
            &["cannot connect to http://127.0.0.1:1/Api"],
        ),
        (
            &["list"],
            &[("SIGNPATH_API_URL", "nonsense")],
            1,
            &["SIGNPATH_API_URL", "expected a URL"],
        ),
        (
            &["certificate", "demo/none"],
            &[],
            1,
            &["no signing policy demo/none; choose one of", "demo/p-521"],
        ),
        (
            &["certificate"],
            &[],
            1,
            &["more than one signing policy", "demo/rsa-2048"],
        ),
        (
            &["certificate", "demo/p-256", "--chain"],
            &[],
            1,
            &["SIGNPATH_CHAIN_CERTIFICATES_FILE"],
        ),
        (
            &["certificate", "demo/p-256", "--chain"],
            &chain,
            1,
            &["lacks the issuer", "demo/p-256"],
        ),
        (
            &["certificate", "demo/p-256", "--chain", "--format", "der"],
            &[],
            1,
            &["--format pem"],
        ),
        (
            &["certificate", "demo/p-256", "--output", "/nonexistent/x"],
            &[],
            1,
            &["cannot write /nonexistent/x: no such file or directory\n"],
        ),
        (&["list", "--nonsense"], &[], 2, &["--nonsense"]),
        (&["nonsense"], &[], 2, &["nonsense"]),
        (&[], &[], 2, &["Usage:"]),
    ];
    for (arguments, more, status, expected) in cases {
        let run = run_with(&service, arguments, more);
        assert_eq!(
            (run.status, run.stdout.as_str()),
            (Some(*status), ""),
            "{arguments:?}: {}",
            run.stderr
        );
        for part in *expected {
            assert!(
                run.stderr.contains(part),
                "{arguments:?}: {part:?} is not in {}",
                run.stderr
            );
        }
        assert!(!run.stderr.contains("wr0ng"), "{}", run.stderr);
        if *status == 1 {
            assert_eq!(run.stderr.lines().count(), 1, "{}", run.stderr);
            assert!(
                run.stderr.starts_with("signpath-pkcs11: error: "),
                "{}",
                run.stderr
            );
        }
    }
}
