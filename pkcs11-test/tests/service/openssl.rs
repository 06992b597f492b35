//! The `openssl` command, which checks certificates.

use std::io::Write;
use std::process::{Command, Stdio};

/// Runs `openssl` with an input and returns its output. A status other than 0 fails the test.
pub fn run(arguments: &[&str], input: &[u8]) -> Vec<u8> {
    let mut openssl = Command::new("openssl")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    openssl.stdin.take().unwrap().write_all(input).unwrap();
    let output = openssl.wait_with_output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "openssl {arguments:?}: {stderr}");
    output.stdout
}

/// The same with arguments that are separated by spaces.
pub fn line(arguments: &str, input: &[u8]) -> Vec<u8> {
    run(&arguments.split_whitespace().collect::<Vec<_>>(), input)
}

/// The DER SubjectPublicKeyInfo of a DER certificate.
pub fn public_key(certificate: &[u8]) -> Vec<u8> {
    let pem = line("x509 -inform DER -noout -pubkey", certificate);
    line("pkey -pubin -outform DER", &pem)
}
