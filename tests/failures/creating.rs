//! Templates that C_CreateObject refuses: the line names attributes and values as the standard does.

use cryptoki_sys::*;
use pkcs11_test::harness::{Template, boolean, ulong};

use crate::Situation;
use crate::calls::{create, key_with};

pub const SITUATIONS: &[Situation] = situations! { scene;
    "a secret key": [] |module| create(module, &[(CKA_CLASS, ulong(CKO_SECRET_KEY))])
        => CKR_TEMPLATE_INCONSISTENT, "none": "CKA_CLASS is CKO_SECRET_KEY, but only certificates and public keys";
    "an attribute certificate":
        [] |module| create(module, &[(CKA_CLASS, ulong(CKO_CERTIFICATE)), (CKA_CERTIFICATE_TYPE, ulong(CKC_X_509_ATTR_CERT))])
        => CKR_TEMPLATE_INCONSISTENT, "none": "CKA_CERTIFICATE_TYPE is CKC_X_509_ATTR_CERT, but only X.509 certificates";
    "an Ed25519 public key":
        [] |module| create(module, &[(CKA_CLASS, ulong(CKO_PUBLIC_KEY)), (CKA_KEY_TYPE, ulong(CKK_EC_EDWARDS))])
        => CKR_TEMPLATE_INCONSISTENT, "none": "CKA_KEY_TYPE is CKK_EC_EDWARDS, but only RSA, EC and ML-DSA public keys";
    "an ML-DSA public key with an unknown parameter set": [] |module| create(module, &ml_dsa(4, 1312))
        => CKR_PARAMETER_SET_NOT_SUPPORTED, "none": "CKA_PARAMETER_SET is 4, but must be CKP_ML_DSA_44, CKP_ML_DSA_65 or CKP_ML_DSA_87";
    "an ML-DSA-65 public key of another length": [] |module| create(module, &ml_dsa(CKP_ML_DSA_65, 1312))
        => CKR_ATTRIBUTE_VALUE_INVALID, "none": "the value of CKA_VALUE has 1312 bytes, but a public key of ML-DSA-65 has 1952";
    "a public key without its type": [] |module| create(module, &[(CKA_CLASS, ulong(CKO_PUBLIC_KEY))])
        => CKR_TEMPLATE_INCOMPLETE, "none": "the template lacks CKA_KEY_TYPE";
    "a public key that decrypts": [] |module| create(module, &key_with(CKA_DECRYPT, boolean(true)))
        => CKR_TEMPLATE_INCONSISTENT, "none": "objects of this class and type do not have CKA_DECRYPT";
    "a vendor-defined attribute": [] |module| create(module, &[(CKA_VENDOR_DEFINED | 0x1234, vec![1])])
        => CKR_ATTRIBUTE_TYPE_INVALID, "none": "unknown attribute 0x80001234";
    "a label of 100 000 bytes": [] |module| create(module, &key_with(CKA_LABEL, [b'x'; 100_000]))
        => CKR_ATTRIBUTE_VALUE_INVALID, "none": "CKA_LABEL must be at most 64 KiB long; it is 100000 bytes long";
};

/// An ML-DSA public key with this parameter set and so many bytes.
fn ml_dsa(parameter_set: CK_ULONG, length: usize) -> Template {
    vec![
        (CKA_CLASS, ulong(CKO_PUBLIC_KEY)),
        (CKA_KEY_TYPE, ulong(CKK_ML_DSA)),
        (CKA_PARAMETER_SET, ulong(parameter_set)),
        (CKA_VALUE, vec![7; length]),
    ]
}
