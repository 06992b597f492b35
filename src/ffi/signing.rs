//! Signing functions (PKCS #11 3.2, section 5.13).

use cryptoki_sys::*;

use super::functions;
use super::memory;
use crate::error::{Kind, Result};
use crate::module::Module;
use crate::session::Session;

functions! {
    /// C_SignInit (PKCS #11 3.2, section 5.13.1). A NULL mechanism ends an active signature.
    fn C_SignInit(
        hSession: CK_SESSION_HANDLE,
        pMechanism: *mut CK_MECHANISM,
        hKey: CK_OBJECT_HANDLE,
    ) {
        let module = Module::current()?;
        let session = module.session(hSession)?;
        if pMechanism.is_null() && session.cancel_sign() {
            return Ok(());
        }
        // SAFETY: the caller's promise.
        let mechanism = unsafe { memory::mechanism(pMechanism) }?;
        session.sign_init(&module.token, mechanism, hKey)
    }

    /// C_Sign (PKCS #11 3.2, section 5.13.2).
    fn C_Sign(
        hSession: CK_SESSION_HANDLE,
        pData: *mut CK_BYTE,
        ulDataLen: CK_ULONG,
        pSignature: *mut CK_BYTE,
        pulSignatureLen: *mut CK_ULONG,
    ) {
        let session = Module::current()?.session(hSession)?;
        // SAFETY: the caller's promise.
        let result = unsafe {
            answer(&session, pSignature, pulSignatureLen, || {
                session.sign(memory::bytes(pData, ulDataLen, "pData")?)
            })
        };
        end_on_error(&session, result)
    }

    /// C_SignUpdate (PKCS #11 3.2, section 5.13.3).
    fn C_SignUpdate(hSession: CK_SESSION_HANDLE, pPart: *mut CK_BYTE, ulPartLen: CK_ULONG) {
        let session = Module::current()?.session(hSession)?;
        // SAFETY: the caller's promise.
        let part = unsafe { memory::bytes(pPart, ulPartLen, "pPart") };
        end_on_error(&session, part.and_then(|part| session.sign_update(part)))
    }

    /// C_SignFinal (PKCS #11 3.2, section 5.13.4).
    fn C_SignFinal(
        hSession: CK_SESSION_HANDLE,
        pSignature: *mut CK_BYTE,
        pulSignatureLen: *mut CK_ULONG,
    ) {
        let session = Module::current()?.session(hSession)?;
        // SAFETY: the caller's promise.
        let result =
            unsafe { answer(&session, pSignature, pulSignatureLen, || session.sign_final()) };
        end_on_error(&session, result)
    }
}

/// Signs, unless the caller only asks for the length or has too little room for the signature:
/// then the service is not asked.
///
/// # Safety
/// As for [`memory::output`].
unsafe fn answer(
    session: &Session,
    signature: *mut CK_BYTE,
    signature_len: *mut CK_ULONG,
    sign: impl FnOnce() -> Result<Vec<u8>>,
) -> Result<()> {
    let needed = session.signature_length()?;
    // SAFETY: as this function demands.
    let output = unsafe { memory::output(signature, signature_len, needed, "pulSignatureLen") }?;
    match output {
        Some(output) => output.write(&sign()?),
        None => Ok(()),
    }
}

/// An error ends the operation, except for a buffer that is too small.
fn end_on_error(session: &Session, result: Result<()>) -> Result<()> {
    if matches!(&result, Err(error) if error.kind != Kind::BufferTooSmall) {
        session.end_sign();
    }
    result
}
