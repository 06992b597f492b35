//! Converts between the two encodings of an ECDSA signature.

use spki::der::asn1::UintRef;
use spki::der::{Decode, Encode, Reader, SliceReader};

/// Converts a DER `ECDSA-Sig-Value` (RFC 3279, section 2.2.3) to r‖s (IEEE 1363), each of `length`
/// bytes. [`None`] if `der` is something else, or if r or s does not fit.
pub fn ieee_from_asn1(der: &[u8], length: usize) -> Option<Vec<u8>> {
    let mut reader = SliceReader::new(der).ok()?;
    let (r, s) = reader
        .sequence(|sequence| Ok((UintRef::decode(sequence)?, UintRef::decode(sequence)?)))
        .ok()?;
    let mut signature = Vec::with_capacity(2 * length);
    for part in [r.as_bytes(), s.as_bytes()] {
        let zeros = length.checked_sub(part.len())?;
        signature.extend(std::iter::repeat_n(0, zeros));
        signature.extend_from_slice(part);
    }
    reader.is_finished().then_some(signature)
}

/// Converts r‖s to a DER `ECDSA-Sig-Value` (RFC 3279, section 2.2.3). [`None`] if the number of
/// bytes is odd.
pub fn asn1_from_ieee(signature: &[u8]) -> Option<Vec<u8>> {
    let (r, s) = signature.split_at_checked(signature.len() / 2)?;
    if r.len() != s.len() {
        return None;
    }
    let parts = [UintRef::new(r).ok()?, UintRef::new(s).ok()?];
    parts.to_vec().to_der().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::same_cases;

    #[test]
    fn pads_integers_with_zeros_and_removes_the_sign_byte() {
        let der = [0x30, 0x08, 0x02, 0x02, 0x00, 0x80, 0x02, 0x02, 0x01, 0x02];
        assert_eq!(ieee_from_asn1(&der, 4).unwrap(), [0, 0, 0, 0x80, 0, 0, 1, 2]);
    }

    #[test]
    fn converts_ieee_to_asn1() {
        let der = [0x30, 0x08, 0x02, 0x02, 0x00, 0x80, 0x02, 0x02, 0x01, 0x02];
        assert_eq!(asn1_from_ieee(&[0, 0, 0, 0x80, 0, 0, 1, 2]).unwrap(), der.to_vec());
        assert_eq!(asn1_from_ieee(&[1, 2, 3]), None);
    }

    #[test]
    fn rejects_malformed_der_signatures() {
        for der in [
            &[0x30, 0x03, 0x02, 0x01, 0x01][..],
            &[0x30, 0x06, 0x02, 0x01, 0x01, 0x02, 0x01, 0x01, 0x00],
            &[0x30, 0x06, 0x02, 0x01, 0x81, 0x02, 0x01, 0x01],
            &[0x30, 0x07, 0x02, 0x02, 0x01, 0x01, 0x02, 0x01, 0x01],
            b"",
        ] {
            assert_eq!(ieee_from_asn1(der, 1), None, "{der:02x?}");
        }
    }

    proptest! {
        #![proptest_config(same_cases())]

        #[test]
        fn converts_any_signature_to_asn1_and_back(
            length in 1..=66_usize,
            bytes in prop::collection::vec(any::<u8>(), 132),
        ) {
            let signature = &bytes[..2 * length];
            let der = asn1_from_ieee(signature).unwrap();
            prop_assert_eq!(ieee_from_asn1(&der, length).unwrap(), signature);
        }

        #[test]
        fn reads_any_bytes_as_a_signature_or_not_at_all(der in prop::collection::vec(any::<u8>(), 0..80)) {
            if let Some(signature) = ieee_from_asn1(&der, 32) {
                prop_assert_eq!(asn1_from_ieee(&signature).unwrap(), der);
            }
        }
    }
}
