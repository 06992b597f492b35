//! Message-based signing and verification (PKCS #11 3.2, sections 5.14 and 5.16): one key and
//! mechanism for many messages, each with a signature of its own. What goes wrong with a message
//! ends that message; the process goes on until it is finished.

use std::ffi::c_void;

use cryptoki_sys::*;

use super::functions;
use super::input::Input;
use super::operations::{answer, mechanism_or_cancel};
use super::output::Output;
use super::signing::signer;
use super::verifying::verifier;
use crate::error::{Error, Kind, Result};
use crate::module::Module;
use crate::operation::{Data, MessageKey, MessageSign, Messages, Operation, OperationPlace, Taken};
use crate::session::Session;

functions! {
    /// C_MessageSignInit (PKCS #11 3.2, section 5.14.1). A NULL mechanism ends an active process.
    fn C_MessageSignInit(
        hSession: CK_SESSION_HANDLE,
        pMechanism: *mut CK_MECHANISM,
        hKey: CK_OBJECT_HANDLE,
    ) {
        let module = Module::current()?;
        let session = module.session(hSession)?;
        let Some(request) = mechanism_or_cancel(&session.message_sign, &pMechanism)? else {
            return Ok(());
        };
        session.message_sign.start(|_| signer(&module, request, hKey).map(Messages::new))
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

    /// C_SignMessageNext (PKCS #11 3.2, section 5.14.4). It is the last part if there is a length
    /// of the signature.
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
            // The last part comes again where only the length is answered.
            sign(process, message, &session, &pSignature, MessageSign::keep, |message| {
                message.add(&pDataPart.bytes()?)
            })
        })
    }

    /// C_MessageSignFinal (PKCS #11 3.2, section 5.14.5). A message without its last part is
    /// dropped.
    fn C_MessageSignFinal(hSession: CK_SESSION_HANDLE) {
        Module::current()?.session(hSession)?.message_sign.take().map(drop)
    }

    /// C_MessageVerifyInit (PKCS #11 3.2, section 5.16.1). A NULL mechanism ends an active process.
    fn C_MessageVerifyInit(
        hSession: CK_SESSION_HANDLE,
        pMechanism: *mut CK_MECHANISM,
        hKey: CK_OBJECT_HANDLE,
    ) {
        let module = Module::current()?;
        let session = module.session(hSession)?;
        let Some(request) = mechanism_or_cancel(&session.message_verify, &pMechanism)? else {
            return Ok(());
        };
        session.message_verify.start(|_| verifier(&module, request, hKey).map(Messages::new))
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

    /// C_VerifyMessageNext (PKCS #11 3.2, section 5.16.4). It is the last part if there is a
    /// signature.
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

    /// C_MessageVerifyFinal (PKCS #11 3.2, section 5.16.5). A message without its last part is
    /// dropped.
    fn C_MessageVerifyFinal(hSession: CK_SESSION_HANDLE) {
        Module::current()?.session(hSession)?.message_verify.take().map(drop)
    }
}

/// Works on an active process, which goes on whatever comes of it.
fn in_process<T: Operation>(
    place: &OperationPlace<T>,
    work: impl FnOnce(&mut Taken<'_, T>) -> Result<()>,
) -> Result<()> {
    let mut process = place.take()?;
    let result = work(&mut process);
    process.keep();
    result
}

/// Begins a message in parts.
fn begin<K: MessageKey>(place: &OperationPlace<Messages<K>>, parameter: &Input) -> Result<()>
where
    Messages<K>: Operation,
{
    in_process(place, |process| {
        no_parameter(parameter)?;
        process.operation.begin()
    })
}

/// Takes the message in parts, which an error ends.
fn next<K: MessageKey>(process: &mut Taken<'_, Messages<K>>, parameter: &Input) -> Result<Data> {
    let message = process.operation.take()?;
    no_parameter(parameter)?;
    Ok(message)
}

/// Answers with the signature of a message, of which `complete` adds what is missing. Where only
/// the length is answered, the message goes to `keep` as it is.
fn sign(
    process: &mut Taken<'_, MessageSign>,
    message: Data,
    session: &Session,
    output: &Output,
    keep: impl FnOnce(&mut MessageSign, Data),
    complete: impl FnOnce(&mut Data) -> Result<()>,
) -> Result<()> {
    let length = process.operation.key.signature_length();
    answer(
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

/// None of the mechanisms has a parameter for a single message.
fn no_parameter(parameter: &Input) -> Result<()> {
    if parameter.is_absent() {
        return Ok(());
    }
    Err(Error::new(
        Kind::MechanismParameter,
        "no mechanism here takes a parameter for each message; pParameter has to be NULL",
    ))
}
