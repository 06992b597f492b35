//! The certificates of authorities that lead up from those of signing policies.

use std::collections::HashSet;
use std::path::Path;

use cryptoki_sys::CK_CERTIFICATE_CATEGORY_AUTHORITY;
use log::warn;
use x509_parser::pem::Pem;

use super::attributes::{self, Names};
use super::{Certificate, Class, Common, Object, Policy};
use crate::error::{Error, Kind, Result};
use crate::input;

/// The certificates of a PEM file.
///
/// # Errors
/// [`Kind::Configuration`] for a file that cannot be read or holds no certificate, or something
/// else.
pub(super) fn read(path: &Path) -> Result<Vec<Certificate>> {
    let unusable = |reason: String| {
        Error::new(
            Kind::Configuration,
            format!("ChainCertificatesFile {}: {reason}", path.display()),
        )
    };
    let file = input::read(path).map_err(|error| {
        input::unreadable(&error, || unusable(format!("cannot be read ({error})")))
    })?;
    let mut certificates = Vec::new();
    for (index, block) in Pem::iter_from_buffer(&file).enumerate() {
        let certificate = block
            .map_err(|error| error.to_string())
            .and_then(|block| Certificate::from_der(&block.contents))
            .map_err(|reason| {
                let number = index + 1;
                unusable(format!(
                    "PEM block {number} is no X.509 certificate ({reason})"
                ))
            })?;
        certificates.push(certificate);
    }
    if certificates.is_empty() {
        return Err(unusable("holds no PEM certificate".to_owned()));
    }
    Ok(certificates)
}

/// The objects of those certificates in `bundle` that lead up from one of a policy.
pub(super) fn objects(policies: &[Policy], bundle: &[Certificate]) -> Vec<Object> {
    let own: Vec<_> = policies
        .iter()
        .filter_map(|policy| policy.certificate.as_ref())
        .collect();
    let mut known: HashSet<_> = own.iter().map(|certificate| certificate.der()).collect();
    let mut others: Vec<_> = bundle
        .iter()
        .filter(|certificate| known.insert(certificate.der()))
        .collect();
    let mut open = own.clone();
    let mut chain: Vec<&Certificate> = Vec::new();
    while let Some(certificate) = open.pop() {
        // One that is in the chain is not looked at again: many policies have the same issuer, and
        // each look verifies a signature.
        others.retain(|other| {
            let is_issuer = other.issued(certificate);
            if is_issuer {
                chain.push(other);
                open.push(other);
            }
            !is_issuer
        });
    }
    if chain.is_empty() && !bundle.is_empty() && !own.is_empty() {
        warn!(
            "ChainCertificatesFile: none of its certificates is the issuer of a signing \
                 policy's certificate; none is shown"
        );
    }
    chain
        .into_iter()
        .map(|certificate| object(certificate, policies))
        .collect()
}

fn object(certificate: &Certificate, policies: &[Policy]) -> Object {
    let label = certificate.title();
    // Tools take objects with the same CKA_ID for a key and its certificate.
    let is_policy = |id: &[u8]| {
        policies
            .iter()
            .any(|policy| policy.name.to_string().as_bytes() == id)
    };
    let names = Names {
        label: label.as_bytes(),
        id: Some(certificate.key_identifier())
            .filter(|id| !is_policy(id))
            .unwrap_or_default(),
        subject: &[],
    };
    let attributes = attributes::certificate(names, certificate, CK_CERTIFICATE_CATEGORY_AUTHORITY);
    let mut common = Common::default();
    Object::new(Class::Certificate, None, attributes, &mut common)
}
