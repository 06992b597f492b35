//! NULL in each pointer argument of each function, and other arguments that cannot be.

#[path = "../common/mod.rs"]
mod common;
mod software;

use std::ptr::{self, null_mut};

use common::raw::{self, Raw, ck};
use common::{Run, environment, in_child, service, traffic};
use cryptoki_sys::*;

/// One call, what it returns, and the argument that its line on stderr names; none where a call is
/// no failure.
type Case = (&'static str, CK_RV, CK_RV, Option<&'static str>);

fn bad(name: &'static str, answer: CK_RV, argument: &'static str) -> Case {
    (name, answer, CKR_ARGUMENTS_BAD, Some(argument))
}

fn check(cases: Vec<Case>) {
    for (name, answer, expected, argument) in cases {
        assert_eq!(
            answer, expected,
            "{name} {argument:?}: {answer:#x}, not {expected:#x}"
        );
        if let Some(argument) = argument {
            println!("\nsaid: {name}: {argument}");
        }
    }
}

/// Each case that named an argument has its line on stderr, in order, and there is no other.
fn assert_said(run: &Run) {
    let said: Vec<_> = run
        .stdout
        .lines()
        .filter_map(|line| line.strip_prefix("said: ")?.split_once(": "))
        .collect();
    let lines = run.lines();
    assert_eq!(lines.len(), said.len(), "{lines:#?}");
    for (line, (function, argument)) in lines.iter().zip(said) {
        assert!(
            line.starts_with(&format!("signpath-pkcs11: error: {function}: ")),
            "{line}"
        );
        assert!(line.contains(argument), "{argument} is not in {line}");
    }
}

#[test]
fn null_is_refused_where_the_standard_wants_a_pointer_and_the_line_names_the_argument() {
    let prepare = || {
        let service = service();
        let environment = environment(&service, &[]);
        (service, environment)
    };
    let child = || {
        let raw = Raw::load();
        let mut count = 0;
        let mut name = *b"PKCS 11\0";
        let name = name.as_mut_ptr();
        let mut reserved = 0;
        let reserved = (&raw mut reserved).cast();
        let mut with_reserved = CK_C_INITIALIZE_ARGS {
            pReserved: reserved,
            flags: CKF_OS_LOCKING_OK,
            ..Default::default()
        };
        let with_reserved = (&raw mut with_reserved).cast();
        check(vec![
            bad(
                "C_GetFunctionList",
                ck!(raw, C_GetFunctionList(null_mut())),
                "ppFunctionList",
            ),
            bad(
                "C_GetInterfaceList",
                ck!(raw, C_GetInterfaceList(null_mut(), null_mut())),
                "pulCount",
            ),
            bad(
                "C_GetInterface",
                ck!(raw, C_GetInterface(name, null_mut(), null_mut(), 0)),
                "ppInterface",
            ),
            bad(
                "C_Initialize",
                ck!(raw, C_Initialize(with_reserved)),
                "pReserved",
            ),
        ]);
        let session = raw::logged_in(&raw);
        let key = raw::object(&raw, session, CKO_PRIVATE_KEY, "demo/p-256");
        let mut mechanism = raw::mechanism(CKM_ECDSA);
        let mechanism = &raw mut mechanism;
        let mut no_value = CK_ATTRIBUTE {
            type_: CKA_LABEL,
            pValue: null_mut(),
            ulValueLen: 4,
        };
        let (mut byte, mut length) = (0_u8, 64);
        let (byte, length) = (&raw mut byte, &raw mut length);
        check(vec![
            bad("C_Finalize", ck!(raw, C_Finalize(reserved)), "pReserved"),
            bad("C_GetInfo", ck!(raw, C_GetInfo(null_mut())), "pInfo"),
            bad(
                "C_GetSlotList",
                ck!(raw, C_GetSlotList(CK_TRUE, null_mut(), null_mut())),
                "pulCount",
            ),
            bad(
                "C_GetSlotInfo",
                ck!(raw, C_GetSlotInfo(1, null_mut())),
                "pInfo",
            ),
            bad(
                "C_GetTokenInfo",
                ck!(raw, C_GetTokenInfo(1, null_mut())),
                "pInfo",
            ),
            bad(
                "C_WaitForSlotEvent",
                ck!(
                    raw,
                    C_WaitForSlotEvent(CKF_DONT_BLOCK, null_mut(), null_mut())
                ),
                "pSlot",
            ),
            bad(
                "C_WaitForSlotEvent",
                ck!(
                    raw,
                    C_WaitForSlotEvent(CKF_DONT_BLOCK, &mut count, reserved)
                ),
                "pReserved",
            ),
            bad(
                "C_GetMechanismList",
                ck!(raw, C_GetMechanismList(1, null_mut(), null_mut())),
                "pulCount",
            ),
            bad(
                "C_GetMechanismInfo",
                ck!(raw, C_GetMechanismInfo(1, CKM_ECDSA, null_mut())),
                "pInfo",
            ),
            bad(
                "C_OpenSession",
                ck!(
                    raw,
                    C_OpenSession(1, CKF_SERIAL_SESSION, null_mut(), None, null_mut())
                ),
                "phSession",
            ),
            bad(
                "C_GetSessionInfo",
                ck!(raw, C_GetSessionInfo(session, null_mut())),
                "pInfo",
            ),
            bad(
                "C_Login",
                ck!(raw, C_Login(session, CKU_USER, null_mut(), 6)),
                "pPin",
            ),
            bad(
                "C_GetObjectSize",
                ck!(raw, C_GetObjectSize(session, key, null_mut())),
                "pulSize",
            ),
            bad(
                "C_GetAttributeValue",
                ck!(raw, C_GetAttributeValue(session, key, null_mut(), 1)),
                "pTemplate",
            ),
            bad(
                "C_FindObjectsInit",
                ck!(raw, C_FindObjectsInit(session, null_mut(), 1)),
                "pTemplate",
            ),
            bad(
                "C_FindObjectsInit",
                ck!(raw, C_FindObjectsInit(session, &mut no_value, 1)),
                "pValue in pTemplate",
            ),
        ]);
        check(vec![
            (
                "C_FindObjectsInit",
                ck!(raw, C_FindObjectsInit(session, null_mut(), 0)),
                CKR_OK,
                None,
            ),
            bad(
                "C_FindObjects",
                ck!(raw, C_FindObjects(session, null_mut(), 1, &mut count)),
                "phObject",
            ),
            bad(
                "C_FindObjects",
                ck!(raw, C_FindObjects(session, &mut count, 1, null_mut())),
                "pulObjectCount",
            ),
            (
                "C_FindObjectsFinal",
                ck!(raw, C_FindObjectsFinal(session)),
                CKR_OK,
                None,
            ),
            bad(
                "C_SignInit",
                ck!(raw, C_SignInit(session, null_mut(), key)),
                "pMechanism",
            ),
        ]);
        let begin = || assert_eq!(ck!(raw, C_SignInit(session, mechanism, key)), CKR_OK);
        let ended = CKR_OPERATION_NOT_INITIALIZED;
        begin();
        check(vec![
            bad(
                "C_Sign",
                ck!(raw, C_Sign(session, null_mut(), 1, byte, length)),
                "pData",
            ),
            (
                "C_Sign",
                ck!(raw, C_Sign(session, byte, 1, byte, length)),
                ended,
                Some("C_SignInit"),
            ),
        ]);
        begin();
        check(vec![
            bad(
                "C_Sign",
                ck!(raw, C_Sign(session, byte, 1, byte, null_mut())),
                "pulSignatureLen",
            ),
            (
                "C_SignUpdate",
                ck!(raw, C_SignUpdate(session, byte, 1)),
                ended,
                Some("C_SignInit"),
            ),
        ]);
        begin();
        check(vec![
            bad(
                "C_SignUpdate",
                ck!(raw, C_SignUpdate(session, null_mut(), 1)),
                "pPart",
            ),
            (
                "C_SignFinal",
                ck!(raw, C_SignFinal(session, byte, length)),
                ended,
                Some("C_SignInit"),
            ),
        ]);
        begin();
        check(vec![
            bad(
                "C_SignFinal",
                ck!(raw, C_SignFinal(session, byte, null_mut())),
                "pulSignatureLen",
            ),
            (
                "C_SignFinal",
                ck!(raw, C_SignFinal(session, byte, length)),
                ended,
                Some("C_SignInit"),
            ),
        ]);
        // NULL ends an active signature (section 5.13.1), and is no data where there is none.
        begin();
        check(vec![
            (
                "C_SignInit",
                ck!(raw, C_SignInit(session, null_mut(), key)),
                CKR_OK,
                None,
            ),
            bad(
                "C_SignInit",
                ck!(raw, C_SignInit(session, null_mut(), key)),
                "pMechanism",
            ),
        ]);
    };
    let Some((service, run)) = in_child(test_name!(), prepare, child) else {
        return;
    };
    assert_said(&run);
    assert_eq!(traffic(&service.requests()).signatures, 0);
}

#[test]
fn impossible_lengths_and_handles_have_their_codes() {
    let prepare = || {
        let service = service();
        let environment = environment(&service, &[]);
        (service, environment)
    };
    let child = || {
        let raw = Raw::load();
        let session = raw::logged_in(&raw);
        let key = raw::object(&raw, session, CKO_PRIVATE_KEY, "demo/p-256");
        let public_key = raw::object(&raw, session, CKO_PUBLIC_KEY, "demo/p-256");
        let certificate = raw::object(&raw, session, CKO_CERTIFICATE, "demo/p-256");
        let mut byte = 0_u8;
        let byte = &raw mut byte;
        let mut info = CK_SLOT_INFO::default();
        let mut opened = 0;
        let mut attribute = CK_ATTRIBUTE {
            type_: CKA_LABEL,
            pValue: byte.cast(),
            ulValueLen: CK_ULONG::MAX,
        };
        let mut ecdsa = raw::mechanism(CKM_ECDSA);
        let mut no_parameter = CK_MECHANISM {
            ulParameterLen: 24,
            ..raw::mechanism(CKM_RSA_PKCS_PSS)
        };
        let (mut pss, mut parameters) = (raw::mechanism(CKM_RSA_PKCS_PSS), [0_u8; 24]);
        pss.pParameter = parameters.as_mut_ptr().cast();
        pss.ulParameterLen = 23;
        let rsa = raw::object(&raw, session, CKO_PRIVATE_KEY, "demo/rsa-2048");
        let parameter_invalid = CKR_MECHANISM_PARAM_INVALID;
        check(vec![
            (
                "a",
                ck!(raw, C_GetSlotInfo(0, &mut info)),
                CKR_SLOT_ID_INVALID,
                None,
            ),
            (
                "b",
                ck!(
                    raw,
                    C_OpenSession(1, CKF_RW_SESSION, ptr::null_mut(), None, &mut opened)
                ),
                CKR_SESSION_PARALLEL_NOT_SUPPORTED,
                None,
            ),
            (
                "c",
                ck!(raw, C_CloseSession(0)),
                CKR_SESSION_HANDLE_INVALID,
                None,
            ),
            (
                "d",
                ck!(raw, C_CloseSession(session + 1)),
                CKR_SESSION_HANDLE_INVALID,
                None,
            ),
            (
                "e",
                ck!(
                    raw,
                    C_GetAttributeValue(session, CK_ULONG::MAX, &mut attribute, 1)
                ),
                CKR_OBJECT_HANDLE_INVALID,
                None,
            ),
            (
                "a value that nothing can have is found nowhere",
                ck!(raw, C_FindObjectsInit(session, &mut attribute, 1)),
                CKR_OK,
                None,
            ),
            ("f", ck!(raw, C_FindObjectsFinal(session)), CKR_OK, None),
            (
                "g",
                ck!(
                    raw,
                    C_FindObjectsInit(session, &mut attribute, CK_ULONG::MAX)
                ),
                CKR_ARGUMENTS_BAD,
                None,
            ),
            (
                "h",
                ck!(raw, C_Login(session, CKU_USER, byte, CK_ULONG::MAX)),
                CKR_ARGUMENTS_BAD,
                None,
            ),
            (
                "i",
                ck!(raw, C_Login(session, 7, byte, 1)),
                CKR_USER_TYPE_INVALID,
                None,
            ),
            (
                "j",
                ck!(raw, C_SignInit(session, &mut ecdsa, public_key)),
                CKR_KEY_FUNCTION_NOT_PERMITTED,
                None,
            ),
            (
                "a public key of another type",
                ck!(
                    raw,
                    C_SignInit(session, &mut raw::mechanism(CKM_RSA_PKCS), public_key)
                ),
                CKR_KEY_TYPE_INCONSISTENT,
                None,
            ),
            (
                "k",
                ck!(raw, C_SignInit(session, &mut ecdsa, certificate)),
                CKR_KEY_HANDLE_INVALID,
                None,
            ),
            (
                "l",
                ck!(raw, C_SignInit(session, &mut no_parameter, rsa)),
                parameter_invalid,
                None,
            ),
            (
                "m",
                ck!(raw, C_SignInit(session, &mut pss, rsa)),
                parameter_invalid,
                None,
            ),
            (
                "n",
                ck!(raw, C_SignInit(session, &mut ecdsa, key)),
                CKR_OK,
                None,
            ),
            (
                "o",
                ck!(raw, C_SignUpdate(session, byte, CK_ULONG::MAX)),
                CKR_ARGUMENTS_BAD,
                None,
            ),
            (
                "p",
                ck!(raw, C_SignUpdate(session, byte, 1)),
                CKR_OPERATION_NOT_INITIALIZED,
                None,
            ),
        ]);
    };
    in_child(test_name!(), prepare, child);
}

#[test]
fn attributes_are_written_within_their_buffers_and_one_that_fails_spoils_no_other() {
    let prepare = || {
        let service = service();
        let environment = environment(&service, &[]);
        (service, environment)
    };
    let child = || {
        let raw = Raw::load();
        let session = raw::logged_in(&raw);
        let key = raw::object(&raw, session, CKO_PRIVATE_KEY, "demo/rsa-2048");
        let mut buffers = [[0xEE_u8; 300]; 6];
        let lengths = [13, 300, 300, 300, 12, 0];
        let ids = [
            CKA_LABEL,
            CKA_MODULUS,
            CKA_PRIVATE_EXPONENT,
            CKA_EC_POINT,
            CKA_ID,
            CKA_SUBJECT,
        ];
        let mut template: Vec<_> = (0..6)
            .map(|index| CK_ATTRIBUTE {
                type_: ids[index],
                pValue: if index == 5 {
                    null_mut()
                } else {
                    buffers[index].as_mut_ptr().cast()
                },
                ulValueLen: lengths[index],
            })
            .collect();
        let answer = ck!(
            raw,
            C_GetAttributeValue(session, key, template.as_mut_ptr(), 6)
        );
        assert_eq!(answer, CKR_ATTRIBUTE_SENSITIVE, "the first that failed");
        let lengths: Vec<_> = template
            .iter()
            .map(|attribute| attribute.ulValueLen)
            .collect();
        let none = CK_UNAVAILABLE_INFORMATION;
        assert_eq!(lengths[..5], [13, 256, none, none, none]);
        assert!(lengths[5] > 0 && lengths[5] != none);
        assert_eq!(&buffers[0][..14], b"demo/rsa-2048\xEE");
        assert_eq!(buffers[1][256..], [0xEE; 44]);
        for untouched in &buffers[2..5] {
            assert_eq!(untouched, &[0xEE; 300]);
        }
    };
    in_child(test_name!(), prepare, child);
}

#[test]
fn functions_that_the_token_does_not_have_say_so_only_after_c_initialize() {
    let child = || {
        let raw = Raw::load();
        let (mut text, mut length) = ([0xEE_u8; 4], 4);
        let text = text.as_mut_ptr();
        let not_initialized = CKR_CRYPTOKI_NOT_INITIALIZED;
        assert_eq!(
            ck!(raw, C_EncryptFinal(1, text, &mut length)),
            not_initialized
        );
        assert_eq!(ck!(raw, C_GetInfo(null_mut())), not_initialized);
        assert_eq!(ck!(raw, C_Finalize(null_mut())), not_initialized);
        assert_eq!(ck!(raw, C_Initialize(null_mut())), CKR_OK);
        assert_eq!(
            ck!(raw, C_Initialize(null_mut())),
            CKR_CRYPTOKI_ALREADY_INITIALIZED
        );
        assert_eq!(
            ck!(raw, C_EncryptFinal(1, text, &mut length)),
            CKR_FUNCTION_NOT_SUPPORTED
        );
        assert_eq!(ck!(raw, C_GetFunctionStatus(1)), CKR_FUNCTION_NOT_PARALLEL);
    };
    let Some(((), run)) = in_child(test_name!(), || ((), Vec::new()), child) else {
        return;
    };
    run.assert_silent();
}
