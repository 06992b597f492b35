//! Functions for verifying signatures (PKCS #11 3.2, section 5.15). Verification is local.

use cryptoki_sys::*;

use super::functions;
use super::operations::{mechanism_or_cancel, update};
use crate::error::{Error, Kind, Result};
use crate::mechanism::{Mechanism, Request};
use crate::module::Module;
use crate::operation::{Operation, Parts, Taken, Verifier, Verify};
use crate::session::Session;
use crate::token::Token;

functions! {
    /// C_VerifyInit (PKCS #11 3.2, section 5.15.1). A NULL mechanism cancels an active
    /// verification.
    fn C_VerifyInit(
        hSession: CK_SESSION_HANDLE,
        pMechanism: *mut CK_MECHANISM,
        hKey: CK_OBJECT_HANDLE,
    ) {
        let session = Module::current()?.session(hSession)?;
        let Some(request) = mechanism_or_cancel(&session.verify, &pMechanism)? else {
            return Ok(());
        };
        session.verify.start(|_| {
            let verifier = verifier(&session.token, request, hKey)?;
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
        let mut verify = take(&session, SignatureOrder::Last, Parts::Single)?;
        let (data, signature) = (pData.bytes()?, pSignature.bytes()?);
        verify.operation.data.set(&data)?;
        finish(verify, &signature)
    }

    /// C_VerifyUpdate (PKCS #11 3.2, section 5.15.3).
    fn C_VerifyUpdate(hSession: CK_SESSION_HANDLE, pPart: *mut CK_BYTE, ulPartLen: CK_ULONG) {
        let session = Module::current()?.session(hSession)?;
        update(take(&session, SignatureOrder::Last, Parts::Multiple)?, &pPart)
    }

    /// C_VerifyFinal (PKCS #11 3.2, section 5.15.4).
    fn C_VerifyFinal(
        hSession: CK_SESSION_HANDLE,
        pSignature: *mut CK_BYTE,
        ulSignatureLen: CK_ULONG,
    ) {
        let session = Module::current()?.session(hSession)?;
        finish(take(&session, SignatureOrder::Last, Parts::Multiple)?, &pSignature.bytes()?)
    }

    /// C_VerifySignatureInit (PKCS #11 3.2, section 5.15.7). A NULL mechanism cancels an active
    /// verification.
    fn C_VerifySignatureInit(
        hSession: CK_SESSION_HANDLE,
        pMechanism: *mut CK_MECHANISM,
        hKey: CK_OBJECT_HANDLE,
        pSignature: *mut CK_BYTE,
        ulSignatureLen: CK_ULONG,
    ) {
        let session = Module::current()?.session(hSession)?;
        let Some(request) = mechanism_or_cancel(&session.verify, &pMechanism)? else {
            return Ok(());
        };
        let signature = pSignature.bytes()?;
        session.verify.start(|_| {
            let verifier = verifier(&session.token, request, hKey)?;
            let data = verifier.data();
            let length = verifier.check_length(signature.len());
            let signature = length.map(|()| signature.to_vec());
            Ok(Verify { verifier, data, signature: Some(signature) })
        })
    }

    /// C_VerifySignature (PKCS #11 3.2, section 5.15.8).
    fn C_VerifySignature(hSession: CK_SESSION_HANDLE, pData: *mut CK_BYTE, ulDataLen: CK_ULONG) {
        let session = Module::current()?.session(hSession)?;
        let mut verify = take(&session, SignatureOrder::First, Parts::Single)?;
        verify.operation.data.set(&pData.bytes()?)?;
        finish_with_first(verify)
    }

    /// C_VerifySignatureUpdate (PKCS #11 3.2, section 5.15.9).
    fn C_VerifySignatureUpdate(
        hSession: CK_SESSION_HANDLE,
        pPart: *mut CK_BYTE,
        ulPartLen: CK_ULONG,
    ) {
        let session = Module::current()?.session(hSession)?;
        update(take(&session, SignatureOrder::First, Parts::Multiple)?, &pPart)
    }

    /// C_VerifySignatureFinal (PKCS #11 3.2, section 5.15.10).
    fn C_VerifySignatureFinal(hSession: CK_SESSION_HANDLE) {
        let session = Module::current()?.session(hSession)?;
        finish_with_first(take(&session, SignatureOrder::First, Parts::Multiple)?)
    }
}

/// Looks up a public key and prepares it for verification, also before login.
pub(super) fn verifier(token: &Token, request: Request, key: CK_OBJECT_HANDLE) -> Result<Verifier> {
    let mechanism = Mechanism::for_verification(request.id)?;
    let key = token.visible_key(key)?;
    Verifier::new(key, mechanism, &request.parameter, token.threads)
}

/// When the caller passes the signature.
#[derive(PartialEq, Eq)]
enum SignatureOrder {
    /// Before the data, with C_VerifySignatureInit.
    First,
    /// At the end.
    Last,
}

/// Takes the verification if it was begun by the matching function and in the same form.
fn take(session: &Session, signature: SignatureOrder, form: Parts) -> Result<Taken<'_, Verify>> {
    let taken = session.verify.take()?;
    if taken.operation.signature.is_some() == (signature == SignatureOrder::First) {
        return taken.in_form(form);
    }
    taken.keep();
    let (begun, other) = match signature {
        SignatureOrder::First => (Verify::INIT, "C_Verify or C_VerifyUpdate"),
        SignatureOrder::Last => {
            ("C_VerifySignatureInit", "C_VerifySignature or C_VerifySignatureUpdate")
        }
    };
    Err(Error::new(
        Kind::OperationNotInitialized,
        format!("the verification was begun by {begun}; continue it with {other}"),
    ))
}

/// Verifies a signature of the data.
fn finish(verify: Taken<'_, Verify>, signature: &[u8]) -> Result<()> {
    let Taken { operation, place: _place } = verify;
    operation.verifier.verify(operation.data, signature)
}

/// Verifies the signature that came first.
fn finish_with_first(mut verify: Taken<'_, Verify>) -> Result<()> {
    let signature = verify.operation.signature.take().transpose()?.unwrap_or_default();
    finish(verify, &signature)
}
