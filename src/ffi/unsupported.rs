//! Functions that a read-only signing token does not support. Each is the stub that the standard
//! requires, which ignores its arguments (PKCS #11 3.2, section 5).

use std::ffi::c_void;

use cryptoki_sys::*;

use super::{argument_list, call};
use crate::error::{Error, Kind};
use crate::module::Module;

macro_rules! refusals {
    ($kind:ident, $reason:literal: $($name:ident($($argument:ident: $type:ty),* $(,)?);)*) => {
        $(
            #[doc = concat!(stringify!($name), ": ", $reason, ".")]
            ///
            /// # Safety
            /// No pointer is dereferenced.
            #[unsafe(no_mangle)]
            pub unsafe extern "C" fn $name($($argument: $type),*) -> CK_RV {
                let arguments = argument_list!($($argument: $type),*);
                call(stringify!($name), &arguments, || {
                    Module::current()?;
                    Err(Error::new(Kind::$kind, $reason))
                })
            }
        )*
    };
}

refusals! {
    FunctionNotParallel, "parallel sessions no longer exist":
    C_GetFunctionStatus(hSession: CK_SESSION_HANDLE);
    C_CancelFunction(hSession: CK_SESSION_HANDLE);
}

refusals! {
    FunctionNotSupported, "this token can only sign and verify":
    C_InitToken(
        slotID: CK_SLOT_ID, pPin: *mut CK_UTF8CHAR, ulPinLen: CK_ULONG, pLabel: *mut CK_UTF8CHAR,
    );
    C_InitPIN(hSession: CK_SESSION_HANDLE, pPin: *mut CK_UTF8CHAR, ulPinLen: CK_ULONG);
    C_SetPIN(
        hSession: CK_SESSION_HANDLE, pOldPin: *mut CK_UTF8CHAR, ulOldLen: CK_ULONG,
        pNewPin: *mut CK_UTF8CHAR, ulNewLen: CK_ULONG,
    );
    C_EncryptInit(
        hSession: CK_SESSION_HANDLE, pMechanism: *mut CK_MECHANISM, hKey: CK_OBJECT_HANDLE,
    );
    C_Encrypt(
        hSession: CK_SESSION_HANDLE, pData: *mut CK_BYTE, ulDataLen: CK_ULONG,
        pEncryptedData: *mut CK_BYTE, pulEncryptedDataLen: *mut CK_ULONG,
    );
    C_EncryptUpdate(
        hSession: CK_SESSION_HANDLE, pPart: *mut CK_BYTE, ulPartLen: CK_ULONG,
        pEncryptedPart: *mut CK_BYTE, pulEncryptedPartLen: *mut CK_ULONG,
    );
    C_EncryptFinal(
        hSession: CK_SESSION_HANDLE, pLastEncryptedPart: *mut CK_BYTE,
        pulLastEncryptedPartLen: *mut CK_ULONG,
    );
    C_DecryptInit(
        hSession: CK_SESSION_HANDLE, pMechanism: *mut CK_MECHANISM, hKey: CK_OBJECT_HANDLE,
    );
    C_Decrypt(
        hSession: CK_SESSION_HANDLE, pEncryptedData: *mut CK_BYTE, ulEncryptedDataLen: CK_ULONG,
        pData: *mut CK_BYTE, pulDataLen: *mut CK_ULONG,
    );
    C_DecryptUpdate(
        hSession: CK_SESSION_HANDLE, pEncryptedPart: *mut CK_BYTE, ulEncryptedPartLen: CK_ULONG,
        pPart: *mut CK_BYTE, pulPartLen: *mut CK_ULONG,
    );
    C_DecryptFinal(
        hSession: CK_SESSION_HANDLE, pLastPart: *mut CK_BYTE, pulLastPartLen: *mut CK_ULONG,
    );
    C_SignRecoverInit(
        hSession: CK_SESSION_HANDLE, pMechanism: *mut CK_MECHANISM, hKey: CK_OBJECT_HANDLE,
    );
    C_SignRecover(
        hSession: CK_SESSION_HANDLE, pData: *mut CK_BYTE, ulDataLen: CK_ULONG,
        pSignature: *mut CK_BYTE, pulSignatureLen: *mut CK_ULONG,
    );
    C_VerifyRecoverInit(
        hSession: CK_SESSION_HANDLE, pMechanism: *mut CK_MECHANISM, hKey: CK_OBJECT_HANDLE,
    );
    C_VerifyRecover(
        hSession: CK_SESSION_HANDLE, pSignature: *mut CK_BYTE, ulSignatureLen: CK_ULONG,
        pData: *mut CK_BYTE, pulDataLen: *mut CK_ULONG,
    );
    C_DigestEncryptUpdate(
        hSession: CK_SESSION_HANDLE, pPart: *mut CK_BYTE, ulPartLen: CK_ULONG,
        pEncryptedPart: *mut CK_BYTE, pulEncryptedPartLen: *mut CK_ULONG,
    );
    C_DecryptDigestUpdate(
        hSession: CK_SESSION_HANDLE, pEncryptedPart: *mut CK_BYTE, ulEncryptedPartLen: CK_ULONG,
        pPart: *mut CK_BYTE, pulPartLen: *mut CK_ULONG,
    );
    C_SignEncryptUpdate(
        hSession: CK_SESSION_HANDLE, pPart: *mut CK_BYTE, ulPartLen: CK_ULONG,
        pEncryptedPart: *mut CK_BYTE, pulEncryptedPartLen: *mut CK_ULONG,
    );
    C_DecryptVerifyUpdate(
        hSession: CK_SESSION_HANDLE, pEncryptedPart: *mut CK_BYTE, ulEncryptedPartLen: CK_ULONG,
        pPart: *mut CK_BYTE, pulPartLen: *mut CK_ULONG,
    );
    C_GenerateKey(
        hSession: CK_SESSION_HANDLE, pMechanism: *mut CK_MECHANISM, pTemplate: *mut CK_ATTRIBUTE,
        ulCount: CK_ULONG, phKey: *mut CK_OBJECT_HANDLE,
    );
    C_GenerateKeyPair(
        hSession: CK_SESSION_HANDLE, pMechanism: *mut CK_MECHANISM,
        pPublicKeyTemplate: *mut CK_ATTRIBUTE, ulPublicKeyAttributeCount: CK_ULONG,
        pPrivateKeyTemplate: *mut CK_ATTRIBUTE, ulPrivateKeyAttributeCount: CK_ULONG,
        phPublicKey: *mut CK_OBJECT_HANDLE, phPrivateKey: *mut CK_OBJECT_HANDLE,
    );
    C_WrapKey(
        hSession: CK_SESSION_HANDLE, pMechanism: *mut CK_MECHANISM, hWrappingKey: CK_OBJECT_HANDLE,
        hKey: CK_OBJECT_HANDLE, pWrappedKey: *mut CK_BYTE, pulWrappedKeyLen: *mut CK_ULONG,
    );
    C_UnwrapKey(
        hSession: CK_SESSION_HANDLE, pMechanism: *mut CK_MECHANISM,
        hUnwrappingKey: CK_OBJECT_HANDLE, pWrappedKey: *mut CK_BYTE, ulWrappedKeyLen: CK_ULONG,
        pTemplate: *mut CK_ATTRIBUTE, ulAttributeCount: CK_ULONG, phKey: *mut CK_OBJECT_HANDLE,
    );
    C_DeriveKey(
        hSession: CK_SESSION_HANDLE, pMechanism: *mut CK_MECHANISM, hBaseKey: CK_OBJECT_HANDLE,
        pTemplate: *mut CK_ATTRIBUTE, ulAttributeCount: CK_ULONG, phKey: *mut CK_OBJECT_HANDLE,
    );
    C_MessageEncryptInit(
        hSession: CK_SESSION_HANDLE, pMechanism: *mut CK_MECHANISM, hKey: CK_OBJECT_HANDLE,
    );
    C_EncryptMessage(
        hSession: CK_SESSION_HANDLE, pParameter: *mut c_void, ulParameterLen: CK_ULONG,
        pAssociatedData: *mut CK_BYTE, ulAssociatedDataLen: CK_ULONG, pPlaintext: *mut CK_BYTE,
        ulPlaintextLen: CK_ULONG, pCiphertext: *mut CK_BYTE, pulCiphertextLen: *mut CK_ULONG,
    );
    C_EncryptMessageBegin(
        hSession: CK_SESSION_HANDLE, pParameter: *mut c_void, ulParameterLen: CK_ULONG,
        pAssociatedData: *mut CK_BYTE, ulAssociatedDataLen: CK_ULONG,
    );
    C_EncryptMessageNext(
        hSession: CK_SESSION_HANDLE, pParameter: *mut c_void, ulParameterLen: CK_ULONG,
        pPlaintextPart: *mut CK_BYTE, ulPlaintextPartLen: CK_ULONG, pCiphertextPart: *mut CK_BYTE,
        pulCiphertextPartLen: *mut CK_ULONG, flags: CK_FLAGS,
    );
    C_MessageEncryptFinal(hSession: CK_SESSION_HANDLE);
    C_MessageDecryptInit(
        hSession: CK_SESSION_HANDLE, pMechanism: *mut CK_MECHANISM, hKey: CK_OBJECT_HANDLE,
    );
    C_DecryptMessage(
        hSession: CK_SESSION_HANDLE, pParameter: *mut c_void, ulParameterLen: CK_ULONG,
        pAssociatedData: *mut CK_BYTE, ulAssociatedDataLen: CK_ULONG, pCiphertext: *mut CK_BYTE,
        ulCiphertextLen: CK_ULONG, pPlaintext: *mut CK_BYTE, pulPlaintextLen: *mut CK_ULONG,
    );
    C_DecryptMessageBegin(
        hSession: CK_SESSION_HANDLE, pParameter: *mut c_void, ulParameterLen: CK_ULONG,
        pAssociatedData: *mut CK_BYTE, ulAssociatedDataLen: CK_ULONG,
    );
    C_DecryptMessageNext(
        hSession: CK_SESSION_HANDLE, pParameter: *mut c_void, ulParameterLen: CK_ULONG,
        pCiphertextPart: *mut CK_BYTE, ulCiphertextPartLen: CK_ULONG, pPlaintextPart: *mut CK_BYTE,
        pulPlaintextPartLen: *mut CK_ULONG, flags: CK_FLAGS,
    );
    C_MessageDecryptFinal(hSession: CK_SESSION_HANDLE);
    C_EncapsulateKey(
        hSession: CK_SESSION_HANDLE, pMechanism: *mut CK_MECHANISM, hPublicKey: CK_OBJECT_HANDLE,
        pTemplate: *mut CK_ATTRIBUTE, ulAttributeCount: CK_ULONG, pCiphertext: *mut CK_BYTE,
        pulCiphertextLen: *mut CK_ULONG, phKey: *mut CK_OBJECT_HANDLE,
    );
    C_DecapsulateKey(
        hSession: CK_SESSION_HANDLE, pMechanism: *mut CK_MECHANISM, hPrivateKey: CK_OBJECT_HANDLE,
        pTemplate: *mut CK_ATTRIBUTE, ulAttributeCount: CK_ULONG, pCiphertext: *mut CK_BYTE,
        ulCiphertextLen: CK_ULONG, phKey: *mut CK_OBJECT_HANDLE,
    );
    C_AsyncComplete(
        hSession: CK_SESSION_HANDLE, pFunctionName: *mut CK_UTF8CHAR, pResult: *mut CK_ASYNC_DATA,
    );
    C_AsyncGetID(
        hSession: CK_SESSION_HANDLE, pFunctionName: *mut CK_UTF8CHAR, pulID: *mut CK_ULONG,
    );
    C_AsyncJoin(
        hSession: CK_SESSION_HANDLE, pFunctionName: *mut CK_UTF8CHAR, ulID: CK_ULONG,
        pData: *mut CK_BYTE, ulData: CK_ULONG,
    );
    C_WrapKeyAuthenticated(
        hSession: CK_SESSION_HANDLE, pMechanism: *mut CK_MECHANISM, hWrappingKey: CK_OBJECT_HANDLE,
        hKey: CK_OBJECT_HANDLE, pAssociatedData: *mut CK_BYTE, ulAssociatedDataLen: CK_ULONG,
        pWrappedKey: *mut CK_BYTE, pulWrappedKeyLen: *mut CK_ULONG,
    );
    C_UnwrapKeyAuthenticated(
        hSession: CK_SESSION_HANDLE, pMechanism: *mut CK_MECHANISM,
        hUnwrappingKey: CK_OBJECT_HANDLE, pWrappedKey: *mut CK_BYTE, ulWrappedKeyLen: CK_ULONG,
        pTemplate: *mut CK_ATTRIBUTE, ulAttributeCount: CK_ULONG, pAssociatedData: *mut CK_BYTE,
        ulAssociatedDataLen: CK_ULONG, phKey: *mut CK_OBJECT_HANDLE,
    );
}
