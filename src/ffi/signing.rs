//! Signing functions (PKCS #11 3.2, section 5.13).

use cryptoki_sys::*;

use super::functions;
use super::memory;
use crate::error::{Kind, Result};
use crate::mechanism::{Mechanism, Request};
use crate::module::Module;
use crate::operation::{Form, Sign, Signer, Taken};
use crate::signpath::Cancellation;
use crate::token::Key;

functions! {
    /// C_SignInit (PKCS #11 3.2, section 5.13.1). A NULL mechanism ends an active signature.
    fn C_SignInit(
        hSession: CK_SESSION_HANDLE,
        pMechanism: *mut CK_MECHANISM,
        hKey: CK_OBJECT_HANDLE,
    ) {
        let module = Module::current()?;
        let session = module.session(hSession)?;
        if pMechanism.is_null() && session.sign.cancel() {
            return Ok(());
        }
        // SAFETY: the caller's promise.
        let request = unsafe { memory::mechanism(pMechanism) }?;
        session.sign.start(|_| {
            let signer = signer(&module, request, hKey)?;
            let data = signer.data();
            Ok(Sign { signer, data })
        })
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
        let sign = session.sign.take()?.in_form(Form::OnePart)?;
        // SAFETY: the caller's promise.
        unsafe {
            signature(sign, pSignature, pulSignatureLen, session.cancellation(), |sign| {
                sign.data.set(memory::bytes(pData, ulDataLen, "pData")?)
            })
        }
    }

    /// C_SignUpdate (PKCS #11 3.2, section 5.13.3).
    fn C_SignUpdate(hSession: CK_SESSION_HANDLE, pPart: *mut CK_BYTE, ulPartLen: CK_ULONG) {
        let session = Module::current()?.session(hSession)?;
        let mut sign = session.sign.take()?.in_form(Form::Parts)?;
        // SAFETY: the caller's promise.
        let part = unsafe { memory::bytes(pPart, ulPartLen, "pPart") }?;
        sign.operation.data.add(part)?;
        sign.keep();
        Ok(())
    }

    /// C_SignFinal (PKCS #11 3.2, section 5.13.4).
    fn C_SignFinal(
        hSession: CK_SESSION_HANDLE,
        pSignature: *mut CK_BYTE,
        pulSignatureLen: *mut CK_ULONG,
    ) {
        let session = Module::current()?.session(hSession)?;
        let sign = session.sign.take()?.in_form(Form::Parts)?;
        // SAFETY: the caller's promise.
        unsafe { signature(sign, pSignature, pulSignatureLen, session.cancellation(), |_| Ok(())) }
    }
}

/// The private key of a handle, ready to sign.
pub(super) fn signer(module: &Module, request: Request, key: CK_OBJECT_HANDLE) -> Result<Signer> {
    let mechanism = Mechanism::for_signatures(request.id)?;
    let Key { service, object } = module.token.key(key)?;
    Signer::new(service, &object, mechanism, request.parameter)
}

/// Answers with the signature, of which `prepare` adds what is missing.
///
/// # Safety
/// As for [`memory::output`].
unsafe fn signature(
    sign: Taken<'_, Sign>,
    buffer: *mut CK_BYTE,
    length: *mut CK_ULONG,
    session: &Cancellation,
    prepare: impl FnOnce(&mut Sign) -> Result<()>,
) -> Result<()> {
    let needed = sign.operation.signer.signature_length();
    // SAFETY: as this function demands.
    unsafe {
        answer(
            sign,
            needed,
            (buffer, length, "pulSignatureLen"),
            |mut sign| {
                prepare(&mut sign.operation)?;
                let wait = sign.place.wait(session);
                sign.operation.signer.sign(sign.operation.data, &wait)
            },
        )
    }
}

/// Ends an operation and writes its output, unless the caller only asks for the length or has too
/// little room: then the operation stays as it is, and `finish` is not called.
///
/// # Safety
/// As for [`memory::output`], of a buffer, its length, and the name of that.
pub(super) unsafe fn answer<T>(
    taken: Taken<'_, T>,
    needed: usize,
    (buffer, length, length_name): (*mut CK_BYTE, *mut CK_ULONG, &'static str),
    finish: impl FnOnce(Taken<'_, T>) -> Result<Vec<u8>>,
) -> Result<()> {
    // SAFETY: as this function demands.
    match unsafe { memory::output(buffer, length, needed, length_name) } {
        Ok(Some(output)) => output.write(&finish(taken)?),
        Ok(None) => {
            taken.keep();
            Ok(())
        }
        Err(error) => {
            if error.kind == Kind::BufferTooSmall {
                taken.keep();
            }
            Err(error)
        }
    }
}
