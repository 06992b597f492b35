//! A session and its operations.
//!
//! An operation is taken out of its session before the service is asked, so that no lock is held
//! meanwhile and no session waits for another.

use cryptoki_sys::*;
use parking_lot::Mutex;

use crate::crypto::Digest;
use crate::error::{Error, Kind, Result};
use crate::mechanism::{Mechanism, Request};
use crate::object::{Attribute, Class};
use crate::operation::{Find, Sign};
use crate::signpath::Cancellation;
use crate::token::{Key, Token};

/// An open session.
pub struct Session {
    /// Whether it was opened with CKF_RW_SESSION.
    pub is_read_write: bool,
    /// Cancelled when the session is closed.
    cancellation: Cancellation,
    operations: Mutex<Operations>,
}

#[derive(Default)]
struct Operations {
    find: Option<Find>,
    sign: Option<Sign>,
    /// The signature that the service is being asked for.
    signing: Option<Cancellation>,
}

impl Session {
    /// A session without operations.
    pub fn new(is_read_write: bool) -> Self {
        Self {
            is_read_write,
            cancellation: Cancellation::new(),
            operations: Mutex::default(),
        }
    }

    /// What ends the calls in this session that wait for the service.
    pub fn cancellation(&self) -> &Cancellation {
        &self.cancellation
    }

    /// Starts a search; asks the service if the token's objects are not known yet.
    ///
    /// # Errors
    /// [`Kind::OperationActive`].
    pub fn find_objects_init(&self, token: &Token, template: &[Attribute]) -> Result<()> {
        self.check_no_search()?;
        let found = Find::new(token.find(template, &self.cancellation)?);
        self.check_no_search()?;
        self.operations.lock().find = Some(found);
        Ok(())
    }

    fn check_no_search(&self) -> Result<()> {
        match self.operations.lock().find {
            Some(_) => Err(active("a search", "C_FindObjectsFinal")),
            None => Ok(()),
        }
    }

    /// The next handles of the search, at most `limit`.
    ///
    /// # Errors
    /// [`Kind::OperationNotInitialized`].
    pub fn find_objects(&self, limit: usize) -> Result<Vec<CK_OBJECT_HANDLE>> {
        match &mut self.operations.lock().find {
            Some(find) => Ok(find.next(limit)),
            None => Err(not_initialized("C_FindObjectsInit")),
        }
    }

    /// Ends the search.
    ///
    /// # Errors
    /// [`Kind::OperationNotInitialized`].
    pub fn find_objects_final(&self) -> Result<()> {
        match self.operations.lock().find.take() {
            Some(_) => Ok(()),
            None => Err(not_initialized("C_FindObjectsInit")),
        }
    }

    /// Starts a signature.
    ///
    /// # Errors
    /// [`Kind::OperationActive`], [`Kind::NotLoggedIn`], [`Kind::KeyHandle`],
    /// [`Kind::KeyFunction`], [`Kind::Mechanism`] and those of [`Sign::new`].
    pub fn sign_init(&self, token: &Token, request: Request, key: CK_OBJECT_HANDLE) -> Result<()> {
        self.check_no_signature()?;
        let mechanism = Mechanism::find(request.id).ok_or_else(|| {
            Error::new(
                Kind::Mechanism,
                format!(
                    "mechanism {:#x} is not one that SignPath signs with; C_GetMechanismList \
                     (pkcs11-tool -M) lists them",
                    request.id
                ),
            )
        })?;
        let Key { service, object } = token.key(key)?;
        let cannot_sign = || Error::new(Kind::KeyFunction, "a public key cannot sign");
        let (Some(service), Some(policy)) = (service, object.policy()) else {
            return Err(cannot_sign());
        };
        // A key of the wrong type comes before one that may not sign (PKCS #11 3.2, section 5.1.6).
        let sign = Sign::new(service, policy.clone(), mechanism, request.parameter)?;
        if object.class != Class::PrivateKey {
            return Err(cannot_sign());
        }
        self.check_no_signature()?;
        self.operations.lock().sign = Some(sign);
        Ok(())
    }

    fn check_no_signature(&self) -> Result<()> {
        let operations = self.operations.lock();
        if operations.sign.is_some() || operations.signing.is_some() {
            return Err(active("a signature", "C_Sign or C_SignFinal"));
        }
        Ok(())
    }

    /// Ends the active signature, also one that the service is being asked for, and says whether
    /// there was one.
    pub fn cancel_sign(&self) -> bool {
        let mut operations = self.operations.lock();
        let signing = operations.signing.take().inspect(|signing| {
            signing.cancel(Error::new(
                Kind::FunctionCanceled,
                "the signature was cancelled",
            ));
        });
        operations.sign.take().is_some() || signing.is_some()
    }

    /// Forgets the active signature after an error.
    pub fn end_sign(&self) {
        self.operations.lock().sign = None;
    }

    /// The length of the signature to come, in bytes.
    ///
    /// # Errors
    /// [`Kind::OperationNotInitialized`].
    pub fn signature_length(&self) -> Result<usize> {
        match &self.operations.lock().sign {
            Some(sign) => Ok(sign.signature_length),
            None => Err(not_initialized("C_SignInit")),
        }
    }

    /// Signs `data` in one part. The operation is over, whatever comes of it.
    ///
    /// # Errors
    /// [`Kind::OperationNotInitialized`], also behind C_SignUpdate; [`Kind::Data`],
    /// [`Kind::DataLength`], and those of the service.
    pub fn sign(&self, data: &[u8]) -> Result<Vec<u8>> {
        let mut sign = self.take_sign()?;
        if sign.is_multi_part {
            return Err(Error::new(
                Kind::OperationNotInitialized,
                "C_SignUpdate began a signature in parts, which C_SignFinal ends",
            ));
        }
        sign.update(data)?;
        self.signature(sign)
    }

    /// Adds a part of the data. An error ends the operation.
    ///
    /// # Errors
    /// [`Kind::OperationNotInitialized`], [`Kind::DataLength`].
    pub fn sign_update(&self, part: &[u8]) -> Result<()> {
        let mut sign = self.take_sign()?;
        sign.is_multi_part = true;
        sign.update(part)?;
        self.operations.lock().sign = Some(sign);
        Ok(())
    }

    /// Signs what C_SignUpdate collected. The operation is over, whatever comes of it.
    ///
    /// # Errors
    /// As for [`Session::sign`].
    pub fn sign_final(&self) -> Result<Vec<u8>> {
        self.signature(self.take_sign()?)
    }

    fn signature(&self, sign: Sign) -> Result<Vec<u8>> {
        let cancellation = self.cancellation.part();
        self.operations.lock().signing = Some(cancellation.clone());
        let result = signature(sign, &cancellation);
        self.operations.lock().signing = None;
        result
    }

    fn take_sign(&self) -> Result<Sign> {
        self.operations
            .lock()
            .sign
            .take()
            .ok_or_else(|| not_initialized("C_SignInit"))
    }
}

/// Asks the service for the signature, and verifies it with the policy's public key.
fn signature(mut sign: Sign, cancellation: &Cancellation) -> Result<Vec<u8>> {
    let digest = sign.digest()?;
    let algorithm = sign.mechanism.algorithm;
    let signature = sign
        .service
        .sign(&sign.policy.name, algorithm, &digest, cancellation)?;
    if !verifies(&sign, &digest, &signature) {
        return Err(Error::new(
            Kind::SignatureInvalid,
            format!(
                "the signature that SignPath returned for {} does not verify with its public key \
                 and was thrown away; if its certificate was renewed just now, try again",
                sign.policy.name
            ),
        ));
    }
    Ok(signature)
}

fn verifies(sign: &Sign, digest: &Digest, signature: &[u8]) -> bool {
    sign.policy
        .public_key
        .as_ref()
        .is_some_and(|key| key.verifies(sign.mechanism.algorithm, digest, signature))
}

fn active(what: &str, end: &str) -> Error {
    Error::new(
        Kind::OperationActive,
        format!("{what} is active in this session; end it with {end}"),
    )
}

fn not_initialized(init: &str) -> Error {
    Error::new(
        Kind::OperationNotInitialized,
        format!("no operation is active in this session; call {init} first"),
    )
}
