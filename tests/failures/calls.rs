//! Mistakes of a program or of its configuration that a call of PKCS #11 shows.

use std::ptr::NonNull;

use cryptoki_sys::*;
use pkcs11_test::call;
use pkcs11_test::harness::{Mechanism, Module, Rv, Template, boolean, ulong};

use crate::Situation;

pub const SITUATIONS: &[Situation] = situations! { scene;
    "C_Initialize with mutex functions of the program, and without CKF_OS_LOCKING_OK":
        [] |module| initialize(module, &mut mutexes()) => CKR_CANT_LOCK, "none": "set CKF_OS_LOCKING_OK";
    "C_Initialize with some of the mutex functions":
        [] |module| initialize(module, &mut CK_C_INITIALIZE_ARGS { LockMutex: None, ..mutexes() })
        => CKR_ARGUMENTS_BAD, "none": "pInitArgs must have all four mutex functions or none";
    "C_Initialize with a value for pReserved": [] |module| initialize(module, &mut CK_C_INITIALIZE_ARGS {
            pReserved: NonNull::dangling().as_ptr(), ..Default::default() })
        => CKR_ARGUMENTS_BAD, "none": "pReserved in pInitArgs is reserved and must be NULL";
    "C_OpenSession on another slot": [] |module| { module.initialize(); module.open(0, CKF_SERIAL_SESSION).into() }
        => CKR_SLOT_ID_INVALID, "none": "no slot 0", "the only slot ID is 1";
    "C_OpenSession for a read/write session, which the configuration disables":
        [scene.set("SIGNPATH_CRYPTOKI_DO_NOT_FAIL_ON_READ_WRITE_SESSIONS", "false")]
        |module| { module.initialize(); module.open(1, CKF_SERIAL_SESSION | CKF_RW_SESSION).into() }
        => CKR_TOKEN_WRITE_PROTECTED, "none": "Cryptoki.DoNotFailOnReadWriteSessions";
    "C_Login as the security officer": [] |module| { module.initialize(); module.read_write().login_as(CKU_SO, b"CONFIG") }
        => CKR_PIN_INCORRECT, "none": "the token has no security officer", "CKU_USER";
    "C_LoginUser with a user name that is not the configured organization": [] |module| module.opened().login_user("jenkins", "CONFIG")
        => CKR_PIN_INCORRECT, "none": "the user name must be an organization ID";
    "C_SignInit without a login": [] |module| module.opened().sign_init(CKM_ECDSA, 1)
        => CKR_USER_NOT_LOGGED_IN, "none": "private keys require C_Login", "CONFIG";
    "C_SignInit twice in a session": [] |module| {
            let session = module.logged_in().unwrap();
            let key = session.private("demo/p-256");
            assert_eq!(session.sign_init(CKM_ECDSA, key), CKR_OK);
            session.sign_init(CKM_ECDSA, key)
        } => CKR_OPERATION_ACTIVE, "1 GET": "a signature is active in this session; end it with C_Sign";
    "C_Sign without C_SignInit": [] |module| module.logged_in().unwrap().sign_into(&[7; 32], 64).rv
        => CKR_OPERATION_NOT_INITIALIZED, "1 GET": "no signature is active in this session; call C_SignInit";
    "C_SignInit in a closed session": [] |module| {
            let session = module.logged_in().unwrap();
            let key = session.private("demo/p-256");
            assert_eq!(session.close(), CKR_OK);
            session.sign_init(CKM_ECDSA, key)
        } => CKR_SESSION_HANDLE_INVALID, "1 GET": "invalid session handle";
    "C_SignInit with a key handle from before C_Logout": [] |module| {
            let session = module.logged_in().unwrap();
            let key = session.private("demo/p-256");
            assert_eq!((session.logout(), session.login()), (Rv(CKR_OK), Rv(CKR_OK)));
            session.sign_init(CKM_ECDSA, key)
        } => CKR_KEY_HANDLE_INVALID, "1 GET": "invalid key handle";
    "C_SignInit with a public key": [] |module| {
            let session = module.logged_in().unwrap();
            session.sign_init(CKM_ECDSA, session.public("demo/p-256"))
        } => CKR_KEY_FUNCTION_NOT_PERMITTED, "1 GET": "a public key cannot sign; use the private key";
    "C_GetAttributeValue with an unknown object": [] |module| module.logged_in().unwrap().attribute(9999, CKA_LABEL).into()
        => CKR_OBJECT_HANDLE_INVALID, "1 GET": "invalid object handle";
    "C_FindObjectsInit with more than 1024 attributes": [] |module| module.opened().find_init(&vec![(CKA_TOKEN, boolean(true)); 1025])
        => CKR_ARGUMENTS_BAD, "none": "ulCount is 1025; the limit is 1024 attributes";
    "CKM_RSA_PKCS_PSS without parameters": [] |module| sign_init(module, CKM_RSA_PKCS_PSS)
        => CKR_MECHANISM_PARAM_INVALID, "1 GET": "CKM_RSA_PKCS_PSS: needs CK_RSA_PKCS_PSS_PARAMS as its parameter";
    "CKM_RSA_PKCS_PSS with a hash algorithm that PSS does not have":
        [] |module| sign_init(module, Mechanism::pss(CKM_RSA_PKCS_PSS, CKM_MD5, CKG_MGF1_SHA256, 16))
        => CKR_MECHANISM_PARAM_INVALID, "1 GET": "CKM_MD5 is not supported for PSS; use SHA-256";
    "CKM_RSA_PKCS_PSS with a hash algorithm that SignPath does not sign":
        [] |module| sign_init(module, Mechanism::pss(CKM_RSA_PKCS_PSS, CKM_SHA224, CKG_MGF1_SHA224, 28))
        => CKR_MECHANISM_PARAM_INVALID, "1 GET": "SignPath cannot sign SHA-224 digests; use SHA-256";
    "CKM_SHA256_RSA_PKCS_PSS with parameters for another hash algorithm":
        [] |module| sign_init(module, Mechanism::pss(CKM_SHA256_RSA_PKCS_PSS, CKM_SHA384, CKG_MGF1_SHA384, 48))
        => CKR_MECHANISM_PARAM_INVALID, "1 GET": "hashAlg is SHA-384, but the mechanism hashes with SHA-256";
    "C_VerifyInit with a salt that is longer than the key": [] |module| {
            let session = module.logged_in().unwrap();
            let mechanism = Mechanism::pss(CKM_RSA_PKCS_PSS, CKM_SHA256, CKG_MGF1_SHA256, 500);
            session.verify_init(mechanism, session.public("demo/rsa-2048"))
        } => CKR_MECHANISM_PARAM_INVALID, "1 GET": "the key is too small for a salt of 500 bytes";
    "CKM_RSA_PKCS with a DigestInfo of an unknown hash algorithm": [] |module| {
            let session = module.logged_in().unwrap();
            assert_eq!(session.sign_init(CKM_RSA_PKCS, session.private("demo/rsa-2048")), CKR_OK);
            session.sign_into(&[SHA_224, &[7; 28]].concat(), 256).rv
        } => CKR_DATA_INVALID, "1 GET": "are a DigestInfo with the hash algorithm 2.16.840.1.101.3.4.2.4";
    "C_CreateObject for a token object": [] |module| create(module, &key_with(CKA_TOKEN, boolean(true)))
        => CKR_TOKEN_WRITE_PROTECTED, "none": "token objects cannot be created", "CKA_TOKEN false";
    "C_CreateObject with an attribute twice": [] |module| create(module, &[key_with(CKA_LABEL, "a"), key_with(CKA_LABEL, "b")].concat())
        => CKR_TEMPLATE_INCONSISTENT, "none": "the template contains CKA_LABEL twice with different values";
    "C_CreateObject with an attribute that the token sets": [] |module| create(module, &key_with(CKA_LOCAL, boolean(true)))
        => CKR_ATTRIBUTE_READ_ONLY, "none": "CKA_LOCAL is read-only here; remove it";
};

/// The DER of a DigestInfo (RFC 8017, appendix A.2.4) with SHA-224 (RFC 8017, appendix B.1) up to the digest.
const SHA_224: &[u8] = &[
    0x30, 0x2d, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x04, 0x05,
    0x00, 0x04, 0x1c,
];

fn initialize(module: &Module, arguments: &mut CK_C_INITIALIZE_ARGS) -> Rv {
    call!(module, C_Initialize((&raw mut *arguments).cast()))
}

/// Functions that nothing calls.
fn mutexes() -> CK_C_INITIALIZE_ARGS {
    unsafe extern "C" fn create(_: *mut *mut std::ffi::c_void) -> CK_RV {
        CKR_OK
    }
    unsafe extern "C" fn other(_: *mut std::ffi::c_void) -> CK_RV {
        CKR_OK
    }
    CK_C_INITIALIZE_ARGS {
        CreateMutex: Some(create),
        DestroyMutex: Some(other),
        LockMutex: Some(other),
        UnlockMutex: Some(other),
        ..Default::default()
    }
}

fn sign_init(module: &Module, mechanism: impl Into<Mechanism>) -> Rv {
    let session = module.logged_in().unwrap();
    session.sign_init(mechanism, session.private("demo/rsa-2048"))
}

/// C_CreateObject with a template.
pub fn create(module: &Module, template: &[(CK_ATTRIBUTE_TYPE, Vec<u8>)]) -> Rv {
    module.opened().create(template).into()
}

/// The template of an RSA public key with another attribute.
pub fn key_with(id: CK_ATTRIBUTE_TYPE, value: impl Into<Vec<u8>>) -> Template {
    let (class, kind) = (ulong(CKO_PUBLIC_KEY), ulong(CKK_RSA));
    vec![(CKA_CLASS, class), (CKA_KEY_TYPE, kind), (id, value.into())]
}
