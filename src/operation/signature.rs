//! A signature that has been verified.

use log::info;

use crate::crypto::{Digest, PublicKey, SignatureAlgorithm, ieee_from_asn1};
use crate::error::{Error, Kind, Result};
use crate::signpath::{Cancellation, PolicyName, Service};

/// Asks the service for a signature of `digest`, and verifies it with the signing policy's public
/// key. An ECDSA signature is r‖s.
///
/// # Errors
/// Those of the service; [`Kind::SignatureInvalid`].
pub fn verified_signature(
    service: &dyn Service,
    (policy, key): (&PolicyName, &PublicKey),
    algorithm: SignatureAlgorithm,
    digest: &Digest,
    cancellation: &Cancellation,
) -> Result<Vec<u8>> {
    let signature = service.sign(policy, algorithm, digest, cancellation)?;
    let signature = match algorithm {
        SignatureAlgorithm::Ecdsa => as_ieee(signature, policy, key.signature_length()),
        _ => signature,
    };
    let is_valid = algorithm
        .scheme(digest)
        .is_some_and(|scheme| key.verifies(scheme, &digest.value, &signature));
    if !is_valid {
        service.doubt_policies();
        return Err(not_valid(&signature, policy, key.signature_length()));
    }
    Ok(signature)
}

/// An ECDSA signature as r‖s, `length` bytes. A service that does not know the format it was asked
/// for answers in the other one.
fn as_ieee(signature: Vec<u8>, policy: &PolicyName, length: usize) -> Vec<u8> {
    if signature.len() == length {
        return signature;
    }
    match ieee_from_asn1(&signature, length / 2) {
        Some(ieee) => {
            info!(
                "SignPath returned a DER signature for {policy} where r and s side by side were \
                     asked for; it is converted"
            );
            ieee
        }
        None => signature,
    }
}

fn not_valid(signature: &[u8], policy: &PolicyName, expected: usize) -> Error {
    let what = match signature.len() {
        length if length == expected => "does not verify with its public key".to_owned(),
        length => format!("has {length} bytes instead of {expected}"),
    };
    Error::new(
        Kind::SignatureInvalid,
        format!(
            "the signature that SignPath returned for {policy} {what}, and was thrown away; if its \
             certificate was renewed just now, try again"
        ),
    )
}
