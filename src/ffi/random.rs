//! Random number generation functions (PKCS #11 3.2, section 5.19).

use std::io;

use cryptoki_sys::*;
use signpath_platform::os_error;

use super::functions;
use crate::error::{Error, Kind};
use crate::module::Module;

functions! {
    /// C_SeedRandom (PKCS #11 3.2, section 5.19.1). The operating system seeds its generator
    /// itself.
    fn C_SeedRandom(hSession: CK_SESSION_HANDLE, pSeed: *mut CK_BYTE, ulSeedLen: CK_ULONG) {
        Module::current()?.session(hSession)?;
        pSeed.bytes()?;
        Err(Error::new(
            Kind::RandomSeed,
            "the operating system seeds its random number generator itself",
        ))
    }

    /// C_GenerateRandom (PKCS #11 3.2, section 5.19.2).
    fn C_GenerateRandom(
        hSession: CK_SESSION_HANDLE,
        pRandomData: *mut CK_BYTE,
        ulRandomLen: CK_ULONG,
    ) {
        Module::current()?.session(hSession)?;
        pRandomData.fill(|piece| {
            getrandom::fill(piece).map_err(|error| {
                let reason = match error.raw_os_error() {
                    Some(number) => os_error::describe(&io::Error::from_raw_os_error(number)),
                    None => "its random number generator does not work".to_owned(),
                };
                let reason = format!("the operating system returned no random numbers: {reason}");
                Error::new(Kind::RandomUnavailable, reason)
            })
        })
    }
}
