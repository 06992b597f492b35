//! Signatures, verified by programs that are not ours.

use std::process::Command;

use cryptoki_sys::*;
use sha1::Digest;
use spki::der::asn1::{AnyRef, UintRef};
use spki::der::{Encode, Tag};

use crate::report::shown;
use pkcs11_test::harness::{Mechanism, Session};

/// A digest, and its names in PKCS #11 and OpenSSL.
pub struct Hash {
    pub name: &'static str,
    pub mechanism: CK_MECHANISM_TYPE,
    pub mgf: CK_RSA_PKCS_MGF_TYPE,
    /// In bytes.
    pub length: usize,
    /// The DER DigestInfo up to the digest (RFC 8017, section 9.2, note 1).
    prefix: &'static [u8],
    digest: fn(&[u8]) -> Vec<u8>,
}

/// There is no MGF of MD5.
const NO_MGF: CK_RSA_PKCS_MGF_TYPE = 0;

pub static MD5: Hash = Hash {
    name: "md5",
    mechanism: CKM_MD5,
    mgf: NO_MGF,
    length: 16,
    prefix: b"\x30\x20\x30\x0c\x06\x08\x2a\x86\x48\x86\xf7\x0d\x02\x05\x05\x00\x04\x10",
    digest: |data| md5::Md5::digest(data).to_vec(),
};
pub static SHA1: Hash = Hash {
    name: "sha1",
    mechanism: CKM_SHA_1,
    mgf: CKG_MGF1_SHA1,
    length: 20,
    prefix: b"\x30\x21\x30\x09\x06\x05\x2b\x0e\x03\x02\x1a\x05\x00\x04\x14",
    digest: |data| sha1::Sha1::digest(data).to_vec(),
};
pub static SHA256: Hash = Hash {
    name: "sha256",
    mechanism: CKM_SHA256,
    mgf: CKG_MGF1_SHA256,
    length: 32,
    prefix: b"\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20",
    digest: |data| sha2::Sha256::digest(data).to_vec(),
};
pub static SHA384: Hash = Hash {
    name: "sha384",
    mechanism: CKM_SHA384,
    mgf: CKG_MGF1_SHA384,
    length: 48,
    prefix: b"\x30\x41\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x02\x05\x00\x04\x30",
    digest: |data| sha2::Sha384::digest(data).to_vec(),
};
pub static SHA512: Hash = Hash {
    name: "sha512",
    mechanism: CKM_SHA512,
    mgf: CKG_MGF1_SHA512,
    length: 64,
    prefix: b"\x30\x51\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x03\x05\x00\x04\x40",
    digest: |data| sha2::Sha512::digest(data).to_vec(),
};

impl Hash {
    pub fn digest(&self, data: &[u8]) -> Vec<u8> {
        (self.digest)(data)
    }

    pub fn digest_info(&self, data: &[u8]) -> Vec<u8> {
        [self.prefix, &self.digest(data)].concat()
    }

    /// CKM_RSA_PKCS_PSS, or one of its kind that hashes, with a salt as long as the digest.
    pub fn pss(&self, id: CK_MECHANISM_TYPE) -> Mechanism {
        Mechanism::pss(id, self.mechanism, self.mgf, self.length as CK_ULONG)
    }
}

/// How a digest became a signature.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Padding {
    Pkcs1,
    Pss,
    Ecdsa,
}

/// A signature of a message with the key of a label.
pub struct Signed {
    /// The case that made it.
    pub case: String,
    pub label: &'static str,
    pub padding: Padding,
    pub hash: &'static Hash,
    pub message: Vec<u8>,
    pub signature: Vec<u8>,
}

impl Signed {
    /// Panics unless SoftHSM and OpenSSL verify the signature: one with its public key object in this session of its own,
    /// the other with the certificate beside it.
    pub fn verify(&self, session: Session) {
        let digest = self.hash.digest(&self.message);
        let (mechanism, data) = match self.padding {
            Padding::Pkcs1 => (CKM_RSA_PKCS.into(), self.hash.digest_info(&self.message)),
            Padding::Pss => (self.hash.pss(CKM_RSA_PKCS_PSS), digest),
            Padding::Ecdsa => (CKM_ECDSA.into(), digest),
        };
        let rv = session
            .key(self.label)
            .verify(mechanism, &data, &self.signature);
        assert_eq!(rv, CKR_OK, "{}: C_Verify of SoftHSM", self.case);

        let certificate = session.certificate(self.label);
        let certificate = session.attribute(certificate, CKA_VALUE).unwrap();
        self.verify_with_openssl(&certificate);
    }

    fn verify_with_openssl(&self, certificate: &[u8]) {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, content: &[u8]| {
            let path = folder.path().join(name);
            std::fs::write(&path, content).unwrap();
            path.into_os_string()
        };
        let signature = match self.padding {
            Padding::Ecdsa => ecdsa_sig_value(&self.signature),
            _ => self.signature.clone(),
        };
        let certificate = file("certificate", certificate);
        let public_key = Command::new("openssl")
            .args(["x509", "-inform", "DER", "-noout", "-pubkey", "-in"])
            .arg(certificate)
            .output()
            .unwrap();
        let mut openssl = Command::new("openssl");
        openssl
            .args(["dgst", &format!("-{}", self.hash.name), "-verify"])
            .arg(file("public-key", &public_key.stdout))
            .arg("-signature")
            .arg(file("signature", &signature));
        if self.padding == Padding::Pss {
            let mgf = format!("rsa_mgf1_md:{}", self.hash.name);
            for option in ["rsa_padding_mode:pss", "rsa_pss_saltlen:digest", &mgf] {
                openssl.args(["-sigopt", option]);
            }
        }
        let output = openssl
            .arg(file("message", &self.message))
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}: openssl does not verify the signature {}: {}{}",
            self.case,
            shown(&self.signature),
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

/// r‖s as the DER structure Ecdsa-Sig-Value (RFC 3279, section 2.2.3).
fn ecdsa_sig_value(signature: &[u8]) -> Vec<u8> {
    let (r, s) = signature.split_at(signature.len() / 2);
    let integer = |bytes| UintRef::new(bytes).unwrap().to_der().unwrap();
    let content = [integer(r), integer(s)].concat();
    AnyRef::new(Tag::Sequence, &content)
        .unwrap()
        .to_der()
        .unwrap()
}
