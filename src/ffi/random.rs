//! Random number generation functions (PKCS #11 3.2, section 5.19).

use cryptoki_sys::*;

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
                let reason = format!("the operating system returned no random numbers: {error}");
                Error::new(Kind::RandomUnavailable, reason)
            })
        })
    }
}
