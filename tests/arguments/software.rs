//! The arguments of the functions that the module does without the service, and of message-based
//! signing.

use std::ptr::null_mut;

use cryptoki_sys::*;

use crate::common::raw::{self, Raw, ck};
use crate::common::{environment, in_child, service, traffic};
use crate::{bad, check, test_name};

const ENDED: CK_RV = CKR_OPERATION_NOT_INITIALIZED;
const HUGE: CK_ULONG = CK_ULONG::MAX;

#[test]
fn null_and_huge_lengths_are_refused_by_name_and_end_the_operation_where_the_standard_says_so() {
    let prepare = || {
        let service = service();
        let environment = environment(&service, &[]);
        (service, environment)
    };
    let child = || {
        let raw = Raw::load();
        let session = raw::logged_in(&raw);
        let key = raw::object(&raw, session, CKO_PRIVATE_KEY, "demo/p-256");
        let public = raw::object(&raw, session, CKO_PUBLIC_KEY, "demo/p-256");
        let mut ecdsa = raw::mechanism(CKM_ECDSA);
        let ecdsa = &raw mut ecdsa;
        let mut sha256 = raw::mechanism(CKM_SHA256);
        let sha256 = &raw mut sha256;
        let (mut bytes, mut length) = ([0_u8; 64], 64);
        let (bytes, length) = (bytes.as_mut_ptr(), &raw mut length);
        let none = null_mut();

        check(vec![
            bad(
                "C_DigestInit",
                ck!(raw, C_DigestInit(session, null_mut())),
                "pMechanism",
            ),
            bad(
                "C_VerifyInit",
                ck!(raw, C_VerifyInit(session, null_mut(), public)),
                "pMechanism",
            ),
            bad(
                "C_VerifySignatureInit",
                ck!(
                    raw,
                    C_VerifySignatureInit(session, null_mut(), public, bytes, 64)
                ),
                "pMechanism",
            ),
            bad(
                "C_VerifySignatureInit",
                ck!(raw, C_VerifySignatureInit(session, ecdsa, public, none, 64)),
                "pSignature",
            ),
            bad(
                "C_MessageSignInit",
                ck!(raw, C_MessageSignInit(session, null_mut(), key)),
                "pMechanism",
            ),
            bad(
                "C_MessageVerifyInit",
                ck!(raw, C_MessageVerifyInit(session, null_mut(), public)),
                "pMechanism",
            ),
            bad(
                "C_GenerateRandom",
                ck!(raw, C_GenerateRandom(session, none, 1)),
                "pRandomData",
            ),
            bad(
                "C_GenerateRandom",
                ck!(raw, C_GenerateRandom(session, bytes, HUGE)),
                "pRandomData",
            ),
            bad(
                "C_SeedRandom",
                ck!(raw, C_SeedRandom(session, none, 1)),
                "pSeed",
            ),
            bad(
                "C_GetOperationState",
                ck!(raw, C_GetOperationState(session, bytes, null_mut())),
                "pulOperationStateLen",
            ),
            bad(
                "C_SetOperationState",
                ck!(raw, C_SetOperationState(session, none, 1, 0, 0)),
                "pOperationState",
            ),
        ]);

        // Each of these ends the digest or the verification.
        let digest = || assert_eq!(ck!(raw, C_DigestInit(session, sha256)), CKR_OK);
        let verify = || assert_eq!(ck!(raw, C_VerifyInit(session, ecdsa, public)), CKR_OK);
        let verify_told = || {
            let init = ck!(
                raw,
                C_VerifySignatureInit(session, ecdsa, public, bytes, 64)
            );
            assert_eq!(init, CKR_OK);
        };
        type Call<'a> = &'a dyn Fn() -> CK_RV;
        let ending: [(&dyn Fn(), &'static str, Call, &'static str); 16] = [
            (
                &digest,
                "C_Digest",
                &|| ck!(raw, C_Digest(session, none, 1, bytes, length)),
                "pData",
            ),
            (
                &digest,
                "C_Digest",
                &|| ck!(raw, C_Digest(session, bytes, HUGE, bytes, length)),
                "pData",
            ),
            (
                &digest,
                "C_Digest",
                &|| ck!(raw, C_Digest(session, bytes, 1, bytes, null_mut())),
                "pulDigestLen",
            ),
            (
                &digest,
                "C_DigestUpdate",
                &|| ck!(raw, C_DigestUpdate(session, none, 1)),
                "pPart",
            ),
            (
                &digest,
                "C_DigestUpdate",
                &|| ck!(raw, C_DigestUpdate(session, bytes, HUGE)),
                "pPart",
            ),
            (
                &digest,
                "C_DigestFinal",
                &|| ck!(raw, C_DigestFinal(session, bytes, null_mut())),
                "pulDigestLen",
            ),
            (
                &verify,
                "C_Verify",
                &|| ck!(raw, C_Verify(session, none, 1, bytes, 64)),
                "pData",
            ),
            (
                &verify,
                "C_Verify",
                &|| ck!(raw, C_Verify(session, bytes, HUGE, bytes, 64)),
                "pData",
            ),
            (
                &verify,
                "C_Verify",
                &|| ck!(raw, C_Verify(session, bytes, 1, none, 64)),
                "pSignature",
            ),
            (
                &verify,
                "C_VerifyUpdate",
                &|| ck!(raw, C_VerifyUpdate(session, none, 1)),
                "pPart",
            ),
            (
                &verify,
                "C_VerifyUpdate",
                &|| ck!(raw, C_VerifyUpdate(session, bytes, HUGE)),
                "pPart",
            ),
            (
                &verify,
                "C_VerifyFinal",
                &|| ck!(raw, C_VerifyFinal(session, none, 64)),
                "pSignature",
            ),
            (
                &verify,
                "C_VerifyFinal",
                &|| ck!(raw, C_VerifyFinal(session, bytes, HUGE)),
                "pSignature",
            ),
            (
                &verify_told,
                "C_VerifySignature",
                &|| ck!(raw, C_VerifySignature(session, none, 1)),
                "pData",
            ),
            (
                &verify_told,
                "C_VerifySignatureUpdate",
                &|| ck!(raw, C_VerifySignatureUpdate(session, none, 1)),
                "pPart",
            ),
            (
                &verify_told,
                "C_VerifySignatureUpdate",
                &|| ck!(raw, C_VerifySignatureUpdate(session, bytes, HUGE)),
                "pPart",
            ),
        ];
        for (begin, name, call, argument) in ending {
            begin();
            check(vec![
                bad(name, call(), argument),
                (name, call(), ENDED, Some("is not active")),
            ]);
        }

        // An error with a message ends the message, and not the process.
        assert_eq!(ck!(raw, C_MessageSignInit(session, ecdsa, key)), CKR_OK);
        let sign = |parameter, size, data, signature, length| {
            ck!(
                raw,
                C_SignMessage(session, parameter, size, data, 32, signature, length)
            )
        };
        let parameter = CKR_MECHANISM_PARAM_INVALID;
        check(vec![
            (
                "C_SignMessage",
                sign(bytes.cast(), 1, bytes, bytes, length),
                parameter,
                Some("pParameter"),
            ),
            (
                "C_SignMessage",
                sign(null_mut(), 1, bytes, bytes, length),
                parameter,
                Some("pParameter"),
            ),
            bad(
                "C_SignMessage",
                sign(null_mut(), 0, none, bytes, length),
                "pData",
            ),
            bad(
                "C_SignMessage",
                sign(null_mut(), 0, bytes, bytes, null_mut()),
                "pulSignatureLen",
            ),
            (
                "C_SignMessageBegin",
                ck!(raw, C_SignMessageBegin(session, bytes.cast(), 1)),
                parameter,
                Some("pParameter"),
            ),
            (
                "C_SignMessageBegin",
                ck!(raw, C_SignMessageBegin(session, null_mut(), 0)),
                CKR_OK,
                None,
            ),
            bad(
                "C_SignMessageNext",
                ck!(
                    raw,
                    C_SignMessageNext(session, null_mut(), 0, none, 1, none, null_mut())
                ),
                "pDataPart",
            ),
            (
                "C_SignMessageNext",
                ck!(
                    raw,
                    C_SignMessageNext(session, null_mut(), 0, bytes, 1, none, null_mut())
                ),
                ENDED,
                Some("C_…MessageBegin"),
            ),
            (
                "C_MessageSignFinal",
                ck!(raw, C_MessageSignFinal(session)),
                CKR_OK,
                None,
            ),
        ]);
        assert_eq!(
            ck!(raw, C_MessageVerifyInit(session, ecdsa, public)),
            CKR_OK
        );
        let verify = |parameter, data, signature| {
            ck!(
                raw,
                C_VerifyMessage(session, parameter, 0, data, 32, signature, 64)
            )
        };
        check(vec![
            (
                "C_VerifyMessage",
                verify(bytes.cast(), bytes, bytes),
                parameter,
                Some("pParameter"),
            ),
            bad("C_VerifyMessage", verify(null_mut(), none, bytes), "pData"),
            bad(
                "C_VerifyMessage",
                verify(null_mut(), bytes, none),
                "pSignature",
            ),
            (
                "C_VerifyMessageBegin",
                ck!(raw, C_VerifyMessageBegin(session, null_mut(), 0)),
                CKR_OK,
                None,
            ),
            bad(
                "C_VerifyMessageNext",
                ck!(
                    raw,
                    C_VerifyMessageNext(session, null_mut(), 0, none, 1, none, 0)
                ),
                "pDataPart",
            ),
            (
                "C_VerifyMessageNext",
                ck!(
                    raw,
                    C_VerifyMessageNext(session, null_mut(), 0, bytes, 1, none, 0)
                ),
                ENDED,
                Some("C_…MessageBegin"),
            ),
            (
                "C_MessageVerifyFinal",
                ck!(raw, C_MessageVerifyFinal(session)),
                CKR_OK,
                None,
            ),
        ]);
    };
    let Some((service, run)) = in_child(test_name!(), prepare, child) else {
        return;
    };
    crate::assert_said(&run);
    assert_eq!(traffic(&service.requests()).signatures, 0);
}

#[test]
fn every_function_with_a_session_refuses_one_that_was_never_opened() {
    let child = || {
        let raw = Raw::load();
        assert_eq!(ck!(raw, C_Initialize(null_mut())), CKR_OK);
        let (bytes, length) = ([0_u8; 64].as_mut_ptr(), &mut 64);
        let mechanism = &mut raw::mechanism(CKM_ECDSA);
        let none = null_mut();
        let calls = [
            ck!(raw, C_SessionCancel(9, CKF_SIGN)),
            ck!(raw, C_GetOperationState(9, bytes, length)),
            ck!(raw, C_SetOperationState(9, bytes, 1, 0, 0)),
            ck!(raw, C_DigestInit(9, mechanism)),
            ck!(raw, C_Digest(9, bytes, 1, bytes, length)),
            ck!(raw, C_DigestUpdate(9, bytes, 1)),
            ck!(raw, C_DigestKey(9, 1)),
            ck!(raw, C_DigestFinal(9, bytes, length)),
            ck!(raw, C_SignInit(9, mechanism, 1)),
            ck!(raw, C_Sign(9, bytes, 1, bytes, length)),
            ck!(raw, C_SignUpdate(9, bytes, 1)),
            ck!(raw, C_SignFinal(9, bytes, length)),
            ck!(raw, C_VerifyInit(9, mechanism, 1)),
            ck!(raw, C_Verify(9, bytes, 1, bytes, 64)),
            ck!(raw, C_VerifyUpdate(9, bytes, 1)),
            ck!(raw, C_VerifyFinal(9, bytes, 64)),
            ck!(raw, C_VerifySignatureInit(9, mechanism, 1, bytes, 64)),
            ck!(raw, C_VerifySignature(9, bytes, 1)),
            ck!(raw, C_VerifySignatureUpdate(9, bytes, 1)),
            ck!(raw, C_VerifySignatureFinal(9)),
            ck!(raw, C_MessageSignInit(9, mechanism, 1)),
            ck!(raw, C_SignMessage(9, none, 0, bytes, 1, bytes, length)),
            ck!(raw, C_SignMessageBegin(9, none, 0)),
            ck!(raw, C_SignMessageNext(9, none, 0, bytes, 1, bytes, length)),
            ck!(raw, C_MessageSignFinal(9)),
            ck!(raw, C_MessageVerifyInit(9, mechanism, 1)),
            ck!(raw, C_VerifyMessage(9, none, 0, bytes, 1, bytes, 64)),
            ck!(raw, C_VerifyMessageBegin(9, none, 0)),
            ck!(raw, C_VerifyMessageNext(9, none, 0, bytes, 1, bytes, 64)),
            ck!(raw, C_MessageVerifyFinal(9)),
            ck!(raw, C_SeedRandom(9, bytes, 1)),
            ck!(raw, C_GenerateRandom(9, bytes, 1)),
        ];
        for (index, answer) in calls.into_iter().enumerate() {
            assert_eq!(answer, CKR_SESSION_HANDLE_INVALID, "call {index}");
        }
    };
    in_child(test_name!(), || ((), Vec::new()), child);
}
