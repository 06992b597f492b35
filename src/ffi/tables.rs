//! The function lists of PKCS #11 2.40, 3.0 and 3.2, generated from one list of functions.

use std::cell::UnsafeCell;
use std::ffi::CStr;

use cryptoki_sys::*;

use super::slots::mechanism_info_2_40;
use super::*;

macro_rules! function_lists {
    (2.40: [$($v2_40:ident)*] 3.0: [$($v3_0:ident)*] 3.2: [$($v3_2:ident)*]) => {
        static FUNCTION_LIST: CK_FUNCTION_LIST = CK_FUNCTION_LIST {
            C_GetMechanismInfo: Some(mechanism_info_2_40),
            ..AS_IN_LATER_LISTS
        };
        const AS_IN_LATER_LISTS: CK_FUNCTION_LIST = CK_FUNCTION_LIST {
            version: CK_VERSION { major: 2, minor: 40 },
            $($v2_40: Some($v2_40),)*
        };
        static FUNCTION_LIST_3_0: CK_FUNCTION_LIST_3_0 = CK_FUNCTION_LIST_3_0 {
            version: CK_VERSION { major: 3, minor: 0 },
            $($v2_40: Some($v2_40),)*
            $($v3_0: Some($v3_0),)*
        };
        static FUNCTION_LIST_3_2: CK_FUNCTION_LIST_3_2 = CK_FUNCTION_LIST_3_2 {
            version: CK_VERSION { major: 3, minor: 2 },
            $($v2_40: Some($v2_40),)*
            $($v3_0: Some($v3_0),)*
            $($v3_2: Some($v3_2),)*
        };
    };
}

function_lists! {
    2.40: [
        C_Initialize C_Finalize C_GetInfo C_GetFunctionList C_GetSlotList C_GetSlotInfo
        C_GetTokenInfo C_GetMechanismList C_GetMechanismInfo C_InitToken C_InitPIN C_SetPIN
        C_OpenSession C_CloseSession C_CloseAllSessions C_GetSessionInfo C_GetOperationState
        C_SetOperationState C_Login C_Logout C_CreateObject C_CopyObject C_DestroyObject
        C_GetObjectSize C_GetAttributeValue C_SetAttributeValue C_FindObjectsInit
        C_FindObjects C_FindObjectsFinal C_EncryptInit C_Encrypt C_EncryptUpdate
        C_EncryptFinal C_DecryptInit C_Decrypt C_DecryptUpdate C_DecryptFinal C_DigestInit
        C_Digest C_DigestUpdate C_DigestKey C_DigestFinal C_SignInit C_Sign C_SignUpdate
        C_SignFinal C_SignRecoverInit C_SignRecover C_VerifyInit C_Verify C_VerifyUpdate
        C_VerifyFinal C_VerifyRecoverInit C_VerifyRecover C_DigestEncryptUpdate
        C_DecryptDigestUpdate C_SignEncryptUpdate C_DecryptVerifyUpdate C_GenerateKey
        C_GenerateKeyPair C_WrapKey C_UnwrapKey C_DeriveKey C_SeedRandom C_GenerateRandom
        C_GetFunctionStatus C_CancelFunction C_WaitForSlotEvent
    ]
    3.0: [
        C_GetInterfaceList C_GetInterface C_LoginUser C_SessionCancel C_MessageEncryptInit
        C_EncryptMessage C_EncryptMessageBegin C_EncryptMessageNext C_MessageEncryptFinal
        C_MessageDecryptInit C_DecryptMessage C_DecryptMessageBegin C_DecryptMessageNext
        C_MessageDecryptFinal C_MessageSignInit C_SignMessage C_SignMessageBegin
        C_SignMessageNext C_MessageSignFinal C_MessageVerifyInit C_VerifyMessage
        C_VerifyMessageBegin C_VerifyMessageNext C_MessageVerifyFinal
    ]
    3.2: [
        C_EncapsulateKey C_DecapsulateKey C_VerifySignatureInit C_VerifySignature
        C_VerifySignatureUpdate C_VerifySignatureFinal C_GetSessionValidationFlags
        C_AsyncComplete C_AsyncGetID C_AsyncJoin C_WrapKeyAuthenticated
        C_UnwrapKeyAuthenticated
    ]
}

const NAME: &CStr = c"PKCS 11";

/// The interfaces, default first. None is fork-safe in the sense of CKF_INTERFACE_FORK_SAFE: a
/// forked child starts without its parent's sessions.
static INTERFACES: Interfaces = Interfaces(ALL);

const ALL: [CK_INTERFACE; 3] = [
    interface(&raw const FUNCTION_LIST_3_2),
    interface(&raw const FUNCTION_LIST_3_0),
    interface(&raw const FUNCTION_LIST),
];

/// The versions of [`INTERFACES`], in the same order.
static VERSIONS: [CK_VERSION; 3] =
    [FUNCTION_LIST_3_2.version, FUNCTION_LIST_3_0.version, FUNCTION_LIST.version];

struct Interfaces([CK_INTERFACE; 3]);

// SAFETY: the pointers lead to statics that are never written.
unsafe impl Sync for Interfaces {}

/// The interfaces that C_GetInterface returns, in writable memory: the standard does not declare
/// them `const`, and OpenSC's pkcs11-spy replaces the function list in place.
static RETURNED_INTERFACES: WritableInterfaces = WritableInterfaces(UnsafeCell::new(ALL));

struct WritableInterfaces(UnsafeCell<[CK_INTERFACE; 3]>);

// SAFETY: this module neither reads nor writes it.
unsafe impl Sync for WritableInterfaces {}

const fn interface<T>(function_list: *const T) -> CK_INTERFACE {
    CK_INTERFACE {
        pInterfaceName: NAME.as_ptr().cast_mut().cast(),
        pFunctionList: function_list.cast_mut().cast(),
        flags: 0,
    }
}

functions! {
    /// C_GetFunctionList (PKCS #11 3.2, section 5.4.4): the list of version 2.40.
    fn C_GetFunctionList(ppFunctionList: *mut *mut CK_FUNCTION_LIST) {
        let list = (&raw const FUNCTION_LIST).cast_mut();
        ppFunctionList.write(list)
    }

    /// C_GetInterfaceList (PKCS #11 3.2, section 5.4.5).
    fn C_GetInterfaceList(pInterfacesList: *mut CK_INTERFACE, pulCount: *mut CK_ULONG) {
        pInterfacesList.write(&INTERFACES.0)
    }

    /// C_GetInterface (PKCS #11 3.2, section 5.4.6). Without a name or version, returns the newest
    /// interface that matches.
    fn C_GetInterface(
        pInterfaceName: *mut CK_UTF8CHAR,
        pVersion: *mut CK_VERSION,
        ppInterface: *mut *mut CK_INTERFACE,
        flags: CK_FLAGS,
    ) {
        ppInterface.not_null()?;
        let fits_name = pInterfaceName.is(NAME).unwrap_or(true);
        let version = pVersion.read()?;
        let position = INTERFACES.0.iter().zip(VERSIONS).position(|(interface, provided)| {
            fits_name
                && version.is_none_or(|asked| {
                    (asked.major, asked.minor) == (provided.major, provided.minor)
                })
                && flags & !interface.flags == 0
        });
        let position = position.ok_or_else(|| {
            Error::new(Kind::NoSuchInterface, "no interface with this name, version and flags")
        })?;
        let interface = RETURNED_INTERFACES.0.get().cast::<CK_INTERFACE>().wrapping_add(position);
        ppInterface.write(interface)
    }
}
