//! Two certification authorities: one for code signing, one for TLS.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;
use std::time::Duration;

use rsa::RsaPrivateKey;
use rsa::pkcs1v15::{Signature, SigningKey};
use rsa::pkcs8::{DecodePrivateKey, LineEnding};
use sha2::Sha256;
use uuid::Uuid;
use x509_cert::Certificate;
use x509_cert::builder::{Builder, CertificateBuilder, Profile};
use x509_cert::der::asn1::{Ia5String, ObjectIdentifier};
use x509_cert::der::referenced::OwnedToRef;
use x509_cert::der::{DecodePem, EncodePem};
use x509_cert::ext::AsExtension;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{
    AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, KeyUsages,
    SubjectAltName, SubjectKeyIdentifier,
};
use x509_cert::name::Name;
use x509_cert::serial_number::SerialNumber;
use x509_cert::spki::{SubjectPublicKeyInfoOwned, SubjectPublicKeyInfoRef};
use x509_cert::time::Validity;

use crate::error::{Context, Error};
use crate::keys::{KeyKind, SoftwareStore};
use crate::state::{PUBLIC, StateFolder};

/// id-kp-codeSigning: RFC 5280, section 4.2.1.12
const CODE_SIGNING: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.3");
/// id-kp-serverAuth: RFC 5280, section 4.2.1.12
const SERVER_AUTH: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.1");

const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60 + 6 * 60 * 60);
const FAILURE: &str = "cannot issue a certificate";

/// An authority with an RSA-2048 key: `{name}.pem` and `{name}-key.pem` in the state folder.
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
        Self::open_or_create(
            state,
            "tls-ca",
            "CN=Local TLS CA,O=Local SignPath Service,C=AT",
        )
    }

    fn open_or_create(state: &StateFolder, name: &str, subject: &str) -> Result<Self, Error> {
        let key_file = format!("{name}-key.pem");
        let pem = SoftwareStore::pem(state, &key_file, KeyKind::Rsa2048)?;
        let key = RsaPrivateKey::from_pkcs8_pem(&pem)
            .context(format!("{} is damaged", state.path(&key_file).display()))?;
        let public_key =
            SubjectPublicKeyInfoOwned::from_key(key.to_public_key()).context(FAILURE)?;
        let key = SigningKey::new(key);
        let file = format!("{name}.pem");
        if let Some(certificate) = read(state, &file, &public_key)? {
            return Ok(Self { key, certificate });
        }
        let subject = Name::from_str(subject).context(FAILURE)?;
        let mut builder = builder(None, subject, public_key.clone(), 20 * YEAR, &key)?;
        add(
            &mut builder,
            &BasicConstraints {
                ca: true,
                path_len_constraint: Some(0),
            },
        )?;
        add(
            &mut builder,
            &KeyUsage(KeyUsages::KeyCertSign | KeyUsages::CRLSign),
        )?;
        add(
            &mut builder,
            &SubjectKeyIdentifier::try_from(reference(&public_key)).context(FAILURE)?,
        )?;
        let certificate = builder.build::<Signature>().context(FAILURE)?;
        write(state, &file, &certificate)?;
        Ok(Self { key, certificate })
    }

    /// The code-signing certificate `certificates/{label}.pem` of a key. Issued when it is missing or is of another key.
    pub fn code_signing_certificate(
        &self,
        state: &StateFolder,
        label: &str,
        public_key: &SubjectPublicKeyInfoOwned,
    ) -> Result<Certificate, Error> {
        let file = certificate_file(label);
        if let Some(certificate) = read(state, &file, public_key)? {
            return Ok(certificate);
        }
        // ub-common-name is 64: RFC 5280, appendix A.1
        let common_name: String = format!("Code Signing {}", label.replace('/', " "))
            .chars()
            .take(64)
            .collect();
        let extensions = Extensions {
            usage: CODE_SIGNING,
            alternative_names: None,
        };
        let certificate = self.issue(
            &format!("CN={common_name},OU=Release Engineering,O=Example Software GmbH,L=Wien,C=AT"),
            public_key,
            extensions,
        )?;
        write(state, &file, &certificate)?;
        Ok(certificate)
    }

    /// The server certificate `tls.pem` for localhost, 127.0.0.1 and ::1.
    pub fn server_certificate(
        &self,
        state: &StateFolder,
        public_key: &SubjectPublicKeyInfoOwned,
    ) -> Result<Certificate, Error> {
        let file = "tls.pem";
        if let Some(certificate) = read(state, file, public_key)? {
            return Ok(certificate);
        }
        let names = SubjectAltName(vec![
            GeneralName::DnsName(Ia5String::new("localhost").context(FAILURE)?),
            GeneralName::from(IpAddr::V4(Ipv4Addr::LOCALHOST)),
            GeneralName::from(IpAddr::V6(Ipv6Addr::LOCALHOST)),
        ]);
        let extensions = Extensions {
            usage: SERVER_AUTH,
            alternative_names: Some(names),
        };
        let certificate = self.issue(
            "CN=localhost,O=Local SignPath Service,C=AT",
            public_key,
            extensions,
        )?;
        write(state, file, &certificate)?;
        Ok(certificate)
    }

    fn issue(
        &self,
        subject: &str,
        public_key: &SubjectPublicKeyInfoOwned,
        extensions: Extensions,
    ) -> Result<Certificate, Error> {
        let issuer = self.certificate.tbs_certificate.subject.clone();
        let subject = Name::from_str(subject).context(FAILURE)?;
        let issuer_key = reference(&self.certificate.tbs_certificate.subject_public_key_info);
        let mut builder = builder(
            Some(issuer),
            subject,
            public_key.clone(),
            10 * YEAR,
            &self.key,
        )?;
        add(
            &mut builder,
            &BasicConstraints {
                ca: false,
                path_len_constraint: None,
            },
        )?;
        add(&mut builder, &KeyUsage(KeyUsages::DigitalSignature.into()))?;
        add(&mut builder, &ExtendedKeyUsage(vec![extensions.usage]))?;
        add(
            &mut builder,
            &SubjectKeyIdentifier::try_from(reference(public_key)).context(FAILURE)?,
        )?;
        add(
            &mut builder,
            &AuthorityKeyIdentifier::try_from(issuer_key).context(FAILURE)?,
        )?;
        if let Some(names) = extensions.alternative_names {
            add(&mut builder, &names)?;
        }
        builder.build::<Signature>().context(FAILURE)
    }
}

/// What tells one kind of end certificate from the other.
struct Extensions {
    usage: ObjectIdentifier,
    alternative_names: Option<SubjectAltName>,
}

fn builder<'a>(
    issuer: Option<Name>,
    subject: Name,
    public_key: SubjectPublicKeyInfoOwned,
    lifetime: Duration,
    signer: &'a SigningKey<Sha256>,
) -> Result<CertificateBuilder<'a, SigningKey<Sha256>>, Error> {
    let mut serial_number = Uuid::new_v4().into_bytes();
    // Positive, and of the same length always: RFC 5280, section 4.1.2.2
    serial_number[0] = serial_number[0] & 0x7f | 0x40;
    let serial_number = SerialNumber::new(&serial_number).context(FAILURE)?;
    let validity = Validity::from_now(lifetime).context(FAILURE)?;
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

fn add(
    builder: &mut CertificateBuilder<'_, SigningKey<Sha256>>,
    extension: &impl AsExtension,
) -> Result<(), Error> {
    builder.add_extension(extension).context(FAILURE)
}

fn reference(public_key: &SubjectPublicKeyInfoOwned) -> SubjectPublicKeyInfoRef<'_> {
    public_key.owned_to_ref()
}

/// Where a policy's certificate lies in the state folder.
pub(crate) fn certificate_file(label: &str) -> String {
    format!("certificates/{label}.pem")
}

/// A certificate of the state folder, if it is there and is of this key.
fn read(
    state: &StateFolder,
    file: &str,
    public_key: &SubjectPublicKeyInfoOwned,
) -> Result<Option<Certificate>, Error> {
    let Some(pem) = state.read(file)? else {
        return Ok(None);
    };
    let certificate = Certificate::from_pem(pem).context(format!(
        "{} is damaged; remove it to have a new one issued",
        state.path(file).display()
    ))?;
    Ok(Some(certificate)
        .filter(|certificate| certificate.tbs_certificate.subject_public_key_info == *public_key))
}

/// Writes a certificate as PEM into the state folder.
pub(crate) fn write(
    state: &StateFolder,
    file: &str,
    certificate: &Certificate,
) -> Result<(), Error> {
    let pem = certificate.to_pem(LineEnding::LF).context(FAILURE)?;
    state.write(file, &pem, PUBLIC)
}
