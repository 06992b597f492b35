//! The journal of signatures (`Log.Journal`), and log lines as JSON (`Log.File.Format`).

mod common;

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use common::{SIGN, in_child, module_path, options};
use cryptoki_sys::*;
use pkcs11_test::harness::{Mechanism, Module, Stage};
use pkcs11_test::{Effect, Fault, Options};
use serde_json::{Value, json};
use tempfile::TempDir;

const JOURNAL: &str = "SIGNPATH_LOG_JOURNAL";

/// A SHA-256 digest.
const DIGEST: [u8; 32] = [7; 32];

/// The DigestInfo of SHA-256 (RFC 8017, section 9.2, note 1), without the digest.
const DIGEST_INFO: &[u8] =
    b"\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20";

/// The lines of a journal. All of them are whole.
fn entries(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap();
    assert!(text.ends_with('\n'), "{text}");
    let entry = |line| serde_json::from_str(line).unwrap();
    text.lines().map(entry).collect()
}

/// Writes a file and names it.
fn file(folder: &TempDir, name: &str, content: &[u8]) -> PathBuf {
    let path = folder.path().join(name);
    fs::write(&path, content).unwrap();
    path
}

fn openssl(arguments: &[&dyn AsRef<std::ffi::OsStr>]) {
    let mut command = Command::new("openssl");
    for argument in arguments {
        command.arg(argument);
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {output:?}");
}

/// Has openssl verify what an entry says, with the key in it.
fn verify(entry: &Value) {
    let folder = tempfile::tempdir().unwrap();
    let text = |name: &str| {
        entry[name]
            .as_str()
            .unwrap_or_else(|| panic!("no {name} in {entry}"))
    };
    let key = folder.path().join("key.pem");
    if entry["certificate"].is_string() {
        let certificate = file(
            &folder,
            "certificate",
            &STANDARD.decode(text("certificate")).unwrap(),
        );
        openssl(&[
            &"x509",
            &"-inform",
            &"DER",
            &"-in",
            &certificate,
            &"-noout",
            &"-pubkey",
            &"-out",
            &key,
        ]);
    } else {
        let der = file(
            &folder,
            "key.der",
            &STANDARD.decode(text("publicKey")).unwrap(),
        );
        openssl(&[
            &"pkey", &"-pubin", &"-inform", &"DER", &"-in", &der, &"-pubout", &"-out", &key,
        ]);
    }
    let bytes = base16ct::lower::decode_vec(text("digest")).unwrap();
    let digest = file(&folder, "digest", &bytes);
    let mut signature = file(
        &folder,
        "signature",
        &STANDARD.decode(text("signature")).unwrap(),
    );
    let padding: &[&str] = match text("signatureAlgorithm") {
        "RsaPkcs1" => &[
            "-pkeyopt",
            "digest:sha256",
            "-pkeyopt",
            "rsa_padding_mode:pkcs1",
        ],
        "RsaPss" => &[
            "-pkeyopt",
            "digest:sha256",
            "-pkeyopt",
            "rsa_padding_mode:pss",
            "-pkeyopt",
            "rsa_pss_saltlen:digest",
        ],
        "Ecdsa" => {
            let raw = fs::read(&signature).unwrap();
            let (r, s) = raw.split_at(raw.len() / 2);
            let [r, s] = [r, s].map(base16ct::lower::encode_string);
            let numbers = format!("asn1=SEQUENCE:both\n[both]\nr=INTEGER:0x{r}\ns=INTEGER:0x{s}\n");
            let numbers = file(&folder, "numbers", numbers.as_bytes());
            signature = folder.path().join("signature.der");
            openssl(&[
                &"asn1parse",
                &"-genconf",
                &numbers,
                &"-noout",
                &"-out",
                &signature,
            ]);
            &[]
        }
        other => panic!("{other}"),
    };
    let files: [&dyn AsRef<std::ffi::OsStr>; 9] = [
        &"pkeyutl",
        &"-verify",
        &"-pubin",
        &"-inkey",
        &key,
        &"-in",
        &digest,
        &"-sigfile",
        &signature,
    ];
    let padding = padding
        .iter()
        .map(|option| option as &dyn AsRef<std::ffi::OsStr>);
    openssl(&files.into_iter().chain(padding).collect::<Vec<_>>());
}

#[test]
fn openssl_verifies_each_line_with_the_key_in_it() {
    let child = || {
        let folder = tempfile::tempdir().unwrap();
        // Both the directory and the file are created.
        let journal = folder.path().join("records/signatures.jsonl");
        let policies = serde_json::from_value(json!({"policies": [
            {"project": "demo", "policy": "rsa-2048", "key": "rsa-2048"},
            {"project": "demo", "policy": "rsa-3072", "key": "rsa-3072"},
            {"project": "demo", "policy": "p-256", "key": "p-256"},
            {"project": "demo", "policy": "gpg", "key": "rsa-2048", "keyName": "openpgp", "certificate": "None"},
        ]}))
        .unwrap();
        let service = Options {
            policies,
            ..options()
        };
        let stage = Stage::new(service, &[(JOURNAL, journal.to_str().unwrap())]).unwrap();
        let module = Module::load(module_path());
        let session = module.logged_in().unwrap();
        let digest_info = [DIGEST_INFO, &DIGEST].concat();
        let pss = Mechanism::pss(CKM_RSA_PKCS_PSS, CKM_SHA256, CKG_MGF1_SHA256, 32);
        let rows: [(&str, Mechanism, &[u8], &str, Value); 4] = [
            (
                "demo/rsa-2048",
                CKM_RSA_PKCS.into(),
                &digest_info,
                "RsaPkcs1",
                "SHA-256".into(),
            ),
            ("demo/rsa-3072", pss, &DIGEST, "RsaPss", "SHA-256".into()),
            (
                "demo/p-256",
                CKM_ECDSA.into(),
                &DIGEST,
                "Ecdsa",
                Value::Null,
            ),
            // A key without a certificate.
            (
                "demo/gpg",
                CKM_RSA_PKCS.into(),
                &digest_info,
                "RsaPkcs1",
                "SHA-256".into(),
            ),
        ];
        for (key, mechanism, data, ..) in &rows {
            session.key(key).sign(mechanism, data).unwrap();
        }
        // Without a signature there is no line.
        let refused = Fault::on(SIGN, Effect::answer(403, &[], "")).times(1);
        stage.service.inject(refused).unwrap();
        session
            .key("demo/p-256")
            .sign(CKM_ECDSA, &DIGEST)
            .unwrap_err();

        let lines = entries(&journal);
        assert_eq!(lines.len(), rows.len());
        for (entry, (key, _, _, algorithm, hash)) in lines.iter().zip(&rows) {
            let (project, policy) = key.split_once('/').unwrap();
            assert_eq!(entry["organizationId"], stage.service.organization_id());
            assert_eq!(
                (&entry["projectSlug"], &entry["signingPolicySlug"]),
                (&project.into(), &policy.into())
            );
            assert_eq!(
                (&entry["signatureAlgorithm"], &entry["hashAlgorithm"]),
                (&(*algorithm).into(), hash)
            );
            assert_eq!(entry["digest"], base16ct::lower::encode_string(&DIGEST));
            assert_eq!(
                (&entry["attempts"], &entry["processId"]),
                (&1.into(), &std::process::id().into())
            );
            assert!(
                entry["user"].is_string()
                    && entry["program"].is_string()
                    && entry["time"].is_string()
            );
            verify(entry);
        }
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(
            (mode(journal.parent().unwrap()), mode(&journal)),
            (0o700, 0o600)
        );
        let text = fs::read_to_string(&journal).unwrap();
        assert!(!text.contains(stage.service.token()));
    };
    in_child(test_name!(), || ((), Vec::new()), child);
}

#[test]
fn a_line_names_the_signing_request_and_counts_retries() {
    let child = || {
        let folder = tempfile::tempdir().unwrap();
        let journal = folder.path().join("journal");
        let more = [
            (JOURNAL, journal.to_str().unwrap()),
            ("SIGNPATH_SIGNING_API", "SignHash"),
        ];
        let stage = Stage::new(options(), &more).unwrap();
        let module = Module::load(module_path());
        let session = module.logged_in().unwrap();
        let busy = Fault::on(common::SIGN_HASH, Effect::retry_after(503, 0)).times(1);
        stage.service.inject(busy).unwrap();
        session.key("demo/p-256").sign(CKM_ECDSA, &DIGEST).unwrap();
        let [entry] = &entries(&journal)[..] else {
            panic!("not one line");
        };
        assert_eq!(entry["attempts"], 2);
        let id = entry["signingRequestId"].as_str().unwrap();
        assert!(entry["webLink"].as_str().unwrap().contains(id), "{entry}");
    };
    in_child(test_name!(), || ((), Vec::new()), child);
}

#[test]
fn a_truncated_line_does_not_spoil_the_next_one() {
    let child = || {
        let folder = tempfile::tempdir().unwrap();
        let journal = file(&folder, "journal", b"{\"time\": \"2026-");
        let _stage = Stage::new(options(), &[(JOURNAL, journal.to_str().unwrap())]).unwrap();
        let module = Module::load(module_path());
        let session = module.logged_in().unwrap();
        session.key("demo/p-256").sign(CKM_ECDSA, &DIGEST).unwrap();
        let text = fs::read_to_string(&journal).unwrap();
        let [truncated, whole] = text.lines().collect::<Vec<_>>()[..] else {
            panic!("{text}");
        };
        assert_eq!(truncated, "{\"time\": \"2026-");
        verify(&serde_json::from_str(whole).unwrap());
    };
    in_child(test_name!(), || ((), Vec::new()), child);
}

#[test]
fn a_journal_that_cannot_be_written_is_a_warning() {
    let child = || {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::create_dir_all(path("shared")).unwrap();
        fs::set_permissions(path("shared"), Permissions::from_mode(0o777)).unwrap();
        fs::create_dir(path("real")).unwrap();
        symlink(path("real"), path("link")).unwrap();
        fs::create_dir(path("directory")).unwrap();
        let elsewhere = file(&folder, "elsewhere", b"");
        symlink(&elsewhere, path("symlink")).unwrap();
        let stage = Stage::new(options(), &[]).unwrap();
        for (journal, reason) in [
            ("shared/journal", "the directory is writable by other users"),
            ("link/journal", "the directory is a symbolic link"),
            ("directory", "it is not a regular file"),
            ("symlink", "it is not a regular file"),
        ] {
            let journal = path(journal);
            stage.set(JOURNAL, journal.to_str().unwrap());
            let module = Module::load(module_path());
            let session = module.logged_in().unwrap();
            let signed = stage.see(|| session.key("demo/p-256").sign(CKM_ECDSA, &DIGEST));
            assert_eq!(signed.value.unwrap().len(), 64);
            let [line] = &signed.lines[..] else {
                panic!("{:#?}", signed.lines);
            };
            let start = format!(
                "warning: cannot write the journal {}: {reason}; ",
                journal.display()
            );
            assert!(line.starts_with(&start), "{line}");
            assert!(
                line.contains("Log.Journal (SIGNPATH_LOG_JOURNAL)"),
                "{line}"
            );
            assert_eq!(module.finalize(), CKR_OK);
        }
        assert_eq!(fs::read(&elsewhere).unwrap(), b"");
    };
    in_child(test_name!(), || ((), Vec::new()), child);
}

#[test]
fn log_lines_are_json_if_the_format_is_json() {
    let child = || {
        let folder = tempfile::tempdir().unwrap();
        let directory = folder.path().join("logs");
        let more = [
            (common::LOG_DIRECTORY, directory.to_str().unwrap()),
            ("SIGNPATH_LOG_FILE_FORMAT", "json"),
            ("SIGNPATH_LOG_FILE_LEVEL", "debug"),
            ("SIGNPATH_DESCRIPTION", "a\u{202e}b"),
        ];
        let _stage = Stage::new(options(), &more).unwrap();
        let module = Module::load(module_path());
        let session = module.logged_in().unwrap();
        session.key("demo/p-256").sign(CKM_ECDSA, &DIGEST).unwrap();
        let lines = entries(&directory.join("SignPath.CryptoProviders.Cryptoki.txt"));
        let said = |part: &str| {
            let says = |line: &&Value| line["message"].as_str().unwrap().contains(part);
            lines
                .iter()
                .find(says)
                .unwrap_or_else(|| panic!("no {part} in {lines:#?}"))
        };
        assert_eq!(lines[0]["level"], "info");
        for line in &lines {
            let names: Vec<_> = line
                .as_object()
                .unwrap()
                .keys()
                .map(String::as_str)
                .collect();
            assert_eq!(names, ["call", "level", "message", "processId", "time"]);
            assert_eq!(line["processId"], std::process::id());
        }
        let sign = said("C_Sign(");
        assert_eq!(sign["level"], "debug");
        assert_eq!(
            said("POST SigningRequests, attempt 1")["call"],
            sign["call"]
        );
    };
    in_child(test_name!(), || ((), Vec::new()), child);
}
