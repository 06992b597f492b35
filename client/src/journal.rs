//! A record of a signature, for a journal of everything that was signed.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use signpath_crypto::{Certificate, Digest, HashAlgorithm, PublicKey, SignatureAlgorithm};
use signpath_platform::date;

use crate::client::Client;
use crate::metadata::user;
use crate::signed::Signed;
use crate::signing_policy::SigningPolicy;

/// One line of the journal. The names of its properties are part of the stable interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JournalEntry {
    /// When the signature had been verified: UTC, RFC 3339, with milliseconds.
    pub time: String,
    /// The organization.
    pub organization_id: String,
    /// The project.
    pub project_slug: String,
    /// The signing policy.
    pub signing_policy_slug: String,
    /// `RsaPkcs1`, `RsaPss` or `Ecdsa`, as in a fast signing request.
    pub signature_algorithm: String,
    /// The digest's algorithm, as its standard spells it (`SHA-256`). [`None`] if the tool passed a bare digest, as
    /// with CKM_ECDSA.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hash_algorithm: Option<String>,
    /// The digest, in hexadecimal.
    pub digest: String,
    /// The signature, in base64. An ECDSA signature is r‖s.
    pub signature: String,
    /// The DER certificate of the signing policy, in base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<String>,
    /// The DER SubjectPublicKeyInfo in base64, if the signing policy has no certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_key: Option<String>,
    /// SignPath's ID of the signing request, if the route tells it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signing_request_id: Option<String>,
    /// The address of the signing request, if the route tells it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub web_link: Option<String>,
    /// How many attempts the signing request took at the route that signed.
    pub attempts: u32,
    /// How long the signature took, with retries, in milliseconds.
    pub duration_in_milliseconds: u64,
    /// The ID of the process that signed.
    pub process_id: u32,
    /// The file name of its program.
    pub program: String,
    /// Its user.
    pub user: String,
}

/// What [`JournalEntry::verify`] found wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unverified {
    /// The signature is not one of the digest by the key.
    Invalid,
    /// The entry names no key, or something in it cannot be read: which property.
    Unreadable(&'static str),
}

impl Client {
    /// Describes a signature that [`Client::sign`] has just made.
    pub fn journal_entry(
        &self,
        policy: &SigningPolicy,
        algorithm: SignatureAlgorithm,
        digest: &Digest,
        signed: &Signed,
    ) -> JournalEntry {
        let certificate = policy.certificate.as_ref().map(Certificate::der);
        let key = policy.public_key.as_ref();
        let key = key.map(PublicKey::subject_public_key_info);
        let program = std::env::current_exe().unwrap_or_default();
        let program = program.file_name().unwrap_or_default();
        JournalEntry {
            time: date::rfc3339_now(),
            organization_id: self.api().credentials.organization_id.clone(),
            project_slug: policy.name.project_slug().to_owned(),
            signing_policy_slug: policy.name.signing_policy_slug().to_owned(),
            signature_algorithm: algorithm.name().to_owned(),
            hash_algorithm: digest.algorithm.map(|hash| hash.to_string()),
            digest: base16ct::lower::encode_string(&digest.value),
            signature: STANDARD.encode(&signed.signature),
            certificate: certificate.map(|der| STANDARD.encode(der)),
            public_key: key.filter(|_| certificate.is_none()).map(|der| STANDARD.encode(der)),
            signing_request_id: signed.signing_request_id.clone(),
            web_link: signed.web_link.clone(),
            attempts: signed.attempts,
            duration_in_milliseconds: milliseconds(signed.duration),
            process_id: std::process::id(),
            program: program.to_string_lossy().into_owned(),
            user: user().to_owned(),
        }
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl JournalEntry {
    /// The digest and its algorithm. [`None`] if they cannot be read.
    pub fn digest(&self) -> Option<Digest> {
        let algorithm = match &self.hash_algorithm {
            Some(name) => Some(HashAlgorithm::from_name(name)?),
            None => None,
        };
        let value = base16ct::mixed::decode_vec(&self.digest).ok()?;
        Some(Digest { algorithm, value })
    }

    /// Checks the signature against the digest and the key that the entry names.
    ///
    /// # Errors
    /// See [`Unverified`].
    pub fn verify(&self) -> Result<(), Unverified> {
        let unreadable = Unverified::Unreadable;
        let algorithm = SignatureAlgorithm::from_name(&self.signature_algorithm)
            .ok_or(unreadable("signatureAlgorithm"))?;
        let digest = self.digest().ok_or(unreadable("digest"))?;
        let scheme = algorithm.scheme(&digest).ok_or(unreadable("hashAlgorithm"))?;
        let signature = STANDARD.decode(&self.signature).map_err(|_| unreadable("signature"))?;
        let key = self.key().ok_or(unreadable(match self.public_key {
            Some(_) => "publicKey",
            None => "certificate",
        }))?;
        match key.verifies(&scheme, &digest.value, &signature) {
            true => Ok(()),
            false => Err(Unverified::Invalid),
        }
    }

    fn key(&self) -> Option<PublicKey> {
        let info = match (&self.certificate, &self.public_key) {
            (Some(certificate), _) => {
                let certificate = Certificate::from_der(STANDARD.decode(certificate).ok()?).ok()?;
                certificate.subject_public_key_info().to_vec()
            }
            (None, Some(key)) => STANDARD.decode(key).ok()?,
            (None, None) => return None,
        };
        PublicKey::from_subject_public_key_info(&info).ok()
    }
}
