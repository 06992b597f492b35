//! Functions that SoftHSM has and a read-only token for signing has not.

use cryptoki_sys::*;
use pkcs11_test::harness::null;

use crate::report::Script;
use crate::{RSA, mechanism, places};

pub const SCRIPTS: &[Script] = &[
    // With a session that cannot write and keys that must not be wrapped, so that SoftHSM refuses too.
    ("encryption and keys", |t, r| {
        answers! { r; "*" => CKR_FUNCTION_NOT_SUPPORTED: READ_ONLY; }
        let session = t.user();
        let (s, key, slot) = (session.handle, session.key(RSA), t.slot());
        let (b, l, h, o) = places();
        let rsa = mechanism(CKM_RSA_PKCS);
        calls! { t, r;
            C_EncryptInit(s, rsa, key.public); C_Encrypt(s, b, 32, b, l); C_EncryptUpdate(s, b, 32, b, l); C_EncryptFinal(s, b, l);
            C_DecryptInit(s, rsa, key.private); C_Decrypt(s, b, 256, b, l); C_DecryptUpdate(s, b, 32, b, l); C_DecryptFinal(s, b, l);
            C_GenerateKey(s, mechanism(CKM_AES_KEY_GEN), null(), 0, h);
            C_GenerateKeyPair(s, mechanism(CKM_EC_KEY_PAIR_GEN), null(), 0, null(), 0, h, o);
            C_WrapKey(s, rsa, key.public, key.private, b, l); C_UnwrapKey(s, rsa, key.private, b, 256, null(), 0, h);
            C_DeriveKey(s, mechanism(CKM_ECDH1_DERIVE), key.private, null(), 0, h);
            C_InitPIN(s, b, 9); C_SetPIN(s, b, 9, b, 9); "with a session open": C_InitToken(slot, b, 9, b);
            C_SignRecoverInit(s, rsa, key.private); C_SignRecover(s, b, 32, b, l);
            C_VerifyRecoverInit(s, rsa, key.public); C_VerifyRecover(s, b, 256, b, l);
            C_DigestEncryptUpdate(s, b, 16, b, l); C_DecryptDigestUpdate(s, b, 16, b, l);
            C_SignEncryptUpdate(s, b, 16, b, l); C_DecryptVerifyUpdate(s, b, 16, b, l);
        }
    }),
    ("states and parallel functions", |t, r| {
        let (s, (b, l, ..)) = (t.session().handle, places());
        calls! { t, r;
            C_GetOperationState(s, b, l) => CKR_OPERATION_NOT_INITIALIZED: STATE;
            C_SetOperationState(s, b, 16, 0, 0) => CKR_SAVED_STATE_INVALID: STATE;
            C_GetFunctionStatus(s) => CKR_FUNCTION_NOT_PARALLEL;
            C_CancelFunction(s) => CKR_FUNCTION_NOT_PARALLEL;
        }
    }),
];
