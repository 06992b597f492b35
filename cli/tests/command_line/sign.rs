//! `sign`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use pkcs11_test::{Effect, Fault, Service};

use crate::common::{LIST, SIGN, Traffic, environment, service, traffic};
use crate::program::{Run, openssl, program, run, run_with, text};

const MESSAGE: &[u8] = b"what is signed";

/// One list and one signing request.
const ONE_SIGNATURE: Traffic = Traffic {
    lists: 1,
    signatures: 1,
    connections: 1,
};

/// A folder with the message.
struct Work(tempfile::TempDir);

impl Work {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("message"), MESSAGE).unwrap();
        Self(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// What openssl says of the file `signature`, with the key that the service's certificate has.
    fn verify(&self, service: &Service, policy: &str, options: &[&str]) -> String {
        let certificate = service.certificate_der("demo", policy).unwrap();
        let key = openssl(
            &["x509", "-inform", "DER", "-noout", "-pubkey"],
            certificate,
        );
        let path = self.path("key.pem");
        fs::write(&path, key).unwrap();
        let signature = self.path("signature");
        let files = ["-verify", text(&path), "-signature", text(&signature)];
        openssl(&[&["dgst"], options, &files].concat(), MESSAGE)
    }
}

/// The digest of the message as openssl has it, in hexadecimal.
fn digest(hash: &str) -> String {
    let printed = openssl(&["dgst", "-r", hash], MESSAGE);
    printed.split(' ').next().unwrap().to_owned()
}

#[test]
fn openssl_verifies_the_signature_of_a_file_with_each_key_and_hash() {
    let pss = [
        "-sigopt",
        "rsa_padding_mode:pss",
        "-sigopt",
        "rsa_pss_saltlen:digest",
    ];
    let cases: &[(&str, &[&str], &[&str])] = &[
        ("rsa-2048", &[], &["-sha256"]),
        ("rsa-3072", &["--hash", "sha512"], &["-sha512"]),
        ("rsa-2048", &["--hash", "sha1"], &["-sha1"]),
        (
            "rsa-4096",
            &["--pss", "--hash", "sha384"],
            &[&["-sha384"], &pss[..]].concat(),
        ),
        ("p-256", &[], &["-sha256"]),
        (
            "p-384",
            &["--hash", "sha384", "--format", "der"],
            &["-sha384"],
        ),
        ("p-521", &["--hash", "sha512"], &["-sha512"]),
    ];
    for (policy, options, verification) in cases {
        let (service, work) = (service(), Work::new());
        let (message, signature) = (work.path("message"), work.path("signature"));
        let name = format!("demo/{policy}");
        // It replaces all of what was there.
        fs::write(&signature, [0; 4096]).unwrap();
        let files = ["--file", text(&message), "--output", text(&signature)];
        let signed = run(&service, &[&["sign", &name], *options, &files].concat()).assert_ok();
        assert_eq!(signed.stdout, "");
        assert_eq!(traffic(&service.requests()), ONE_SIGNATURE, "{name}");
        let verified = work.verify(&service, policy, verification);
        assert_eq!(verified.trim(), "Verified OK", "{name}");
    }
}

#[test]
fn a_digest_is_signed_as_the_file_it_is_of_is() {
    let (service, work) = (service(), Work::new());
    let message = work.path("message");
    for (hash, options) in [("-sha256", &[][..]), ("-sha512", &["--hash", "sha512"])] {
        let of_file = ["sign", "demo/rsa-2048", "--file", text(&message)];
        let of_file = run(&service, &[&of_file[..], options].concat()).assert_ok();
        let digest = digest(hash);
        // The hash algorithm is known by the length of the digest.
        for digest in [digest.to_uppercase(), digest] {
            let of_digest = ["sign", "demo/rsa-2048", "--digest", &digest];
            let of_digest = run(&service, &of_digest).assert_ok();
            assert_eq!(of_digest.bytes, of_file.bytes, "{hash}");
        }
    }
}

#[test]
fn an_ecdsa_signature_can_be_raw_and_in_base64() {
    let (service, work) = (service(), Work::new());
    let message = work.path("message");
    let sign = [
        "sign",
        "demo/p-521",
        "--file",
        text(&message),
        "--format",
        "raw",
        "--base64",
    ];
    let run = run(&service, &sign).assert_ok();
    let base64 = run.stdout.strip_suffix('\n').unwrap();
    let (encoded, raw) = (work.path("base64"), work.path("raw"));
    fs::write(&encoded, base64).unwrap();
    let decode = [
        "base64",
        "-d",
        "-A",
        "-in",
        text(&encoded),
        "-out",
        text(&raw),
    ];
    openssl(&decode, b"");
    let raw = fs::read(&raw).unwrap();
    // FIPS 186-5: r and s are 521 bits each, which are 66 bytes.
    assert_eq!(raw.len(), 2 * 66);
    let number = |bytes: &[u8]| -> String {
        let hexadecimal = bytes.iter().map(|byte| format!("{byte:02X}"));
        format!("INTEGER:0x{}", hexadecimal.collect::<String>())
    };
    let (r, s) = raw.split_at(66);
    let sequence = format!(
        "asn1=SEQUENCE:signature\n[signature]\nr={}\ns={}\n",
        number(r),
        number(s)
    );
    let (template, signature) = (work.path("template"), work.path("signature"));
    fs::write(&template, sequence).unwrap();
    let files = ["-genconf", text(&template), "-out", text(&signature)];
    openssl(&[&["asn1parse", "-noout"], &files[..]].concat(), b"");
    let verified = work.verify(&service, "p-521", &["-sha256"]);
    assert_eq!(verified.trim(), "Verified OK");
}

#[test]
fn standard_input_is_signed_too() {
    let (service, work) = (service(), Work::new());
    let mut command = program(&["sign", "demo/p-256", "--file", "-"]);
    let message = fs::File::open(work.path("message")).unwrap();
    command
        .envs(environment(&service, &[]))
        .stdin(Stdio::from(message));
    let run = Run::of(&mut command).assert_ok();
    fs::write(work.path("signature"), &run.bytes).unwrap();
    let verified = work.verify(&service, "p-256", &["-sha256"]);
    assert_eq!(verified.trim(), "Verified OK");
}

#[test]
fn a_wrong_signature_is_not_written() {
    let (service, work) = (service(), Work::new());
    let (message, new, old) = (work.path("message"), work.path("new"), work.path("old"));
    fs::write(&old, "as it was").unwrap();
    for output in [&new, &old] {
        let wrong = Fault::on(SIGN, Effect::WrongSignature);
        service.inject(wrong).unwrap();
        let files = ["--file", text(&message), "--output", text(output)];
        let run = run(&service, &[&["sign", "demo/p-256"], &files[..]].concat());
        assert_eq!((run.status, run.stdout.as_str()), (Some(1), ""));
        assert!(run.stderr.contains("does not verify"), "{}", run.stderr);
    }
    assert!(!new.exists());
    assert_eq!(fs::read_to_string(&old).unwrap(), "as it was");
}

#[test]
fn what_cannot_be_signed_or_written_is_no_signing_request() {
    let (service, work) = (service(), Work::new());
    let message = work.path("message");
    let (file, digest) = (text(&message), digest("-sha256"));
    let none = work.path("none");
    let cases: &[(&[&str], i32, &str)] = &[
        (
            &["demo/p-256", "--file", file, "--pss"],
            1,
            "--pss requires an RSA key",
        ),
        (
            &["demo/rsa-2048", "--file", file, "--format", "der"],
            1,
            "--format der requires an EC key",
        ),
        (
            &["demo/p-256", "--file", text(&none)],
            1,
            "none: no such file or directory\n",
        ),
        (
            &["demo/p-256", "--file", text(Path::new("/"))],
            1,
            "cannot read /: is a directory\n",
        ),
        (
            &["demo/none", "--file", file],
            1,
            "no signing policy demo/none",
        ),
        (
            &["demo/p-256", "--file", file, "--output", file],
            1,
            "--output would overwrite the input file",
        ),
        (&["--file", file], 1, "more than one signing policy"),
        (
            &["demo/p-256", "--file", file, "--output", "/nonexistent/x"],
            1,
            "cannot write /nonexistent/x",
        ),
        (
            &["demo/p-256", "--digest", "00ff"],
            1,
            "the digest is 2 bytes long; expected 32 (SHA-256), 48 (SHA-384)",
        ),
        (
            &["demo/p-256", "--digest", &digest, "--hash", "sha512"],
            1,
            "the digest is 32 bytes long; expected 64 (SHA-512)",
        ),
        (
            &["demo/p-256", "--digest", "xyz"],
            2,
            "expected an even number of hexadecimal digits",
        ),
        (
            &["demo/p-256", "--digest", &digest, "--file", file],
            2,
            "cannot be used with",
        ),
        (&["demo/p-256"], 2, "<--file <FILE>|--digest <HEX>>"),
        (
            &["demo/p-256", "--file", file, "--hash", "md5"],
            2,
            "invalid value 'md5'",
        ),
    ];
    for (arguments, status, expected) in cases {
        let run = run_with(&service, &[&["sign"], *arguments].concat(), &[]);
        assert_eq!(
            (run.status, run.stdout.as_str()),
            (Some(*status), ""),
            "{arguments:?}"
        );
        assert!(
            run.stderr.contains(expected),
            "{arguments:?}: {}",
            run.stderr
        );
    }
    assert_eq!(traffic(&service.requests()).signatures, 0);
    assert_eq!(fs::read(&message).unwrap(), MESSAGE);
}

#[test]
fn with_a_kept_list_a_signature_is_one_request() {
    let (service, work) = (service(), Work::new());
    let message = work.path("message");
    let cache = work.path("cache");
    let more = [
        ("SIGNPATH_POLICY_CACHE_SECONDS", "3600"),
        ("XDG_CACHE_HOME", text(&cache)),
    ];
    let sign = |name: &str| {
        let arguments = ["sign", name, "--file", text(&message), "--base64"];
        run_with(&service, &arguments, &more)
    };
    let counted = || {
        let traffic = traffic(&service.requests());
        (traffic.lists, traffic.signatures)
    };
    sign("demo/p-256").assert_ok();
    assert_eq!(counted(), (1, 1));
    sign("demo/p-384").assert_ok();
    assert_eq!(counted(), (1, 2));
    // A name that the kept list does not have may be new.
    let unknown = sign("demo/none");
    assert!(
        unknown.stderr.contains("no signing policy demo/none"),
        "{}",
        unknown.stderr
    );
    assert_eq!(counted(), (2, 2));
    // Nor is it waited for long where the service cannot say.
    let busy = Fault::on(LIST, Effect::status(503)).always();
    service.inject(busy).unwrap();
    let unknown = sign("demo/none");
    for line in [
        "cannot refresh the list of signing policies, using the previous one",
        "no signing policy demo/none",
    ] {
        assert!(unknown.stderr.contains(line), "{}", unknown.stderr);
    }
    assert_eq!(counted(), (3, 2));
    sign("demo/p-256").assert_ok();
    assert_eq!(counted(), (3, 3));
}
