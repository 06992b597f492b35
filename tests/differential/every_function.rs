//! Every function of PKCS #11 2.40 where there is nothing that it could work with, and NULL where the standard wants a
//! pointer.

use std::ptr;

use cryptoki_sys::*;
use pkcs11_test::harness::{Module, null};

use crate::report::{Report, Script};
use crate::{NO, RSA, label, mechanism, places};

pub const SCRIPTS: &[Script] = &[
    ("before C_Initialize", |t, r| {
        answers! { r; "*" => CKR_CRYPTOKI_NOT_INITIALIZED; }
        t.finalize();
        let (p, c, slot, _) = places();
        let reserved = ptr::from_ref(t).cast_mut().cast();
        calls! { t, r;
            C_Finalize(null()); "with pReserved": C_Finalize(reserved); C_GetInfo(p.cast());
            C_GetSlotList(CK_TRUE, null(), c); C_GetSlotInfo(1, p.cast()); C_GetTokenInfo(1, p.cast());
            C_WaitForSlotEvent(CKF_DONT_BLOCK, slot, null()); C_GetMechanismList(1, null(), c);
            C_GetMechanismInfo(1, CKM_ECDSA, p.cast()); C_InitToken(1, p, 3, p);
            C_OpenSession(1, CKF_SERIAL_SESSION, null(), None, c); C_CloseAllSessions(1);
        }
        of_sessions(t, r, 1);
        unsupported(t, r, 1);
    }),
    ("invalid session handle", |t, r| {
        answers! { r;
            "C_SignInit: NULL mechanism" => CKR_SESSION_HANDLE_INVALID: TWO_ERRORS;
            "*" => CKR_SESSION_HANDLE_INVALID;
        }
        of_sessions(t, r, NO);
    }),
    ("not supported, invalid session handle", |t, r| refused(t, r, NO)),
    // In a session that cannot write, with mechanisms that go with none of these, so that SoftHSM refuses too.
    ("not supported", |t, r| {
        let (s, (b, l, ..)) = (t.user().handle, places());
        refused(t, r, s);
        calls! { t, r;
            "with a session open": C_InitToken(t.slot(), b, 9, b) => CKR_FUNCTION_NOT_SUPPORTED: READ_ONLY;
            C_GetOperationState(s, b, l) => CKR_OPERATION_NOT_INITIALIZED: STATE;
            C_SetOperationState(s, b, 16, 0, 0) => CKR_SAVED_STATE_INVALID: STATE;
        }
    }),
    // NULL, where no other script has it.
    ("NULL", |t, r| {
        let session = t.user();
        let (s, public) = (session.handle, session.public(RSA));
        let (a, (_, _, slot, _)) = (label(4), places());
        let reserved = ptr::from_ref(t).cast_mut().cast();
        calls! { t, r;
            "pReserved that is not NULL": C_WaitForSlotEvent(CKF_DONT_BLOCK, slot, reserved) => CKR_ARGUMENTS_BAD: RESERVED;
            "pTemplate": C_SetAttributeValue(s, public, null(), 1) => CKR_ARGUMENTS_BAD;
            "phNewObject": C_CopyObject(s, public, a, 1, null()) => CKR_ARGUMENTS_BAD;
        }
    }),
];

/// The functions that take a session, with arguments that are good for nothing but their form.
fn of_sessions(module: &Module, r: &mut Report, s: CK_SESSION_HANDLE) {
    let (m, t, (b, l, h, o)) = (mechanism(CKM_SHA256_RSA_PKCS), label(4), places());
    calls! { module, r;
        C_CloseSession(s); C_GetSessionInfo(s, b.cast()); C_GetOperationState(s, b, l); C_SetOperationState(s, b, 4, 0, 0);
        C_Login(s, CKU_USER, b, 4); C_Logout(s);
        C_CreateObject(s, t, 1, h); C_CopyObject(s, 1, t, 1, h); C_DestroyObject(s, 1); C_GetObjectSize(s, 1, l);
        C_GetAttributeValue(s, 1, t, 1); C_SetAttributeValue(s, 1, t, 1);
        C_FindObjectsInit(s, t, 1); C_FindObjects(s, h, 1, o); C_FindObjectsFinal(s);
        C_DigestInit(s, m); C_Digest(s, b, 4, b, l); C_DigestUpdate(s, b, 4); C_DigestKey(s, 1); C_DigestFinal(s, b, l);
        C_SignInit(s, m, 1); "NULL mechanism": C_SignInit(s, null(), 1);
        C_Sign(s, b, 4, b, l); C_SignUpdate(s, b, 4); C_SignFinal(s, b, l);
        C_VerifyInit(s, m, 1); C_Verify(s, b, 4, b, 256); C_VerifyUpdate(s, b, 4); C_VerifyFinal(s, b, 256);
        C_SeedRandom(s, b, 4); C_GenerateRandom(s, b, 4);
    }
}

fn refused(module: &Module, r: &mut Report, s: CK_SESSION_HANDLE) {
    answers! { r;
        "C_GetFunctionStatus" => CKR_FUNCTION_NOT_PARALLEL: PARALLEL;
        "C_CancelFunction" => CKR_FUNCTION_NOT_PARALLEL: PARALLEL;
        "*" => CKR_FUNCTION_NOT_SUPPORTED: READ_ONLY;
    }
    unsupported(module, r, s);
}

/// The functions that SoftHSM has and a read-only token for signing has not.
fn unsupported(module: &Module, r: &mut Report, s: CK_SESSION_HANDLE) {
    let (m, t, (b, l, h, o)) = (mechanism(CKM_SHA256_RSA_PKCS), label(4), places());
    calls! { module, r;
        C_InitPIN(s, b, 4); C_SetPIN(s, b, 4, b, 4);
        C_EncryptInit(s, m, 1); C_Encrypt(s, b, 4, b, l); C_EncryptUpdate(s, b, 4, b, l); C_EncryptFinal(s, b, l);
        C_DecryptInit(s, m, 1); C_Decrypt(s, b, 4, b, l); C_DecryptUpdate(s, b, 4, b, l); C_DecryptFinal(s, b, l);
        C_SignRecoverInit(s, m, 1); C_SignRecover(s, b, 4, b, l);
        C_VerifyRecoverInit(s, m, 1); C_VerifyRecover(s, b, 256, b, l);
        C_DigestEncryptUpdate(s, b, 4, b, l); C_DecryptDigestUpdate(s, b, 4, b, l);
        C_SignEncryptUpdate(s, b, 4, b, l); C_DecryptVerifyUpdate(s, b, 4, b, l);
        C_GenerateKey(s, m, t, 1, h); C_GenerateKeyPair(s, m, t, 1, t, 1, h, o);
        C_WrapKey(s, m, 1, 1, b, l); C_UnwrapKey(s, m, 1, b, 4, t, 1, h); C_DeriveKey(s, m, 1, t, 1, h);
        C_GetFunctionStatus(s); C_CancelFunction(s);
    }
}
