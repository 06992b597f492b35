//! Templates that C_CreateObject refuses: the line names attributes and values as the standard does.

use cryptoki::context::Pkcs11;
use cryptoki::error::Error;
use cryptoki::object::{Attribute, AttributeType, CertificateType, KeyType, ObjectClass};

use crate::Situation;
use crate::common::slot;
use crate::scene::initialize;

pub const SITUATIONS: &[Situation] = situations! { scene;
    "a secret key": [] |module| create(module, &[Attribute::Class(ObjectClass::SECRET_KEY)])
        => CKR_TEMPLATE_INCONSISTENT, "none": "CKA_CLASS is CKO_SECRET_KEY, but only certificates and public keys";
    "an attribute certificate":
        [] |module| create(module, &[CERTIFICATE, Attribute::CertificateType(CertificateType::X_509_ATTR)])
        => CKR_TEMPLATE_INCONSISTENT, "none": "CKA_CERTIFICATE_TYPE is CKC_X_509_ATTR_CERT, but only X.509 certificates";
    "an Ed25519 public key": [] |module| create(module, &[PUBLIC_KEY, Attribute::KeyType(KeyType::EC_EDWARDS)])
        => CKR_TEMPLATE_INCONSISTENT, "none": "CKA_KEY_TYPE is CKK_EC_EDWARDS, but only RSA and EC public keys";
    "a public key without its type": [] |module| create(module, &[PUBLIC_KEY])
        => CKR_TEMPLATE_INCOMPLETE, "none": "the template lacks CKA_KEY_TYPE";
    "a public key that decrypts":
        [] |module| create(module, &[PUBLIC_KEY, Attribute::KeyType(KeyType::RSA), Attribute::Decrypt(true)])
        => CKR_TEMPLATE_INCONSISTENT, "none": "objects of this class and type do not have CKA_DECRYPT";
    "a vendor-defined attribute":
        [] |module| create(module, &[Attribute::VendorDefined((AttributeType::VendorDefined(0x8000_1234), vec![1]))])
        => CKR_ATTRIBUTE_TYPE_INVALID, "none": "unknown attribute 0x80001234";
    "a label of 100 000 bytes": [] |module| create(module, &[PUBLIC_KEY, Attribute::Label(vec![b'x'; 100_000])])
        => CKR_ATTRIBUTE_VALUE_INVALID, "none": "CKA_LABEL must be at most 64 KiB long; it is 100000 bytes long";
};

const PUBLIC_KEY: Attribute = Attribute::Class(ObjectClass::PUBLIC_KEY);
const CERTIFICATE: Attribute = Attribute::Class(ObjectClass::CERTIFICATE);

fn create(module: &Pkcs11, template: &[Attribute]) -> Result<(), Error> {
    initialize(module).unwrap();
    let session = module.open_ro_session(slot(module)).unwrap();
    session.create_object(template).map(drop)
}
