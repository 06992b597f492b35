//! Message digesting functions (PKCS #11 3.2, section 5.12).

use cryptoki_sys::*;

use super::functions;
use super::memory;
use super::signing::answer;
use crate::error::{Error, Kind};
use crate::mechanism::Mechanism;
use crate::module::Module;
use crate::operation::{Digest, Form};

functions! {
    /// C_DigestInit (PKCS #11 3.2, section 5.12.1). A NULL mechanism ends an active digest.
    fn C_DigestInit(hSession: CK_SESSION_HANDLE, pMechanism: *mut CK_MECHANISM) {
        let session = Module::current()?.session(hSession)?;
        if pMechanism.is_null() && session.digest.cancel() {
            return Ok(());
        }
        // SAFETY: the caller's promise.
        let request = unsafe { memory::mechanism(pMechanism) }?;
        session.digest.start(|_| Ok(Digest::new(Mechanism::for_digests(request)?)))
    }

    /// C_Digest (PKCS #11 3.2, section 5.12.2). Data and digest may be in the same place.
    fn C_Digest(
        hSession: CK_SESSION_HANDLE,
        pData: *mut CK_BYTE,
        ulDataLen: CK_ULONG,
        pDigest: *mut CK_BYTE,
        pulDigestLen: *mut CK_ULONG,
    ) {
        let session = Module::current()?.session(hSession)?;
        let digest = session.digest.take()?.in_form(Form::OnePart)?;
        let needed = digest.operation.length;
        // SAFETY: the caller's promise.
        unsafe {
            answer(digest, needed, (pDigest, pulDigestLen, "pulDigestLen"), |mut digest| {
                digest.operation.data.set(memory::bytes(pData, ulDataLen, "pData")?)?;
                Ok(digest.operation.data.finish())
            })
        }
    }

    /// C_DigestUpdate (PKCS #11 3.2, section 5.12.3).
    fn C_DigestUpdate(hSession: CK_SESSION_HANDLE, pPart: *mut CK_BYTE, ulPartLen: CK_ULONG) {
        let session = Module::current()?.session(hSession)?;
        let mut digest = session.digest.take()?.in_form(Form::Parts)?;
        // SAFETY: the caller's promise.
        let part = unsafe { memory::bytes(pPart, ulPartLen, "pPart") }?;
        digest.operation.data.add(part)?;
        digest.keep();
        Ok(())
    }

    /// C_DigestKey (PKCS #11 3.2, section 5.12.4). There are no secret keys to digest; the digest
    /// goes on without one.
    fn C_DigestKey(hSession: CK_SESSION_HANDLE, hKey: CK_OBJECT_HANDLE) {
        let module = Module::current()?;
        let session = module.session(hSession)?;
        session.digest.with(|_| ())?;
        module.token.visible_key(hKey)?;
        Err(Error::new(Kind::KeyIndigestible, "only the value of a secret key can be digested"))
    }

    /// C_DigestFinal (PKCS #11 3.2, section 5.12.5).
    fn C_DigestFinal(
        hSession: CK_SESSION_HANDLE,
        pDigest: *mut CK_BYTE,
        pulDigestLen: *mut CK_ULONG,
    ) {
        let session = Module::current()?.session(hSession)?;
        let digest = session.digest.take()?.in_form(Form::Parts)?;
        let needed = digest.operation.length;
        // SAFETY: the caller's promise.
        unsafe {
            answer(digest, needed, (pDigest, pulDigestLen, "pulDigestLen"), |digest| {
                Ok(digest.operation.data.finish())
            })
        }
    }
}
