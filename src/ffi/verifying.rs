//! Functions for verifying signatures (PKCS #11 3.2, section 5.15). The service is not asked.

use cryptoki_sys::*;

use super::functions;
use super::memory;
use crate::error::{Error, Kind, Result};
use crate::mechanism::{Mechanism, Request};
use crate::module::Module;
use crate::operation::{Form, Operation, Taken, Verifier, Verify};
use crate::session::Session;

functions! {
    /// C_VerifyInit (PKCS #11 3.2, section 5.15.1). A NULL mechanism ends an active verification.
    fn C_VerifyInit(
        hSession: CK_SESSION_HANDLE,
        pMechanism: *mut CK_MECHANISM,
        hKey: CK_OBJECT_HANDLE,
    ) {
        let module = Module::current()?;
        let session = module.session(hSession)?;
        if pMechanism.is_null() && session.verify.cancel() {
            return Ok(());
        }
        // SAFETY: the caller's promise.
        let request = unsafe { memory::mechanism(pMechanism) }?;
        session.verify.start(|_| {
            let verifier = verifier(&module, request, hKey)?;
            let data = verifier.data();
            Ok(Verify { verifier, data, signature: None })
        })
    }

    /// C_Verify (PKCS #11 3.2, section 5.15.2).
    fn C_Verify(
        hSession: CK_SESSION_HANDLE,
        pData: *mut CK_BYTE,
        ulDataLen: CK_ULONG,
        pSignature: *mut CK_BYTE,
        ulSignatureLen: CK_ULONG,
    ) {
        let session = Module::current()?.session(hSession)?;
        let Taken { mut operation, place: _place } = take(&session, Told::AtTheEnd, Form::OnePart)?;
        // SAFETY: the caller's promise.
        let (data, signature) = unsafe {
            (
                memory::bytes(pData, ulDataLen, "pData")?,
                memory::bytes(pSignature, ulSignatureLen, "pSignature")?,
            )
        };
        operation.data.set(data)?;
        operation.verifier.verify(operation.data, signature)
    }

    /// C_VerifyUpdate (PKCS #11 3.2, section 5.15.3).
    fn C_VerifyUpdate(hSession: CK_SESSION_HANDLE, pPart: *mut CK_BYTE, ulPartLen: CK_ULONG) {
        let session = Module::current()?.session(hSession)?;
        // SAFETY: the caller's promise.
        unsafe { update(take(&session, Told::AtTheEnd, Form::Parts)?, pPart, ulPartLen) }
    }

    /// C_VerifyFinal (PKCS #11 3.2, section 5.15.4).
    fn C_VerifyFinal(
        hSession: CK_SESSION_HANDLE,
        pSignature: *mut CK_BYTE,
        ulSignatureLen: CK_ULONG,
    ) {
        let session = Module::current()?.session(hSession)?;
        let Taken { operation, place: _place } = take(&session, Told::AtTheEnd, Form::Parts)?;
        // SAFETY: the caller's promise.
        let signature = unsafe { memory::bytes(pSignature, ulSignatureLen, "pSignature") }?;
        operation.verifier.verify(operation.data, signature)
    }

    /// C_VerifySignatureInit (PKCS #11 3.2, section 5.15.7). A NULL mechanism ends an active
    /// verification.
    fn C_VerifySignatureInit(
        hSession: CK_SESSION_HANDLE,
        pMechanism: *mut CK_MECHANISM,
        hKey: CK_OBJECT_HANDLE,
        pSignature: *mut CK_BYTE,
        ulSignatureLen: CK_ULONG,
    ) {
        let module = Module::current()?;
        let session = module.session(hSession)?;
        if pMechanism.is_null() && session.verify.cancel() {
            return Ok(());
        }
        // SAFETY: the caller's promise.
        let (request, signature) = unsafe {
            (
                memory::mechanism(pMechanism)?,
                memory::bytes(pSignature, ulSignatureLen, "pSignature")?,
            )
        };
        session.verify.start(|_| {
            let verifier = verifier(&module, request, hKey)?;
            let data = verifier.data();
            // A signature of a wrong length is refused later, and not worth a copy.
            let signature = match verifier.takes(signature.len()) {
                true => signature.to_vec(),
                false => Vec::new(),
            };
            Ok(Verify { verifier, data, signature: Some(signature) })
        })
    }

    /// C_VerifySignature (PKCS #11 3.2, section 5.15.8).
    fn C_VerifySignature(hSession: CK_SESSION_HANDLE, pData: *mut CK_BYTE, ulDataLen: CK_ULONG) {
        let session = Module::current()?.session(hSession)?;
        let Taken { mut operation, place: _place } = take(&session, Told::AtTheBeginning, Form::OnePart)?;
        // SAFETY: the caller's promise.
        operation.data.set(unsafe { memory::bytes(pData, ulDataLen, "pData") }?)?;
        verify_told(operation)
    }

    /// C_VerifySignatureUpdate (PKCS #11 3.2, section 5.15.9).
    fn C_VerifySignatureUpdate(
        hSession: CK_SESSION_HANDLE,
        pPart: *mut CK_BYTE,
        ulPartLen: CK_ULONG,
    ) {
        let session = Module::current()?.session(hSession)?;
        // SAFETY: the caller's promise.
        unsafe { update(take(&session, Told::AtTheBeginning, Form::Parts)?, pPart, ulPartLen) }
    }

    /// C_VerifySignatureFinal (PKCS #11 3.2, section 5.15.10).
    fn C_VerifySignatureFinal(hSession: CK_SESSION_HANDLE) {
        let session = Module::current()?.session(hSession)?;
        let Taken { operation, place: _place } = take(&session, Told::AtTheBeginning, Form::Parts)?;
        verify_told(operation)
    }
}

/// The public key of a handle, ready to verify, also before login.
pub(super) fn verifier(
    module: &Module,
    request: Request,
    key: CK_OBJECT_HANDLE,
) -> Result<Verifier> {
    let mechanism = Mechanism::for_signatures(request.id)?;
    Verifier::new(module.token.visible_key(key)?, mechanism, request.parameter)
}

/// When the signature is told: to C_VerifySignatureInit, or to what ends the verification.
#[derive(PartialEq, Eq)]
enum Told {
    AtTheBeginning,
    AtTheEnd,
}

/// Takes the verification, if it was begun by the function that goes with the one that asks, and
/// in the same form.
fn take(session: &Session, told: Told, form: Form) -> Result<Taken<'_, Verify>> {
    let taken = session.verify.take()?;
    if taken.operation.signature.is_some() == (told == Told::AtTheBeginning) {
        return taken.in_form(form);
    }
    taken.keep();
    let (begun, other) = match told {
        Told::AtTheBeginning => (Verify::INIT, "C_Verify…"),
        Told::AtTheEnd => ("C_VerifySignatureInit", "C_VerifySignature…"),
    };
    Err(Error::new(
        Kind::OperationNotInitialized,
        format!("the verification was begun by {begun}; go on with {other}"),
    ))
}

/// # Safety
/// As for [`memory::bytes`].
unsafe fn update(
    mut verify: Taken<'_, Verify>,
    part: *const CK_BYTE,
    length: CK_ULONG,
) -> Result<()> {
    // SAFETY: as this function demands.
    let part = unsafe { memory::bytes(part, length, "pPart") }?;
    verify.operation.data.add(part)?;
    verify.keep();
    Ok(())
}

fn verify_told(verify: Verify) -> Result<()> {
    let signature = verify.signature.unwrap_or_default();
    verify.verifier.verify(verify.data, &signature)
}
