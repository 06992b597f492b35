//! One table of all functions of the module, each callable with arguments that are drawn.

use std::mem::transmute_copy;

use cryptoki_sys::*;

use crate::arguments::Kind;
use crate::draw::Draw;

/// A function of the module.
pub struct Function {
    pub name: &'static str,
    call: fn(&CK_FUNCTION_LIST_3_2, &mut Draw) -> CK_RV,
}

impl Function {
    /// Calls it with arguments that are drawn, and checks the memory around them.
    pub fn call(&self, functions: &CK_FUNCTION_LIST_3_2, draw: &mut Draw) -> CK_RV {
        draw.begin(self.name);
        let rv = (self.call)(functions, draw);
        draw.end();
        rv
    }
}

macro_rules! functions {
    ($($name:ident)*) => {
        pub const FUNCTIONS: &[Function] = &[$(
            Function {
                name: stringify!($name),
                // SAFETY: every promise that a function cannot check is kept by `Draw`.
                call: |functions, draw| unsafe { functions.$name.unwrap().draw_and_call(draw) },
            },
        )*];
    };
}

functions! {
    C_Initialize C_Finalize C_GetInfo C_GetFunctionList C_GetInterfaceList C_GetInterface
    C_GetSlotList C_GetSlotInfo C_GetTokenInfo C_WaitForSlotEvent C_GetMechanismList
    C_GetMechanismInfo C_InitToken C_InitPIN C_SetPIN C_OpenSession C_CloseSession
    C_CloseAllSessions C_GetSessionInfo C_SessionCancel C_GetOperationState C_SetOperationState
    C_Login C_LoginUser C_Logout C_GetSessionValidationFlags C_CreateObject C_CopyObject
    C_DestroyObject C_GetObjectSize C_GetAttributeValue C_SetAttributeValue C_FindObjectsInit
    C_FindObjects C_FindObjectsFinal C_EncryptInit C_Encrypt C_EncryptUpdate C_EncryptFinal
    C_MessageEncryptInit C_EncryptMessage C_EncryptMessageBegin C_EncryptMessageNext
    C_MessageEncryptFinal C_DecryptInit C_Decrypt C_DecryptUpdate C_DecryptFinal
    C_MessageDecryptInit C_DecryptMessage C_DecryptMessageBegin C_DecryptMessageNext
    C_MessageDecryptFinal C_DigestInit C_Digest C_DigestUpdate C_DigestKey C_DigestFinal C_SignInit
    C_Sign C_SignUpdate C_SignFinal C_SignRecoverInit C_SignRecover C_MessageSignInit C_SignMessage
    C_SignMessageBegin C_SignMessageNext C_MessageSignFinal C_VerifyInit C_Verify C_VerifyUpdate
    C_VerifyFinal C_VerifyRecoverInit C_VerifyRecover C_VerifySignatureInit C_VerifySignature
    C_VerifySignatureUpdate C_VerifySignatureFinal C_MessageVerifyInit C_VerifyMessage
    C_VerifyMessageBegin C_VerifyMessageNext C_MessageVerifyFinal C_DigestEncryptUpdate
    C_DecryptDigestUpdate C_SignEncryptUpdate C_DecryptVerifyUpdate C_GenerateKey C_GenerateKeyPair
    C_WrapKey C_UnwrapKey C_DeriveKey C_WrapKeyAuthenticated C_UnwrapKeyAuthenticated
    C_EncapsulateKey C_DecapsulateKey C_SeedRandom C_GenerateRandom C_GetFunctionStatus
    C_CancelFunction C_AsyncComplete C_AsyncGetID C_AsyncJoin
}

/// A function of C with arguments that can be drawn.
trait Callable {
    /// # Safety
    /// As the function demands of arguments that [`Draw`] draws.
    unsafe fn draw_and_call(self, draw: &mut Draw) -> CK_RV;
}

/// Functions with these arguments, and with fewer.
macro_rules! callable {
    () => {};
    ($first:ident $($argument:ident)*) => {
        impl<$first: 'static, $($argument: 'static),*> Callable
            for unsafe extern "C" fn($first, $($argument),*) -> CK_RV
        {
            unsafe fn draw_and_call(self, draw: &mut Draw) -> CK_RV {
                let kinds = [Kind::of::<$first>(), $(Kind::of::<$argument>()),*];
                let mut drawn = draw.arguments(&kinds).into_iter();
                // SAFETY: each argument is a number or an address, whose lower bytes come first; otherwise as this function demands.
                unsafe {
                    let first = transmute_copy::<usize, $first>(&drawn.next().unwrap());
                    self(first, $(transmute_copy::<usize, $argument>(&drawn.next().unwrap())),*)
                }
            }
        }
        callable!($($argument)*);
    };
}

callable!(A B C D E F G H I J);
