//! NULL in each pointer argument of each function, and other invalid arguments: the return value, and the argument that
//! the line on stderr names.

mod common;

use std::ptr;

use common::{in_child, module_path, options, traffic};
use cryptoki_sys::*;
use pkcs11_test::call;
use pkcs11_test::harness::{Mechanism, Module, Rv, Seen, Stage, null};

const HUGE: CK_ULONG = CK_ULONG::MAX;

/// Calls, each with its return value and, if it fails, what its one line on stderr says: `C_Function(arguments) => return
/// value: "argument";`. `@ expression;` in front of a call is set-up.
macro_rules! calls {
    ($stage:ident, $module:ident; $(
        $(@ $set_up:expr;)* $function:ident($($argument:expr),*) => $rv:ident $(: $named:literal)?;
    )*) => {$(
        $(let _ = $set_up;)*
        let seen = $stage.see(|| call!($module, $function($($argument),*)));
        check(stringify!($function), seen, $rv, &[$($named)?]);
    )*};
}

fn check(function: &str, seen: Seen<Rv>, rv: CK_RV, named: &[&str]) {
    assert_eq!(seen.value, rv, "{function} {named:?}: not {}", Rv(rv));
    assert_eq!(
        seen.lines.len(),
        named.len(),
        "{function} {named:?}: {:#?}",
        seen.lines
    );
    for (line, named) in seen.lines.iter().zip(named) {
        assert!(line.starts_with(&format!("error: {function}: ")), "{line}");
        assert!(line.contains(named), "{named} is not in {line}");
    }
}

/// Runs a test in a process of its own, and checks that the service got no signing request.
fn on_stage(test: &str, act: impl FnOnce(&Stage, &Module)) {
    let child = || {
        let stage = Stage::new(options(), &[]).unwrap();
        act(&stage, &Module::load(module_path()));
        assert_eq!(traffic(&stage.service.requests()).signatures, 0);
    };
    in_child(test, || ((), Vec::new()), child);
}

#[test]
fn null_is_refused_where_the_standard_requires_a_pointer() {
    on_stage(test_name!(), |stage, t| {
        let (mut count, mut reserved, mut byte, mut length) = (0, 0, 0_u8, 64);
        let (c, reserved, b, l) = (
            &raw mut count,
            (&raw mut reserved).cast(),
            &raw mut byte,
            &raw mut length,
        );
        let name = c"PKCS 11".as_ptr().cast_mut().cast();
        let mut arguments = CK_C_INITIALIZE_ARGS {
            pReserved: reserved,
            flags: CKF_OS_LOCKING_OK,
            ..Default::default()
        };
        calls! { stage, t;
            C_GetFunctionList(null()) => CKR_ARGUMENTS_BAD: "ppFunctionList";
            C_GetInterfaceList(null(), null()) => CKR_ARGUMENTS_BAD: "pulCount";
            C_GetInterface(name, null(), null(), 0) => CKR_ARGUMENTS_BAD: "ppInterface";
            C_Initialize((&raw mut arguments).cast()) => CKR_ARGUMENTS_BAD: "pReserved";
        }
        let session = t.logged_in().unwrap();
        let (s, key) = (session.handle, session.private("demo/p-256"));
        let begin = || assert_eq!(session.sign_init(CKM_ECDSA, key), CKR_OK);
        let mut no_value = CK_ATTRIBUTE {
            type_: CKA_LABEL,
            pValue: null(),
            ulValueLen: 4,
        };
        calls! { stage, t;
            C_Finalize(reserved) => CKR_ARGUMENTS_BAD: "pReserved";
            C_GetInfo(null()) => CKR_ARGUMENTS_BAD: "pInfo";
            C_GetSlotList(CK_TRUE, null(), null()) => CKR_ARGUMENTS_BAD: "pulCount";
            C_GetSlotInfo(1, null()) => CKR_ARGUMENTS_BAD: "pInfo";
            C_GetTokenInfo(1, null()) => CKR_ARGUMENTS_BAD: "pInfo";
            C_WaitForSlotEvent(CKF_DONT_BLOCK, null(), null()) => CKR_ARGUMENTS_BAD: "pSlot";
            C_WaitForSlotEvent(CKF_DONT_BLOCK, c, reserved) => CKR_ARGUMENTS_BAD: "pReserved";
            C_GetMechanismList(1, null(), null()) => CKR_ARGUMENTS_BAD: "pulCount";
            C_GetMechanismInfo(1, CKM_ECDSA, null()) => CKR_ARGUMENTS_BAD: "pInfo";
            C_OpenSession(1, CKF_SERIAL_SESSION, null(), None, null()) => CKR_ARGUMENTS_BAD: "phSession";
            C_GetSessionInfo(s, null()) => CKR_ARGUMENTS_BAD: "pInfo";
            C_Login(s, CKU_USER, null(), 6) => CKR_ARGUMENTS_BAD: "pPin";
            C_GetObjectSize(s, key, null()) => CKR_ARGUMENTS_BAD: "pulSize";
            C_GetAttributeValue(s, key, null(), 1) => CKR_ARGUMENTS_BAD: "pTemplate";
            C_FindObjectsInit(s, null(), 1) => CKR_ARGUMENTS_BAD: "pTemplate";
            C_FindObjectsInit(s, &mut no_value, 1) => CKR_ARGUMENTS_BAD: "pValue in pTemplate";
            C_FindObjectsInit(s, null(), 0) => CKR_OK;
            C_FindObjects(s, null(), 1, c) => CKR_ARGUMENTS_BAD: "phObject";
            C_FindObjects(s, c, 1, null()) => CKR_ARGUMENTS_BAD: "pulObjectCount";
            C_FindObjectsFinal(s) => CKR_OK;
            C_SignInit(s, null(), key) => CKR_ARGUMENTS_BAD: "pMechanism";
            @ begin(); C_Sign(s, null(), 1, b, l) => CKR_ARGUMENTS_BAD: "pData";
            C_Sign(s, b, 1, b, l) => CKR_OPERATION_NOT_INITIALIZED: "C_SignInit";
            @ begin(); C_Sign(s, b, 1, b, null()) => CKR_ARGUMENTS_BAD: "pulSignatureLen";
            C_SignUpdate(s, b, 1) => CKR_OPERATION_NOT_INITIALIZED: "C_SignInit";
            @ begin(); C_SignUpdate(s, null(), 1) => CKR_ARGUMENTS_BAD: "pPart";
            C_SignFinal(s, b, l) => CKR_OPERATION_NOT_INITIALIZED: "C_SignInit";
            @ begin(); C_SignFinal(s, b, null()) => CKR_ARGUMENTS_BAD: "pulSignatureLen";
            C_SignFinal(s, b, l) => CKR_OPERATION_NOT_INITIALIZED: "C_SignInit";
            // NULL ends an active signature (section 5.13.1). Without one, it is an invalid argument.
            @ begin(); C_SignInit(s, null(), key) => CKR_OK;
            C_SignInit(s, null(), key) => CKR_ARGUMENTS_BAD: "pMechanism";
        }
    });
}

#[test]
fn local_operations_refuse_null_and_huge_lengths() {
    on_stage(test_name!(), |stage, t| {
        let session = t.logged_in().unwrap();
        let (s, key, public) = (
            session.handle,
            session.private("demo/p-256"),
            session.public("demo/p-256"),
        );
        let (mut bytes, mut length) = ([0_u8; 64], 64);
        let (b, l) = (bytes.as_mut_ptr(), &raw mut length);
        let mut ecdsa = Mechanism::from(CKM_ECDSA).raw();
        let e = &raw mut ecdsa;
        let digest = || assert_eq!(session.digest_init(CKM_SHA256), CKR_OK);
        let verify = || assert_eq!(session.verify_init(CKM_ECDSA, public), CKR_OK);
        let verify_told = || {
            assert_eq!(
                session.verify_signature_init(CKM_ECDSA, public, &[0; 64]),
                CKR_OK
            )
        };
        calls! { stage, t;
            C_DigestInit(s, null()) => CKR_ARGUMENTS_BAD: "pMechanism";
            C_VerifyInit(s, null(), public) => CKR_ARGUMENTS_BAD: "pMechanism";
            C_VerifySignatureInit(s, null(), public, b, 64) => CKR_ARGUMENTS_BAD: "pMechanism";
            C_VerifySignatureInit(s, e, public, null(), 64) => CKR_ARGUMENTS_BAD: "pSignature";
            C_MessageSignInit(s, null(), key) => CKR_ARGUMENTS_BAD: "pMechanism";
            C_MessageVerifyInit(s, null(), public) => CKR_ARGUMENTS_BAD: "pMechanism";
            C_GenerateRandom(s, null(), 1) => CKR_ARGUMENTS_BAD: "pRandomData";
            C_GenerateRandom(s, b, HUGE) => CKR_ARGUMENTS_BAD: "pRandomData";
            C_SeedRandom(s, null(), 1) => CKR_ARGUMENTS_BAD: "pSeed";
            C_GetOperationState(s, b, null()) => CKR_ARGUMENTS_BAD: "pulOperationStateLen";
            C_SetOperationState(s, null(), 1, 0, 0) => CKR_ARGUMENTS_BAD: "pOperationState";

            // Each of these ends the digest or the verification.
            @ digest(); C_Digest(s, null(), 1, b, l) => CKR_ARGUMENTS_BAD: "pData";
            C_Digest(s, null(), 1, b, l) => CKR_OPERATION_NOT_INITIALIZED: "is active in this session; call";
            @ digest(); C_Digest(s, b, HUGE, b, l) => CKR_ARGUMENTS_BAD: "pData";
            C_Digest(s, b, HUGE, b, l) => CKR_OPERATION_NOT_INITIALIZED: "is active in this session; call";
            @ digest(); C_Digest(s, b, 1, b, null()) => CKR_ARGUMENTS_BAD: "pulDigestLen";
            C_Digest(s, b, 1, b, null()) => CKR_OPERATION_NOT_INITIALIZED: "is active in this session; call";
            @ digest(); C_DigestUpdate(s, null(), 1) => CKR_ARGUMENTS_BAD: "pPart";
            C_DigestUpdate(s, null(), 1) => CKR_OPERATION_NOT_INITIALIZED: "is active in this session; call";
            @ digest(); C_DigestUpdate(s, b, HUGE) => CKR_ARGUMENTS_BAD: "pPart";
            C_DigestUpdate(s, b, HUGE) => CKR_OPERATION_NOT_INITIALIZED: "is active in this session; call";
            @ digest(); C_DigestFinal(s, b, null()) => CKR_ARGUMENTS_BAD: "pulDigestLen";
            C_DigestFinal(s, b, null()) => CKR_OPERATION_NOT_INITIALIZED: "is active in this session; call";
            @ verify(); C_Verify(s, null(), 1, b, 64) => CKR_ARGUMENTS_BAD: "pData";
            C_Verify(s, null(), 1, b, 64) => CKR_OPERATION_NOT_INITIALIZED: "is active in this session; call";
            @ verify(); C_Verify(s, b, HUGE, b, 64) => CKR_ARGUMENTS_BAD: "pData";
            C_Verify(s, b, HUGE, b, 64) => CKR_OPERATION_NOT_INITIALIZED: "is active in this session; call";
            @ verify(); C_Verify(s, b, 1, null(), 64) => CKR_ARGUMENTS_BAD: "pSignature";
            C_Verify(s, b, 1, null(), 64) => CKR_OPERATION_NOT_INITIALIZED: "is active in this session; call";
            @ verify(); C_VerifyUpdate(s, null(), 1) => CKR_ARGUMENTS_BAD: "pPart";
            C_VerifyUpdate(s, null(), 1) => CKR_OPERATION_NOT_INITIALIZED: "is active in this session; call";
            @ verify(); C_VerifyUpdate(s, b, HUGE) => CKR_ARGUMENTS_BAD: "pPart";
            C_VerifyUpdate(s, b, HUGE) => CKR_OPERATION_NOT_INITIALIZED: "is active in this session; call";
            @ verify(); C_VerifyFinal(s, null(), 64) => CKR_ARGUMENTS_BAD: "pSignature";
            C_VerifyFinal(s, null(), 64) => CKR_OPERATION_NOT_INITIALIZED: "is active in this session; call";
            @ verify(); C_VerifyFinal(s, b, HUGE) => CKR_ARGUMENTS_BAD: "pSignature";
            C_VerifyFinal(s, b, HUGE) => CKR_OPERATION_NOT_INITIALIZED: "is active in this session; call";
            @ verify_told(); C_VerifySignature(s, null(), 1) => CKR_ARGUMENTS_BAD: "pData";
            C_VerifySignature(s, null(), 1) => CKR_OPERATION_NOT_INITIALIZED: "is active in this session; call";
            @ verify_told(); C_VerifySignatureUpdate(s, null(), 1) => CKR_ARGUMENTS_BAD: "pPart";
            C_VerifySignatureUpdate(s, null(), 1) => CKR_OPERATION_NOT_INITIALIZED: "is active in this session; call";
            @ verify_told(); C_VerifySignatureUpdate(s, b, HUGE) => CKR_ARGUMENTS_BAD: "pPart";
            C_VerifySignatureUpdate(s, b, HUGE) => CKR_OPERATION_NOT_INITIALIZED: "is active in this session; call";

            // An error with a message ends the message, and not the process.
            C_MessageSignInit(s, e, key) => CKR_OK;
            C_SignMessage(s, b.cast(), 1, b, 32, b, l) => CKR_MECHANISM_PARAM_INVALID: "pParameter";
            C_SignMessage(s, null(), 1, b, 32, b, l) => CKR_MECHANISM_PARAM_INVALID: "pParameter";
            C_SignMessage(s, null(), 0, null(), 32, b, l) => CKR_ARGUMENTS_BAD: "pData";
            C_SignMessage(s, null(), 0, b, 32, b, null()) => CKR_ARGUMENTS_BAD: "pulSignatureLen";
            C_SignMessageBegin(s, b.cast(), 1) => CKR_MECHANISM_PARAM_INVALID: "pParameter";
            C_SignMessageBegin(s, null(), 0) => CKR_OK;
            C_SignMessageNext(s, null(), 0, null(), 1, null(), null()) => CKR_ARGUMENTS_BAD: "pDataPart";
            C_SignMessageNext(s, null(), 0, b, 1, null(), null()) => CKR_OPERATION_NOT_INITIALIZED: "C_SignMessageBegin";
            C_MessageSignFinal(s) => CKR_OK;
            C_MessageVerifyInit(s, e, public) => CKR_OK;
            C_VerifyMessage(s, b.cast(), 0, b, 32, b, 64) => CKR_MECHANISM_PARAM_INVALID: "pParameter";
            C_VerifyMessage(s, null(), 0, null(), 32, b, 64) => CKR_ARGUMENTS_BAD: "pData";
            C_VerifyMessage(s, null(), 0, b, 32, null(), 64) => CKR_ARGUMENTS_BAD: "pSignature";
            C_VerifyMessageBegin(s, null(), 0) => CKR_OK;
            C_VerifyMessageNext(s, null(), 0, null(), 1, null(), 0) => CKR_ARGUMENTS_BAD: "pDataPart";
            C_VerifyMessageNext(s, null(), 0, b, 1, null(), 0) => CKR_OPERATION_NOT_INITIALIZED: "C_SignMessageBegin";
            C_MessageVerifyFinal(s) => CKR_OK;
        }
    });
}

#[test]
fn invalid_lengths_and_handles_are_refused() {
    on_stage(test_name!(), |stage, t| {
        let session = t.logged_in().unwrap();
        let (s, key, rsa) = (
            session.handle,
            session.key("demo/p-256"),
            session.private("demo/rsa-2048"),
        );
        let certificate = session.certificate("demo/p-256");
        let (mut byte, mut opened, mut info, mut parameters) =
            (0_u8, 0, CK_SLOT_INFO::default(), [0_u8; 24]);
        let b = &raw mut byte;
        let mut attribute = CK_ATTRIBUTE {
            type_: CKA_LABEL,
            pValue: b.cast(),
            ulValueLen: HUGE,
        };
        let a = &raw mut attribute;
        let [mut ecdsa, mut raw, pss] =
            [CKM_ECDSA, CKM_RSA_PKCS, CKM_RSA_PKCS_PSS].map(|id| Mechanism::from(id).raw());
        let mut no_parameter = CK_MECHANISM {
            ulParameterLen: 24,
            ..pss
        };
        let mut short = CK_MECHANISM {
            pParameter: parameters.as_mut_ptr().cast(),
            ulParameterLen: 23,
            ..pss
        };
        let e = &raw mut ecdsa;
        calls! { stage, t;
            C_GetSlotInfo(0, &mut info) => CKR_SLOT_ID_INVALID: "";
            C_OpenSession(1, CKF_RW_SESSION, null(), None, &mut opened) => CKR_SESSION_PARALLEL_NOT_SUPPORTED: "";
            C_CloseSession(0) => CKR_SESSION_HANDLE_INVALID: "";
            C_CloseSession(s + 1) => CKR_SESSION_HANDLE_INVALID: "";
            C_GetAttributeValue(s, HUGE, a, 1) => CKR_OBJECT_HANDLE_INVALID: "";
            // No object can have such a value.
            C_FindObjectsInit(s, a, 1) => CKR_OK;
            C_FindObjectsFinal(s) => CKR_OK;
            C_FindObjectsInit(s, a, HUGE) => CKR_ARGUMENTS_BAD: "";
            C_Login(s, CKU_USER, b, HUGE) => CKR_ARGUMENTS_BAD: "";
            C_Login(s, 7, b, 1) => CKR_USER_TYPE_INVALID: "";
            C_SignInit(s, e, key.public) => CKR_KEY_FUNCTION_NOT_PERMITTED: "";
            C_SignInit(s, &mut raw, key.public) => CKR_KEY_TYPE_INCONSISTENT: "";
            C_SignInit(s, e, certificate) => CKR_KEY_HANDLE_INVALID: "";
            C_SignInit(s, &mut no_parameter, rsa) => CKR_MECHANISM_PARAM_INVALID: "";
            C_SignInit(s, &mut short, rsa) => CKR_MECHANISM_PARAM_INVALID: "";
            C_SignInit(s, e, key.private) => CKR_OK;
            C_SignUpdate(s, b, HUGE) => CKR_ARGUMENTS_BAD: "";
            C_SignUpdate(s, b, 1) => CKR_OPERATION_NOT_INITIALIZED: "";
        }
    });
}

#[test]
fn unsupported_functions_say_nothing_on_stderr_and_require_c_initialize() {
    on_stage(test_name!(), |stage, t| {
        let (mut text, mut length) = ([0xEE_u8; 4], 4);
        let (b, l) = (text.as_mut_ptr(), &raw mut length);
        calls! { stage, t;
            C_EncryptFinal(1, b, l) => CKR_CRYPTOKI_NOT_INITIALIZED;
            C_GetInfo(null()) => CKR_CRYPTOKI_NOT_INITIALIZED;
            C_Finalize(null()) => CKR_CRYPTOKI_NOT_INITIALIZED;
            C_Initialize(null()) => CKR_OK;
            C_Initialize(null()) => CKR_CRYPTOKI_ALREADY_INITIALIZED;
            C_EncryptFinal(1, b, l) => CKR_FUNCTION_NOT_SUPPORTED;
            C_GetFunctionStatus(1) => CKR_FUNCTION_NOT_PARALLEL;
        }
    });
}

#[test]
fn attributes_stay_within_their_buffers_and_a_failed_one_affects_no_other() {
    on_stage(test_name!(), |_, t| {
        let session = t.logged_in().unwrap();
        let key = session.private("demo/rsa-2048");
        let mut buffers = [[0xEE_u8; 300]; 6];
        let [label, modulus, exponent, point, id, _] =
            buffers.each_mut().map(|buffer| buffer.as_mut_ptr());
        let mut template = [
            (CKA_LABEL, label, 13),
            (CKA_MODULUS, modulus, 300),
            (CKA_PRIVATE_EXPONENT, exponent, 300),
            (CKA_EC_POINT, point, 300),
            (CKA_ID, id, 12),
            (CKA_SUBJECT, ptr::null_mut(), 0),
        ]
        .map(|(id, value, length)| CK_ATTRIBUTE {
            type_: id,
            pValue: value.cast(),
            ulValueLen: length,
        });
        let rv = call!(
            t,
            C_GetAttributeValue(session.handle, key, template.as_mut_ptr(), 6)
        );
        assert_eq!(rv, CKR_ATTRIBUTE_SENSITIVE, "the first that failed");
        let lengths = template.map(|attribute| attribute.ulValueLen);
        let none = CK_UNAVAILABLE_INFORMATION;
        assert_eq!(lengths[..5], [13, 256, none, none, none]);
        assert!(lengths[5] > 0 && lengths[5] != none);
        assert_eq!(&buffers[0][..14], b"demo/rsa-2048\xEE");
        assert_eq!(buffers[1][256..], [0xEE; 44]);
        assert_eq!(buffers[2..5], [[0xEE; 300]; 3], "nothing is written");
    });
}
