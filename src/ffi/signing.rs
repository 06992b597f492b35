//! Signing functions (PKCS #11 3.2, section 5.13).

use cryptoki_sys::*;

use super::functions;
use super::operations::{mechanism_or_cancel, respond, update};
use super::output::Output;
use crate::error::Result;
use crate::mechanism::{Mechanism, Request};
use crate::module::Module;
use crate::operation::{Data, Parts, Sign, Signer, Taken};
use crate::session::Session;
use crate::token::{Key, Token};

functions! {
    /// C_SignInit (PKCS #11 3.2, section 5.13.1). A NULL mechanism cancels an active signature
    /// operation.
    fn C_SignInit(
        hSession: CK_SESSION_HANDLE,
        pMechanism: *mut CK_MECHANISM,
        hKey: CK_OBJECT_HANDLE,
    ) {
        let session = Module::current()?.session(hSession)?;
        let Some(request) = mechanism_or_cancel(&session.sign, &pMechanism)? else {
            return Ok(());
        };
        session.sign.start(|_| {
            let signer = signer(&session.token, request, hKey)?;
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
        let sign = session.sign.take()?.in_form(Parts::Single)?;
        finish(sign, &session, &pSignature, |data| data.set(&pData.bytes()?))
    }

    /// C_SignUpdate (PKCS #11 3.2, section 5.13.3).
    fn C_SignUpdate(hSession: CK_SESSION_HANDLE, pPart: *mut CK_BYTE, ulPartLen: CK_ULONG) {
        let session = Module::current()?.session(hSession)?;
        update(session.sign.take()?.in_form(Parts::Multiple)?, &pPart)
    }

    /// C_SignFinal (PKCS #11 3.2, section 5.13.4).
    fn C_SignFinal(
        hSession: CK_SESSION_HANDLE,
        pSignature: *mut CK_BYTE,
        pulSignatureLen: *mut CK_ULONG,
    ) {
        let session = Module::current()?.session(hSession)?;
        let sign = session.sign.take()?.in_form(Parts::Multiple)?;
        finish(sign, &session, &pSignature, |_| Ok(()))
    }
}

/// Looks up a private key and prepares it for signing.
pub(super) fn signer(token: &Token, request: Request, key: CK_OBJECT_HANDLE) -> Result<Signer> {
    let mechanism = Mechanism::for_signing(request.id)?;
    let Key { service, object } = token.key(key)?;
    Signer::new(service, &object, mechanism, &request.parameter)
}

/// Returns the signature of the data once `complete` has added the rest of it.
fn finish(
    sign: Taken<'_, Sign>,
    session: &Session,
    output: &Output,
    complete: impl FnOnce(&mut Data) -> Result<()>,
) -> Result<()> {
    let length = sign.operation.signer.signature_length();
    respond(output, length, sign, Taken::keep, |mut sign| {
        complete(&mut sign.operation.data)?;
        let wait = sign.place.wait(session.cancellation());
        sign.operation.signer.sign(sign.operation.data, &wait)
    })
}
