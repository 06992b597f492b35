//! Every function of PKCS #11 2.40 where there is nothing that it could work with, and NULL where
//! the standard wants a pointer.

use std::ptr::{self, null_mut};

use cryptoki_sys::*;

use crate::report::{Report, Script};
use crate::token::{Token, call};

pub const SCRIPTS: &[Script] = &[
    ("before C_Initialize", before_initialize),
    ("no session of that handle", no_session),
    ("NULL", null),
];

/// A slot and a session that neither side has.
const NONE: CK_ULONG = 0x7fff_fff0;

/// Calls a function and notes what it returns.
macro_rules! note {
    ($token:ident, $report:ident => $function:ident($($argument:expr),* $(,)?)) => {{
        let rv = call!($token, $function($($argument),*));
        $report.note(stringify!($function), rv);
    }};
    ($token:ident, $report:ident => $situation:expr, $function:ident($($argument:expr),* $(,)?)) => {{
        let rv = call!($token, $function($($argument),*));
        $report.note(format!("{}: {}", stringify!($function), $situation), rv);
    }};
}

fn before_initialize(token: &Token, report: &mut Report) {
    token.finalize();
    let (mut slot, mut count) = (0, 0);
    let c = &raw mut count;
    note!(token, report => C_Finalize(null_mut()));
    note!(token, report => "with pReserved", C_Finalize(ptr::from_ref(token).cast_mut().cast()));
    note!(token, report => C_GetInfo(&mut CK_INFO::default()));
    note!(token, report => C_GetSlotList(CK_TRUE, null_mut(), c));
    note!(token, report => C_GetSlotInfo(1, &mut CK_SLOT_INFO::default()));
    note!(token, report => C_GetTokenInfo(1, &mut CK_TOKEN_INFO::default()));
    note!(token, report => C_WaitForSlotEvent(CKF_DONT_BLOCK, &mut slot, null_mut()));
    note!(token, report => C_GetMechanismList(1, null_mut(), c));
    note!(token, report => C_GetMechanismInfo(1, CKM_ECDSA, &mut CK_MECHANISM_INFO::default()));
    let (mut pin, mut label) = (*b"PIN", [b' '; 32]);
    note!(token, report => C_InitToken(1, pin.as_mut_ptr(), 3, label.as_mut_ptr()));
    note!(token, report => C_OpenSession(1, CKF_SERIAL_SESSION, null_mut(), None, c));
    note!(token, report => C_CloseAllSessions(1));
    of_sessions(token, report, 1);
}

fn no_session(token: &Token, report: &mut Report) {
    of_sessions(token, report, NONE);
}

/// Every function that takes a session, with arguments that are good for nothing but their form.
fn of_sessions(token: &Token, report: &mut Report, s: CK_SESSION_HANDLE) {
    let (mut bytes, mut length, mut handle, mut other) = ([0_u8; 512], 512, 0, 0);
    let (b, l) = (bytes.as_mut_ptr(), &raw mut length);
    let (h, o) = (&raw mut handle, &raw mut other);
    let mut mechanism = CK_MECHANISM {
        mechanism: CKM_SHA256_RSA_PKCS,
        pParameter: null_mut(),
        ulParameterLen: 0,
    };
    let m = &raw mut mechanism;
    let mut attribute = CK_ATTRIBUTE {
        type_: CKA_LABEL,
        pValue: b.cast(),
        ulValueLen: 4,
    };
    let t = &raw mut attribute;
    note!(token, report => C_CloseSession(s));
    note!(token, report => C_GetSessionInfo(s, &mut CK_SESSION_INFO::default()));
    note!(token, report => C_InitPIN(s, b, 4));
    note!(token, report => C_SetPIN(s, b, 4, b, 4));
    note!(token, report => C_GetOperationState(s, b, l));
    note!(token, report => C_SetOperationState(s, b, 4, 0, 0));
    note!(token, report => C_Login(s, CKU_USER, b, 4));
    note!(token, report => C_Logout(s));
    note!(token, report => C_CreateObject(s, t, 1, h));
    note!(token, report => C_CopyObject(s, 1, t, 1, h));
    note!(token, report => C_DestroyObject(s, 1));
    note!(token, report => C_GetObjectSize(s, 1, l));
    note!(token, report => C_GetAttributeValue(s, 1, t, 1));
    note!(token, report => C_SetAttributeValue(s, 1, t, 1));
    note!(token, report => C_FindObjectsInit(s, t, 1));
    note!(token, report => C_FindObjects(s, h, 1, o));
    note!(token, report => C_FindObjectsFinal(s));
    note!(token, report => C_EncryptInit(s, m, 1));
    note!(token, report => C_Encrypt(s, b, 4, b, l));
    note!(token, report => C_EncryptUpdate(s, b, 4, b, l));
    note!(token, report => C_EncryptFinal(s, b, l));
    note!(token, report => C_DecryptInit(s, m, 1));
    note!(token, report => C_Decrypt(s, b, 4, b, l));
    note!(token, report => C_DecryptUpdate(s, b, 4, b, l));
    note!(token, report => C_DecryptFinal(s, b, l));
    note!(token, report => C_DigestInit(s, m));
    note!(token, report => C_Digest(s, b, 4, b, l));
    note!(token, report => C_DigestUpdate(s, b, 4));
    note!(token, report => C_DigestKey(s, 1));
    note!(token, report => C_DigestFinal(s, b, l));
    note!(token, report => C_SignInit(s, m, 1));
    note!(token, report => "no mechanism", C_SignInit(s, null_mut(), 1));
    note!(token, report => C_Sign(s, b, 4, b, l));
    note!(token, report => C_SignUpdate(s, b, 4));
    note!(token, report => C_SignFinal(s, b, l));
    note!(token, report => C_SignRecoverInit(s, m, 1));
    note!(token, report => C_SignRecover(s, b, 4, b, l));
    note!(token, report => C_VerifyInit(s, m, 1));
    note!(token, report => C_Verify(s, b, 4, b, 256));
    note!(token, report => C_VerifyUpdate(s, b, 4));
    note!(token, report => C_VerifyFinal(s, b, 256));
    note!(token, report => C_VerifyRecoverInit(s, m, 1));
    note!(token, report => C_VerifyRecover(s, b, 256, b, l));
    note!(token, report => C_DigestEncryptUpdate(s, b, 4, b, l));
    note!(token, report => C_DecryptDigestUpdate(s, b, 4, b, l));
    note!(token, report => C_SignEncryptUpdate(s, b, 4, b, l));
    note!(token, report => C_DecryptVerifyUpdate(s, b, 4, b, l));
    note!(token, report => C_GenerateKey(s, m, t, 1, h));
    note!(token, report => C_GenerateKeyPair(s, m, t, 1, t, 1, h, o));
    note!(token, report => C_WrapKey(s, m, 1, 1, b, l));
    note!(token, report => C_UnwrapKey(s, m, 1, b, 4, t, 1, h));
    note!(token, report => C_DeriveKey(s, m, 1, t, 1, h));
    note!(token, report => C_SeedRandom(s, b, 4));
    note!(token, report => C_GenerateRandom(s, b, 4));
    note!(token, report => C_GetFunctionStatus(s));
    note!(token, report => C_CancelFunction(s));
}

/// NULL, where no other script has it.
fn null(token: &Token, report: &mut Report) {
    let s = token.user_session();
    let public = token.object(s, CKO_PUBLIC_KEY, "demo/rsa-2048");
    let (mut slot, mut handle, mut b) = (0, 0, [0_u8; 4]);
    let (none, b) = (null_mut(), b.as_mut_ptr());
    let mut attribute = CK_ATTRIBUTE {
        type_: CKA_LABEL,
        pValue: b.cast(),
        ulValueLen: 4,
    };
    let t = &raw mut attribute;
    let reserved = ptr::from_ref(token).cast_mut().cast();
    note!(token, report => "not in pReserved",
        C_WaitForSlotEvent(CKF_DONT_BLOCK, &mut slot, reserved));
    note!(token, report => "pTemplate", C_SetAttributeValue(s, public, none, 1));
    note!(token, report => "pTemplate", C_CreateObject(s, none, 1, &mut handle));
    note!(token, report => "phObject", C_CreateObject(s, t, 1, null_mut()));
    note!(token, report => "phNewObject", C_CopyObject(s, public, t, 1, null_mut()));
    note!(token, report => "pMechanism", C_DigestInit(s, null_mut()));
    note!(token, report => "pMechanism", C_VerifyInit(s, null_mut(), public));
    note!(token, report => "pSeed", C_SeedRandom(s, null_mut(), 4));
    note!(token, report => "pRandomData", C_GenerateRandom(s, null_mut(), 4));
}
