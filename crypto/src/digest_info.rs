//! Parses `DigestInfo`, the input of CKM_RSA_PKCS.

use spki::AlgorithmIdentifierRef;
use spki::der::asn1::{AnyRef, OctetStringRef};
use spki::der::{Decode, Reader, SliceReader};

use super::{Digest, HashAlgorithm};

/// Parses a DER `DigestInfo` (RFC 8017, appendix A.2.4) without trailing data: `SEQUENCE {
/// AlgorithmIdentifier { OID, NULL }, OCTET STRING }`.
///
/// The NULL is required because the service builds its own `DigestInfo` with one. Without it, the
/// service would sign different bytes from the caller's.
///
/// # Errors
/// What is wrong, as the rest of a sentence that starts with the data.
pub fn parse_digest_info(data: &[u8]) -> Result<Digest, String> {
    if let Some(hash) = bare_digest(data) {
        return Err(format!(
            "look like a bare {hash} digest, not a DigestInfo; use a hashing mechanism \
             (pkcs11-tool -m SHA256-RSA-PKCS), or wrap it (openssl pkeyutl -pkeyopt digest:sha256)"
        ));
    }
    let (algorithm, value) =
        decode(data).map_err(|_| "are not a DER DigestInfo, the only input that is supported")?;
    let hash = HashAlgorithm::from_oid(&algorithm.oid).ok_or_else(|| {
        format!(
            "are a DigestInfo with the hash algorithm {}, which SignPath does not support",
            algorithm.oid
        )
    })?;
    if algorithm.parameters != Some(AnyRef::NULL) {
        return Err("are a DigestInfo whose algorithm parameters are not NULL".to_owned());
    }
    if value.len() != hash.digest_length() {
        return Err(format!(
            "are a DigestInfo with a digest of {} bytes, but {hash} digests have {}",
            value.len(),
            hash.digest_length()
        ));
    }
    Ok(Digest { algorithm: Some(hash), value: value.to_vec() })
}

fn bare_digest(data: &[u8]) -> Option<HashAlgorithm> {
    // A DigestInfo of one of these lengths would have no room for a digest.
    HashAlgorithm::SIGNED
        .into_iter()
        .find(|hash| hash.digest_length() == data.len() && decode(data).is_err())
}

fn decode(data: &[u8]) -> spki::der::Result<(AlgorithmIdentifierRef<'_>, &[u8])> {
    let mut reader = SliceReader::new(data)?;
    let decoded = reader.sequence(|content| {
        let algorithm = AlgorithmIdentifierRef::decode(content)?;
        let digest = OctetStringRef::decode(content)?;
        Ok((algorithm, digest.as_bytes()))
    })?;
    reader.finish(decoded)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::same_cases;

    /// RFC 8017, section 9.2, note 1: the DER encoding of everything before the digest.
    const PREFIXES: [(HashAlgorithm, &[u8]); 5] = [
        (
            HashAlgorithm::Md5,
            b"\x30\x20\x30\x0c\x06\x08\x2a\x86\x48\x86\xf7\x0d\x02\x05\x05\x00\x04\x10",
        ),
        (HashAlgorithm::Sha1, b"\x30\x21\x30\x09\x06\x05\x2b\x0e\x03\x02\x1a\x05\x00\x04\x14"),
        (
            HashAlgorithm::Sha256,
            b"\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20",
        ),
        (
            HashAlgorithm::Sha384,
            b"\x30\x41\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x02\x05\x00\x04\x30",
        ),
        (
            HashAlgorithm::Sha512,
            b"\x30\x51\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x03\x05\x00\x04\x40",
        ),
    ];

    fn digest_info(hash: HashAlgorithm, prefix: &[u8]) -> Vec<u8> {
        [prefix, &vec![0xA5; hash.digest_length()]].concat()
    }

    #[test]
    fn parses_the_encodings_of_rfc_8017() {
        for (hash, prefix) in PREFIXES {
            let digest = parse_digest_info(&digest_info(hash, prefix)).unwrap();
            assert_eq!(digest.algorithm, Some(hash));
            assert_eq!(digest.value, vec![0xA5; hash.digest_length()]);
        }
    }

    #[test]
    fn refuses_anything_but_a_complete_digest_info() {
        let (hash, prefix) = PREFIXES[2];
        let good = digest_info(hash, prefix);
        let with = |changes: &[(usize, u8)]| {
            let mut data = good.clone();
            for (index, value) in changes {
                data[*index] = *value;
            }
            data
        };
        let no_null = [
            b"\x30\x2f\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x04\x20".as_slice(),
            &[0xA5; 32],
        ]
        .concat();
        let long_form_length = [b"\x30\x81\x31".as_slice(), &good[2..]].concat();
        for (name, data, expected) in [
            ("empty", vec![], "not a DER DigestInfo"),
            ("trailing data", [good.as_slice(), &[0]].concat(), "not a DER DigestInfo"),
            ("cut short", good[..50].to_vec(), "not a DER DigestInfo"),
            ("a set instead of a sequence", with(&[(0, 0x31)]), "not a DER DigestInfo"),
            ("BER length", long_form_length, "not a DER DigestInfo"),
            ("no NULL", no_null, "parameters are not NULL"),
            ("SHA-224", with(&[(14, 4)]), "2.16.840.1.101.3.4.2.4"),
            (
                "SHA-384 with 32 bytes",
                with(&[(14, 2)]),
                "a digest of 32 bytes, but SHA-384 digests have 48",
            ),
            ("bare SHA-256", vec![0xA5; 32], "bare SHA-256 digest"),
            ("bare SHA-512", vec![0x30; 64], "bare SHA-512 digest"),
            ("MD5 and SHA-1 in a row (SSL 3)", vec![0xA5; 36], "not a DER DigestInfo"),
        ] {
            let reason = parse_digest_info(&data).unwrap_err();
            assert!(reason.contains(expected), "{name}: {reason}");
        }
    }

    proptest! {
        #![proptest_config(same_cases())]

        #[test]
        fn a_changed_digest_info_is_refused_or_has_another_digest(
            (hash, prefix) in prop::sample::select(PREFIXES.to_vec()),
            position in any::<prop::sample::Index>(),
            change in 1..=255_u8,
        ) {
            let mut changed = digest_info(hash, prefix);
            let position = position.index(changed.len());
            changed[position] ^= change;
            let parsed = parse_digest_info(&changed);
            prop_assert_eq!(parsed.is_ok(), position >= prefix.len());
            if let Ok(parsed) = parsed {
                prop_assert_ne!(parsed.value, vec![0xA5; hash.digest_length()]);
            }
        }

        #[test]
        fn refuses_any_other_bytes(data in prop::collection::vec(any::<u8>(), 0..100)) {
            prop_assert!(parse_digest_info(&data).is_err());
        }
    }
}
