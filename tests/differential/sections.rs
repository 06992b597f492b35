//! Where PKCS #11 3.2 describes each function.

macro_rules! sections {
    ($($number:literal $title:literal: $($function:ident)*;)*) => {
        &[$(($number, $title, &[$(stringify!($function)),*])),*]
    };
}

/// The sections that describe functions: number, title, and the functions in the order of their subsections.
pub const SECTIONS: &[(&str, &str, &[&str])] = sections! {
    "5.4" "General-purpose functions":
        C_Initialize C_Finalize C_GetInfo C_GetFunctionList C_GetInterfaceList C_GetInterface;
    "5.5" "Slot and token management functions":
        C_GetSlotList C_GetSlotInfo C_GetTokenInfo C_WaitForSlotEvent C_GetMechanismList C_GetMechanismInfo
        C_InitToken C_InitPIN C_SetPIN;
    "5.6" "Session management functions":
        C_OpenSession C_CloseSession C_CloseAllSessions C_GetSessionInfo C_SessionCancel C_GetOperationState
        C_SetOperationState C_Login C_LoginUser C_Logout C_GetSessionValidationFlags;
    "5.7" "Object management functions":
        C_CreateObject C_CopyObject C_DestroyObject C_GetObjectSize C_GetAttributeValue C_SetAttributeValue
        C_FindObjectsInit C_FindObjects C_FindObjectsFinal;
    "5.8" "Encryption functions":
        C_EncryptInit C_Encrypt C_EncryptUpdate C_EncryptFinal;
    "5.9" "Message-based encryption functions":
        C_MessageEncryptInit C_EncryptMessage C_EncryptMessageBegin C_EncryptMessageNext C_MessageEncryptFinal;
    "5.10" "Decryption functions":
        C_DecryptInit C_Decrypt C_DecryptUpdate C_DecryptFinal;
    "5.11" "Message-based decryption functions":
        C_MessageDecryptInit C_DecryptMessage C_DecryptMessageBegin C_DecryptMessageNext C_MessageDecryptFinal;
    "5.12" "Message digesting functions":
        C_DigestInit C_Digest C_DigestUpdate C_DigestKey C_DigestFinal;
    "5.13" "Signing and MACing functions":
        C_SignInit C_Sign C_SignUpdate C_SignFinal C_SignRecoverInit C_SignRecover;
    "5.14" "Message-based signing and MACing functions":
        C_MessageSignInit C_SignMessage C_SignMessageBegin C_SignMessageNext C_MessageSignFinal;
    "5.15" "Functions for verifying signatures and MACs":
        C_VerifyInit C_Verify C_VerifyUpdate C_VerifyFinal C_VerifyRecoverInit C_VerifyRecover C_VerifySignatureInit
        C_VerifySignature C_VerifySignatureUpdate C_VerifySignatureFinal;
    "5.16" "Message-based functions for verifying signatures and MACs":
        C_MessageVerifyInit C_VerifyMessage C_VerifyMessageBegin C_VerifyMessageNext C_MessageVerifyFinal;
    "5.17" "Dual-function cryptographic functions":
        C_DigestEncryptUpdate C_DecryptDigestUpdate C_SignEncryptUpdate C_DecryptVerifyUpdate;
    "5.18" "Key management functions":
        C_GenerateKey C_GenerateKeyPair C_WrapKey C_UnwrapKey C_DeriveKey C_WrapKeyAuthenticated
        C_UnwrapKeyAuthenticated C_EncapsulateKey C_DecapsulateKey;
    "5.19" "Random number generation functions":
        C_SeedRandom C_GenerateRandom;
    "5.20" "Parallel function management functions":
        C_GetFunctionStatus C_CancelFunction;
    "5.21" "Asynchronous function management functions":
        C_AsyncComplete C_AsyncGetID C_AsyncJoin;
};
