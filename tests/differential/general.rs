//! C_Initialize and C_Finalize, slots, the token and its mechanisms.

use std::ffi::c_void;
use std::ptr;

use cryptoki_sys::*;
use pkcs11_test::call;
use pkcs11_test::harness::{Module, mechanism_name, null};

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
            "C_GetFunctionList with a NULL result pointer" => call!(t, C_GetFunctionList(null())) => CKR_ARGUMENTS_BAD;
        }
    }),
    ("arguments of C_Initialize", |t, r| {
        let none = CK_C_INITIALIZE_ARGS::default();
        let mutexes = CK_C_INITIALIZE_ARGS {
            CreateMutex: Some(create_mutex),
            DestroyMutex: Some(use_mutex),
            LockMutex: Some(use_mutex),
            UnlockMutex: Some(use_mutex),
            ..none
        };
        let with_flags = |arguments, flags| CK_C_INITIALIZE_ARGS { flags, ..arguments };
        let initialize = |mut arguments: CK_C_INITIALIZE_ARGS| {
            t.finalize();
            call!(t, C_Initialize((&raw mut arguments).cast()))
        };
        let reserved = ptr::from_ref(t).cast_mut().cast();
        let no_threads = CKF_OS_LOCKING_OK | CKF_LIBRARY_CANT_CREATE_OS_THREADS;
        rows! { r;
            "nothing" => initialize(none) => CKR_OK;
            "CKF_OS_LOCKING_OK" => initialize(with_flags(none, CKF_OS_LOCKING_OK)) => CKR_OK;
            "CKF_OS_LOCKING_OK and CKF_LIBRARY_CANT_CREATE_OS_THREADS" => initialize(with_flags(none, no_threads)) => CKR_OK;
            "pReserved" => initialize(CK_C_INITIALIZE_ARGS { pReserved: reserved, ..none }) => CKR_ARGUMENTS_BAD;
            "one mutex function of four" => initialize(CK_C_INITIALIZE_ARGS { LockMutex: Some(use_mutex), ..none }) => CKR_ARGUMENTS_BAD;
            "mutex functions" => initialize(mutexes) => CKR_CANT_LOCK | CKR_OK: LOCKS;
            "mutex functions and CKF_OS_LOCKING_OK" => initialize(with_flags(mutexes, CKF_OS_LOCKING_OK)) => CKR_OK;
        }
    }),
    // Nothing outlives a C_Finalize.
    ("second C_Initialize", |t, r| {
        let old = t.user();
        t.finalize();
        t.initialize();
        rows! { r;
            "the old session" => old.info().map(drop) => CKR_SESSION_HANDLE_INVALID;
            "the state of a new session" => t.session().info().map(|info| info.state) => "CKR_OK, 0";
        }
    }),
    ("library", |t, r| {
        let mut info = CK_INFO::default();
        rows! { r;
            "C_GetInfo" => call!(t, C_GetInfo(&mut info)) => CKR_OK;
            "flags" => info.flags => 0;
            "version" => format!("{}.{}", info.cryptokiVersion.major, info.cryptokiVersion.minor) => "3.2" | "2.40": NEWER_STANDARD;
            "C_GetInfo with a NULL result pointer" => call!(t, C_GetInfo(null())) => CKR_ARGUMENTS_BAD;
        }
    }),
    ("slots", |t, r| {
        let (mut slots, mut count) = ([0; 16], 0);
        let place = slots.as_mut_ptr();
        let c = &raw mut count;
        rows! { r;
            "asking for the count" => call!(t, C_GetSlotList(CK_FALSE, null(), c)) => CKR_OK;
            "asking for the count, count" => count => 1 | 2: SLOTS;
            @ count = 0; "asking for the count with tokens" => call!(t, C_GetSlotList(CK_TRUE, null(), c)) => CKR_OK;
            "asking for the count with tokens, count" => count => 1 | 2: SLOTS;
            @ count = 16; "list" => call!(t, C_GetSlotList(CK_FALSE, place, c)) => CKR_OK;
            "list, count" => count => 1 | 2: SLOTS;
            @ count = 0; "no room" => call!(t, C_GetSlotList(CK_TRUE, place, c)) => CKR_BUFFER_TOO_SMALL;
            "no room, count" => count => 1 | 2: SLOTS;
            "NULL for the count" => call!(t, C_GetSlotList(CK_FALSE, null(), null())) => CKR_ARGUMENTS_BAD;
            @ count = 16; @ call!(t, C_GetSlotList(CK_FALSE, place, c));
            "the token's slot is among all" => slots[..count as usize].contains(&t.slot()) => true;
        }
    }),
    ("slot", |t, r| {
        let slot = t.slot();
        let mut info = CK_SLOT_INFO::default();
        call!(t, C_GetSlotInfo(slot, &mut info));
        rows! { r;
            "CKF_TOKEN_PRESENT" => info.flags & CKF_TOKEN_PRESENT != 0 => true;
            "CKF_REMOVABLE_DEVICE" => info.flags & CKF_REMOVABLE_DEVICE != 0 => false;
            "CKF_HW_SLOT" => info.flags & CKF_HW_SLOT != 0 => false;
            "C_GetSlotInfo invalid slot ID" => call!(t, C_GetSlotInfo(NO, &mut info)) => CKR_SLOT_ID_INVALID;
            "C_GetSlotInfo with a NULL result pointer" => call!(t, C_GetSlotInfo(slot, null())) => CKR_ARGUMENTS_BAD;
            "C_GetTokenInfo invalid slot ID" => call!(t, C_GetTokenInfo(NO, &mut CK_TOKEN_INFO::default())) => CKR_SLOT_ID_INVALID;
            "C_GetTokenInfo with a NULL result pointer" => call!(t, C_GetTokenInfo(slot, null())) => CKR_ARGUMENTS_BAD;
        }
    }),
    ("token", |t, r| {
        let facts = || {
            let mut info = CK_TOKEN_INFO::default();
            call!(t, C_GetTokenInfo(t.slot(), &mut info));
            info
        };
        let info = facts();
        let has = |flag| info.flags & flag != 0;
        let sessions = || limit(facts().ulSessionCount);
        let read_write = || limit(facts().ulRwSessionCount);
        // The counts of wrong PINs are not here: they belong to what happened before.
        rows! { r;
            "CKF_RNG" => has(CKF_RNG) => true;
            "CKF_WRITE_PROTECTED" => has(CKF_WRITE_PROTECTED) => true | false: READ_ONLY;
            "CKF_LOGIN_REQUIRED" => has(CKF_LOGIN_REQUIRED) => true;
            "CKF_USER_PIN_INITIALIZED" => has(CKF_USER_PIN_INITIALIZED) => true;
            "CKF_RESTORE_KEY_NOT_NEEDED" => has(CKF_RESTORE_KEY_NOT_NEEDED) => false | true: READ_ONLY;
            "CKF_CLOCK_ON_TOKEN" => has(CKF_CLOCK_ON_TOKEN) => false;
            "CKF_PROTECTED_AUTHENTICATION_PATH" => has(CKF_PROTECTED_AUTHENTICATION_PATH) => false;
            "CKF_DUAL_CRYPTO_OPERATIONS" => has(CKF_DUAL_CRYPTO_OPERATIONS) => false;
            "CKF_TOKEN_INITIALIZED" => has(CKF_TOKEN_INITIALIZED) => true;
            "CKF_USER_PIN_TO_BE_CHANGED" => has(CKF_USER_PIN_TO_BE_CHANGED) => false;
            "CKF_ERROR_STATE" => has(CKF_ERROR_STATE) => false;
            "label" => &*String::from_utf8_lossy(&info.label) => "SignPath                        ";
            "ulMaxSessionCount" => limit(info.ulMaxSessionCount) => CK_EFFECTIVELY_INFINITE;
            "ulMaxRwSessionCount" => limit(info.ulMaxRwSessionCount) => CK_EFFECTIVELY_INFINITE;
            "ulMinPinLen" => info.ulMinPinLen => 0 | 4: PIN;
            "ulMaxPinLen" => info.ulMaxPinLen => 4096 | 255: PIN;
            "ulTotalPublicMemory" => limit(info.ulTotalPublicMemory) => CK_UNAVAILABLE_INFORMATION;
            "ulFreePrivateMemory" => limit(info.ulFreePrivateMemory) => CK_UNAVAILABLE_INFORMATION;
            "no session, ulSessionCount" => count(facts().ulSessionCount) => 0 | CK_UNAVAILABLE_INFORMATION: SESSION_COUNT;
            "no session, ulRwSessionCount" => count(facts().ulRwSessionCount) => 0 | CK_UNAVAILABLE_INFORMATION: SESSION_COUNT;
        }
        let session = t.session();
        rows! { r;
            "a read-only session, ulSessionCount" => sessions() => 1 | CK_UNAVAILABLE_INFORMATION: SESSION_COUNT;
            "a read-only session, ulRwSessionCount" => count(facts().ulRwSessionCount) => 0 | CK_UNAVAILABLE_INFORMATION: SESSION_COUNT;
            @ t.read_write();
            "a read/write session more, ulSessionCount" => sessions() => 2 | CK_UNAVAILABLE_INFORMATION: SESSION_COUNT;
            "a read/write session more, ulRwSessionCount" => read_write() => 1 | CK_UNAVAILABLE_INFORMATION: SESSION_COUNT;
            @ session.close();
            "the read-only session closed, ulSessionCount" => sessions() => 1 | CK_UNAVAILABLE_INFORMATION: SESSION_COUNT;
            "the read-only session closed, ulRwSessionCount" => read_write() => 1 | CK_UNAVAILABLE_INFORMATION: SESSION_COUNT;
        }
    }),
    ("mechanisms", mechanisms),
    ("slot events", |t, r| {
        let mut slot = 0;
        let wait = |slot| call!(t, C_WaitForSlotEvent(CKF_DONT_BLOCK, slot, null()));
        rows! { r;
            "without waiting" => wait(&mut slot) => CKR_NO_EVENT;
            "with a NULL result pointer" => wait(null()) => CKR_ARGUMENTS_BAD | CKR_NO_EVENT: NO_PLACE;
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

fn limit(number: CK_ULONG) -> String {
    match number {
        CK_EFFECTIVELY_INFINITE => "CK_EFFECTIVELY_INFINITE".to_owned(),
        number => count(number),
    }
}

fn count(number: CK_ULONG) -> String {
    match number {
        CK_UNAVAILABLE_INFORMATION => "CK_UNAVAILABLE_INFORMATION".to_owned(),
        number => number.to_string(),
    }
}

fn mechanisms(t: &Module, r: &mut Report) {
    let (slot, listed) = (t.slot(), t.mechanisms());
    answers! { r;
        "CKM_RSA_PKCS, CKF_ENCRYPT" => false | true: READ_ONLY;
        "CKM_RSA_PKCS, CKF_WRAP" => false | true: READ_ONLY;
        "CKM_*RSA_PKCS*, key sizes" => "2048 to 4096" | "512 to 16384": KEY_SIZES;
        "CKM_ECDSA, key sizes" => "256 to 521" | "112 to 521": KEY_SIZES;
        "CKM_*RSA_PKCS*, CKF_HW" => true | false: HARDWARE;
        "CKM_ECDSA, CKF_HW" => true | false: HARDWARE;
        "CKM_ECDSA_SHA* is listed" => true | false: NO_ECDSA_SHA;
        "CKM_ECDSA_SHA*, *" => "*" | none: NO_ECDSA_SHA;
        "CKM_ECDSA_SHA*" => CKR_OK | CKR_MECHANISM_INVALID: NO_ECDSA_SHA;
        "CKM_SHA512_2* is listed" => true | false: NO_SHA512T;
        "CKM_SHA512_2*, *" => "*" | none: NO_SHA512T;
        "CKM_SHA512_2*" => CKR_OK | CKR_MECHANISM_INVALID: NO_SHA512T;
        "CKM_SHA3_* is listed" => true | false: NO_SHA512T;
        "CKM_SHA3_*, *" => "*" | none: NO_SHA512T;
        "CKM_SHA3_*" => CKR_OK | CKR_MECHANISM_INVALID: NO_SHA512T;
    }
    for id in OURS {
        let name = mechanism_name(*id);
        let info = t.mechanism_info(slot, *id);
        let fact =
            |fact: &dyn Fn(CK_MECHANISM_INFO) -> String| info.map_or("none".to_owned(), fact);
        rows! { r;
            format!("{name} is listed") => listed.contains(id);
            @ t.mechanism_info(slot, *id);
            &name => info.map(drop);
            format!("{name}, key sizes") => fact(&|info| format!("{} to {}", info.ulMinKeySize, info.ulMaxKeySize));
        }
        for (flag_name, flag) in FLAGS {
            rows! { r; format!("{name}, {flag_name}") => fact(&|info| (info.flags & flag != 0).to_string()); }
        }
    }
    let (mut info, mut room, mut count) = (CK_MECHANISM_INFO::default(), [0; 1], 0);
    rows! { r;
        "others are listed" => listed.iter().any(|listed| !OURS.contains(listed)) => false | true: READ_ONLY;
        "unknown mechanism" => call!(t, C_GetMechanismInfo(slot, 0x7fff_0000, &mut info)) => CKR_MECHANISM_INVALID;
        "invalid slot ID" => call!(t, C_GetMechanismInfo(NO, CKM_RSA_PKCS, &mut info)) => CKR_SLOT_ID_INVALID;
        "C_GetMechanismInfo with a NULL result pointer" => call!(t, C_GetMechanismInfo(slot, CKM_RSA_PKCS, null())) => CKR_ARGUMENTS_BAD;
        "C_GetMechanismList invalid slot ID" => call!(t, C_GetMechanismList(NO, null(), &mut count)) => CKR_SLOT_ID_INVALID;
        "C_GetMechanismList with NULL for the count" => call!(t, C_GetMechanismList(slot, null(), null())) => CKR_ARGUMENTS_BAD;
        @ count = 1;
        "C_GetMechanismList with room for one" => call!(t, C_GetMechanismList(slot, room.as_mut_ptr(), &mut count))
            => CKR_BUFFER_TOO_SMALL;
        "the count says how many there are" => count == listed.len() as CK_ULONG => true;
    }
}

macro_rules! flags {
    ($($flag:ident)*) => { &[$((stringify!($flag), $flag)),*] };
}

const FLAGS: &[(&str, CK_FLAGS)] = flags![
    CKF_DIGEST CKF_HW CKF_SIGN CKF_VERIFY CKF_ENCRYPT CKF_WRAP CKF_EC_F_P CKF_EC_NAMEDCURVE CKF_EC_UNCOMPRESS
];

macro_rules! list {
    ($($id:ident)*) => { &[$($id),*] };
}

/// The mechanisms that SignPath signs with.
const OURS: &[CK_MECHANISM_TYPE] = list![
    CKM_RSA_PKCS CKM_MD5_RSA_PKCS CKM_SHA1_RSA_PKCS CKM_SHA256_RSA_PKCS CKM_SHA384_RSA_PKCS CKM_SHA512_RSA_PKCS
    CKM_RSA_PKCS_PSS CKM_SHA1_RSA_PKCS_PSS CKM_SHA256_RSA_PKCS_PSS CKM_SHA384_RSA_PKCS_PSS CKM_SHA512_RSA_PKCS_PSS
    CKM_ECDSA CKM_ECDSA_SHA1 CKM_ECDSA_SHA256 CKM_ECDSA_SHA384 CKM_ECDSA_SHA512 CKM_MD5 CKM_SHA_1 CKM_SHA224 CKM_SHA256
    CKM_SHA384 CKM_SHA512 CKM_SHA512_224 CKM_SHA512_256 CKM_SHA3_224 CKM_SHA3_256 CKM_SHA3_384 CKM_SHA3_512
];
