//! Message-based signing and verification (PKCS #11 3.2, sections 5.14 and 5.16): one key and
//! mechanism for many messages, each with its own signature. An error ends only the current
//! message; the process stays active until it is finished.

use std::ffi::c_void;

use cryptoki_sys::*;

use super::functions;
use super::input::Input;
use super::operations::{mechanism_or_cancel, respond};
use super::output::Output;
use super::signing::signer;
use super::verifying::verifier;
use crate::error::{Error, Kind, Result};
use crate::mechanism::Mechanism;
use crate::module::Module;
use crate::operation::{Data, MessageKey, MessageSign, Messages, Operation, OperationPlace, Taken};
use crate::session::Session;

functions! {
    /// C_MessageSignInit (PKCS #11 3.2, section 5.14.1). A NULL mechanism cancels an active
    /// process.
    fn C_MessageSignInit(
        hSession: CK_SESSION_HANDLE,
        pMechanism: *mut CK_MECHANISM,
        hKey: CK_OBJECT_HANDLE,
    ) {
        let session = Module::current()?.session(hSession)?;
        let Some(request) = mechanism_or_cancel(&session.message_sign, &pMechanism)? else {
            return Ok(());
        };
        session.message_sign.start(|_| signer(&session.token, request, hKey).map(Messages::new))
    }

    /// C_SignMessage (PKCS #11 3.2, section 5.14.2).
    fn C_SignMessage(
        hSession: CK_SESSION_HANDLE,
        pParameter: *mut c_void,
        ulParameterLen: CK_ULONG,
        pData: *mut CK_BYTE,
        ulDataLen: CK_ULONG,
        pSignature: *mut CK_BYTE,
        pulSignatureLen: *mut CK_ULONG,
    ) {
        let session = Module::current()?.session(hSession)?;
        in_process(&session.message_sign, |process| {
            no_parameter(&pParameter)?;
            let message = process.operation.one_part()?;
            let keep_nothing = |_: &mut MessageSign, _| ();
            sign(process, message, &session, &pSignature, keep_nothing, |message| {
                message.set(&pData.bytes()?)
            })
        })
    }

    /// C_SignMessageBegin (PKCS #11 3.2, section 5.14.3).
    fn C_SignMessageBegin(
        hSession: CK_SESSION_HANDLE,
        pParameter: *mut c_void,
        ulParameterLen: CK_ULONG,
    ) {
        begin(&Module::current()?.session(hSession)?.message_sign, &pParameter)
    }

    /// C_SignMessageNext (PKCS #11 3.2, section 5.14.4). A pointer to the signature length marks
    /// the last part.
    fn C_SignMessageNext(
        hSession: CK_SESSION_HANDLE,
        pParameter: *mut c_void,
        ulParameterLen: CK_ULONG,
        pDataPart: *mut CK_BYTE,
        ulDataPartLen: CK_ULONG,
        pSignature: *mut CK_BYTE,
        pulSignatureLen: *mut CK_ULONG,
    ) {
        let session = Module::current()?.session(hSession)?;
        in_process(&session.message_sign, |process| {
            let mut message = next(process, &pParameter)?;
            if !pSignature.has_length() {
                message.add(&pDataPart.bytes()?)?;
                process.operation.keep(message);
                return Ok(());
            }
            // If only the length is returned, the caller passes the last part again.
            sign(process, message, &session, &pSignature, MessageSign::keep, |message| {
                message.add(&pDataPart.bytes()?)
            })
        })
    }

    /// C_MessageSignFinal (PKCS #11 3.2, section 5.14.5). An incomplete message is discarded.
    fn C_MessageSignFinal(hSession: CK_SESSION_HANDLE) {
        Module::current()?.session(hSession)?.message_sign.take().map(drop)
    }

    /// C_MessageVerifyInit (PKCS #11 3.2, section 5.16.1). A NULL mechanism cancels an active
    /// process.
    fn C_MessageVerifyInit(
        hSession: CK_SESSION_HANDLE,
        pMechanism: *mut CK_MECHANISM,
        hKey: CK_OBJECT_HANDLE,
    ) {
        let session = Module::current()?.session(hSession)?;
        let Some(request) = mechanism_or_cancel(&session.message_verify, &pMechanism)? else {
            return Ok(());
        };
        session.message_verify.start(|_| {
            Mechanism::for_messages(request.id)?;
            verifier(&session.token, request, hKey).map(Messages::new)
        })
    }

    /// C_VerifyMessage (PKCS #11 3.2, section 5.16.2).
    fn C_VerifyMessage(
        hSession: CK_SESSION_HANDLE,
        pParameter: *mut c_void,
        ulParameterLen: CK_ULONG,
        pData: *mut CK_BYTE,
        ulDataLen: CK_ULONG,
        pSignature: *mut CK_BYTE,
        ulSignatureLen: CK_ULONG,
    ) {
        let session = Module::current()?.session(hSession)?;
        in_process(&session.message_verify, |process| {
            no_parameter(&pParameter)?;
            let mut message = process.operation.one_part()?;
            let (data, signature) = (pData.bytes()?, pSignature.bytes()?);
            message.set(&data)?;
            process.operation.key.verify(message, &signature)
        })
    }

    /// C_VerifyMessageBegin (PKCS #11 3.2, section 5.16.3).
    fn C_VerifyMessageBegin(
        hSession: CK_SESSION_HANDLE,
        pParameter: *mut c_void,
        ulParameterLen: CK_ULONG,
    ) {
        begin(&Module::current()?.session(hSession)?.message_verify, &pParameter)
    }

    /// C_VerifyMessageNext (PKCS #11 3.2, section 5.16.4). A signature marks the last part.
    fn C_VerifyMessageNext(
        hSession: CK_SESSION_HANDLE,
        pParameter: *mut c_void,
        ulParameterLen: CK_ULONG,
        pDataPart: *mut CK_BYTE,
        ulDataPartLen: CK_ULONG,
        pSignature: *mut CK_BYTE,
        ulSignatureLen: CK_ULONG,
    ) {
        let session = Module::current()?.session(hSession)?;
        in_process(&session.message_verify, |process| {
            let mut message = next(process, &pParameter)?;
            message.add(&pDataPart.bytes()?)?;
            if pSignature.is_null() {
                process.operation.keep(message);
                return Ok(());
            }
            process.operation.key.verify(message, &pSignature.bytes()?)
        })
    }

    /// C_MessageVerifyFinal (PKCS #11 3.2, section 5.16.5). An incomplete message is discarded.
    fn C_MessageVerifyFinal(hSession: CK_SESSION_HANDLE) {
        Module::current()?.session(hSession)?.message_verify.take().map(drop)
    }
}

/// Runs `work` on an active process, which stays active even if that fails.
fn in_process<T: Operation>(
    place: &OperationPlace<T>,
    work: impl FnOnce(&mut Taken<'_, T>) -> Result<()>,
) -> Result<()> {
    let mut process = place.take()?;
    let result = work(&mut process);
    process.keep();
    result
}

/// Begins a multi-part message.
fn begin<K: MessageKey>(place: &OperationPlace<Messages<K>>, parameter: &Input) -> Result<()>
where
    Messages<K>: Operation,
{
    in_process(place, |process| {
        no_parameter(parameter)?;
        process.operation.begin()
    })
}

/// Takes the multi-part message. An error ends it.
fn next<K: MessageKey>(process: &mut Taken<'_, Messages<K>>, parameter: &Input) -> Result<Data> {
    let message = process.operation.take()?;
    no_parameter(parameter)?;
    Ok(message)
}

/// Returns the signature of a message once `complete` has added the rest of it. If only the length
/// is returned, the message is passed to `keep` unchanged.
fn sign(
    process: &mut Taken<'_, MessageSign>,
    message: Data,
    session: &Session,
    output: &Output,
    keep: impl FnOnce(&mut MessageSign, Data),
    complete: impl FnOnce(&mut Data) -> Result<()>,
) -> Result<()> {
    let length = process.operation.key.signature_length();
    respond(
        output,
        length,
        (process, message),
        |(process, message)| keep(&mut process.operation, message),
        |(process, mut message)| {
            complete(&mut message)?;
            let wait = process.place.wait(session.cancellation());
            process.operation.key.sign(message, &wait)
        },
    )
}

/// None of the mechanisms takes a per-message parameter.
fn no_parameter(parameter: &Input) -> Result<()> {
    if parameter.is_absent() {
        return Ok(());
    }
    Err(Error::new(
        Kind::MechanismParameter,
        "per-message parameters are not supported; pParameter must be NULL",
    ))
}
