//! What the module refuses by itself, without a signing request.

use cryptoki_sys::*;
use pkcs11_test::harness::Mechanism;

use crate::Situation;
use crate::scene::sign_with;

pub const SITUATIONS: &[Situation] = situations! { scene;
    "CKM_RSA_PKCS with a bare digest": [] |module| sign_with(module, CKM_RSA_PKCS, "demo/rsa-2048", 32)
        => CKR_DATA_INVALID, "1 GET": "bare SHA-256 digest";
    "CKM_RSA_PKCS without data": [] |module| sign_with(module, CKM_RSA_PKCS, "demo/rsa-2048", 0)
        => CKR_DATA_INVALID, "1 GET": "not a DER DigestInfo";
    "CKM_RSA_PKCS with data that is as long as a DigestInfo": [] |module| sign_with(module, CKM_RSA_PKCS, "demo/rsa-2048", 51)
        => CKR_DATA_INVALID, "1 GET": "not a DER DigestInfo";
    "CKM_RSA_PKCS with a message": [] |module| sign_with(module, CKM_RSA_PKCS, "demo/rsa-2048", 2000)
        => CKR_DATA_LEN_RANGE, "1 GET": "takes a digest";
    "CKM_RSA_PKCS_PSS with a digest of another length":
        [] |module| sign_with(module, pss(CKG_MGF1_SHA256, 32), "demo/rsa-2048", 31)
        => CKR_DATA_LEN_RANGE, "1 GET": "31 bytes long; a SHA-256 digest is 32";
    "CKM_RSA_PKCS_PSS with the longest salt":
        [] |module| sign_with(module, pss(CKG_MGF1_SHA256, 350), "demo/rsa-3072", 32)
        => CKR_MECHANISM_PARAM_INVALID, "1 GET": "rsa_pss_saltlen:digest";
    "CKM_RSA_PKCS_PSS with MGF1 and another digest":
        [] |module| sign_with(module, pss(CKG_MGF1_SHA1, 32), "demo/rsa-3072", 32)
        => CKR_MECHANISM_PARAM_INVALID, "1 GET": "mgf is CKG_MGF1_SHA1, but must be CKG_MGF1_SHA256";
    "CKM_ECDSA with a digest of an unknown length": [] |module| sign_with(module, CKM_ECDSA, "demo/p-256", 31)
        => CKR_DATA_LEN_RANGE, "1 GET": "31 bytes";
    "CKM_ECDSA without data": [] |module| sign_with(module, CKM_ECDSA, "demo/p-256", 0)
        => CKR_DATA_LEN_RANGE, "1 GET": "0 bytes";
    "CKM_RSA_X_509": [] |module| sign_with(module, CKM_RSA_X_509, "demo/rsa-2048", 256)
        => CKR_MECHANISM_INVALID, "1 GET": "SignPath cannot sign with CKM_RSA_X_509; pkcs11-tool";
    "CKM_ML_DSA": [] |module| sign_with(module, CKM_ML_DSA, "demo/rsa-2048", 32)
        => CKR_MECHANISM_INVALID, "1 GET": "CKM_ML_DSA can verify, but not sign: SignPath does not document yet how it signs with ML-DSA";
    "CKM_ECDSA with an RSA key": [] |module| sign_with(module, CKM_ECDSA, "demo/rsa-2048", 32)
        => CKR_KEY_TYPE_INCONSISTENT, "1 GET": "requires an EC key";
};

fn pss(mgf: CK_ULONG, salt_length: CK_ULONG) -> Mechanism {
    Mechanism::pss(CKM_RSA_PKCS_PSS, CKM_SHA256, mgf, salt_length)
}
