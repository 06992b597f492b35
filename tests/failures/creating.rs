//! Templates that C_CreateObject refuses: the line names attributes and values as the standard does.

use cryptoki::context::Pkcs11;
use cryptoki::error::Error;
use cryptoki::object::{Attribute, AttributeType, CertificateType, KeyType, ObjectClass};

use crate::common::slot;
use crate::scene::{Scene, initialize};
use crate::{Situation, situation};

const NOTHING: fn(&mut Scene) = |_| {};

pub const SITUATIONS: &[Situation] = &[
    situation(
        "a secret key",
        NOTHING,
        |module| create(module, &[Attribute::Class(ObjectClass::SECRET_KEY)]),
        "CKR_TEMPLATE_INCONSISTENT",
        &["CKA_CLASS is CKO_SECRET_KEY, but only certificates and public keys"],
    ),
    situation(
        "an attribute certificate",
        NOTHING,
        |module| {
            let certificate_type = CertificateType::X_509_ATTR;
            let class = Attribute::Class(ObjectClass::CERTIFICATE);
            create(
                module,
                &[class, Attribute::CertificateType(certificate_type)],
            )
        },
        "CKR_TEMPLATE_INCONSISTENT",
        &["CKA_CERTIFICATE_TYPE is CKC_X_509_ATTR_CERT, but only X.509 certificates"],
    ),
    situation(
        "an Ed25519 public key",
        NOTHING,
        |module| {
            create(
                module,
                &[PUBLIC_KEY, Attribute::KeyType(KeyType::EC_EDWARDS)],
            )
        },
        "CKR_TEMPLATE_INCONSISTENT",
        &["CKA_KEY_TYPE is CKK_EC_EDWARDS, but only RSA and EC public keys"],
    ),
    situation(
        "a public key without its type",
        NOTHING,
        |module| create(module, &[PUBLIC_KEY]),
        "CKR_TEMPLATE_INCOMPLETE",
        &["the template has no CKA_KEY_TYPE"],
    ),
    situation(
        "a public key that decrypts",
        NOTHING,
        |module| {
            let rsa = Attribute::KeyType(KeyType::RSA);
            create(module, &[PUBLIC_KEY, rsa, Attribute::Decrypt(true)])
        },
        "CKR_TEMPLATE_INCONSISTENT",
        &["an object of this class and type has no CKA_DECRYPT"],
    ),
    situation(
        "an attribute of some vendor",
        NOTHING,
        |module| {
            let id = AttributeType::VendorDefined(0x8000_1234);
            create(module, &[Attribute::VendorDefined((id, vec![1]))])
        },
        "CKR_ATTRIBUTE_TYPE_INVALID",
        &["attribute 0x80001234 is not known"],
    ),
    situation(
        "a label of 100 000 bytes",
        NOTHING,
        |module| create(module, &[PUBLIC_KEY, Attribute::Label(vec![b'x'; 100_000])]),
        "CKR_ATTRIBUTE_VALUE_INVALID",
        &["CKA_LABEL can have 64 KiB at most; it has 100000 bytes"],
    ),
];

const PUBLIC_KEY: Attribute = Attribute::Class(ObjectClass::PUBLIC_KEY);

fn create(module: &Pkcs11, template: &[Attribute]) -> Result<(), Error> {
    initialize(module).unwrap();
    let session = module.open_ro_session(slot(module)).unwrap();
    session.create_object(template).map(drop)
}
