//! What the steps of a sequence consist of.

use std::ops::RangeInclusive;

use arbitrary::Arbitrary;
use cryptoki_sys::*;
use pkcs11_test::harness::Mechanism;

/// Bytes as short as they mostly are, or meaning something.
#[derive(Arbitrary, Debug)]
pub enum Bytes {
    Given(Vec<u8>),
    Zeros(u16),
    Number(u8),
    Boolean(bool),
    DigestInfo([u8; 32]),
    Config,
    Curve,
    Label(Label),
}

#[derive(Arbitrary, Debug, Clone, Copy)]
pub enum Label {
    Rsa2048,
    P256,
    P521,
}

/// A mechanism of the module, with a parameter or without, or any.
#[derive(Arbitrary, Debug)]
pub enum Asked {
    Listed(u8),
    Pss { id: u8, hash: u8, salt: u8 },
    InContext { id: u8, hash: Option<u8>, length: u8 },
    Any { id: u32, parameter: Vec<u8> },
}

/// A handle that there was, or any.
#[derive(Arbitrary, Debug)]
pub enum Handle {
    Known(u8),
    Any(u32),
}

/// How large a buffer is.
#[derive(Arbitrary, Debug)]
pub enum Size {
    Null,
    Enough,
    Given(u16),
}

pub type Attributes = Vec<(u8, Bytes)>;

pub fn attributes(template: &Attributes) -> Vec<(CK_ATTRIBUTE_TYPE, Vec<u8>)> {
    let pairs = template.iter().take(20);
    pairs.map(|(id, value)| (attribute(*id), value.value())).collect()
}

pub fn attribute(number: u8) -> CK_ATTRIBUTE_TYPE {
    let index = usize::from(number);
    ATTRIBUTES.get(index).copied().unwrap_or(number.into())
}

impl Bytes {
    pub fn value(&self) -> Vec<u8> {
        match self {
            Self::Given(bytes) => bytes.clone(),
            Self::Zeros(length) => vec![0; (*length).into()],
            Self::Number(number) => CK_ULONG::from(*number).to_ne_bytes().to_vec(),
            Self::Boolean(value) => vec![(*value).into()],
            Self::DigestInfo(digest) => [SHA256_PREFIX, digest].concat(),
            Self::Config => b"CONFIG".to_vec(),
            Self::Curve => P256_PARAMETERS.to_vec(),
            Self::Label(label) => label.text().as_bytes().to_vec(),
        }
    }
}

impl Label {
    pub fn text(self) -> &'static str {
        match self {
            Self::Rsa2048 => "demo/rsa-2048",
            Self::P256 => "demo/p-256",
            Self::P521 => "demo/p-521",
        }
    }
}

impl Asked {
    pub fn value(&self) -> Mechanism {
        let one = |index: &u8| MECHANISMS[usize::from(*index) % MECHANISMS.len()];
        match self {
            Self::Listed(index) => one(index).into(),
            Self::Pss { id, hash, salt } => {
                let (hash, mgf) = HASHES[usize::from(*hash) % HASHES.len()];
                Mechanism::pss(one(id), hash, mgf, (*salt).into())
            }
            Self::InContext { id, hash, length } => {
                let id = ML_DSA.start() + CK_ULONG::from(*id) % (ML_DSA.end() - ML_DSA.start() + 1);
                let hash = hash.map(|hash| HASHES[usize::from(hash) % HASHES.len()].0);
                Mechanism::in_context(id, &CONTEXT[..(*length).into()], hash)
            }
            Self::Any { id, parameter } => {
                let (id, mut parameter) = ((*id).into(), parameter.clone());
                // The pointer to a context is the caller's responsibility.
                if let (true, Some(pointer)) = (ML_DSA.contains(&id), parameter.get_mut(8..16)) {
                    pointer.fill(0);
                }
                Mechanism { id, parameter }
            }
        }
    }
}

impl Handle {
    pub fn of(&self, known: &[CK_ULONG]) -> CK_ULONG {
        match self {
            // The newest first: it is the one that is most likely there.
            Self::Known(index) => known[known.len() - 1 - usize::from(*index) % known.len()],
            Self::Any(handle) => (*handle).into(),
        }
    }
}

impl Size {
    pub fn room(&self, enough: usize) -> Option<usize> {
        match self {
            Self::Null => None,
            Self::Enough => Some(enough),
            Self::Given(size) => Some((*size).into()),
        }
    }
}

const MECHANISMS: [CK_MECHANISM_TYPE; 16] = [
    CKM_RSA_PKCS,
    CKM_SHA1_RSA_PKCS,
    CKM_SHA256_RSA_PKCS,
    CKM_SHA512_RSA_PKCS,
    CKM_RSA_PKCS_PSS,
    CKM_SHA256_RSA_PKCS_PSS,
    CKM_ECDSA,
    CKM_ECDSA_SHA256,
    CKM_ECDSA_SHA384,
    CKM_MD5,
    CKM_SHA_1,
    CKM_SHA256,
    CKM_SHA512_256,
    CKM_SHA3_256,
    CKM_RSA_X_509,
    CKM_AES_CBC,
];

/// From CKM_ML_DSA to the last one that hashes with SHAKE; some numbers between them are other mechanisms.
const ML_DSA: RangeInclusive<CK_ULONG> = CKM_ML_DSA..=CKM_HASH_ML_DSA_SHAKE256;

static CONTEXT: [u8; 256] = [7; 256];

const HASHES: [(CK_ULONG, CK_ULONG); 5] = [
    (CKM_SHA_1, CKG_MGF1_SHA1),
    (CKM_SHA256, CKG_MGF1_SHA256),
    (CKM_SHA384, CKG_MGF1_SHA384),
    (CKM_SHA512, CKG_MGF1_SHA512),
    (CKM_SHA256, CKG_MGF1_SHA1),
];

const ATTRIBUTES: [CK_ATTRIBUTE_TYPE; 41] = [
    CKA_CLASS,
    CKA_TOKEN,
    CKA_PRIVATE,
    CKA_LABEL,
    CKA_UNIQUE_ID,
    CKA_APPLICATION,
    CKA_VALUE,
    CKA_OBJECT_ID,
    CKA_CERTIFICATE_TYPE,
    CKA_ISSUER,
    CKA_SERIAL_NUMBER,
    CKA_TRUSTED,
    CKA_CERTIFICATE_CATEGORY,
    CKA_CHECK_VALUE,
    CKA_KEY_TYPE,
    CKA_SUBJECT,
    CKA_ID,
    CKA_SENSITIVE,
    CKA_ENCRYPT,
    CKA_SIGN,
    CKA_SIGN_RECOVER,
    CKA_VERIFY,
    CKA_DERIVE,
    CKA_START_DATE,
    CKA_END_DATE,
    CKA_MODULUS,
    CKA_MODULUS_BITS,
    CKA_PUBLIC_EXPONENT,
    CKA_PRIVATE_EXPONENT,
    CKA_PUBLIC_KEY_INFO,
    CKA_EXTRACTABLE,
    CKA_LOCAL,
    CKA_MODIFIABLE,
    CKA_COPYABLE,
    CKA_DESTROYABLE,
    CKA_EC_PARAMS,
    CKA_EC_POINT,
    CKA_ALWAYS_AUTHENTICATE,
    CKA_ALLOWED_MECHANISMS,
    CKA_WRAP_TEMPLATE,
    CKA_PARAMETER_SET,
];

/// RFC 8017, section 9.2, note 1.
const SHA256_PREFIX: &[u8] =
    b"\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20";

/// The object identifier of P-256, as CKA_EC_PARAMS.
const P256_PARAMETERS: &[u8] = b"\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07";
