//! Signatures, verified by programs that are not ours.

use cryptoki_sys::*;
use pkcs11_test::harness::{Mechanism, Module};
use sha1::Digest;

use crate::openssl;
pub use crate::openssl::Padding;

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

macro_rules! hashes {
    ($($name:ident: $openssl:literal $mechanism:ident $mgf:ident $length:literal $prefix:literal $type:ty;)*) => {$(
        pub static $name: Hash = Hash {
            name: $openssl,
            mechanism: $mechanism,
            mgf: $mgf,
            length: $length,
            prefix: $prefix,
            digest: |data| <$type>::digest(data).to_vec(),
        };
    )*};
}

hashes! {
    MD5: "md5" CKM_MD5 NO_MGF 16 b"\x30\x20\x30\x0c\x06\x08\x2a\x86\x48\x86\xf7\x0d\x02\x05\x05\x00\x04\x10" md5::Md5;
    SHA1: "sha1" CKM_SHA_1 CKG_MGF1_SHA1 20 b"\x30\x21\x30\x09\x06\x05\x2b\x0e\x03\x02\x1a\x05\x00\x04\x14" sha1::Sha1;
    SHA256: "sha256" CKM_SHA256 CKG_MGF1_SHA256 32
        b"\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20" sha2::Sha256;
    SHA384: "sha384" CKM_SHA384 CKG_MGF1_SHA384 48
        b"\x30\x41\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x02\x05\x00\x04\x30" sha2::Sha384;
    SHA512: "sha512" CKM_SHA512 CKG_MGF1_SHA512 64
        b"\x30\x51\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x03\x05\x00\x04\x40" sha2::Sha512;
}

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

/// Panics unless openssl verifies the signature of a message with the certificate of a label.
pub fn verify(
    module: &Module,
    label: &str,
    (padding, hash): (Padding, &Hash),
    message: &[u8],
    signature: &[u8],
) {
    let session = module.session();
    let certificate = session.attribute(session.certificate(label), CKA_VALUE).unwrap();
    let key = openssl::public_key(&certificate);
    openssl::verify(&key, hash.name, padding, message, signature);
    session.close();
}
