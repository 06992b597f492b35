//! C_Initialize and C_Finalize, slots, the token and its mechanisms.

use std::ffi::c_void;
use std::ptr;

use cryptoki_sys::*;

use crate::names::{Rv, mechanism_name};
use crate::report::{Report, Script};
use crate::token::{Token, call};

pub const SCRIPTS: &[Script] = &[
    ("C_Initialize and C_Finalize", initialize_and_finalize),
    ("arguments of C_Initialize", initialize_arguments),
    ("another C_Initialize", another_initialize),
    ("library", library),
    ("slots", slots),
    ("slot", slot),
    ("token", token_facts),
    ("mechanisms", mechanisms),
    ("slot events", slot_events),
];

/// A slot that neither side has.
const NO_SLOT: CK_SLOT_ID = 0x7fff_fff0;

fn initialize_and_finalize(token: &Token, report: &mut Report) {
    report.note("C_Initialize, twice", token.initialize());
    let reserved = ptr::from_ref(token).cast_mut().cast();
    report.note(
        "C_Finalize with pReserved",
        call!(token, C_Finalize(reserved)),
    );
    report.note("C_Finalize", token.finalize());
    report.note("C_Finalize, twice", token.finalize());
    report.note("C_Initialize after C_Finalize", token.initialize());
    report.note("C_GetFunctionList without a place", {
        call!(token, C_GetFunctionList(ptr::null_mut()))
    });
}

fn initialize_arguments(token: &Token, report: &mut Report) {
    let mutexes = CK_C_INITIALIZE_ARGS {
        CreateMutex: Some(create_mutex),
        DestroyMutex: Some(use_mutex),
        LockMutex: Some(use_mutex),
        UnlockMutex: Some(use_mutex),
        flags: 0,
        pReserved: ptr::null_mut(),
    };
    let none = CK_C_INITIALIZE_ARGS::default();
    for (case, arguments) in [
        ("nothing", none),
        ("CKF_OS_LOCKING_OK", with_flags(none, CKF_OS_LOCKING_OK)),
        (
            "CKF_OS_LOCKING_OK and CKF_LIBRARY_CANT_CREATE_OS_THREADS",
            with_flags(none, CKF_OS_LOCKING_OK | CKF_LIBRARY_CANT_CREATE_OS_THREADS),
        ),
        (
            "pReserved",
            CK_C_INITIALIZE_ARGS {
                pReserved: ptr::from_ref(token).cast_mut().cast(),
                ..none
            },
        ),
        (
            "one mutex function of four",
            CK_C_INITIALIZE_ARGS {
                LockMutex: Some(use_mutex),
                ..none
            },
        ),
        ("mutex functions", mutexes),
        (
            "mutex functions and CKF_OS_LOCKING_OK",
            with_flags(mutexes, CKF_OS_LOCKING_OK),
        ),
    ] {
        token.finalize();
        let mut arguments = arguments;
        let arguments = ptr::from_mut(&mut arguments).cast();
        report.note(case, call!(token, C_Initialize(arguments)));
    }
}

fn with_flags(arguments: CK_C_INITIALIZE_ARGS, flags: CK_FLAGS) -> CK_C_INITIALIZE_ARGS {
    CK_C_INITIALIZE_ARGS { flags, ..arguments }
}

unsafe extern "C" fn create_mutex(mutex: *mut *mut c_void) -> CK_RV {
    // SAFETY: the module gives a place for the mutex. There is one thread, so any address will do.
    unsafe { *mutex = ptr::dangling_mut::<u8>().cast() };
    CKR_OK
}

unsafe extern "C" fn use_mutex(_mutex: *mut c_void) -> CK_RV {
    CKR_OK
}

/// Nothing outlives a C_Finalize.
fn another_initialize(token: &Token, report: &mut Report) {
    let session = token.user_session();
    token.finalize();
    token.initialize();
    report.note("the old session", rv(token.session_info(session)));
    let session = token.session();
    let state = token.session_info(session).map(|info| info.state);
    report.fetched("the state of a new session", state, u64::to_string);
}

fn library(token: &Token, report: &mut Report) {
    let mut info = CK_INFO::default();
    report.note("C_GetInfo", call!(token, C_GetInfo(&mut info)));
    report.note("flags", info.flags);
    let version = info.cryptokiVersion;
    report.note("version", format!("{}.{}", version.major, version.minor));
    report.note(
        "C_GetInfo without a place",
        call!(token, C_GetInfo(ptr::null_mut())),
    );
}

fn slots(token: &Token, report: &mut Report) {
    let mut list = |case: &str, present: CK_BBOOL, room: Option<CK_ULONG>| {
        let mut slots = [0; 16];
        let mut count = room.unwrap_or_default();
        let place = room.map_or(ptr::null_mut(), |_| slots.as_mut_ptr());
        let rv = call!(token, C_GetSlotList(present, place, &mut count));
        report.note(case, rv);
        report.note(format!("{case}, count"), count);
    };
    list("question for the count", CK_FALSE, None);
    list("question for the count with tokens", CK_TRUE, None);
    list("list", CK_FALSE, Some(16));
    list("room for none", CK_TRUE, Some(0));
    let no_place = call!(
        token,
        C_GetSlotList(CK_FALSE, ptr::null_mut(), ptr::null_mut())
    );
    report.note("no place for the count", no_place);
    let is_listed = token.slots(false).contains(&token.slot());
    report.note("the token's slot is among all", is_listed);
}

fn slot(token: &Token, report: &mut Report) {
    let slot = token.slot();
    let flags = token.slot_info(slot).unwrap().flags;
    for (name, flag) in [
        ("CKF_TOKEN_PRESENT", CKF_TOKEN_PRESENT),
        ("CKF_REMOVABLE_DEVICE", CKF_REMOVABLE_DEVICE),
        ("CKF_HW_SLOT", CKF_HW_SLOT),
    ] {
        report.note(name, flags & flag != 0);
    }
    report.note("C_GetSlotInfo of no slot", rv(token.slot_info(NO_SLOT)));
    report.note(
        "C_GetSlotInfo without a place",
        call!(token, C_GetSlotInfo(slot, ptr::null_mut())),
    );
    report.note("C_GetTokenInfo of no slot", rv(token.token_info(NO_SLOT)));
    report.note(
        "C_GetTokenInfo without a place",
        call!(token, C_GetTokenInfo(slot, ptr::null_mut())),
    );
}

fn token_facts(token: &Token, report: &mut Report) {
    let slot = token.slot();
    let info = token.token_info(slot).unwrap();
    // The counts of wrong PINs are not here: they belong to what happened before.
    for (name, flag) in [
        ("CKF_RNG", CKF_RNG),
        ("CKF_WRITE_PROTECTED", CKF_WRITE_PROTECTED),
        ("CKF_LOGIN_REQUIRED", CKF_LOGIN_REQUIRED),
        ("CKF_USER_PIN_INITIALIZED", CKF_USER_PIN_INITIALIZED),
        ("CKF_RESTORE_KEY_NOT_NEEDED", CKF_RESTORE_KEY_NOT_NEEDED),
        ("CKF_CLOCK_ON_TOKEN", CKF_CLOCK_ON_TOKEN),
        (
            "CKF_PROTECTED_AUTHENTICATION_PATH",
            CKF_PROTECTED_AUTHENTICATION_PATH,
        ),
        ("CKF_DUAL_CRYPTO_OPERATIONS", CKF_DUAL_CRYPTO_OPERATIONS),
        ("CKF_TOKEN_INITIALIZED", CKF_TOKEN_INITIALIZED),
        ("CKF_USER_PIN_TO_BE_CHANGED", CKF_USER_PIN_TO_BE_CHANGED),
        ("CKF_ERROR_STATE", CKF_ERROR_STATE),
    ] {
        report.note(name, info.flags & flag != 0);
    }
    let limit = |count: CK_ULONG| match count {
        CK_EFFECTIVELY_INFINITE => "CK_EFFECTIVELY_INFINITE".to_owned(),
        CK_UNAVAILABLE_INFORMATION => "CK_UNAVAILABLE_INFORMATION".to_owned(),
        count => count.to_string(),
    };
    report.note("label", String::from_utf8_lossy(&info.label));
    report.note("ulMaxSessionCount", limit(info.ulMaxSessionCount));
    report.note("ulMaxRwSessionCount", limit(info.ulMaxRwSessionCount));
    report.note("ulMinPinLen", info.ulMinPinLen);
    report.note("ulMaxPinLen", info.ulMaxPinLen);
    report.note("ulTotalPublicMemory", limit(info.ulTotalPublicMemory));
    report.note("ulFreePrivateMemory", limit(info.ulFreePrivateMemory));

    let count = |count: CK_ULONG| match count {
        CK_UNAVAILABLE_INFORMATION => "CK_UNAVAILABLE_INFORMATION".to_owned(),
        count => count.to_string(),
    };
    let counts = |report: &mut Report, case: &str| {
        let info = token.token_info(slot).unwrap();
        report.note(
            format!("{case}, ulSessionCount"),
            count(info.ulSessionCount),
        );
        report.note(
            format!("{case}, ulRwSessionCount"),
            count(info.ulRwSessionCount),
        );
    };
    counts(report, "no session");
    let session = token.session();
    counts(report, "a read-only session");
    token
        .open(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION)
        .unwrap();
    counts(report, "a read/write session more");
    token.close(session);
    counts(report, "the read-only session closed");
}

fn mechanisms(token: &Token, report: &mut Report) {
    let slot = token.slot();
    let listed = token.mechanisms();
    for mechanism in OURS {
        let name = mechanism_name(*mechanism);
        report.note(format!("{name} is listed"), listed.contains(mechanism));
        let info = token.mechanism_info(slot, *mechanism);
        report.note(&name, rv(info));
        let Ok(info) = info else {
            note_none(report, &name);
            continue;
        };
        report.note(
            format!("{name}, key sizes"),
            format!("{} to {}", info.ulMinKeySize, info.ulMaxKeySize),
        );
        for (flag_name, flag) in FLAGS {
            report.note(format!("{name}, {flag_name}"), info.flags & flag != 0);
        }
    }
    let others = listed
        .iter()
        .filter(|listed| !OURS.contains(listed))
        .count();
    report.note("others are listed", others > 0);
    report.note(
        "an unknown one",
        rv(token.mechanism_info(slot, 0x7fff_0000)),
    );
    report.note(
        "of no slot",
        rv(token.mechanism_info(NO_SLOT, CKM_RSA_PKCS)),
    );
    report.note(
        "C_GetMechanismInfo without a place",
        call!(
            token,
            C_GetMechanismInfo(slot, CKM_RSA_PKCS, ptr::null_mut())
        ),
    );
    let mut count = 0;
    report.note(
        "C_GetMechanismList of no slot",
        call!(
            token,
            C_GetMechanismList(NO_SLOT, ptr::null_mut(), &mut count)
        ),
    );
    report.note(
        "C_GetMechanismList without a place for the count",
        call!(
            token,
            C_GetMechanismList(slot, ptr::null_mut(), ptr::null_mut())
        ),
    );
    let mut room = [0; 1];
    let mut count = 1;
    report.note(
        "C_GetMechanismList with room for one",
        call!(
            token,
            C_GetMechanismList(slot, room.as_mut_ptr(), &mut count)
        ),
    );
    report.note(
        "the count says how many there are",
        count == listed.len() as CK_ULONG,
    );
}

/// The facts of a mechanism that a side does not have.
fn note_none(report: &mut Report, name: &str) {
    report.note(format!("{name}, key sizes"), "none");
    for (flag_name, _) in FLAGS {
        report.note(format!("{name}, {flag_name}"), "none");
    }
}

/// The mechanisms that SignPath signs with.
const OURS: &[CK_MECHANISM_TYPE] = &[
    CKM_RSA_PKCS,
    CKM_MD5_RSA_PKCS,
    CKM_SHA1_RSA_PKCS,
    CKM_SHA256_RSA_PKCS,
    CKM_SHA384_RSA_PKCS,
    CKM_SHA512_RSA_PKCS,
    CKM_RSA_PKCS_PSS,
    CKM_SHA1_RSA_PKCS_PSS,
    CKM_SHA256_RSA_PKCS_PSS,
    CKM_SHA384_RSA_PKCS_PSS,
    CKM_SHA512_RSA_PKCS_PSS,
    CKM_ECDSA,
    CKM_ECDSA_SHA1,
    CKM_ECDSA_SHA256,
    CKM_ECDSA_SHA384,
    CKM_ECDSA_SHA512,
    CKM_MD5,
    CKM_SHA_1,
    CKM_SHA224,
    CKM_SHA256,
    CKM_SHA384,
    CKM_SHA512,
    CKM_SHA512_224,
    CKM_SHA512_256,
    CKM_SHA3_224,
    CKM_SHA3_256,
    CKM_SHA3_384,
    CKM_SHA3_512,
];

const FLAGS: [(&str, CK_FLAGS); 9] = [
    ("CKF_DIGEST", CKF_DIGEST),
    ("CKF_HW", CKF_HW),
    ("CKF_SIGN", CKF_SIGN),
    ("CKF_VERIFY", CKF_VERIFY),
    ("CKF_ENCRYPT", CKF_ENCRYPT),
    ("CKF_WRAP", CKF_WRAP),
    ("CKF_EC_F_P", CKF_EC_F_P),
    ("CKF_EC_NAMEDCURVE", CKF_EC_NAMEDCURVE),
    ("CKF_EC_UNCOMPRESS", CKF_EC_UNCOMPRESS),
];

fn slot_events(token: &Token, report: &mut Report) {
    let mut slot = 0;
    let wait = |flags, slot| call!(token, C_WaitForSlotEvent(flags, slot, ptr::null_mut()));
    report.note("without waiting", wait(CKF_DONT_BLOCK, &mut slot));
    report.note("without a place", wait(CKF_DONT_BLOCK, ptr::null_mut()));
}

fn rv<T>(answer: Result<T, Rv>) -> Rv {
    answer.err().unwrap_or(Rv(CKR_OK))
}
