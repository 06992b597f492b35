//! Message digesting functions (PKCS #11 3.2, section 5.12).

use cryptoki_sys::*;

use super::functions;
use super::operations::{mechanism_or_cancel, respond, update};
use crate::error::{Error, Kind};
use crate::mechanism::Mechanism;
use crate::module::Module;
use crate::operation::{Digest, Parts, Taken};

functions! {
    /// C_DigestInit (PKCS #11 3.2, section 5.12.1). A NULL mechanism cancels an active digest
    /// operation.
    fn C_DigestInit(hSession: CK_SESSION_HANDLE, pMechanism: *mut CK_MECHANISM) {
        let session = Module::current()?.session(hSession)?;
        let Some(request) = mechanism_or_cancel(&session.digest, &pMechanism)? else {
            return Ok(());
        };
        session.digest.start(|_| Ok(Digest::new(Mechanism::for_digests(&request)?)))
    }

    /// C_Digest (PKCS #11 3.2, section 5.12.2). The data and the digest may share a buffer.
    fn C_Digest(
        hSession: CK_SESSION_HANDLE,
        pData: *mut CK_BYTE,
        ulDataLen: CK_ULONG,
        pDigest: *mut CK_BYTE,
        pulDigestLen: *mut CK_ULONG,
    ) {
        let session = Module::current()?.session(hSession)?;
        let digest = session.digest.take()?.in_form(Parts::Single)?;
        respond(&pDigest, digest.operation.length, digest, Taken::keep, |mut digest| {
            digest.operation.data.set(&pData.bytes()?)?;
            Ok(digest.operation.data.finish())
        })
    }

    /// C_DigestUpdate (PKCS #11 3.2, section 5.12.3).
    fn C_DigestUpdate(hSession: CK_SESSION_HANDLE, pPart: *mut CK_BYTE, ulPartLen: CK_ULONG) {
        let session = Module::current()?.session(hSession)?;
        update(session.digest.take()?.in_form(Parts::Multiple)?, &pPart)
    }

    /// C_DigestKey (PKCS #11 3.2, section 5.12.4). There are no secret keys to digest; the
    /// operation stays active.
    fn C_DigestKey(hSession: CK_SESSION_HANDLE, hKey: CK_OBJECT_HANDLE) {
        let session = Module::current()?.session(hSession)?;
        session.digest.with(|_| ())?;
        session.token.visible_key(hKey)?;
        Err(Error::new(Kind::KeyIndigestible, "only secret keys can be digested"))
    }

    /// C_DigestFinal (PKCS #11 3.2, section 5.12.5).
    fn C_DigestFinal(
        hSession: CK_SESSION_HANDLE,
        pDigest: *mut CK_BYTE,
        pulDigestLen: *mut CK_ULONG,
    ) {
        let session = Module::current()?.session(hSession)?;
        let digest = session.digest.take()?.in_form(Parts::Multiple)?;
        respond(&pDigest, digest.operation.length, digest, Taken::keep, |digest| {
            Ok(digest.operation.data.finish())
        })
    }
}
