//! Two certificate authorities: one for code signing, one for TLS.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;
use std::time::{Duration, SystemTime};

use p256::ecdsa::signature::{Keypair, Signer};
use rsa::RsaPrivateKey;
use rsa::pkcs1v15::{Signature, SigningKey};
use rsa::pkcs8::{DecodePrivateKey, EncodePublicKey, LineEnding};
use sha2::Sha256;
use uuid::Uuid;
use x509_cert::Certificate;
use x509_cert::builder::{Builder, CertificateBuilder, Profile};
use x509_cert::der::asn1::{Ia5String, ObjectIdentifier};
use x509_cert::der::referenced::OwnedToRef;
use x509_cert::der::{DecodePem, Encode, EncodePem};
use x509_cert::ext::AsExtension;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{
    AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, KeyUsages,
    SubjectAltName, SubjectKeyIdentifier,
};
use x509_cert::name::Name;
use x509_cert::serial_number::SerialNumber;
use x509_cert::spki::{
    DynSignatureAlgorithmIdentifier, SignatureBitStringEncoding, SubjectPublicKeyInfoOwned,
    SubjectPublicKeyInfoRef,
};
use x509_cert::time::{Time, Validity};

use crate::error::{Context, Error};
use crate::keys::{self, KeyKind, SoftwareStore};
use crate::options::ServerCertificate;
use crate::state::{PUBLIC, StateFolder};

/// The purpose of an end-entity certificate (RFC 5280, section 4.2.1.12).
#[derive(Clone, Copy)]
pub(crate) enum Usage {
    ServerAuth,
    ClientAuth,
    CodeSigning,
    EmailProtection,
}

impl Usage {
    fn key_purpose_id(self) -> ObjectIdentifier {
        ObjectIdentifier::new_unwrap(match self {
            Self::ServerAuth => "1.3.6.1.5.5.7.3.1",
            Self::ClientAuth => "1.3.6.1.5.5.7.3.2",
            Self::CodeSigning => "1.3.6.1.5.5.7.3.3",
            Self::EmailProtection => "1.3.6.1.5.5.7.3.4",
        })
    }
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60 + 6 * 60 * 60);
const FAILURE: &str = "cannot issue a certificate";

/// A certificate authority with an RSA-2048 key: `{name}.pem` and `{name}-key.pem` in the state directory.
pub(crate) struct Authority {
    key: SigningKey<Sha256>,
    certificate: Certificate,
}

impl Authority {
    pub fn code_signing(state: &StateFolder) -> Result<Self, Error> {
        Self::open_or_create(
            state,
            "code-signing-ca",
            "CN=Local Code Signing CA,O=Local SignPath Service,C=AT",
        )
    }

    pub fn tls(state: &StateFolder) -> Result<Self, Error> {
        Self::open_or_create(state, "tls-ca", "CN=Local TLS CA,O=Local SignPath Service,C=AT")
    }

    fn open_or_create(state: &StateFolder, name: &str, subject: &str) -> Result<Self, Error> {
        let key_file = format!("{name}-key.pem");
        let pem = SoftwareStore::pem(state, &key_file, KeyKind::Rsa2048)?;
        let key =
            RsaPrivateKey::from_pkcs8_pem(&pem).context(keys::damaged(&state.path(&key_file)))?;
        let public_key =
            SubjectPublicKeyInfoOwned::from_key(key.to_public_key()).context(FAILURE)?;
        let key = SigningKey::new(key);
        let file = format!("{name}.pem");
        if let Some(certificate) = read(state, &file, &public_key)? {
            return Ok(Self { key, certificate });
        }
        let subject = Name::from_str(subject).context(FAILURE)?;
        let validity = Validity::from_now(20 * YEAR).context(FAILURE)?;
        let mut builder = builder(None, subject, public_key.clone(), validity, &key)?;
        add(&mut builder, &BasicConstraints { ca: true, path_len_constraint: Some(0) })?;
        add(&mut builder, &KeyUsage(KeyUsages::KeyCertSign | KeyUsages::CRLSign))?;
        add(
            &mut builder,
            &SubjectKeyIdentifier::try_from(reference(&public_key)).context(FAILURE)?,
        )?;
        let certificate = builder.build::<Signature>().context(FAILURE)?;
        write(state, &file, &certificate)?;
        Ok(Self { key, certificate })
    }

    /// The certificate of a policy's key, `certificates/{label}.pem`. Issues it if it is missing or does not fit.
    pub fn policy_certificate(
        &self,
        state: &StateFolder,
        label: &str,
        public_key: &SubjectPublicKeyInfoOwned,
        usage: Usage,
    ) -> Result<Certificate, Error> {
        let file = certificate_file(label);
        if let Some(certificate) = read(state, &file, public_key)?
            .filter(|certificate| self.has_issued(certificate, public_key, usage))
        {
            return Ok(certificate);
        }
        // ub-common-name is 64 (RFC 5280, appendix A.1).
        let common_name: String =
            format!("Code Signing {}", label.replace('/', " ")).chars().take(64).collect();
        let extensions = Extensions {
            usage,
            alternative_names: None,
            validity: Validity::from_now(10 * YEAR).context(FAILURE)?,
        };
        let certificate = self.issue(
            &format!("CN={common_name},OU=Release Engineering,O=Example Software GmbH,L=Wien,C=AT"),
            public_key,
            extensions,
        )?;
        write(state, &file, &certificate)?;
        Ok(certificate)
    }

    /// The server certificate `tls.pem` for localhost, 127.0.0.1, ::1 and 0.0.0.0 (which reaches this machine,
    /// although clients do not recognize it as local). Replaces a certificate for other names; does not store a
    /// defective one.
    pub fn server_certificate(
        &self,
        state: &StateFolder,
        key: &p256::SecretKey,
        kind: ServerCertificate,
    ) -> Result<Certificate, Error> {
        let file = "tls.pem";
        let public_key = &SubjectPublicKeyInfoOwned::from_key(key.public_key()).context(FAILURE)?;
        let is_good = kind == ServerCertificate::Good;
        let dns_name = |name| Ia5String::new(name).map(GeneralName::DnsName).context(FAILURE);
        let names = SubjectAltName(match kind {
            ServerCertificate::OtherName => vec![dns_name("other.example")?],
            _ => vec![
                dns_name("localhost")?,
                GeneralName::from(IpAddr::V4(Ipv4Addr::LOCALHOST)),
                GeneralName::from(IpAddr::V6(Ipv6Addr::LOCALHOST)),
                GeneralName::from(IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
            ],
        });
        let has_names = |certificate: &Certificate| {
            let kept = certificate.tbs_certificate.get::<SubjectAltName>();
            matches!(kept, Ok(Some((_, kept))) if kept == names)
        };
        let fits = |certificate: &Certificate| {
            has_names(certificate) && self.has_issued(certificate, public_key, Usage::ServerAuth)
        };
        if let Some(certificate) =
            read(state, file, public_key)?.filter(|certificate| is_good && fits(certificate))
        {
            return Ok(certificate);
        }
        let now = SystemTime::now();
        let (from, until) = match kind {
            ServerCertificate::Expired => (now - YEAR, now - DAY),
            ServerCertificate::NotYetValid => (now + DAY, now + YEAR),
            _ => (now, now + 10 * YEAR),
        };
        let extensions = Extensions {
            usage: Usage::ServerAuth,
            alternative_names: Some(names),
            validity: lifetime(from, until)?,
        };
        let subject = "CN=localhost,O=Local SignPath Service,C=AT";
        if kind == ServerCertificate::SelfSigned {
            let key = p256::ecdsa::SigningKey::from(key);
            let issuer = Name::from_str(subject).context(FAILURE)?;
            return issue::<_, p256::ecdsa::DerSignature>(
                &key,
                (&issuer, public_key),
                subject,
                public_key,
                extensions,
            );
        }
        let certificate = self.issue(subject, public_key, extensions)?;
        if is_good {
            write(state, file, &certificate)?;
        }
        Ok(certificate)
    }

    /// A client certificate.
    pub fn client_certificate(
        &self,
        public_key: &SubjectPublicKeyInfoOwned,
    ) -> Result<Certificate, Error> {
        let extensions = Extensions {
            usage: Usage::ClientAuth,
            alternative_names: None,
            validity: Validity::from_now(10 * YEAR).context(FAILURE)?,
        };
        self.issue("CN=build agent,O=Example Software GmbH,C=AT", public_key, extensions)
    }

    /// Tells whether a certificate from the state directory still fits: a policy may have become one for e-mail, and the
    /// authority's key may have been replaced.
    pub fn has_issued(
        &self,
        certificate: &Certificate,
        public_key: &SubjectPublicKeyInfoOwned,
        usage: Usage,
    ) -> bool {
        let tbs = &certificate.tbs_certificate;
        let issuer_key = &self.certificate.tbs_certificate.subject_public_key_info;
        let authority = AuthorityKeyIdentifier::try_from(reference(issuer_key)).ok();
        let issuer = tbs.get::<AuthorityKeyIdentifier>().ok().flatten().map(|(_, issuer)| issuer);
        let usages = tbs.get::<ExtendedKeyUsage>().ok().flatten().map(|(_, usages)| usages.0);
        tbs.subject_public_key_info == *public_key
            && issuer.is_some()
            && issuer == authority
            && usages == Some(vec![usage.key_purpose_id()])
    }

    /// The certificate authority's own certificate.
    pub fn certificate_der(&self) -> x509_cert::der::Result<Vec<u8>> {
        self.certificate.to_der()
    }

    fn issue(
        &self,
        subject: &str,
        public_key: &SubjectPublicKeyInfoOwned,
        extensions: Extensions,
    ) -> Result<Certificate, Error> {
        let issuer = &self.certificate.tbs_certificate;
        let issuer = (&issuer.subject, &issuer.subject_public_key_info);
        issue::<_, Signature>(&self.key, issuer, subject, public_key, extensions)
    }
}

/// What differs between the kinds of end-entity certificates.
struct Extensions {
    usage: Usage,
    alternative_names: Option<SubjectAltName>,
    validity: Validity,
}

/// Issues an end-entity certificate. The issuer consists of a name and a public key.
fn issue<S, Sig>(
    signer: &S,
    (issuer, issuer_key): (&Name, &SubjectPublicKeyInfoOwned),
    subject: &str,
    public_key: &SubjectPublicKeyInfoOwned,
    extensions: Extensions,
) -> Result<Certificate, Error>
where
    S: Keypair + DynSignatureAlgorithmIdentifier + Signer<Sig>,
    S::VerifyingKey: EncodePublicKey,
    Sig: SignatureBitStringEncoding,
{
    let subject = Name::from_str(subject).context(FAILURE)?;
    let mut builder =
        builder(Some(issuer.clone()), subject, public_key.clone(), extensions.validity, signer)?;
    add(&mut builder, &BasicConstraints { ca: false, path_len_constraint: None })?;
    add(&mut builder, &KeyUsage(KeyUsages::DigitalSignature.into()))?;
    add(&mut builder, &ExtendedKeyUsage(vec![extensions.usage.key_purpose_id()]))?;
    add(&mut builder, &SubjectKeyIdentifier::try_from(reference(public_key)).context(FAILURE)?)?;
    add(&mut builder, &AuthorityKeyIdentifier::try_from(reference(issuer_key)).context(FAILURE)?)?;
    if let Some(names) = extensions.alternative_names {
        add(&mut builder, &names)?;
    }
    builder.build::<Sig>().context(FAILURE)
}

fn builder<S>(
    issuer: Option<Name>,
    subject: Name,
    public_key: SubjectPublicKeyInfoOwned,
    validity: Validity,
    signer: &S,
) -> Result<CertificateBuilder<'_, S>, Error>
where
    S: Keypair + DynSignatureAlgorithmIdentifier,
    S::VerifyingKey: EncodePublicKey,
{
    let mut serial_number = Uuid::new_v4().into_bytes();
    // Positive, and always of the same length (RFC 5280, section 4.1.2.2).
    serial_number[0] = serial_number[0] & 0x7f | 0x40;
    let serial_number = SerialNumber::new(&serial_number).context(FAILURE)?;
    CertificateBuilder::new(
        Profile::Manual { issuer },
        serial_number,
        validity,
        subject,
        public_key,
        signer,
    )
    .context(FAILURE)
}

fn add<S>(
    builder: &mut CertificateBuilder<'_, S>,
    extension: &impl AsExtension,
) -> Result<(), Error>
where
    S: Keypair + DynSignatureAlgorithmIdentifier,
    S::VerifyingKey: EncodePublicKey,
{
    builder.add_extension(extension).context(FAILURE)
}

fn lifetime(from: SystemTime, until: SystemTime) -> Result<Validity, Error> {
    let time = |time| Time::try_from(time).context(FAILURE);
    Ok(Validity { not_before: time(from)?, not_after: time(until)? })
}

fn reference(public_key: &SubjectPublicKeyInfoOwned) -> SubjectPublicKeyInfoRef<'_> {
    public_key.owned_to_ref()
}

/// The path of a policy's certificate in the state directory.
pub(crate) fn certificate_file(label: &str) -> String {
    format!("certificates/{label}.pem")
}

/// Reads a certificate from the state directory, if it exists and is for this key.
fn read(
    state: &StateFolder,
    file: &str,
    public_key: &SubjectPublicKeyInfoOwned,
) -> Result<Option<Certificate>, Error> {
    let Some(pem) = state.read(file)? else {
        return Ok(None);
    };
    let certificate = Certificate::from_pem(pem).context(format!(
        "{} is damaged; remove it to issue a new one",
        state.path(file).display()
    ))?;
    Ok(Some(certificate)
        .filter(|certificate| certificate.tbs_certificate.subject_public_key_info == *public_key))
}

/// Writes a certificate to the state directory as PEM.
pub(crate) fn write(
    state: &StateFolder,
    file: &str,
    certificate: &Certificate,
) -> Result<(), Error> {
    let pem = certificate.to_pem(LineEnding::LF).context(FAILURE)?;
    state.write(file, &pem, PUBLIC)
}
