//! CA certificates that issued the certificates of signing policies, directly or indirectly.

use std::collections::HashSet;

use cryptoki_sys::CK_CERTIFICATE_CATEGORY_AUTHORITY;
use log::warn;

use super::attributes::{self, Names};
use signpath_crypto::Certificate;

use super::{Class, Object, SharedAttributes, Shown};

/// Creates objects for those certificates in `bundle` that are part of a policy's chain.
pub(super) fn objects(policies: &[Shown], bundle: &[Certificate]) -> Vec<Object> {
    let own: Vec<_> = policies.iter().filter_map(Shown::certificate).collect();
    let mut known: HashSet<_> = own.iter().map(|certificate| certificate.der()).collect();
    let mut others: Vec<_> =
        bundle.iter().filter(|certificate| known.insert(certificate.der())).collect();
    let mut open = own.clone();
    let mut chain: Vec<&Certificate> = Vec::new();
    while let Some(certificate) = open.pop() {
        // Certificates already in the chain are not checked again: many policies share an issuer,
        // and each check verifies a signature.
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
            "ChainCertificatesFile contains no issuer of any signing policy's certificate, so no \
                 CA certificates are shown; add the issuers"
        );
    }
    chain.into_iter().map(|certificate| object(certificate, policies)).collect()
}

fn object(certificate: &Certificate, policies: &[Shown]) -> Object {
    let (label, key_identifier) = (certificate.title(), certificate.key_identifier());
    // Applications take objects with the same CKA_ID for a key and its certificate.
    let is_policy =
        |id: &[u8]| policies.iter().any(|shown| shown.policy.name.to_string().as_bytes() == id);
    let names = Names {
        label: label.as_bytes(),
        id: Some(&*key_identifier).filter(|id| !is_policy(id)).unwrap_or_default(),
        subject: &[],
    };
    let attributes = attributes::certificate(names, certificate, CK_CERTIFICATE_CATEGORY_AUTHORITY);
    let mut common = SharedAttributes::default();
    Object::new(Class::Certificate, None, attributes, &mut common)
}
