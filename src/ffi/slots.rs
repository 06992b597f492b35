//! Slot and token management (PKCS #11 3.2, section 5.5).

use std::ffi::c_void;

use cryptoki_sys::*;

use super::output::Out;
use super::{entry_point, functions};
use crate::constant_names;
use crate::error::{Error, Kind, Result};
use crate::mechanism::{MECHANISMS, Mechanism};
use crate::module::Module;
use crate::token;

/// The mechanism flags of PKCS #11 2.40 (section 3.5 there).
const FLAGS_2_40: CK_FLAGS = CKF_HW
    | CKF_ENCRYPT
    | CKF_DECRYPT
    | CKF_DIGEST
    | CKF_SIGN
    | CKF_SIGN_RECOVER
    | CKF_VERIFY
    | CKF_VERIFY_RECOVER
    | CKF_GENERATE
    | CKF_GENERATE_KEY_PAIR
    | CKF_WRAP
    | CKF_UNWRAP
    | CKF_DERIVE
    | CKF_EC_F_P
    | CKF_EC_F_2M
    | CKF_EC_ECPARAMETERS
    | CKF_EC_NAMEDCURVE
    | CKF_EC_UNCOMPRESS
    | CKF_EC_COMPRESS
    | CKF_EXTENSION;

functions! {
    /// C_GetSlotList (PKCS #11 3.2, section 5.5.1). Each token is always present.
    fn C_GetSlotList(tokenPresent: CK_BBOOL, pSlotList: *mut CK_SLOT_ID, pulCount: *mut CK_ULONG) {
        let module = Module::current()?;
        let slots: Vec<_> = module.tokens().iter().map(|token| token.slot_id()).collect();
        pSlotList.write(&slots)
    }

    /// C_GetSlotInfo (PKCS #11 3.2, section 5.5.2).
    fn C_GetSlotInfo(slotID: CK_SLOT_ID, pInfo: *mut CK_SLOT_INFO) {
        Module::current()?.token(slotID)?;
        let info = CK_SLOT_INFO {
            slotDescription: padded("SignPath signing policies"),
            manufacturerID: padded(token::MANUFACTURER),
            flags: CKF_TOKEN_PRESENT,
            hardwareVersion: CK_VERSION { major: 1, minor: 0 },
            firmwareVersion: library_version(),
        };
        pInfo.write(info)
    }

    /// C_GetTokenInfo (PKCS #11 3.2, section 5.5.3).
    fn C_GetTokenInfo(slotID: CK_SLOT_ID, pInfo: *mut CK_TOKEN_INFO) {
        let module = Module::current()?;
        let token = module.token(slotID)?;
        let sessions = module.session_count(token);
        let info = CK_TOKEN_INFO {
            label: padded(&token.info().label),
            manufacturerID: padded(token::MANUFACTURER),
            model: padded(token::MODEL),
            serialNumber: padded(&token.info().serial_number),
            flags: token.flags(),
            ulMaxSessionCount: CK_EFFECTIVELY_INFINITE,
            ulSessionCount: sessions.all as CK_ULONG,
            ulMaxRwSessionCount: CK_EFFECTIVELY_INFINITE,
            ulRwSessionCount: sessions.read_write as CK_ULONG,
            ulMaxPinLen: token::MAX_PIN_LENGTH,
            ulMinPinLen: 0,
            ulTotalPublicMemory: CK_UNAVAILABLE_INFORMATION,
            ulFreePublicMemory: CK_UNAVAILABLE_INFORMATION,
            ulTotalPrivateMemory: CK_UNAVAILABLE_INFORMATION,
            ulFreePrivateMemory: CK_UNAVAILABLE_INFORMATION,
            hardwareVersion: CK_VERSION { major: 1, minor: 0 },
            firmwareVersion: library_version(),
            utcTime: padded(""),
        };
        pInfo.write(info)
    }

    /// C_WaitForSlotEvent (PKCS #11 3.2, section 5.5.4). There are no slot events, so it waits
    /// until C_Finalize.
    fn C_WaitForSlotEvent(flags: CK_FLAGS, pSlot: *mut CK_SLOT_ID, pReserved: *mut c_void) {
        let module = Module::current()?;
        pSlot.not_null()?;
        pReserved.reserved()?;
        if flags & CKF_DONT_BLOCK != 0 {
            return Err(Error::new(Kind::NoEvent, "the slot has no events"));
        }
        module.wait_for_slot_event()
    }

    /// C_GetMechanismList (PKCS #11 3.2, section 5.5.5).
    fn C_GetMechanismList(
        slotID: CK_SLOT_ID,
        pMechanismList: *mut CK_MECHANISM_TYPE,
        pulCount: *mut CK_ULONG,
    ) {
        Module::current()?.token(slotID)?;
        let list: Vec<_> = MECHANISMS.iter().map(|mechanism| mechanism.id).collect();
        pMechanismList.write(&list)
    }

    /// C_GetMechanismInfo (PKCS #11 3.2, section 5.5.6).
    fn C_GetMechanismInfo(
        slotID: CK_SLOT_ID,
        type_: CK_MECHANISM_TYPE,
        pInfo: *mut CK_MECHANISM_INFO,
    ) {
        mechanism_info(slotID, type_, &pInfo, CK_FLAGS::MAX)
    }
}

entry_point! {
    /// C_GetMechanismInfo in the function list of version 2.40. It leaves out the flags of later
    /// versions, which callers of 2.40 do not know.
    ///
    /// # Safety
    /// Pointers must be valid as the standard requires.
    (pub(super)) mechanism_info_2_40: "C_GetMechanismInfo" =>
    (slotID: CK_SLOT_ID, type_: CK_MECHANISM_TYPE, pInfo: *mut CK_MECHANISM_INFO)
    {
        mechanism_info(slotID, type_, &pInfo, FLAGS_2_40)
    }
}

fn mechanism_info(
    slot: CK_SLOT_ID,
    id: CK_MECHANISM_TYPE,
    info: &Out<CK_MECHANISM_INFO>,
    known_flags: CK_FLAGS,
) -> Result<()> {
    Module::current()?.token(slot)?;
    info.not_null()?;
    let mechanism = Mechanism::find(id).ok_or_else(|| {
        let reason = format!("{} is not supported", constant_names::mechanism(id));
        Error::new(Kind::NoSuchMechanism, reason)
    })?;
    let mut known = mechanism.info();
    known.flags &= known_flags;
    info.write(known)
}

/// Text as the standard's structures require it: blank-padded, not NUL-terminated.
pub(super) fn padded<const N: usize>(text: &str) -> [CK_UTF8CHAR; N] {
    let mut field = [b' '; N];
    for (place, byte) in field.iter_mut().zip(text.bytes()) {
        *place = byte;
    }
    field
}

/// The version of the crate.
pub(super) fn library_version() -> CK_VERSION {
    CK_VERSION {
        major: env!("CARGO_PKG_VERSION_MAJOR").parse().unwrap_or_default(),
        minor: env!("CARGO_PKG_VERSION_MINOR").parse().unwrap_or_default(),
    }
}
