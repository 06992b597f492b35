//! On our module alone: the functions of PKCS #11 3.0 and 3.2, which SoftHSM does not have, and lengths that it takes
//! without a look, and does not survive.

use cryptoki_sys::*;
use pkcs11_test::harness::{Module, Template, null, place, ulong};

use crate::report::{Report, Script};
use crate::sequences::{self, Kind};
use crate::{HUGE, NO, RSA, label, mechanism, places};

/// The template of an RSA key with a modulus of that length.
pub fn public_key(length: usize) -> Template {
    vec![
        (CKA_CLASS, ulong(CKO_PUBLIC_KEY)),
        (CKA_KEY_TYPE, ulong(CKK_RSA)),
        (CKA_MODULUS, vec![0xff; length]),
        (CKA_PUBLIC_EXPONENT, vec![1, 0, 1]),
    ]
}

pub const SCRIPTS: &[Script] = &[
    ("interfaces", |t, r| {
        let (mut count, interface, mut version) =
            (0, place(null()), CK_VERSION { major: 3, minor: 1 });
        let list =
            place([CK_INTERFACE { pInterfaceName: null(), pFunctionList: null(), flags: 0 }; 3])
                .cast();
        let [name, other] = [c"PKCS 11", c"another"].map(|name| name.as_ptr().cast_mut().cast());
        calls! { t, r;
            "NULL pulCount": C_GetInterfaceList(list, null()) => CKR_ARGUMENTS_BAD;
            "asking for the count": C_GetInterfaceList(null(), &mut count) => CKR_OK;
            @ count = 2; "room for too few": C_GetInterfaceList(list, &mut count) => CKR_BUFFER_TOO_SMALL;
            "room for all": C_GetInterfaceList(list, &mut count) => CKR_OK;
            "NULL ppInterface": C_GetInterface(name, null(), null(), 0) => CKR_ARGUMENTS_BAD;
            "any": C_GetInterface(null(), null(), interface, 0) => CKR_OK;
            "by name": C_GetInterface(name, null(), interface, 0) => CKR_OK;
            "another name": C_GetInterface(other, null(), interface, 0) => CKR_ARGUMENTS_BAD;
            "version 3.1": C_GetInterface(name, &mut version, interface, 0) => CKR_ARGUMENTS_BAD;
            @ version.minor = 2; "version 3.2": C_GetInterface(name, &mut version, interface, 0) => CKR_OK;
            "fork safe": C_GetInterface(name, null(), interface, CKF_INTERFACE_FORK_SAFE) => CKR_ARGUMENTS_BAD;
        }
    }),
    ("before C_Initialize", |t, r| {
        answers! { r; "*" => CKR_CRYPTOKI_NOT_INITIALIZED; }
        t.finalize();
        each(t, r, 1);
    }),
    ("invalid session handle", |t, r| {
        answers! { r;
            "C_*crypt*" => CKR_FUNCTION_NOT_SUPPORTED; "C_*capsulateKey" => CKR_FUNCTION_NOT_SUPPORTED;
            "C_*KeyAuthenticated" => CKR_FUNCTION_NOT_SUPPORTED; "C_Async*" => CKR_FUNCTION_NOT_SUPPORTED;
            "*" => CKR_SESSION_HANDLE_INVALID;
        }
        each(t, r, NO);
    }),
    ("a session without operations", |t, r| {
        answers! { r;
            "C_*crypt*" => CKR_FUNCTION_NOT_SUPPORTED; "C_*capsulateKey" => CKR_FUNCTION_NOT_SUPPORTED;
            "C_*KeyAuthenticated" => CKR_FUNCTION_NOT_SUPPORTED; "C_Async*" => CKR_FUNCTION_NOT_SUPPORTED;
            "C_SessionCancel" => CKR_OK; "C_GetSessionValidationFlags" => CKR_OK;
            "C_LoginUser" => CKR_USER_ALREADY_LOGGED_IN;
            "C_Message*Init" => CKR_KEY_HANDLE_INVALID; "C_VerifySignatureInit" => CKR_KEY_HANDLE_INVALID;
            "*" => CKR_OPERATION_NOT_INITIALIZED;
        }
        let session = t.user();
        each(t, r, session.handle);
    }),
    ("login with a user name", |t, r| {
        let (s, flags, last) = (t.session().handle, place(0xEE), CKS_LAST_VALIDATION_OK);
        let [pin, name] =
            [c"CONFIG", c"another organization"].map(|text| text.as_ptr().cast_mut().cast());
        calls! { t, r;
            "NULL pPin with 6 bytes": C_LoginUser(s, CKU_USER, null(), 6, name, 20) => CKR_ARGUMENTS_BAD;
            "NULL pUsername with 20 bytes": C_LoginUser(s, CKU_USER, pin, 6, null(), 20) => CKR_ARGUMENTS_BAD;
            "huge pPin": C_LoginUser(s, CKU_USER, pin, HUGE, name, 20) => CKR_ARGUMENTS_BAD;
            "another organization": C_LoginUser(s, CKU_USER, pin, 6, name, 20) => CKR_PIN_INCORRECT;
            "an unknown user type": C_LoginUser(s, 99, pin, 6, null(), 0) => CKR_USER_TYPE_INVALID;
            "CKU_SO": C_LoginUser(s, CKU_SO, pin, 6, null(), 0) => CKR_SESSION_READ_ONLY_EXISTS;
            "no name": C_LoginUser(s, CKU_USER, pin, 6, null(), 0) => CKR_OK;
            "twice": C_LoginUser(s, CKU_USER, pin, 6, null(), 0) => CKR_USER_ALREADY_LOGGED_IN;
            "NULL pFlags": C_GetSessionValidationFlags(s, last, null()) => CKR_ARGUMENTS_BAD;
            "an unknown type": C_GetSessionValidationFlags(s, 99, flags) => CKR_ARGUMENTS_BAD;
            "none": C_GetSessionValidationFlags(s, last, flags) => CKR_OK;
        }
        // SAFETY: it is a place, which nobody uses now.
        assert_eq!(unsafe { *flags }, 0, "the token has no validation objects");
    }),
    ("cancelling", |t, r| {
        let session = t.user();
        let s = session.handle;
        session.digest_init(CKM_SHA256);
        calls! { t, r;
            "no flags": C_SessionCancel(s, 0) => CKR_OK;
            "of a digest": C_SessionCancel(s, CKF_DIGEST) => CKR_OK;
            "of no operation": C_SessionCancel(s, CKF_DIGEST) => CKR_OK;
            "all flags": C_SessionCancel(s, HUGE) => CKR_OK;
        }
    }),
    ("signing messages", |t, r| {
        let session = t.user();
        let (s, key, public) = (session.handle, session.private(RSA), session.public(RSA));
        let [m, e] = [CKM_SHA256_RSA_PKCS, CKM_ECDSA].map(mechanism);
        let (b, l, ..) = places();
        calls! { t, r;
            "NULL pMechanism": C_MessageSignInit(s, null(), key) => CKR_ARGUMENTS_BAD;
            "unknown object handle": C_MessageSignInit(s, m, NO) => CKR_KEY_HANDLE_INVALID;
            "a public key": C_MessageSignInit(s, m, public) => CKR_KEY_FUNCTION_NOT_PERMITTED;
            "a key of another type": C_MessageSignInit(s, e, key) => CKR_KEY_TYPE_INCONSISTENT;
            "a private key": C_MessageSignInit(s, m, key) => CKR_OK;
            "twice": C_MessageSignInit(s, m, key) => CKR_OPERATION_ACTIVE;
            "pParameter": C_SignMessage(s, b.cast(), 1, b, 1, b, l) => CKR_MECHANISM_PARAM_INVALID;
            "NULL pData": C_SignMessage(s, null(), 0, null(), 1, b, l) => CKR_ARGUMENTS_BAD;
            "huge pData": C_SignMessage(s, null(), 0, b, HUGE, b, l) => CKR_ARGUMENTS_BAD;
            "NULL pulSignatureLen": C_SignMessage(s, null(), 0, b, 1, b, null()) => CKR_ARGUMENTS_BAD;
            "asking for the length": C_SignMessage(s, null(), 0, b, 1, null(), l) => CKR_OK;
            "a byte too few": C_SignMessage(s, null(), 0, b, 1, b, &mut 255) => CKR_BUFFER_TOO_SMALL;
            "a signature": C_SignMessage(s, null(), 0, b, 1, b, l) => CKR_OK;
            "another": C_SignMessage(s, null(), 0, b, 1, b, l) => CKR_OK;
            "no message": C_SignMessageNext(s, null(), 0, b, 1, null(), null()) => CKR_OPERATION_NOT_INITIALIZED;
            "pParameter": C_SignMessageBegin(s, b.cast(), 1) => CKR_MECHANISM_PARAM_INVALID;
            "in a message-based process": C_SignMessageBegin(s, null(), 0) => CKR_OK;
            "twice": C_SignMessageBegin(s, null(), 0) => CKR_OPERATION_ACTIVE;
            "a multi-part message is active": C_SignMessage(s, null(), 0, b, 1, b, l) => CKR_OPERATION_ACTIVE;
            "a part": C_SignMessageNext(s, null(), 0, b, 1, null(), null()) => CKR_OK;
            "asking for the length": C_SignMessageNext(s, null(), 0, b, 1, null(), l) => CKR_OK;
            "the last part": C_SignMessageNext(s, null(), 0, b, 1, b, l) => CKR_OK;
            "after the last part": C_SignMessageNext(s, null(), 0, b, 1, b, l) => CKR_OPERATION_NOT_INITIALIZED;
            "again": C_SignMessageBegin(s, null(), 0) => CKR_OK;
            "NULL pDataPart": C_SignMessageNext(s, null(), 0, null(), 1, null(), null()) => CKR_ARGUMENTS_BAD;
            "after that": C_SignMessageNext(s, null(), 0, b, 1, b, l) => CKR_OPERATION_NOT_INITIALIZED;
            "a process": C_MessageSignFinal(s) => CKR_OK;
            "twice": C_MessageSignFinal(s) => CKR_OPERATION_NOT_INITIALIZED;
            "after the end": C_SignMessage(s, null(), 0, b, 1, b, l) => CKR_OPERATION_NOT_INITIALIZED;
            "a new process": C_MessageSignInit(s, m, key) => CKR_OK;
            "NULL mechanism, in a message-based process": C_MessageSignInit(s, null(), key) => CKR_OK;
            "after being cancelled": C_MessageSignFinal(s) => CKR_OPERATION_NOT_INITIALIZED;
        }
    }),
    ("verifying messages", |t, r| {
        let session = t.user();
        let (s, public, certificate) =
            (session.handle, session.public(RSA), session.certificate(RSA));
        let [m, e] = [CKM_SHA256_RSA_PKCS, CKM_ECDSA].map(mechanism);
        let mut signature = session.key(RSA).sign(CKM_SHA256_RSA_PKCS, b"data").unwrap();
        let (mut data, v) = (*b"data", signature.as_mut_ptr());
        let (d, rest) = (data.as_mut_ptr(), data[2..].as_mut_ptr());
        calls! { t, r;
            "NULL pMechanism": C_MessageVerifyInit(s, null(), public) => CKR_ARGUMENTS_BAD;
            "unknown object handle": C_MessageVerifyInit(s, m, NO) => CKR_KEY_HANDLE_INVALID;
            "a certificate": C_MessageVerifyInit(s, m, certificate) => CKR_KEY_HANDLE_INVALID;
            "a key of another type": C_MessageVerifyInit(s, e, public) => CKR_KEY_TYPE_INCONSISTENT;
            "a public key": C_MessageVerifyInit(s, m, public) => CKR_OK;
            "twice": C_MessageVerifyInit(s, m, public) => CKR_OPERATION_ACTIVE;
            "pParameter": C_VerifyMessage(s, d.cast(), 0, d, 4, v, 256) => CKR_MECHANISM_PARAM_INVALID;
            "NULL pData": C_VerifyMessage(s, null(), 0, null(), 4, v, 256) => CKR_ARGUMENTS_BAD;
            "huge pData": C_VerifyMessage(s, null(), 0, d, HUGE, v, 256) => CKR_ARGUMENTS_BAD;
            "NULL pSignature": C_VerifyMessage(s, null(), 0, d, 4, null(), 256) => CKR_ARGUMENTS_BAD;
            "a byte too few": C_VerifyMessage(s, null(), 0, d, 4, v, 255) => CKR_SIGNATURE_LEN_RANGE;
            "other data": C_VerifyMessage(s, null(), 0, d, 3, v, 256) => CKR_SIGNATURE_INVALID;
            "the data": C_VerifyMessage(s, null(), 0, d, 4, v, 256) => CKR_OK;
            "no message": C_VerifyMessageNext(s, null(), 0, d, 4, null(), 0) => CKR_OPERATION_NOT_INITIALIZED;
            "pParameter": C_VerifyMessageBegin(s, d.cast(), 1) => CKR_MECHANISM_PARAM_INVALID;
            "in a message-based process": C_VerifyMessageBegin(s, null(), 0) => CKR_OK;
            "twice": C_VerifyMessageBegin(s, null(), 0) => CKR_OPERATION_ACTIVE;
            "a multi-part message is active": C_VerifyMessage(s, null(), 0, d, 4, v, 256) => CKR_OPERATION_ACTIVE;
            "a part": C_VerifyMessageNext(s, null(), 0, d, 2, null(), 0) => CKR_OK;
            "the last part": C_VerifyMessageNext(s, null(), 0, rest, 2, v, 256) => CKR_OK;
            "after the last part": C_VerifyMessageNext(s, null(), 0, rest, 2, v, 256) => CKR_OPERATION_NOT_INITIALIZED;
            "again": C_VerifyMessageBegin(s, null(), 0) => CKR_OK;
            "NULL pDataPart": C_VerifyMessageNext(s, null(), 0, null(), 1, null(), 0) => CKR_ARGUMENTS_BAD;
            "a process": C_MessageVerifyFinal(s) => CKR_OK;
            "twice": C_MessageVerifyFinal(s) => CKR_OPERATION_NOT_INITIALIZED;
        }
    }),
    ("a signature before the data, in sequences", |t, r| {
        sequences::all(t, r, Kind::VerifySignature, &[sequences::ORDER]);
    }),
    ("signature before the data", |t, r| {
        let session = t.user();
        let (s, public) = (session.handle, session.public(RSA));
        let [m, e] = [CKM_SHA256_RSA_PKCS, CKM_ECDSA].map(mechanism);
        let mut signature = session.key(RSA).sign(CKM_SHA256_RSA_PKCS, b"data").unwrap();
        let (mut data, v) = (*b"data", signature.as_mut_ptr());
        let d = data.as_mut_ptr();
        let begin = |length| {
            let signature = &signature[..length];
            let begun = session.verify_signature_init(CKM_SHA256_RSA_PKCS, public, signature);
            assert_eq!(begun, CKR_OK);
        };

        calls! { t, r;
            "NULL pMechanism": C_VerifySignatureInit(s, null(), public, v, 256) => CKR_ARGUMENTS_BAD;
            "NULL pSignature": C_VerifySignatureInit(s, m, public, null(), 256) => CKR_ARGUMENTS_BAD;
            "huge pSignature": C_VerifySignatureInit(s, m, public, v, HUGE) => CKR_ARGUMENTS_BAD;
            "unknown object handle": C_VerifySignatureInit(s, m, NO, v, 256) => CKR_KEY_HANDLE_INVALID;
            "a key of another type": C_VerifySignatureInit(s, e, public, v, 256) => CKR_KEY_TYPE_INCONSISTENT;
            @ begin(256); "other data": C_VerifySignature(s, d, 3) => CKR_SIGNATURE_INVALID;
            @ begin(255); "a signature that is a byte too short": C_VerifySignature(s, d, 4) => CKR_SIGNATURE_LEN_RANGE;
            @ begin(256); "NULL pData": C_VerifySignature(s, null(), 4) => CKR_ARGUMENTS_BAD;
            @ begin(256); "huge pData": C_VerifySignature(s, d, HUGE) => CKR_ARGUMENTS_BAD;
            @ begin(256); "no data": C_VerifySignatureFinal(s) => CKR_SIGNATURE_INVALID;
            @ begin(256); "NULL pPart": C_VerifySignatureUpdate(s, null(), 4) => CKR_ARGUMENTS_BAD;
            @ begin(256); "huge pPart": C_VerifySignatureUpdate(s, d, HUGE) => CKR_ARGUMENTS_BAD;
            @ begin(256); "begun by C_VerifySignatureInit": C_Verify(s, d, 4, v, 256) => CKR_OPERATION_NOT_INITIALIZED;
            "begun by C_VerifySignatureInit": C_VerifyUpdate(s, d, 4) => CKR_OPERATION_NOT_INITIALIZED;
            "begun by C_VerifySignatureInit": C_VerifyFinal(s, v, 256) => CKR_OPERATION_NOT_INITIALIZED;
            @ session.cancel(CKF_VERIFY); @ session.verify_init(CKM_SHA256_RSA_PKCS, public);
            "begun by C_VerifyInit": C_VerifySignature(s, d, 4) => CKR_OPERATION_NOT_INITIALIZED;
            "begun by C_VerifyInit": C_VerifySignatureUpdate(s, d, 4) => CKR_OPERATION_NOT_INITIALIZED;
            "begun by C_VerifyInit": C_VerifySignatureFinal(s) => CKR_OPERATION_NOT_INITIALIZED;
        }
    }),
    // Each failure ends its operation, or the next one could not begin.
    ("too long, too many or NULL", |t, r| {
        let session = t.session();
        let (s, (b, l, h, _)) = (session.handle, places());
        calls! { t, r; "huge pPin": C_Login(s, CKU_USER, b, HUGE) => CKR_ARGUMENTS_BAD; }
        assert_eq!(session.login(), CKR_OK);
        let key = session.key(RSA);
        let object = session.create(&public_key(256)).unwrap();
        let (a, c) = (label(HUGE), label(65_537));
        let pss = place(CK_MECHANISM {
            mechanism: CKM_RSA_PKCS_PSS,
            pParameter: b.cast(),
            ulParameterLen: HUGE,
        });
        let digest = || assert_eq!(session.digest_init(CKM_SHA256), CKR_OK);
        let sign = || assert_eq!(session.sign_init(CKM_SHA256_RSA_PKCS, key.private), CKR_OK);
        let verify = || assert_eq!(session.verify_init(CKM_SHA256_RSA_PKCS, key.public), CKR_OK);
        calls! { t, r;
            "a value": C_FindObjectsInit(s, a, 1) => CKR_OK;
            @ session.find_final(); "a template": C_FindObjectsInit(s, a, HUGE) => CKR_ARGUMENTS_BAD;
            "a value": C_CreateObject(s, a, 1, h) => CKR_ATTRIBUTE_VALUE_INVALID;
            "a template": C_CreateObject(s, a, HUGE, h) => CKR_ARGUMENTS_BAD;
            "a value": C_CopyObject(s, object, a, 1, h) => CKR_ATTRIBUTE_VALUE_INVALID;
            "a template": C_CopyObject(s, object, a, HUGE, h) => CKR_ARGUMENTS_BAD;
            "a value": C_SetAttributeValue(s, object, a, 1) => CKR_ATTRIBUTE_VALUE_INVALID;
            "a template": C_SetAttributeValue(s, object, a, HUGE) => CKR_ARGUMENTS_BAD;
            "a template": C_GetAttributeValue(s, object, a, HUGE) => CKR_ARGUMENTS_BAD;
            "a value of 65537 bytes": C_FindObjectsInit(s, c, 1) => CKR_OK;
            @ session.find_final(); "1025 attributes": C_FindObjectsInit(s, c, 1025) => CKR_ARGUMENTS_BAD;
            "a value of 65537 bytes": C_CreateObject(s, c, 1, h) => CKR_ATTRIBUTE_VALUE_INVALID;
            "1025 attributes": C_CreateObject(s, c, 1025, h) => CKR_ARGUMENTS_BAD;
            "a value of 65537 bytes": C_CopyObject(s, object, c, 1, h) => CKR_ATTRIBUTE_VALUE_INVALID;
            "1025 attributes": C_CopyObject(s, object, c, 1025, h) => CKR_ARGUMENTS_BAD;
            "a value of 65537 bytes": C_SetAttributeValue(s, object, c, 1) => CKR_ATTRIBUTE_VALUE_INVALID;
            "1025 attributes": C_SetAttributeValue(s, object, c, 1025) => CKR_ARGUMENTS_BAD;
            "1025 attributes": C_GetAttributeValue(s, object, c, 1025) => CKR_ARGUMENTS_BAD;
            "huge pSeed": C_SeedRandom(s, b, HUGE) => CKR_ARGUMENTS_BAD;
            "huge pRandomData": C_GenerateRandom(s, b, HUGE) => CKR_ARGUMENTS_BAD;
            "a parameter": C_SignInit(s, pss, key.private) => CKR_MECHANISM_PARAM_INVALID;
            "a parameter": C_VerifyInit(s, pss, key.public) => CKR_MECHANISM_PARAM_INVALID;
            @ digest(); "NULL pulDigestLen": C_Digest(s, b, 1, b, null()) => CKR_ARGUMENTS_BAD;
            @ digest(); "NULL pulDigestLen": C_DigestFinal(s, b, null()) => CKR_ARGUMENTS_BAD;
            @ digest(); "NULL pPart": C_DigestUpdate(s, null(), 1) => CKR_ARGUMENTS_BAD;
            @ verify(); "NULL pPart": C_VerifyUpdate(s, null(), 1) => CKR_ARGUMENTS_BAD;
            @ verify(); "NULL pSignature": C_VerifyFinal(s, null(), 64) => CKR_ARGUMENTS_BAD;
            @ digest(); "huge pData": C_Digest(s, b, HUGE, b, l) => CKR_ARGUMENTS_BAD;
            @ digest(); "huge pPart": C_DigestUpdate(s, b, HUGE) => CKR_ARGUMENTS_BAD;
            @ sign(); "huge pData": C_Sign(s, b, HUGE, b, l) => CKR_ARGUMENTS_BAD;
            @ sign(); "huge pPart": C_SignUpdate(s, b, HUGE) => CKR_ARGUMENTS_BAD;
            @ verify(); "huge pData": C_Verify(s, b, HUGE, b, 256) => CKR_ARGUMENTS_BAD;
            @ verify(); "huge pSignature": C_Verify(s, b, 4, b, HUGE) => CKR_ARGUMENTS_BAD;
            @ verify(); "huge pPart": C_VerifyUpdate(s, b, HUGE) => CKR_ARGUMENTS_BAD;
            @ verify(); "huge pSignature": C_VerifyFinal(s, b, HUGE) => CKR_ARGUMENTS_BAD;
        }
    }),
    ("asynchronous", |t, r| {
        let flags = CKF_SERIAL_SESSION | CKF_ASYNC_SESSION;
        calls! { t, r; "CKF_ASYNC_SESSION": C_OpenSession(1, flags, null(), None, place(0)) => CKR_SESSION_ASYNC_NOT_SUPPORTED; }
    }),
];

/// Every function with arguments that are good for nothing but their form.
fn each(module: &Module, r: &mut Report, s: CK_SESSION_HANDLE) {
    let (m, (b, l, h, flags)) = (mechanism(CKM_SHA256_RSA_PKCS), places());
    let (none, t) = (null(), null());
    calls! { module, r;
        C_SessionCancel(s, CKF_SIGN); C_GetSessionValidationFlags(s, CKS_LAST_VALIDATION_OK, flags); C_LoginUser(s, CKU_USER, b, 1, b, 1);
        C_MessageSignInit(s, m, 0); C_SignMessage(s, none, 0, b, 1, b, l); C_SignMessageBegin(s, none, 0);
        C_SignMessageNext(s, none, 0, b, 1, b, l); C_MessageSignFinal(s);
        C_MessageVerifyInit(s, m, 0); C_VerifyMessage(s, none, 0, b, 1, b, 256); C_VerifyMessageBegin(s, none, 0);
        C_VerifyMessageNext(s, none, 0, b, 1, b, 256); C_MessageVerifyFinal(s);
        C_VerifySignatureInit(s, m, 0, b, 256); C_VerifySignature(s, b, 1); C_VerifySignatureUpdate(s, b, 1); C_VerifySignatureFinal(s);
        C_MessageEncryptInit(s, m, 1); C_EncryptMessage(s, none, 0, b, 0, b, 1, b, l); C_EncryptMessageBegin(s, none, 0, b, 0);
        C_EncryptMessageNext(s, none, 0, b, 1, b, l, 0); C_MessageEncryptFinal(s);
        C_MessageDecryptInit(s, m, 1); C_DecryptMessage(s, none, 0, b, 0, b, 1, b, l); C_DecryptMessageBegin(s, none, 0, b, 0);
        C_DecryptMessageNext(s, none, 0, b, 1, b, l, 0); C_MessageDecryptFinal(s);
        C_EncapsulateKey(s, m, 1, t, 0, b, l, h); C_DecapsulateKey(s, m, 1, t, 0, b, 1, h);
        C_WrapKeyAuthenticated(s, m, 1, 1, b, 1, b, l); C_UnwrapKeyAuthenticated(s, m, 1, b, 1, t, 0, b, 1, h);
        C_AsyncComplete(s, b, null()); C_AsyncGetID(s, b, h); C_AsyncJoin(s, b, 1, b, 1);
    }
}
