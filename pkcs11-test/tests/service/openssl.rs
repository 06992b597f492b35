//! OpenSSL as the judge of certificates and signatures.

use std::io::Write;
use std::process::{Command, Stdio};

use crate::client::{Hash, tempfile};

/// Runs `openssl` with an input and returns its output. A status other than 0 fails the test.
pub fn run(arguments: &[&str], input: &[u8]) -> Vec<u8> {
    let mut openssl = Command::new("openssl")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("openssl is installed");
    openssl
        .stdin
        .take()
        .expect("stdin")
        .write_all(input)
        .expect("openssl reads");
    let output = openssl.wait_with_output().expect("openssl ends");
    assert!(
        output.status.success(),
        "openssl {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}

/// The DER SubjectPublicKeyInfo of a DER certificate.
pub fn public_key(certificate: &[u8]) -> Vec<u8> {
    let pem = run(
        &["x509", "-inform", "DER", "-noout", "-pubkey"],
        certificate,
    );
    run(&["pkey", "-pubin", "-outform", "DER"], &pem)
}

#[derive(Clone, Copy)]
pub enum Verification {
    Pkcs1,
    /// The salt is as long as the hash.
    Pss,
    /// A DER signature.
    Ecdsa,
}

/// Fails the test when the signature of [`crate::client::MESSAGE`] does not verify.
pub fn verify(certificate: &[u8], verification: Verification, hash: &Hash, signature: &[u8]) {
    let key = tempfile(&public_key(certificate));
    let signature = tempfile(signature);
    let digest = format!("digest:{}", hash.name);
    let mut arguments = vec![
        "pkeyutl",
        "-verify",
        "-pubin",
        "-keyform",
        "DER",
        "-inkey",
        key.path(),
        "-sigfile",
        signature.path(),
        "-pkeyopt",
        &digest,
    ];
    match verification {
        Verification::Pss => arguments.extend([
            "-pkeyopt",
            "rsa_padding_mode:pss",
            "-pkeyopt",
            "rsa_pss_saltlen:digest",
        ]),
        Verification::Pkcs1 => arguments.extend(["-pkeyopt", "rsa_padding_mode:pkcs1"]),
        Verification::Ecdsa => {}
    }
    run(&arguments, &hash.value());
}
