//! The OpenPGP keys of GPG policies (RFC 9580).

use std::time::{Duration, SystemTime};

use pgp::composed::{ArmorOptions, SignedKeyDetails, SignedPublicKey};
use pgp::crypto::hash::HashAlgorithm;
use pgp::crypto::public_key::PublicKeyAlgorithm;
use pgp::packet::{
    KeyFlags, PubKeyInner, PublicKey, SignatureConfig, SignatureType, Subpacket, SubpacketData,
    UserId,
};
use pgp::types::{
    EcdsaPublicParams, Fingerprint, KeyDetails, KeyId, KeyVersion, Mpi, PacketHeaderVersion,
    Password, PublicParams, RsaPublicParams, SecretKeyTrait, SignatureBytes, SignedUser, Tag,
};

use crate::digest::{Digest, SHA256, SHA384, SHA512};
use crate::error::{Context, Error};
use crate::keys::{KeyKind, PrivateKey, Scheme, rsa_public_key};
use crate::policies::PolicyEntry;

/// The creation time of every key and self-signature, 2025-01-01. Since the fingerprint depends on it, a constant keeps
/// the key the same across restarts.
const CREATED: Duration = Duration::from_secs(1_735_689_600);

/// The transferable public key of a policy, in ASCII armor: a version 4 key, one user ID, and its self-signature.
pub(crate) fn public_key(entry: &PolicyEntry, key: &dyn PrivateKey) -> Result<String, Error> {
    transferable(entry, key).context(format!("the OpenPGP key of {} cannot be made", entry.label()))
}

fn transferable(entry: &PolicyEntry, key: &dyn PrivateKey) -> pgp::errors::Result<String> {
    let created = SystemTime::UNIX_EPOCH + CREATED;
    let (algorithm, parameters) = parameters(entry.key, key)?;
    let primary = PublicKey::from_inner(PubKeyInner::new(
        KeyVersion::V4,
        algorithm,
        created.into(),
        None,
        parameters,
    )?)?;
    let signer = Signer {
        key,
        digest: match entry.key {
            KeyKind::P384 => &SHA384,
            KeyKind::P521 => &SHA512,
            _ => &SHA256,
        },
        public: &primary,
    };
    let user = UserId::from_str(PacketHeaderVersion::New, user_id(entry))?;
    let mut flags = KeyFlags::default();
    flags.set_certify(true);
    flags.set_sign(true);
    let mut certification =
        SignatureConfig::v4(SignatureType::CertPositive, algorithm, signer.hash_alg());
    certification.hashed_subpackets = [
        SubpacketData::SignatureCreationTime(created.into()),
        SubpacketData::IssuerFingerprint(primary.fingerprint()),
        SubpacketData::KeyFlags(flags),
        SubpacketData::PreferredHashAlgorithms(
            [HashAlgorithm::Sha512, HashAlgorithm::Sha256][..].into(),
        ),
        SubpacketData::IsPrimary(true),
    ]
    .into_iter()
    .map(Subpacket::regular)
    .collect::<Result<_, _>>()?;
    certification.unhashed_subpackets =
        vec![Subpacket::regular(SubpacketData::Issuer(primary.key_id()))?];
    let certification = certification.sign_certification(
        &signer,
        &primary,
        &Password::empty(),
        Tag::UserId,
        &user,
    )?;
    let users = vec![SignedUser::new(user, vec![certification])];
    let details = SignedKeyDetails::new(Vec::new(), Vec::new(), users, Vec::new());
    SignedPublicKey::new(primary, details, Vec::new()).to_armored_string(ArmorOptions::default())
}

fn user_id(entry: &PolicyEntry) -> String {
    let (project, policy) = (entry.project.as_str(), entry.policy.as_str());
    format!("{project} {policy} <{policy}@{project}.example>")
}

fn parameters(
    kind: KeyKind,
    key: &dyn PrivateKey,
) -> pgp::errors::Result<(PublicKeyAlgorithm, PublicParams)> {
    let public = key.public_key();
    let point = public.subject_public_key.raw_bytes();
    let unusable = |error: &dyn std::fmt::Display| std::io::Error::other(error.to_string());
    let curve = match kind {
        KeyKind::Rsa2048 | KeyKind::Rsa3072 | KeyKind::Rsa4096 => {
            let key = rsa_public_key(public).map_err(|error| unusable(&error))?;
            let parameters = PublicParams::RSA(RsaPublicParams::from(key));
            return Ok((PublicKeyAlgorithm::RSA, parameters));
        }
        KeyKind::P256 => EcdsaPublicParams::P256 {
            key: p256::PublicKey::from_sec1_bytes(point).map_err(|error| unusable(&error))?,
        },
        KeyKind::P384 => EcdsaPublicParams::P384 {
            key: p384::PublicKey::from_sec1_bytes(point).map_err(|error| unusable(&error))?,
        },
        KeyKind::P521 => EcdsaPublicParams::P521 {
            key: p521::PublicKey::from_sec1_bytes(point).map_err(|error| unusable(&error))?,
        },
    };
    Ok((PublicKeyAlgorithm::ECDSA, PublicParams::ECDSA(curve)))
}

/// Signs with the key of a policy.
struct Signer<'a> {
    key: &'a dyn PrivateKey,
    digest: &'static Digest,
    public: &'a PublicKey,
}

impl std::fmt::Debug for Signer<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.public.fmt(formatter)
    }
}

impl KeyDetails for Signer<'_> {
    fn version(&self) -> KeyVersion {
        self.public.version()
    }

    fn fingerprint(&self) -> Fingerprint {
        self.public.fingerprint()
    }

    fn key_id(&self) -> KeyId {
        self.public.key_id()
    }

    fn algorithm(&self) -> PublicKeyAlgorithm {
        self.public.algorithm()
    }
}

impl SecretKeyTrait for Signer<'_> {
    fn create_signature(
        &self,
        _: &Password,
        _: HashAlgorithm,
        hash: &[u8],
    ) -> pgp::errors::Result<SignatureBytes> {
        let is_rsa = self.algorithm() == PublicKeyAlgorithm::RSA;
        let scheme = match is_rsa {
            true => Scheme::RsaPkcs1(self.digest),
            false => Scheme::Ecdsa,
        };
        let signature = self.key.sign(scheme, hash);
        let signature = signature.map_err(|error| std::io::Error::other(error.to_string()))?;
        let numbers = match is_rsa {
            true => vec![&signature[..]],
            false => signature.chunks(signature.len() / 2).collect(),
        };
        let numbers = numbers.into_iter().map(Mpi::from_slice).collect();
        Ok(SignatureBytes::Mpis(numbers))
    }

    fn hash_alg(&self) -> HashAlgorithm {
        match self.digest.name {
            "Sha384" => HashAlgorithm::Sha384,
            "Sha512" => HashAlgorithm::Sha512,
            _ => HashAlgorithm::Sha256,
        }
    }
}
