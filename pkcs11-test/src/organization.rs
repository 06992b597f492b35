//! The organization: its users, signing policies, keys and certificates.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread;

use base64::prelude::{BASE64_STANDARD, Engine};
use rsa::traits::PublicKeyParts;
use serde_json::{Value, json};
use uuid::Uuid;
use x509_cert::Certificate;
use x509_cert::der::Encode;

use crate::certificates::{self, Authority, Usage};
use crate::error::{Context, Error};
use crate::keys::{KeyStore, PrivateKey, rsa_public_key};
use crate::openpgp;
use crate::policies::{CertificateKind, PolicyEntry, PolicyFile};
use crate::state::{Identities, StateFolder};

pub(crate) struct Organization {
    pub id: Uuid,
    pub users: Vec<User>,
    /// The signing policies at the start.
    pub policies: Vec<Arc<SigningPolicy>>,
    /// The present ones.
    current: RwLock<Vec<Arc<SigningPolicy>>>,
    /// Held while a policy is being made.
    adding: Mutex<()>,
}

pub(crate) struct User {
    pub name: String,
    pub token: String,
    /// `None`: all policies.
    submitter_of: Option<HashSet<String>>,
}

impl User {
    pub fn is_submitter_of(&self, policy: &SigningPolicy) -> bool {
        self.submitter_of.as_ref().is_none_or(|labels| labels.contains(&policy.entry.label()))
    }
}

pub(crate) struct SigningPolicy {
    pub entry: PolicyEntry,
    pub key: Arc<dyn PrivateKey>,
    /// In DER. `None` if the policy has none or its certificate is invalid.
    pub certificate: Option<Vec<u8>>,
    /// The transferable public key of a GPG policy, in ASCII armor.
    pub openpgp_key: Option<String>,
    /// The policy's entry in the response of MySigningPolicies.
    pub listed: Value,
}

impl Organization {
    /// Creates what is missing in the state directory. The caller must hold its lock.
    pub fn open(
        file: &PolicyFile,
        state: &StateFolder,
        keys: &dyn KeyStore,
    ) -> Result<Self, Error> {
        let mut identities = Identities::load(state)?;
        let id = file.organization_id.unwrap_or(identities.organization_id);
        let users = file
            .users
            .iter()
            .map(|user| User {
                name: user.name.clone(),
                token: user.token.clone().unwrap_or_else(|| identities.token(&user.name)),
                submitter_of: user
                    .submitter_of
                    .as_ref()
                    .map(|labels| labels.iter().cloned().collect()),
            })
            .collect();
        let policies = open_policies(&file.policies, &mut identities, state, keys)?;
        Ok(Self {
            id,
            users,
            current: RwLock::new(policies.clone()),
            policies,
            adding: Mutex::default(),
        })
    }

    /// The present signing policies.
    pub fn policies(&self) -> Vec<Arc<SigningPolicy>> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn policy(&self, project: &str, policy: &str) -> Option<Arc<SigningPolicy>> {
        self.policies().into_iter().find(|candidate| {
            candidate.entry.project.as_str() == project && candidate.entry.policy.as_str() == policy
        })
    }

    /// Adds a policy, with a key and a certificate of its own.
    pub fn add(
        &self,
        entry: PolicyEntry,
        state: &StateFolder,
        keys: &dyn KeyStore,
    ) -> Result<(), Error> {
        let _adding = self.adding.lock().unwrap_or_else(PoisonError::into_inner);
        if self.policy(entry.project.as_str(), entry.policy.as_str()).is_some() {
            return Err(Error::new(format!(
                "there is already a signing policy {}: use another slug, or remove it first",
                entry.label()
            )));
        }
        let _lock = state.lock()?;
        let mut identities = Identities::load(state)?;
        let added = open_policies(&[entry], &mut identities, state, keys)?;
        self.current.write().unwrap_or_else(PoisonError::into_inner).extend(added);
        Ok(())
    }

    /// Removes a policy, but not its key. Tells whether there was one.
    pub fn remove(&self, project: &str, policy: &str) -> bool {
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        let before = current.len();
        current.retain(|candidate| {
            candidate.entry.project.as_str() != project || candidate.entry.policy.as_str() != policy
        });
        current.len() < before
    }
}

/// Opens the policies' keys and certificates, and makes those that are missing.
fn open_policies(
    entries: &[PolicyEntry],
    identities: &mut Identities,
    state: &StateFolder,
    keys: &dyn KeyStore,
) -> Result<Vec<Arc<SigningPolicy>>, Error> {
    let policy_ids: Vec<Uuid> =
        entries.iter().map(|entry| identities.policy_id(&entry.label())).collect();
    identities.save(state)?;

    let pairs = open_keys(entries, keys)?;
    let certificates = issue_certificates(entries, &pairs, state, keys)?;
    entries
        .iter()
        .zip(policy_ids)
        .map(|(entry, id)| {
            let owner = key_owner(entries, entry);
            let certificate =
                certificates.get(&owner).filter(|_| usage(entry.certificate).is_some());
            signing_policy(entry, id, Arc::clone(&pairs[&owner]), certificate).map(Arc::new)
        })
        .collect()
}

/// The label of the first policy that uses the key of `entry`; shared keys and their certificates are named after it.
fn key_owner(policies: &[PolicyEntry], entry: &PolicyEntry) -> String {
    policies
        .iter()
        .find(|first| entry.key_name.is_some() && first.key_name == entry.key_name)
        .unwrap_or(entry)
        .label()
}

/// Opens all keys in parallel, since finding RSA primes takes seconds.
fn open_keys(
    policies: &[PolicyEntry],
    keys: &dyn KeyStore,
) -> Result<HashMap<String, Arc<dyn PrivateKey>>, Error> {
    let wanted: HashMap<String, _> =
        policies.iter().map(|entry| (key_owner(policies, entry), entry.key)).collect();
    thread::scope(|scope| {
        let opening: Vec<_> = wanted
            .into_iter()
            .map(|(label, kind)| {
                scope.spawn(move || keys.open_or_generate(&label, kind).map(|key| (label, key)))
            })
            .collect();
        opening
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|_| Err(Error::new("cannot open a key"))))
            .collect()
    })
}

/// Issues one certificate per key, and stores a copy for each policy that uses it.
fn issue_certificates(
    policies: &[PolicyEntry],
    pairs: &HashMap<String, Arc<dyn PrivateKey>>,
    state: &StateFolder,
    keys: &dyn KeyStore,
) -> Result<HashMap<String, Certificate>, Error> {
    let authority = Authority::code_signing(state)?;
    let mut certificates = HashMap::new();
    for entry in policies {
        let Some(usage) = usage(entry.certificate) else {
            continue;
        };
        let owner = key_owner(policies, entry);
        // Policies that share a key share the certificate of the first, whatever its usage.
        let certificate = match certificates.get(&owner) {
            Some(certificate) => Certificate::clone(certificate),
            None => {
                let public_key = pairs[&owner].public_key();
                let certificate = authority.policy_certificate(state, &owner, public_key, usage)?;
                keys.store_certificate(&owner, &certificate)?;
                certificate
            }
        };
        if entry.label() != owner {
            certificates::write(
                state,
                &certificates::certificate_file(&entry.label()),
                &certificate,
            )?;
        }
        certificates.insert(owner, certificate);
    }
    Ok(certificates)
}

/// The purpose of a policy's certificate, if it is an X.509 certificate.
fn usage(kind: CertificateKind) -> Option<Usage> {
    match kind {
        CertificateKind::X509 => Some(Usage::CodeSigning),
        CertificateKind::Email => Some(Usage::EmailProtection),
        CertificateKind::None | CertificateKind::Garbage => None,
    }
}

fn signing_policy(
    entry: &PolicyEntry,
    id: Uuid,
    key: Arc<dyn PrivateKey>,
    certificate: Option<&Certificate>,
) -> Result<SigningPolicy, Error> {
    const FAILURE: &str = "cannot encode a certificate";

    let certificate = certificate.map(Encode::to_der).transpose().context(FAILURE)?;
    let public_key = key.public_key();
    let mut listed = json!({
        "signingPolicyId": id,
        "projectSlug": entry.project.as_str(),
        "signingPolicySlug": entry.policy.as_str(),
        "keySizeInBits": entry.key.bits(),
    });
    if entry.key.is_rsa() {
        let rsa = rsa_public_key(public_key)?;
        listed["keyType"] = "Rsa".into();
        listed["rsaParameters"] = json!({
            "publicExponent": BASE64_STANDARD.encode(rsa.e().to_bytes_be()),
            "modulus": BASE64_STANDARD.encode(rsa.n().to_bytes_be()),
        });
        // RSAPublicKey (RFC 8017, appendix A.1.1).
        listed["publicKeyBytes"] =
            BASE64_STANDARD.encode(public_key.subject_public_key.raw_bytes()).into();
    } else {
        listed["keyType"] = "Ecdsa".into();
        listed["publicKeyBytes"] =
            BASE64_STANDARD.encode(public_key.to_der().context(FAILURE)?).into();
    }
    let (certificate_type, certificate_bytes) = match entry.certificate {
        CertificateKind::X509 | CertificateKind::Email => {
            ("X509", certificate.as_ref().map(|der| BASE64_STANDARD.encode(der)))
        }
        CertificateKind::Garbage => ("X509", Some("invalid".to_owned())),
        CertificateKind::None => ("GpgKey", None),
    };
    listed["certificateType"] = certificate_type.into();
    if let Some(bytes) = certificate_bytes {
        listed["certificateBytes"] = bytes.into();
    }
    let openpgp_key = match entry.certificate {
        CertificateKind::None => Some(openpgp::public_key(entry, key.as_ref())?),
        _ => None,
    };
    Ok(SigningPolicy { entry: entry.clone(), key, certificate, openpgp_key, listed })
}
