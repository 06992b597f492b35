//! C_Initialize and C_Finalize, slots, the token and its mechanisms.

use std::ffi::c_void;
use std::ptr;

use cryptoki_sys::*;
use pkcs11_test::call;
use pkcs11_test::harness::{Module, null, place};

use crate::NO;
use crate::report::{Report, Script};

pub const SCRIPTS: &[Script] = &[
    ("C_Initialize and C_Finalize", |t, r| {
        let reserved = ptr::from_ref(t).cast_mut().cast();
        rows! { r;
            "C_Initialize, twice" => t.initialize() => CKR_CRYPTOKI_ALREADY_INITIALIZED;
            "C_Finalize with pReserved" => call!(t, C_Finalize(reserved)) => CKR_ARGUMENTS_BAD;
            "C_Finalize" => t.finalize() => CKR_OK;
            "C_Finalize, twice" => t.finalize() => CKR_CRYPTOKI_NOT_INITIALIZED;
            "C_Initialize after C_Finalize" => t.initialize() => CKR_OK;
            "C_GetFunctionList with NULL ppFunctionList" => call!(t, C_GetFunctionList(null())) => CKR_ARGUMENTS_BAD;
        }
    }),
    ("arguments of C_Initialize", |t, r| {
        let (none, some) = (CK_C_INITIALIZE_ARGS::default(), Some(use_mutex as _));
        let mutexes = CK_C_INITIALIZE_ARGS {
            CreateMutex: Some(create_mutex),
            DestroyMutex: some,
            LockMutex: some,
            UnlockMutex: some,
            ..none
        };
        let with_flags = |arguments, flags| CK_C_INITIALIZE_ARGS { flags, ..arguments };
        let initialize = |arguments: CK_C_INITIALIZE_ARGS| {
            t.finalize();
            call!(t, C_Initialize(place(arguments).cast()))
        };
        let reserved = ptr::from_ref(t).cast_mut().cast();
        let no_threads = CKF_OS_LOCKING_OK | CKF_LIBRARY_CANT_CREATE_OS_THREADS;
        rows! { r;
            "nothing" => initialize(none) => CKR_OK;
            "CKF_OS_LOCKING_OK" => initialize(with_flags(none, CKF_OS_LOCKING_OK)) => CKR_OK;
            "CKF_OS_LOCKING_OK and CKF_LIBRARY_CANT_CREATE_OS_THREADS" => initialize(with_flags(none, no_threads)) => CKR_OK;
            "pReserved" => initialize(CK_C_INITIALIZE_ARGS { pReserved: reserved, ..none }) => CKR_ARGUMENTS_BAD;
            "one mutex function of four" => initialize(CK_C_INITIALIZE_ARGS { LockMutex: some, ..none }) => CKR_ARGUMENTS_BAD;
            "mutex functions" => initialize(mutexes) => CKR_CANT_LOCK: LOCKS;
            "mutex functions and CKF_OS_LOCKING_OK" => initialize(with_flags(mutexes, CKF_OS_LOCKING_OK)) => CKR_OK;
        }
    }),
    // Nothing outlives a C_Finalize.
    ("second C_Initialize", |t, r| {
        let old = t.user();
        rows! { r;
            @ t.finalize(); @ t.initialize(); "the old session" => old.info().map(drop) => CKR_SESSION_HANDLE_INVALID;
            "the state of a new session" => t.session().info().map(|info| info.state) => "CKR_OK, 0";
            "its handle is not given again" => t.session().handle != old.handle => true;
        }
    }),
    ("library", |t, r| {
        let mut info = CK_INFO::default();
        rows! { r;
            "C_GetInfo" => call!(t, C_GetInfo(&mut info)) => CKR_OK;
            "flags" => info.flags => 0;
            "version" => format!("{}.{}", info.cryptokiVersion.major, info.cryptokiVersion.minor) => "3.2": NEWER_STANDARD;
            "C_GetInfo with NULL pInfo" => call!(t, C_GetInfo(null())) => CKR_ARGUMENTS_BAD;
        }
    }),
    ("slots", |t, r| {
        let mut slots = [0; 16];
        for (case, all, room, rv) in [
            ("asking for the count", CK_FALSE, None, CKR_OK),
            ("asking for the count with tokens", CK_TRUE, None, CKR_OK),
            ("no room", CK_TRUE, Some(0), CKR_BUFFER_TOO_SMALL),
            ("list", CK_FALSE, Some(16), CKR_OK),
        ] {
            let (list, mut count) =
                (room.map_or(null(), |_| slots.as_mut_ptr()), room.unwrap_or_default());
            let answer = call!(t, C_GetSlotList(all, list, &mut count));
            assert_eq!(answer, rv, "{case}");
            rows! { r; case => answer; format!("{case}, count") => count => 1: SLOTS; }
        }
        rows! { r;
            "NULL pulCount" => call!(t, C_GetSlotList(CK_FALSE, null(), null())) => CKR_ARGUMENTS_BAD;
            "the token's slot is among all" => slots.contains(&t.slot()) => true;
        }
    }),
    ("slot", |t, r| {
        let (slot, mut info, mut token) =
            (t.slot(), CK_SLOT_INFO::default(), CK_TOKEN_INFO::default());
        rows! { r;
            "C_GetSlotInfo" => call!(t, C_GetSlotInfo(slot, &mut info)) => CKR_OK;
            "flags" => info.flags == CKF_TOKEN_PRESENT => true;
            "C_GetSlotInfo invalid slot ID" => call!(t, C_GetSlotInfo(NO, &mut info)) => CKR_SLOT_ID_INVALID;
            "C_GetSlotInfo with NULL pInfo" => call!(t, C_GetSlotInfo(slot, null())) => CKR_ARGUMENTS_BAD;
            "C_GetTokenInfo" => call!(t, C_GetTokenInfo(slot, &mut token)) => CKR_OK;
            "C_GetTokenInfo invalid slot ID" => call!(t, C_GetTokenInfo(NO, &mut token)) => CKR_SLOT_ID_INVALID;
            "C_GetTokenInfo with NULL pInfo" => call!(t, C_GetTokenInfo(slot, null())) => CKR_ARGUMENTS_BAD;
        }
    }),
    ("token", |t, r| {
        let facts = || {
            let mut info = CK_TOKEN_INFO::default();
            call!(t, C_GetTokenInfo(t.slot(), &mut info));
            info
        };
        let info = facts();
        answers! { r;
            "CKF_WRITE_PROTECTED" => true: READ_ONLY;
            "CKF_RESTORE_KEY_NOT_NEEDED" => false: READ_ONLY;
            "CKF_RNG" => true;
            "CKF_LOGIN_REQUIRED" => true;
            "CKF_USER_PIN_INITIALIZED" => true;
            "CKF_TOKEN_INITIALIZED" => true;
            "CKF_*" => false;
        }
        // The counts of wrong PINs are not here: they belong to what happened before.
        for (name, flag) in named![
            CKF_RNG CKF_WRITE_PROTECTED CKF_LOGIN_REQUIRED CKF_USER_PIN_INITIALIZED CKF_RESTORE_KEY_NOT_NEEDED CKF_CLOCK_ON_TOKEN
            CKF_PROTECTED_AUTHENTICATION_PATH CKF_DUAL_CRYPTO_OPERATIONS CKF_TOKEN_INITIALIZED CKF_USER_PIN_TO_BE_CHANGED CKF_ERROR_STATE
        ] {
            rows! { r; *name => info.flags & flag != 0; }
        }
        rows! { r;
            "label" => &*String::from_utf8_lossy(&info.label) => "SignPath                        ";
            "most sessions" => [info.ulMaxSessionCount, info.ulMaxRwSessionCount] == [CK_EFFECTIVELY_INFINITE; 2] => true;
            "memory" => [info.ulTotalPublicMemory, info.ulFreePrivateMemory] == [CK_UNAVAILABLE_INFORMATION; 2] => true;
            "lengths of a PIN" => format!("{} to {}", info.ulMinPinLen, info.ulMaxPinLen) => "0 to 4096": PIN;
        }
        let counts = || {
            let info = facts();
            format!("{} and {}", info.ulSessionCount, info.ulRwSessionCount)
        };
        rows! { r; "no session" => counts() => "0 and 0": SESSION_COUNT; }
        let session = t.session();
        rows! { r;
            "a read-only session" => counts() => "1 and 0": SESSION_COUNT;
            @ t.read_write(); "a read/write session more" => counts() => "2 and 1": SESSION_COUNT;
            @ session.close(); "the read-only session closed" => counts() => "1 and 1": SESSION_COUNT;
        }
    }),
    ("mechanisms", mechanisms),
    ("slot events", |t, r| {
        let wait = |slot| call!(t, C_WaitForSlotEvent(CKF_DONT_BLOCK, slot, null()));
        rows! { r;
            "without waiting" => wait(place(0)) => CKR_NO_EVENT;
            "NULL pSlot" => wait(null()) => CKR_ARGUMENTS_BAD: NO_PLACE;
        }
    }),
];

unsafe extern "C" fn create_mutex(mutex: *mut *mut c_void) -> CK_RV {
    // SAFETY: the module gives a place for the mutex. There is one thread, so any address will do.
    unsafe { *mutex = ptr::dangling_mut::<u8>().cast() };
    CKR_OK
}

unsafe extern "C" fn use_mutex(_mutex: *mut c_void) -> CK_RV {
    CKR_OK
}

/// `tests/mechanisms` has their flags and key sizes.
fn mechanisms(t: &Module, r: &mut Report) {
    let (slot, listed) = (t.slot(), t.mechanisms());
    answers! { r;
        "CKM_ECDSA_SHA*" => CKR_OK: NO_ECDSA_SHA; "CKM_SHA512_2*" => CKR_OK: NO_SHA512T; "CKM_SHA3_*" => CKR_OK: NO_SHA512T;
        "CKM_*" => CKR_OK;
    }
    for (name, id) in OURS {
        rows! { r; *name => t.mechanism_info(slot, *id).map(drop); }
    }
    let (info, room, mut count) = (place(CK_MECHANISM_INFO::default()), place(0), 1);
    rows! { r;
        "unknown mechanism" => call!(t, C_GetMechanismInfo(slot, 0x7fff_0000, info)) => CKR_MECHANISM_INVALID;
        "invalid slot ID" => call!(t, C_GetMechanismInfo(NO, CKM_RSA_PKCS, info)) => CKR_SLOT_ID_INVALID;
        "C_GetMechanismInfo with NULL pInfo" => call!(t, C_GetMechanismInfo(slot, CKM_RSA_PKCS, null())) => CKR_ARGUMENTS_BAD;
        "C_GetMechanismList invalid slot ID" => call!(t, C_GetMechanismList(NO, null(), &mut count)) => CKR_SLOT_ID_INVALID;
        "C_GetMechanismList with NULL pulCount" => call!(t, C_GetMechanismList(slot, null(), null())) => CKR_ARGUMENTS_BAD;
        @ count = 1; "C_GetMechanismList with room for one" => call!(t, C_GetMechanismList(slot, room, &mut count)) => CKR_BUFFER_TOO_SMALL;
        "the count says how many there are" => count == listed.len() as CK_ULONG => true;
    }
}

/// The mechanisms that SignPath signs with.
const OURS: &[(&str, CK_MECHANISM_TYPE)] = named![
    CKM_RSA_PKCS CKM_MD5_RSA_PKCS CKM_SHA1_RSA_PKCS CKM_SHA256_RSA_PKCS CKM_SHA384_RSA_PKCS CKM_SHA512_RSA_PKCS
    CKM_RSA_PKCS_PSS CKM_SHA1_RSA_PKCS_PSS CKM_SHA256_RSA_PKCS_PSS CKM_SHA384_RSA_PKCS_PSS CKM_SHA512_RSA_PKCS_PSS
    CKM_ECDSA CKM_ECDSA_SHA1 CKM_ECDSA_SHA256 CKM_ECDSA_SHA384 CKM_ECDSA_SHA512 CKM_MD5 CKM_SHA_1 CKM_SHA224 CKM_SHA256
    CKM_SHA384 CKM_SHA512 CKM_SHA512_224 CKM_SHA512_256 CKM_SHA3_224 CKM_SHA3_256 CKM_SHA3_384 CKM_SHA3_512
];
