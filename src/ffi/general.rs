//! General-purpose functions (PKCS #11 3.2, section 5.4).

use std::ffi::c_void;

use cryptoki_sys::*;
use log::debug;

use super::functions;
use super::input::reserved;
use super::slots::{library_version, padded};
use crate::constant_names;
use crate::error::{Error, Kind, Result};
use crate::module::Module;
use signpath_client::Threads;

functions! {
    /// C_Initialize (PKCS #11 3.2, section 5.4.1). The module uses operating system locks. It only
    /// creates threads for resolving host names, and with CKF_LIBRARY_CANT_CREATE_OS_THREADS none
    /// at all.
    fn C_Initialize(pInitArgs: *mut c_void) {
        let mut threads = Threads::Allowed;
        if let Some(arguments) = pInitArgs.read()? {
            check(&arguments)?;
            if arguments.flags & CKF_LIBRARY_CANT_CREATE_OS_THREADS != 0 {
                threads = Threads::Forbidden;
            }
        }
        Module::initialize(threads)
    }

    /// C_Finalize (PKCS #11 3.2, section 5.4.2).
    fn C_Finalize(pReserved: *mut c_void) {
        Module::current()?;
        pReserved.reserved()?;
        Module::finalize()
    }

    /// C_GetInfo (PKCS #11 3.2, section 5.4.3).
    fn C_GetInfo(pInfo: *mut CK_INFO) {
        Module::current()?;
        let info = CK_INFO {
            cryptokiVersion: CK_VERSION { major: 3, minor: 2 },
            manufacturerID: padded("signpath-pkcs11"),
            flags: 0,
            libraryDescription: padded("PKCS #11 for SignPath"),
            libraryVersion: library_version(),
        };
        pInfo.write(info)
    }
}

fn check(arguments: &CK_C_INITIALIZE_ARGS) -> Result<()> {
    debug!("pInitArgs: flags={}", constant_names::flags("C_Initialize", arguments.flags));
    reserved(arguments.pReserved.is_null(), "pReserved in pInitArgs")?;
    // Copied first: the structure is packed on Windows.
    let (create, destroy) = (arguments.CreateMutex, arguments.DestroyMutex);
    let (lock, unlock) = (arguments.LockMutex, arguments.UnlockMutex);
    let mutexes = [create.is_some(), destroy.is_some(), lock.is_some(), unlock.is_some()];
    if mutexes.contains(&true) && mutexes.contains(&false) {
        return Err(Error::new(
            Kind::Arguments,
            "pInitArgs must have all four mutex functions or none",
        ));
    }
    if mutexes.contains(&true) && arguments.flags & CKF_OS_LOCKING_OK == 0 {
        return Err(Error::new(
            Kind::CannotLock,
            "this module only supports operating system locks; set CKF_OS_LOCKING_OK",
        ));
    }
    Ok(())
}
