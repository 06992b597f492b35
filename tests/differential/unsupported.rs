//! Functions that SoftHSM has and a read-only token for signing has not.

use std::ptr;

use cryptoki_sys::*;

use crate::RSA_LABELS;
use crate::report::{Report, Script};
use crate::token::{Token, call};

pub const SCRIPTS: &[Script] = &[
    ("encrypt and decrypt", encrypt_and_decrypt),
    ("keys", keys),
    ("PINs", pins),
    ("state", state),
    ("recovery", recovery),
    ("dual functions", dual),
    ("parallel functions", parallel),
];

fn mechanism(id: CK_MECHANISM_TYPE) -> CK_MECHANISM {
    CK_MECHANISM {
        mechanism: id,
        pParameter: ptr::null_mut(),
        ulParameterLen: 0,
    }
}

fn encrypt_and_decrypt(token: &Token, report: &mut Report) {
    let session = token.user_session();
    let public = token.object(session, CKO_PUBLIC_KEY, RSA_LABELS[0]);
    let private = token.object(session, CKO_PRIVATE_KEY, RSA_LABELS[0]);
    let mut rsa = mechanism(CKM_RSA_PKCS);
    let (mut data, mut value, mut length) = ([0x5a; 256], [0; 256], 256);
    let (data, value) = (data.as_mut_ptr(), value.as_mut_ptr());
    report.note(
        "C_EncryptInit",
        call!(token, C_EncryptInit(session, &mut rsa, public)),
    );
    report.note(
        "C_Encrypt",
        call!(token, C_Encrypt(session, data, 32, value, &mut length)),
    );
    report.note(
        "C_EncryptUpdate",
        call!(
            token,
            C_EncryptUpdate(session, data, 32, value, &mut length)
        ),
    );
    report.note(
        "C_EncryptFinal",
        call!(token, C_EncryptFinal(session, value, &mut length)),
    );
    report.note(
        "C_DecryptInit",
        call!(token, C_DecryptInit(session, &mut rsa, private)),
    );
    report.note(
        "C_Decrypt",
        call!(token, C_Decrypt(session, data, 256, value, &mut length)),
    );
    report.note(
        "C_DecryptUpdate",
        call!(
            token,
            C_DecryptUpdate(session, data, 32, value, &mut length)
        ),
    );
    report.note(
        "C_DecryptFinal",
        call!(token, C_DecryptFinal(session, value, &mut length)),
    );
}

/// With a session that cannot write and keys that must not be wrapped, so that SoftHSM refuses too.
fn keys(token: &Token, report: &mut Report) {
    let session = token.user_session();
    let public = token.object(session, CKO_PUBLIC_KEY, RSA_LABELS[0]);
    let private = token.object(session, CKO_PRIVATE_KEY, RSA_LABELS[0]);
    let none = ptr::null_mut();
    let (mut key, mut other, mut value, mut length) = (0, 0, [0; 512], 512);
    let value = value.as_mut_ptr();
    let mut aes = mechanism(CKM_AES_KEY_GEN);
    report.note(
        "C_GenerateKey",
        call!(token, C_GenerateKey(session, &mut aes, none, 0, &mut key)),
    );
    let mut ec = mechanism(CKM_EC_KEY_PAIR_GEN);
    report.note(
        "C_GenerateKeyPair",
        call!(
            token,
            C_GenerateKeyPair(session, &mut ec, none, 0, none, 0, &mut key, &mut other)
        ),
    );
    let mut rsa = mechanism(CKM_RSA_PKCS);
    report.note(
        "C_WrapKey",
        call!(
            token,
            C_WrapKey(session, &mut rsa, public, private, value, &mut length)
        ),
    );
    report.note(
        "C_UnwrapKey",
        call!(
            token,
            C_UnwrapKey(session, &mut rsa, private, value, 256, none, 0, &mut key)
        ),
    );
    let mut ecdh = mechanism(CKM_ECDH1_DERIVE);
    report.note(
        "C_DeriveKey",
        call!(
            token,
            C_DeriveKey(session, &mut ecdh, private, none, 0, &mut key)
        ),
    );
}

fn pins(token: &Token, report: &mut Report) {
    let session = token.session();
    let mut pin = *b"wrong PIN";
    let pin = pin.as_mut_ptr();
    report.note("C_InitPIN", call!(token, C_InitPIN(session, pin, 9)));
    report.note("C_SetPIN", call!(token, C_SetPIN(session, pin, 9, pin, 9)));
    let mut label = [b' '; 32];
    report.note(
        "C_InitToken with a session open",
        call!(token, C_InitToken(token.slot(), pin, 9, label.as_mut_ptr())),
    );
}

fn state(token: &Token, report: &mut Report) {
    let session = token.session();
    let (mut state, mut length) = ([0; 16], 16);
    let state = state.as_mut_ptr();
    report.note(
        "C_GetOperationState",
        call!(token, C_GetOperationState(session, state, &mut length)),
    );
    report.note(
        "C_SetOperationState",
        call!(token, C_SetOperationState(session, state, 16, 0, 0)),
    );
}

fn recovery(token: &Token, report: &mut Report) {
    let session = token.user_session();
    let public = token.object(session, CKO_PUBLIC_KEY, RSA_LABELS[0]);
    let private = token.object(session, CKO_PRIVATE_KEY, RSA_LABELS[0]);
    let mut rsa = mechanism(CKM_RSA_PKCS);
    let (mut data, mut value, mut length) = ([0x5a; 256], [0; 256], 256);
    let (data, value) = (data.as_mut_ptr(), value.as_mut_ptr());
    report.note(
        "C_SignRecoverInit",
        call!(token, C_SignRecoverInit(session, &mut rsa, private)),
    );
    report.note(
        "C_SignRecover",
        call!(token, C_SignRecover(session, data, 32, value, &mut length)),
    );
    report.note(
        "C_VerifyRecoverInit",
        call!(token, C_VerifyRecoverInit(session, &mut rsa, public)),
    );
    report.note(
        "C_VerifyRecover",
        call!(
            token,
            C_VerifyRecover(session, data, 256, value, &mut length)
        ),
    );
}

fn dual(token: &Token, report: &mut Report) {
    let session = token.session();
    let (mut data, mut value, mut length) = ([0; 16], [0; 16], 16);
    let (data, value) = (data.as_mut_ptr(), value.as_mut_ptr());
    report.note(
        "C_DigestEncryptUpdate",
        call!(
            token,
            C_DigestEncryptUpdate(session, data, 16, value, &mut length)
        ),
    );
    report.note(
        "C_DecryptDigestUpdate",
        call!(
            token,
            C_DecryptDigestUpdate(session, data, 16, value, &mut length)
        ),
    );
    report.note(
        "C_SignEncryptUpdate",
        call!(
            token,
            C_SignEncryptUpdate(session, data, 16, value, &mut length)
        ),
    );
    report.note(
        "C_DecryptVerifyUpdate",
        call!(
            token,
            C_DecryptVerifyUpdate(session, data, 16, value, &mut length)
        ),
    );
}

fn parallel(token: &Token, report: &mut Report) {
    let session = token.session();
    report.note(
        "C_GetFunctionStatus",
        call!(token, C_GetFunctionStatus(session)),
    );
    report.note("C_CancelFunction", call!(token, C_CancelFunction(session)));
}
