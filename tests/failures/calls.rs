//! Mistakes of a program or of its configuration that a call of PKCS #11 shows.

use std::ptr::NonNull;

use cryptoki::context::Function;
use cryptoki::error::{Error, Rv};
use cryptoki_sys::*;
use pkcs11_test::call;
use pkcs11_test::harness::{self, Mechanism, Module, boolean, ulong};

use crate::Situation;
use crate::common::module_path;

pub const SITUATIONS: &[Situation] = situations! { scene;
    "C_Initialize with mutex functions of the program, and without CKF_OS_LOCKING_OK":
        [] |_| raw(|module| initialize(module, &mut mutexes())) => CKR_CANT_LOCK, "none": "set CKF_OS_LOCKING_OK";
    "C_Initialize with some of the mutex functions":
        [] |_| raw(|module| initialize(module, &mut CK_C_INITIALIZE_ARGS { LockMutex: None, ..mutexes() }))
        => CKR_ARGUMENTS_BAD, "none": "pInitArgs must have all four mutex functions or none";
    "C_Initialize with a value for pReserved": [] |_| raw(|module| initialize(module, &mut CK_C_INITIALIZE_ARGS {
            pReserved: NonNull::dangling().as_ptr(), ..Default::default() }))
        => CKR_ARGUMENTS_BAD, "none": "pReserved in pInitArgs is reserved and must be NULL";
    "C_OpenSession on another slot": [] |_| raw(|module| { module.initialize(); opened(module, 0, CKF_SERIAL_SESSION) })
        => CKR_SLOT_ID_INVALID, "none": "no slot 0", "the only slot ID is 1";
    "C_OpenSession for a read/write session, which the configuration disables":
        [scene.set("SIGNPATH_CRYPTOKI_DO_NOT_FAIL_ON_READ_WRITE_SESSIONS", "false")]
        |_| raw(|module| { module.initialize(); opened(module, 1, CKF_SERIAL_SESSION | CKF_RW_SESSION) })
        => CKR_TOKEN_WRITE_PROTECTED, "none": "Cryptoki.DoNotFailOnReadWriteSessions";
    "C_Login as the security officer": [] |_| raw(|module| { module.initialize(); module.read_write().login_as(CKU_SO, b"CONFIG") })
        => CKR_PIN_INCORRECT, "none": "the token has no security officer", "CKU_USER";
    "C_LoginUser with a user name that is not the configured organization": [] |_| raw(|module| {
            module.initialize();
            let (session, [user, pin]) = (module.session().handle, [b"jenkins", b"CONFIG "].map(|text| text.as_ptr().cast_mut()));
            call!(module, C_LoginUser(session, CKU_USER, pin, 6, user, 7))
        })
        => CKR_PIN_INCORRECT, "none": "the user name must be an organization ID";
    "C_SignInit without a login": [] |_| raw(|module| { module.initialize(); module.session().sign_init(CKM_ECDSA, 1) })
        => CKR_USER_NOT_LOGGED_IN, "none": "private keys require C_Login", "CONFIG";
    "C_SignInit twice in a session": [] |_| raw(|module| {
            let session = module.logged_in().unwrap();
            let key = session.private("demo/p-256");
            assert_eq!(session.sign_init(CKM_ECDSA, key), CKR_OK);
            session.sign_init(CKM_ECDSA, key)
        })
        => CKR_OPERATION_ACTIVE, "1 GET": "a signature is active in this session; end it with C_Sign";
    "C_Sign without C_SignInit": [] |_| raw(|module| module.logged_in().unwrap().sign_into(&[7; 32], 64).rv)
        => CKR_OPERATION_NOT_INITIALIZED, "1 GET": "no signature is active in this session; call C_SignInit";
    "C_SignInit in a closed session": [] |_| raw(|module| {
            let session = module.logged_in().unwrap();
            let key = session.private("demo/p-256");
            assert_eq!(session.close(), CKR_OK);
            session.sign_init(CKM_ECDSA, key)
        })
        => CKR_SESSION_HANDLE_INVALID, "1 GET": "invalid session handle";
    "C_SignInit with a key handle from before C_Logout": [] |_| raw(|module| {
            let session = module.logged_in().unwrap();
            let key = session.private("demo/p-256");
            assert_eq!((session.logout(), session.login()), (harness::Rv(CKR_OK), harness::Rv(CKR_OK)));
            session.sign_init(CKM_ECDSA, key)
        })
        => CKR_KEY_HANDLE_INVALID, "1 GET": "invalid key handle";
    "C_SignInit with a public key": [] |_| raw(|module| {
            let session = module.logged_in().unwrap();
            session.sign_init(CKM_ECDSA, session.public("demo/p-256"))
        })
        => CKR_KEY_FUNCTION_NOT_PERMITTED, "1 GET": "a public key cannot sign; use the private key";
    "C_GetAttributeValue with an unknown object": [] |_| raw(|module| {
            let session = module.logged_in().unwrap();
            session.attribute(9999, CKA_LABEL).unwrap_err()
        })
        => CKR_OBJECT_HANDLE_INVALID, "1 GET": "invalid object handle";
    "C_FindObjectsInit with more than 1024 attributes": [] |_| raw(|module| {
            module.initialize();
            module.session().find_init(&vec![(CKA_TOKEN, boolean(true)); 1025])
        })
        => CKR_ARGUMENTS_BAD, "none": "ulCount is 1025; the limit is 1024 attributes";
    "CKM_RSA_PKCS_PSS without parameters": [] |_| sign_init(CKM_RSA_PKCS_PSS.into())
        => CKR_MECHANISM_PARAM_INVALID, "1 GET": "CKM_RSA_PKCS_PSS: needs CK_RSA_PKCS_PSS_PARAMS as its parameter";
    "CKM_RSA_PKCS_PSS with a hash algorithm that PSS does not have":
        [] |_| sign_init(Mechanism::pss(CKM_RSA_PKCS_PSS, CKM_MD5, CKG_MGF1_SHA256, 16))
        => CKR_MECHANISM_PARAM_INVALID, "1 GET": "CKM_MD5 is not supported for PSS; use SHA-256";
    "CKM_RSA_PKCS_PSS with a hash algorithm that SignPath does not sign":
        [] |_| sign_init(Mechanism::pss(CKM_RSA_PKCS_PSS, CKM_SHA224, CKG_MGF1_SHA224, 28))
        => CKR_MECHANISM_PARAM_INVALID, "1 GET": "SignPath cannot sign SHA-224 digests; use SHA-256";
    "CKM_SHA256_RSA_PKCS_PSS with parameters for another hash algorithm":
        [] |_| sign_init(Mechanism::pss(CKM_SHA256_RSA_PKCS_PSS, CKM_SHA384, CKG_MGF1_SHA384, 48))
        => CKR_MECHANISM_PARAM_INVALID, "1 GET": "hashAlg is SHA-384, but the mechanism hashes with SHA-256";
    "C_VerifyInit with a salt that is longer than the key": [] |_| raw(|module| {
            let session = module.logged_in().unwrap();
            let mechanism = Mechanism::pss(CKM_RSA_PKCS_PSS, CKM_SHA256, CKG_MGF1_SHA256, 500);
            session.verify_init(mechanism, session.public("demo/rsa-2048"))
        })
        => CKR_MECHANISM_PARAM_INVALID, "1 GET": "the key is too small for a salt of 500 bytes";
    "CKM_RSA_PKCS with a DigestInfo of an unknown hash algorithm": [] |_| raw(|module| {
            let session = module.logged_in().unwrap();
            assert_eq!(session.sign_init(CKM_RSA_PKCS, session.private("demo/rsa-2048")), CKR_OK);
            session.sign_into(&[SHA_224, &[7; 28]].concat(), 256).rv
        })
        => CKR_DATA_INVALID, "1 GET": "are a DigestInfo with the hash algorithm 2.16.840.1.101.3.4.2.4";
    "C_CreateObject for a token object": [] |_| create(&[(CKA_TOKEN, boolean(true))])
        => CKR_TOKEN_WRITE_PROTECTED, "none": "token objects cannot be created", "CKA_TOKEN false";
    "C_CreateObject with an attribute twice": [] |_| create(&[(CKA_LABEL, b"a".to_vec()), (CKA_LABEL, b"b".to_vec())])
        => CKR_TEMPLATE_INCONSISTENT, "none": "the template contains CKA_LABEL twice with different values";
    "C_CreateObject with an attribute that the token sets": [] |_| create(&[(CKA_LOCAL, boolean(true))])
        => CKR_ATTRIBUTE_READ_ONLY, "none": "CKA_LOCAL is read-only here; remove it";
};

/// The DER of a DigestInfo (RFC 8017, appendix A.2.4) with SHA-224 (RFC 8017, appendix B.1) up to the digest.
const SHA_224: &[u8] = &[
    0x30, 0x2d, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x04, 0x05,
    0x00, 0x04, 0x1c,
];

/// Calls functions that a safe wrapper does not let through.
pub fn raw(call: impl FnOnce(&Module) -> harness::Rv) -> Result<(), Error> {
    let rv = call(&Module::load(module_path()));
    Rv::from(rv.0).into_result(Function::Initialize)
}

fn initialize(module: &Module, arguments: &mut CK_C_INITIALIZE_ARGS) -> harness::Rv {
    call!(module, C_Initialize((&raw mut *arguments).cast()))
}

fn opened(module: &Module, slot: CK_SLOT_ID, flags: CK_FLAGS) -> harness::Rv {
    module
        .open(slot, flags)
        .map_or_else(|rv| rv, |_| harness::Rv(CKR_OK))
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

fn sign_init(mechanism: Mechanism) -> Result<(), Error> {
    raw(|module| {
        let session = module.logged_in().unwrap();
        session.sign_init(mechanism, session.private("demo/rsa-2048"))
    })
}

/// C_CreateObject for an RSA public key with more attributes.
fn create(more: &[(CK_ATTRIBUTE_TYPE, Vec<u8>)]) -> Result<(), Error> {
    let key = [
        (CKA_CLASS, ulong(CKO_PUBLIC_KEY)),
        (CKA_KEY_TYPE, ulong(CKK_RSA)),
    ];
    let template = [key.as_slice(), more].concat();
    raw(|module| {
        module.initialize();
        module.session().create(&template).unwrap_err()
    })
}
