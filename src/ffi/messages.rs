//! Message-based signing and verification (PKCS #11 3.2, sections 5.14 and 5.16): one key and
//! mechanism for many messages, each with a signature of its own. What goes wrong with a message
//! ends that message; the process goes on until it is finished.

use std::ffi::c_void;

use cryptoki_sys::*;

use super::functions;
use super::memory::{self, bytes};
use super::signing::signer;
use super::verifying::verifier;
use crate::error::{Error, Kind, Result};
use crate::module::Module;
use crate::operation::{Data, MessageSign, MessageVerify, Operation, Slot, Taken};

functions! {
    /// C_MessageSignInit (PKCS #11 3.2, section 5.14.1). A NULL mechanism ends an active process.
    fn C_MessageSignInit(
        hSession: CK_SESSION_HANDLE,
        pMechanism: *mut CK_MECHANISM,
        hKey: CK_OBJECT_HANDLE,
    ) {
        let module = Module::current()?;
        let session = module.session(hSession)?;
        if pMechanism.is_null() && session.message_sign.cancel() {
            return Ok(());
        }
        // SAFETY: the caller's promise.
        let request = unsafe { memory::mechanism(pMechanism) }?;
        session.message_sign.start(|_| {
            Ok(MessageSign { signer: signer(&module, request, hKey)?, message: None })
        })
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
            check_parameter(pParameter, ulParameterLen)?;
            check_no_message(process.operation.message.as_ref())?;
            let signer = &process.operation.signer;
            // SAFETY: the caller's promise.
            let (output, data) = unsafe {
                let needed = signer.signature_length();
                let Some(output) =
                    memory::output(pSignature, pulSignatureLen, needed, "pulSignatureLen")?
                else {
                    return Ok(());
                };
                (output, bytes(pData, ulDataLen, "pData")?)
            };
            let mut message = signer.data();
            message.set(data)?;
            let wait = process.place.wait(session.cancellation());
            output.write(&signer.sign(message, &wait)?)
        })
    }

    /// C_SignMessageBegin (PKCS #11 3.2, section 5.14.3).
    fn C_SignMessageBegin(
        hSession: CK_SESSION_HANDLE,
        pParameter: *mut c_void,
        ulParameterLen: CK_ULONG,
    ) {
        let session = Module::current()?.session(hSession)?;
        in_process(&session.message_sign, |Taken { operation: process, .. }| {
            check_parameter(pParameter, ulParameterLen)?;
            check_no_message(process.message.as_ref())?;
            process.message = Some(process.signer.data());
            Ok(())
        })
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
            let mut message = take_message(&mut process.operation.message)?;
            check_parameter(pParameter, ulParameterLen)?;
            let signer = &process.operation.signer;
            if pulSignatureLen.is_null() {
                // SAFETY: the caller's promise.
                message.add(unsafe { bytes(pDataPart, ulDataPartLen, "pDataPart") }?)?;
                process.operation.message = Some(message);
                return Ok(());
            }
            let needed = signer.signature_length();
            // SAFETY: the caller's promise.
            let output =
                unsafe { memory::output(pSignature, pulSignatureLen, needed, "pulSignatureLen") };
            // A question, or too little room: the last part will come again.
            let Ok(Some(output)) = output else {
                process.operation.message = Some(message);
                return output.map(drop);
            };
            // SAFETY: the caller's promise.
            message.add(unsafe { bytes(pDataPart, ulDataPartLen, "pDataPart") }?)?;
            let wait = process.place.wait(session.cancellation());
            output.write(&signer.sign(message, &wait)?)
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
        if pMechanism.is_null() && session.message_verify.cancel() {
            return Ok(());
        }
        // SAFETY: the caller's promise.
        let request = unsafe { memory::mechanism(pMechanism) }?;
        session.message_verify.start(|_| {
            Ok(MessageVerify { verifier: verifier(&module, request, hKey)?, message: None })
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
        in_process(&session.message_verify, |Taken { operation: process, .. }| {
            check_parameter(pParameter, ulParameterLen)?;
            check_no_message(process.message.as_ref())?;
            // SAFETY: the caller's promise.
            let (data, signature) = unsafe {
                (
                    bytes(pData, ulDataLen, "pData")?,
                    bytes(pSignature, ulSignatureLen, "pSignature")?,
                )
            };
            let mut message = process.verifier.data();
            message.set(data)?;
            process.verifier.verify(message, signature)
        })
    }

    /// C_VerifyMessageBegin (PKCS #11 3.2, section 5.16.3).
    fn C_VerifyMessageBegin(
        hSession: CK_SESSION_HANDLE,
        pParameter: *mut c_void,
        ulParameterLen: CK_ULONG,
    ) {
        let session = Module::current()?.session(hSession)?;
        in_process(&session.message_verify, |Taken { operation: process, .. }| {
            check_parameter(pParameter, ulParameterLen)?;
            check_no_message(process.message.as_ref())?;
            process.message = Some(process.verifier.data());
            Ok(())
        })
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
        in_process(&session.message_verify, |Taken { operation: process, .. }| {
            let mut message = take_message(&mut process.message)?;
            check_parameter(pParameter, ulParameterLen)?;
            // SAFETY: the caller's promise.
            message.add(unsafe { bytes(pDataPart, ulDataPartLen, "pDataPart") }?)?;
            if pSignature.is_null() {
                process.message = Some(message);
                return Ok(());
            }
            // SAFETY: the caller's promise.
            let signature = unsafe { bytes(pSignature, ulSignatureLen, "pSignature") }?;
            process.verifier.verify(message, signature)
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
    slot: &Slot<T>,
    work: impl FnOnce(&mut Taken<'_, T>) -> Result<()>,
) -> Result<()> {
    let mut process = slot.take()?;
    let result = work(&mut process);
    process.keep();
    result
}

/// None of the mechanisms has a parameter for a single message.
fn check_parameter(parameter: *const c_void, length: CK_ULONG) -> Result<()> {
    if parameter.is_null() && length == 0 {
        return Ok(());
    }
    Err(Error::new(
        Kind::MechanismParameter,
        "no mechanism here takes a parameter for each message; pParameter has to be NULL",
    ))
}

fn check_no_message(message: Option<&Data>) -> Result<()> {
    match message {
        None => Ok(()),
        Some(_) => Err(Error::new(
            Kind::OperationActive,
            "a message in parts is active; end it with the last part",
        )),
    }
}

/// Takes the message in parts, which an error ends.
fn take_message(message: &mut Option<Data>) -> Result<Data> {
    message.take().ok_or_else(|| {
        Error::new(
            Kind::OperationNotInitialized,
            "no message in parts is active; begin it with the C_…MessageBegin function",
        )
    })
}
