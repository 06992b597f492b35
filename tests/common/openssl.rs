//! What openssl signs and verifies.

// Each test program uses a part of it.
#![allow(dead_code)]

use std::path::Path;
use std::process::Command;

use cryptoki_sys::CK_ULONG;
use spki::der::asn1::{AnyRef, UintRef};
use spki::der::{Decode, Encode, Reader, SliceReader, Tag};

/// What openssl prints.
pub fn openssl(arguments: &[&str]) -> Vec<u8> {
    crate::common::succeed(Command::new("openssl").args(arguments)).stdout
}

/// What openssl prints, with `input` in a file behind `-in`.
pub fn openssl_in(arguments: &[&str], input: &[u8]) -> Vec<u8> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), input).unwrap();
    openssl(&[arguments, &["-in", file.path().to_str().unwrap()]].concat())
}

/// How a digest becomes a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Padding {
    Pkcs1,
    /// With a salt as long as the digest.
    Pss,
    /// With a salt of so many bytes.
    PssWith(CK_ULONG),
    Ecdsa,
}

impl Padding {
    fn options(self) -> Vec<String> {
        let salt = match self {
            Self::Pss => "digest".to_owned(),
            Self::PssWith(length) => length.to_string(),
            Self::Pkcs1 | Self::Ecdsa => return vec![],
        };
        let options = format!("-sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:{salt}");
        options.split(' ').map(str::to_owned).collect()
    }
}

fn dgst(digest: &str, padding: Padding, more: &[&str], message: &[u8]) -> Vec<u8> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), message).unwrap();
    let options = padding.options();
    let options: Vec<_> = options.iter().map(String::as_str).collect();
    let message = [file.path().to_str().unwrap()];
    let digest = ["dgst", &format!("-{digest}")];
    openssl(&[&digest, &options[..], more, &message].concat())
}

/// The digest of a message.
pub fn digest(digest: &str, message: &[u8]) -> Vec<u8> {
    dgst(digest, Padding::Pkcs1, &["-binary"], message)
}

/// The signature of a message with the private key in a file.
pub fn sign(pem: &Path, digest: &str, padding: Padding, message: &[u8]) -> Vec<u8> {
    dgst(digest, padding, &["-sign", pem.to_str().unwrap()], message)
}

/// The public key of a certificate in DER, in PEM.
pub fn public_key(certificate: &[u8]) -> Vec<u8> {
    openssl_in(&["x509", "-inform", "DER", "-noout", "-pubkey"], certificate)
}

/// Panics unless openssl verifies the signature, of which ECDSA's is r‖s, with a public key in PEM.
pub fn verify(key: &[u8], digest: &str, padding: Padding, message: &[u8], signature: &[u8]) {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path.into_os_string().into_string().unwrap()
    };
    let key = file("key", key);
    let signature = match padding {
        Padding::Ecdsa => file("signature", &ecdsa_sig_value(signature)),
        _ => file("signature", signature),
    };
    let files = ["-verify", &key, "-signature", &signature];
    dgst(digest, padding, &files, message);
}

/// r‖s as the DER structure Ecdsa-Sig-Value (RFC 3279, section 2.2.3).
fn ecdsa_sig_value(signature: &[u8]) -> Vec<u8> {
    let (r, s) = signature.split_at(signature.len() / 2);
    let integer = |bytes| UintRef::new(bytes).unwrap().to_der().unwrap();
    let content = [integer(r), integer(s)].concat();
    AnyRef::new(Tag::Sequence, &content).unwrap().to_der().unwrap()
}

/// r‖s, each of `length` bytes, of such a structure.
pub fn fixed_size(der: &[u8], length: usize) -> Vec<u8> {
    let numbers = SliceReader::new(der).unwrap().sequence(|content| {
        let numbers = [UintRef::decode(content)?, UintRef::decode(content)?];
        let padded = numbers.map(|number| {
            let bytes = number.as_bytes();
            [vec![0; length - bytes.len()], bytes.to_vec()].concat()
        });
        Ok(padded.concat())
    });
    numbers.unwrap()
}
