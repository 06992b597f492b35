//! What a request asks to have signed, in both generations of the API, and the signature.

use base64::prelude::{BASE64_STANDARD, Engine};
use serde_json::Value;
use x509_cert::der::asn1::{AnyRef, UintRef};
use x509_cert::der::{Encode, Tag};

use crate::digest::Digest;
use crate::error::{Context, Error};
use crate::keys::{PrivateKey, Scheme};
use crate::problem::Problem;

/// A hash and how to sign it.
pub(crate) struct SigningData {
    pub scheme: Scheme,
    /// ECDSA only: return a DER sequence rather than r and s concatenated.
    pub asn1: bool,
    pub hash: Vec<u8>,
}

/// A member of a JSON object, ignoring the case of its name. `null` counts as missing.
pub(crate) fn property<'a>(object: &'a Value, name: &str) -> Option<&'a Value> {
    object
        .as_object()?
        .iter()
        .find(|(key, value)| key.eq_ignore_ascii_case(name) && !value.is_null())
        .map(|(_, value)| value)
}

/// Like [`property`], for a string.
pub(crate) fn text<'a>(object: &'a Value, name: &str) -> Option<&'a str> {
    property(object, name)?.as_str()
}

impl SigningData {
    /// Parses the `payload.json` of a first-generation request.
    pub fn from_payload(payload: &Value) -> Result<Self, Problem> {
        let rsa_digest = || {
            text(payload, "RsaHashAlgorithm")
                .and_then(Digest::by_oid)
                .ok_or_else(Problem::invalid_format)
        };
        let scheme = match lower(text(payload, "SignatureAlgorithm"))?.as_str() {
            "rsapkcs1" => Scheme::RsaPkcs1(rsa_digest()?),
            "rsapss" => Scheme::RsaPss(rsa_digest()?),
            "ecdsa" => Scheme::Ecdsa,
            _ => return Err(Problem::invalid_format()),
        };
        Self::new(scheme, text(payload, "EcdsaSignatureFormat"), text(payload, "Base64EncodedHash"))
    }

    /// Parses the `hashSigningData` of a `SignHash` request.
    pub fn from_hash_signing_data(data: &Value) -> Result<Self, Problem> {
        let options = |name| property(data, name).unwrap_or(&Value::Null);
        let scheme = match lower(text(data, "signatureAlgorithm"))?.as_str() {
            "rsa" => {
                let rsa = options("rsaOptions");
                let digest = text(rsa, "hashAlgorithmName")
                    .and_then(Digest::by_name)
                    .or_else(|| text(rsa, "hashAlgorithmOid").and_then(Digest::by_oid));
                let digest = digest.ok_or_else(Problem::invalid_format)?;
                match lower(text(rsa, "paddingMode").or(Some("Pkcs1")))?.as_str() {
                    "pkcs1" => Scheme::RsaPkcs1(digest),
                    "pss" => Scheme::RsaPss(digest),
                    _ => return Err(Problem::invalid_format()),
                }
            }
            "ecdsa" => Scheme::Ecdsa,
            _ => return Err(Problem::invalid_format()),
        };
        Self::new(scheme, text(options("ecdsaOptions"), "signatureFormat"), text(data, "hash"))
    }

    fn new(
        scheme: Scheme,
        ecdsa_format: Option<&str>,
        hash: Option<&str>,
    ) -> Result<Self, Problem> {
        let hash = BASE64_STANDARD
            .decode(hash.ok_or_else(Problem::invalid_format)?)
            .map_err(|_| Problem::invalid_format())?;
        let fits = match scheme {
            Scheme::RsaPkcs1(digest) | Scheme::RsaPss(digest) => hash.len() == digest.length,
            // The request does not name the digest. SignPath's documentation says that the length is checked, but not
            // which lengths are accepted.
            Scheme::Ecdsa => Digest::ALL.iter().any(|digest| digest.length == hash.len()),
        };
        if !fits {
            return Err(Problem::hash_mismatch());
        }
        let asn1 = match lower(ecdsa_format.or(Some("Ieee")))?.as_str() {
            "ieee" => false,
            "asn1" => scheme == Scheme::Ecdsa,
            _ => return Err(Problem::invalid_format()),
        };
        Ok(Self { scheme, asn1, hash })
    }

    /// Whether a key of this type can sign it.
    pub fn fits(&self, rsa: bool) -> bool {
        rsa == (self.scheme != Scheme::Ecdsa)
    }

    /// Switches to the ECDSA format that was not requested.
    pub fn in_the_other_encoding(self) -> Self {
        Self { asn1: self.scheme == Scheme::Ecdsa && !self.asn1, ..self }
    }

    pub fn hash(&self) -> String {
        BASE64_STANDARD.encode(&self.hash)
    }

    pub fn sign(&self, key: &dyn PrivateKey) -> Result<Vec<u8>, Error> {
        let signature = key.sign(self.scheme, &self.hash)?;
        if self.asn1 {
            ecdsa_sig_value(&signature).context("cannot encode an ECDSA signature")
        } else {
            Ok(signature)
        }
    }
}

/// ASP.NET ignores the case of enumeration values.
fn lower(name: Option<&str>) -> Result<String, Problem> {
    name.map(str::to_ascii_lowercase).ok_or_else(Problem::invalid_format)
}

/// Ecdsa-Sig-Value: RFC 3279, section 2.2.3
pub(crate) fn ecdsa_sig_value(signature: &[u8]) -> x509_cert::der::Result<Vec<u8>> {
    let (r, s) = signature.split_at(signature.len() / 2);
    let mut content = UintRef::new(r)?.to_der()?;
    content.extend(UintRef::new(s)?.to_der()?);
    AnyRef::new(Tag::Sequence, &content)?.to_der()
}
