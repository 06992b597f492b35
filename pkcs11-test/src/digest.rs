//! The digests supported in RSA signatures.

/// A digest as defined by SignPath's API and RFC 8017.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Digest {
    /// The name in `hashAlgorithmName`.
    pub name: &'static str,
    /// The object identifier in `RsaHashAlgorithm` and `hashAlgorithmOid`.
    pub oid: &'static str,
    /// The length of the digest in bytes.
    pub length: usize,
    /// The DER-encoded DigestInfo without the digest itself (RFC 8017, section 9.2, note 1).
    pub digest_info_prefix: &'static [u8],
}

pub(crate) static MD5: Digest = Digest {
    name: "Md5",
    oid: "1.2.840.113549.2.5",
    length: 16,
    digest_info_prefix: b"\x30\x20\x30\x0c\x06\x08\x2a\x86\x48\x86\xf7\x0d\x02\x05\x05\x00\x04\x10",
};
pub(crate) static SHA1: Digest = Digest {
    name: "Sha1",
    oid: "1.3.14.3.2.26",
    length: 20,
    digest_info_prefix: b"\x30\x21\x30\x09\x06\x05\x2b\x0e\x03\x02\x1a\x05\x00\x04\x14",
};
pub(crate) static SHA256: Digest = Digest {
    name: "Sha256",
    oid: "2.16.840.1.101.3.4.2.1",
    length: 32,
    digest_info_prefix:
        b"\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20",
};
pub(crate) static SHA384: Digest = Digest {
    name: "Sha384",
    oid: "2.16.840.1.101.3.4.2.2",
    length: 48,
    digest_info_prefix:
        b"\x30\x41\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x02\x05\x00\x04\x30",
};
pub(crate) static SHA512: Digest = Digest {
    name: "Sha512",
    oid: "2.16.840.1.101.3.4.2.3",
    length: 64,
    digest_info_prefix:
        b"\x30\x51\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x03\x05\x00\x04\x40",
};

impl Digest {
    pub const ALL: [&'static Digest; 5] = [&MD5, &SHA1, &SHA256, &SHA384, &SHA512];

    pub fn by_oid(oid: &str) -> Option<&'static Digest> {
        Self::ALL.into_iter().find(|digest| digest.oid == oid)
    }

    /// Looks up a digest by `hashAlgorithmName`, which does not support MD5.
    pub fn by_name(name: &str) -> Option<&'static Digest> {
        Self::ALL
            .into_iter()
            .filter(|digest| **digest != MD5)
            .find(|digest| digest.name.eq_ignore_ascii_case(name))
    }

    /// The DER-encoded DigestInfo of a digest.
    pub fn digest_info(&self, hash: &[u8]) -> Vec<u8> {
        [self.digest_info_prefix, hash].concat()
    }
}
