//! Functions that SoftHSM has and a read-only token for signing has not.

use cryptoki_sys::*;
use pkcs11_test::harness::{Mechanism, null};

use crate::RSA;
use crate::report::Script;

fn mechanism(id: CK_MECHANISM_TYPE) -> CK_MECHANISM {
    Mechanism::from(id).raw()
}

pub const SCRIPTS: &[Script] = &[
    ("encrypt and decrypt", |t, r| {
        let session = t.user();
        let (s, key, mut rsa) = (session.handle, session.key(RSA), mechanism(CKM_RSA_PKCS));
        let (mut data, mut value, mut length) = ([0x5a; 256], [0; 256], 256);
        let (m, d, v, l) = (
            &raw mut rsa,
            data.as_mut_ptr(),
            value.as_mut_ptr(),
            &raw mut length,
        );
        calls! { t, r;
            C_EncryptInit(s, m, key.public) => CKR_FUNCTION_NOT_SUPPORTED | CKR_KEY_FUNCTION_NOT_PERMITTED: READ_ONLY;
            C_Encrypt(s, d, 32, v, l) => CKR_FUNCTION_NOT_SUPPORTED | CKR_OPERATION_NOT_INITIALIZED: READ_ONLY;
            C_EncryptUpdate(s, d, 32, v, l) => CKR_FUNCTION_NOT_SUPPORTED | CKR_OPERATION_NOT_INITIALIZED: READ_ONLY;
            C_EncryptFinal(s, v, l) => CKR_FUNCTION_NOT_SUPPORTED | CKR_OPERATION_NOT_INITIALIZED: READ_ONLY;
            C_DecryptInit(s, m, key.private) => CKR_FUNCTION_NOT_SUPPORTED | CKR_KEY_FUNCTION_NOT_PERMITTED: READ_ONLY;
            C_Decrypt(s, d, 256, v, l) => CKR_FUNCTION_NOT_SUPPORTED | CKR_OPERATION_NOT_INITIALIZED: READ_ONLY;
            C_DecryptUpdate(s, d, 32, v, l) => CKR_FUNCTION_NOT_SUPPORTED | CKR_OPERATION_NOT_INITIALIZED: READ_ONLY;
            C_DecryptFinal(s, v, l) => CKR_FUNCTION_NOT_SUPPORTED | CKR_OPERATION_NOT_INITIALIZED: READ_ONLY;
        }
    }),
    // With a session that cannot write and keys that must not be wrapped, so that SoftHSM refuses too.
    ("keys", |t, r| {
        let session = t.user();
        let (s, key) = (session.handle, session.key(RSA));
        let (mut new, mut other, mut value, mut length) = (0, 0, [0; 512], 512);
        let (v, l) = (value.as_mut_ptr(), &raw mut length);
        let mut mechanisms = [
            CKM_AES_KEY_GEN,
            CKM_EC_KEY_PAIR_GEN,
            CKM_RSA_PKCS,
            CKM_ECDH1_DERIVE,
        ]
        .map(mechanism);
        let [aes, ec, rsa, ecdh] = &mut mechanisms;
        calls! { t, r;
            C_GenerateKey(s, aes, null(), 0, &mut new) => CKR_FUNCTION_NOT_SUPPORTED | CKR_TEMPLATE_INCOMPLETE: READ_ONLY;
            C_GenerateKeyPair(s, ec, null(), 0, null(), 0, &mut new, &mut other) => CKR_FUNCTION_NOT_SUPPORTED | CKR_TEMPLATE_INCOMPLETE: READ_ONLY;
            C_WrapKey(s, rsa, key.public, key.private, v, l) => CKR_FUNCTION_NOT_SUPPORTED | CKR_KEY_FUNCTION_NOT_PERMITTED: READ_ONLY;
            C_UnwrapKey(s, rsa, key.private, v, 256, null(), 0, &mut new) => CKR_FUNCTION_NOT_SUPPORTED | CKR_ARGUMENTS_BAD: READ_ONLY;
            C_DeriveKey(s, ecdh, key.private, null(), 0, &mut new) => CKR_FUNCTION_NOT_SUPPORTED | CKR_ARGUMENTS_BAD: READ_ONLY;
        }
    }),
    ("PINs", |t, r| {
        let (s, mut pin, mut label) = (t.session().handle, *b"wrong PIN", [b' '; 32]);
        let (p, slot) = (pin.as_mut_ptr(), t.slot());
        calls! { t, r;
            C_InitPIN(s, p, 9) => CKR_FUNCTION_NOT_SUPPORTED | CKR_USER_NOT_LOGGED_IN: READ_ONLY;
            C_SetPIN(s, p, 9, p, 9) => CKR_FUNCTION_NOT_SUPPORTED | CKR_SESSION_READ_ONLY: READ_ONLY;
            "with a session open": C_InitToken(slot, p, 9, label.as_mut_ptr()) => CKR_FUNCTION_NOT_SUPPORTED | CKR_SESSION_EXISTS: READ_ONLY;
        }
    }),
    ("state", |t, r| {
        let (s, mut state, mut length) = (t.session().handle, [0; 16], 16);
        let p = state.as_mut_ptr();
        calls! { t, r;
            C_GetOperationState(s, p, &mut length) => CKR_OPERATION_NOT_INITIALIZED | CKR_FUNCTION_NOT_SUPPORTED: STATE;
            C_SetOperationState(s, p, 16, 0, 0) => CKR_SAVED_STATE_INVALID | CKR_FUNCTION_NOT_SUPPORTED: STATE;
        }
    }),
    ("recovery", |t, r| {
        let session = t.user();
        let (s, key, mut rsa) = (session.handle, session.key(RSA), mechanism(CKM_RSA_PKCS));
        let (mut data, mut value, mut length) = ([0x5a; 256], [0; 256], 256);
        let (m, d, v, l) = (
            &raw mut rsa,
            data.as_mut_ptr(),
            value.as_mut_ptr(),
            &raw mut length,
        );
        calls! { t, r;
            C_SignRecoverInit(s, m, key.private) => CKR_FUNCTION_NOT_SUPPORTED;
            C_SignRecover(s, d, 32, v, l) => CKR_FUNCTION_NOT_SUPPORTED;
            C_VerifyRecoverInit(s, m, key.public) => CKR_FUNCTION_NOT_SUPPORTED;
            C_VerifyRecover(s, d, 256, v, l) => CKR_FUNCTION_NOT_SUPPORTED;
        }
    }),
    ("dual functions", |t, r| {
        let (s, mut data, mut value, mut length) = (t.session().handle, [0; 16], [0; 16], 16);
        let (d, v, l) = (data.as_mut_ptr(), value.as_mut_ptr(), &raw mut length);
        calls! { t, r;
            C_DigestEncryptUpdate(s, d, 16, v, l) => CKR_FUNCTION_NOT_SUPPORTED;
            C_DecryptDigestUpdate(s, d, 16, v, l) => CKR_FUNCTION_NOT_SUPPORTED;
            C_SignEncryptUpdate(s, d, 16, v, l) => CKR_FUNCTION_NOT_SUPPORTED;
            C_DecryptVerifyUpdate(s, d, 16, v, l) => CKR_FUNCTION_NOT_SUPPORTED;
        }
    }),
    ("parallel functions", |t, r| {
        let s = t.session().handle;
        calls! { t, r;
            C_GetFunctionStatus(s) => CKR_FUNCTION_NOT_PARALLEL;
            C_CancelFunction(s) => CKR_FUNCTION_NOT_PARALLEL;
        }
    }),
];
