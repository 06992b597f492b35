//! What the module refuses by itself, without a signing request.

use cryptoki::mechanism::rsa::{PkcsMgfType, PkcsPssParams};
use cryptoki::mechanism::{Mechanism, MechanismType};

use crate::scene::{Scene, sign_with};
use crate::{Situation, situation};

const NOTHING: fn(&mut Scene) = |_| {};

pub const SITUATIONS: &[Situation] = &[
    situation(
        "CKM_RSA_PKCS with a bare digest",
        NOTHING,
        |module| sign_with(module, &Mechanism::RsaPkcs, "demo/rsa-2048", 32),
        "CKR_DATA_INVALID",
        &["bare Sha256 digest"],
    ),
    situation(
        "CKM_RSA_PKCS without data",
        NOTHING,
        |module| sign_with(module, &Mechanism::RsaPkcs, "demo/rsa-2048", 0),
        "CKR_DATA_INVALID",
        &["not a DER DigestInfo"],
    ),
    situation(
        "CKM_RSA_PKCS with something as long as a DigestInfo",
        NOTHING,
        |module| sign_with(module, &Mechanism::RsaPkcs, "demo/rsa-2048", 51),
        "CKR_DATA_INVALID",
        &["not a DER DigestInfo"],
    ),
    situation(
        "CKM_RSA_PKCS with a message",
        NOTHING,
        |module| sign_with(module, &Mechanism::RsaPkcs, "demo/rsa-2048", 2000),
        "CKR_DATA_LEN_RANGE",
        &["signs a digest"],
    ),
    situation(
        "CKM_RSA_PKCS_PSS with a digest of another length",
        NOTHING,
        |module| {
            let pss = pss(PkcsMgfType::MGF1_SHA256, 32);
            sign_with(module, &pss, "demo/rsa-2048", 31)
        },
        "CKR_DATA_LEN_RANGE",
        &["31 bytes; a digest of Sha256 has 32"],
    ),
    situation(
        "CKM_RSA_PKCS_PSS with the longest salt",
        NOTHING,
        |module| {
            let pss = pss(PkcsMgfType::MGF1_SHA256, 350);
            sign_with(module, &pss, "demo/rsa-3072", 32)
        },
        "CKR_MECHANISM_PARAM_INVALID",
        &["rsa_pss_saltlen:digest"],
    ),
    situation(
        "CKM_RSA_PKCS_PSS with MGF1 of another digest",
        NOTHING,
        |module| {
            let pss = pss(PkcsMgfType::MGF1_SHA1, 32);
            sign_with(module, &pss, "demo/rsa-3072", 32)
        },
        "CKR_MECHANISM_PARAM_INVALID",
        &["MGF1 of the same digest"],
    ),
    situation(
        "CKM_ECDSA with a digest of no known length",
        NOTHING,
        |module| sign_with(module, &Mechanism::Ecdsa, "demo/p-256", 31),
        "CKR_DATA_LEN_RANGE",
        &["31 bytes"],
    ),
    situation(
        "CKM_ECDSA without data",
        NOTHING,
        |module| sign_with(module, &Mechanism::Ecdsa, "demo/p-256", 0),
        "CKR_DATA_LEN_RANGE",
        &["0 bytes"],
    ),
    situation(
        "CKM_RSA_X_509",
        NOTHING,
        |module| sign_with(module, &Mechanism::RsaX509, "demo/rsa-2048", 256),
        "CKR_MECHANISM_INVALID",
        &["SignPath does not sign with CKM_RSA_X_509; C_GetMechanismList"],
    ),
    situation(
        "CKM_ECDSA with an RSA key",
        NOTHING,
        |module| sign_with(module, &Mechanism::Ecdsa, "demo/rsa-2048", 32),
        "CKR_KEY_TYPE_INCONSISTENT",
        &["does not go with the key"],
    ),
];

fn pss(mgf: PkcsMgfType, salt_length: u64) -> Mechanism<'static> {
    Mechanism::RsaPkcsPss(PkcsPssParams {
        hash_alg: MechanismType::SHA256,
        mgf,
        s_len: salt_length.into(),
    })
}
