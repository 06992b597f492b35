//! Descriptions of signing policies.

use base16ct::lower::encode_string as hex;
use serde::Serialize;
use sha2::{Digest, Sha256};
use signpath_client::SigningPolicy;
use signpath_crypto::{Curve, PublicKey};
use signpath_platform::date::rfc3339;
use x509_parser::prelude::{ASN1Time, FromDer, X509Certificate};

/// A day in seconds.
const DAY: i64 = 24 * 60 * 60;

/// A signing policy in JSON output.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PolicySummary {
    /// The label of the token.
    pub token: String,
    /// `{ProjectSlug}/{SigningPolicySlug}`, which is both CKA_LABEL and CKA_ID.
    pub name: String,
    /// The project's slug.
    pub project_slug: String,
    /// The signing policy's slug.
    pub signing_policy_slug: String,
    /// The PKCS #11 URI of the private key, by label (RFC 7512). Of the public key if there is no private key.
    pub uri: String,
    /// The PKCS #11 URI of the private key, by CKA_ID.
    pub id_uri: String,
    /// CKA_ID in hexadecimal.
    pub id: String,
    /// The key, if SignPath can sign with it.
    pub key: Option<KeySummary>,
    /// The certificate, if there is one.
    pub certificate: Option<CertificateSummary>,
    /// What [`key_text`] says.
    #[serde(skip)]
    pub key_text: String,
}

/// A key in JSON output.
#[derive(Serialize)]
pub struct KeySummary {
    /// `RSA` or `EC`.
    #[serde(rename = "type")]
    pub key_type: &'static str,
    /// The size of the modulus or curve in bits.
    pub bits: usize,
    /// The name of the curve.
    pub curve: Option<&'static str>,
}

/// A certificate in JSON output.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CertificateSummary {
    /// The subject's distinguished name.
    pub subject: String,
    /// The issuer's distinguished name.
    pub issuer: String,
    /// The serial number in hexadecimal.
    pub serial_number: String,
    /// The start of its validity, in UTC (RFC 3339).
    pub not_before: String,
    /// The end of its validity, in UTC (RFC 3339).
    pub not_after: String,
    /// The SHA-256 of the certificate in hexadecimal.
    pub sha256: String,
    /// Whole days until it expires; negative if it has expired.
    pub days_left: i64,
}

impl PolicySummary {
    /// Describes a signing policy of the token with this label.
    pub fn of(token: &str, policy: &SigningPolicy) -> Self {
        let name = policy.name.to_string();
        let certificate = policy.certificate.as_ref();
        let kind = match signing_key(policy) {
            Some(_) => "private",
            None => "public",
        };
        Self {
            project_slug: policy.name.project_slug().to_owned(),
            signing_policy_slug: policy.name.signing_policy_slug().to_owned(),
            token: token.to_owned(),
            uri: uri(token, &name, kind),
            id_uri: format!(
                "pkcs11:token={};id={};type={kind}",
                percent(token.as_bytes()),
                percent_all(name.as_bytes())
            ),
            key_text: key_text(policy),
            id: hex(name.as_bytes()),
            key: signing_key(policy).map(KeySummary::of),
            certificate: certificate
                .and_then(|certificate| CertificateSummary::of(certificate.der())),
            name,
        }
    }
}

/// The key of a signing policy, if SignPath can sign with it.
fn signing_key(policy: &SigningPolicy) -> Option<&PublicKey> {
    let key = policy.public_key.as_ref();
    key.filter(|_| policy.why_not_signing().is_none())
}

/// A short description of the key, such as `RSA 3072`, `EC P-256`, `ML-DSA-65` or `unsupported`.
pub fn key_text(policy: &SigningPolicy) -> String {
    let ml_dsa = policy.public_key.as_ref().and_then(PublicKey::ml_dsa);
    match (signing_key(policy), ml_dsa) {
        (Some(key), _) => KeySummary::of(key).text(),
        (None, Some((parameter_set, _))) => parameter_set.name().to_owned(),
        (None, None) => "unsupported".to_owned(),
    }
}

impl KeySummary {
    /// Describes a key.
    pub fn of(key: &PublicKey) -> Self {
        let curve = key.ec().map(|(curve, _)| match curve {
            Curve::P256 => "P-256",
            Curve::P384 => "P-384",
            Curve::P521 => "P-521",
        });
        Self { key_type: if curve.is_some() { "EC" } else { "RSA" }, bits: key.bits(), curve }
    }

    /// A short description, such as `RSA 3072` or `EC P-256`.
    pub fn text(&self) -> String {
        match self.curve {
            Some(curve) => format!("{} {curve}", self.key_type),
            None => format!("{} {}", self.key_type, self.bits),
        }
    }
}

impl CertificateSummary {
    /// Describes a DER certificate; [`None`] if it cannot be parsed.
    pub fn of(der: &[u8]) -> Option<Self> {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        let validity = certificate.validity();
        let seconds_left = validity.not_after.timestamp() - ASN1Time::now().timestamp();
        Some(Self {
            subject: certificate.subject().to_string(),
            issuer: certificate.issuer().to_string(),
            serial_number: hex(certificate.raw_serial()),
            not_before: rfc3339(validity.not_before.to_datetime()),
            not_after: rfc3339(validity.not_after.to_datetime()),
            sha256: hex(&Sha256::digest(der)),
            days_left: seconds_left.div_euclid(DAY),
        })
    }

    /// The day on which it expires, as `YYYY-MM-DD`.
    pub fn last_day(&self) -> &str {
        self.not_after.get(..10).unwrap_or(&self.not_after)
    }
}

/// The PKCS #11 URI of a key of a signing policy (RFC 7512), `private` or `public`.
pub fn uri(token: &str, name: &str, kind: &str) -> String {
    let (token, object) = (percent(token.as_bytes()), percent(name.as_bytes()));
    format!("pkcs11:token={token};object={object};type={kind}")
}

/// Percent-encodes a value in the path of a URI (RFC 7512, section 2.3), except for unreserved characters.
pub fn percent(bytes: &[u8]) -> String {
    use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};
    const RESERVED: &AsciiSet =
        &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
    percent_encode(bytes, RESERVED).to_string()
}

fn percent_all(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("%{byte:02x}")).collect()
}
