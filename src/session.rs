//! A session and its operations.
//!
//! Each kind of operation has its own place, so a session can search, digest, sign and verify at
//! the same time.

use std::sync::Arc;

use cryptoki_sys::*;

use crate::error::{Error, Kind, Result};
use crate::object::Attribute;
use crate::operation::{Digest, Find, MessageSign, MessageVerify, OperationPlace, Sign, Verify};
use crate::token::Token;
use signpath_client::Cancellation;

/// An open session.
pub struct Session {
    /// The token that it was opened with.
    pub token: Arc<Token>,
    /// Whether it was opened with CKF_RW_SESSION.
    pub is_read_write: bool,
    /// Cancelled when the session is closed.
    cancellation: Cancellation,
    find: OperationPlace<Find>,
    /// The operation begun by C_DigestInit.
    pub digest: OperationPlace<Digest>,
    /// The operation begun by C_SignInit.
    pub sign: OperationPlace<Sign>,
    /// The operation begun by C_VerifyInit or C_VerifySignatureInit.
    pub verify: OperationPlace<Verify>,
    /// The operation begun by C_MessageSignInit.
    pub message_sign: OperationPlace<MessageSign>,
    /// The operation begun by C_MessageVerifyInit.
    pub message_verify: OperationPlace<MessageVerify>,
}

impl Session {
    /// Creates a session without active operations.
    pub fn new(token: Arc<Token>, is_read_write: bool) -> Self {
        Self {
            token,
            is_read_write,
            cancellation: Cancellation::new(),
            find: OperationPlace::default(),
            digest: OperationPlace::default(),
            sign: OperationPlace::default(),
            verify: OperationPlace::default(),
            message_sign: OperationPlace::default(),
            message_verify: OperationPlace::default(),
        }
    }

    /// Whether it was opened with this token.
    pub fn is_with(&self, token: &Token) -> bool {
        std::ptr::eq(&*self.token, token)
    }

    /// Cancels the calls in this session that are waiting for SignPath.
    pub fn cancellation(&self) -> &Cancellation {
        &self.cancellation
    }

    /// Starts a search. Requests the signing policies from SignPath if they are not cached.
    ///
    /// # Errors
    /// [`Kind::OperationActive`], [`Kind::FunctionCanceled`], and those of [`Token::find`].
    pub fn find_objects_init(&self, template: &[Attribute]) -> Result<()> {
        self.find.start(|place| {
            let wait = place.wait(&self.cancellation);
            Ok(Find::new(self.token.find(template, &wait)?))
        })
    }

    /// Returns the next handles of the search, at most `limit`, skipping those that have become
    /// invalid since it began.
    ///
    /// # Errors
    /// [`Kind::OperationNotInitialized`].
    pub fn find_objects(&self, limit: usize) -> Result<Vec<CK_OBJECT_HANDLE>> {
        self.find.with(|find| find.next(limit, |handle| self.token.is_valid(handle)))
    }

    /// Ends the search.
    ///
    /// # Errors
    /// [`Kind::OperationNotInitialized`].
    pub fn find_objects_final(&self) -> Result<()> {
        self.find.take().map(drop)
    }

    /// Ends the operations selected by the flags of C_SessionCancel, including those that are
    /// waiting for SignPath. Flags of inactive operations are ignored (PKCS #11 3.2, section
    /// 5.6.5).
    pub fn cancel(&self, flags: CK_FLAGS) {
        let places: [(CK_FLAGS, &dyn Fn() -> bool); 6] = [
            (CKF_FIND_OBJECTS, &|| self.find.cancel()),
            (CKF_DIGEST, &|| self.digest.cancel()),
            (CKF_SIGN, &|| self.sign.cancel()),
            (CKF_VERIFY, &|| self.verify.cancel()),
            (CKF_MESSAGE_SIGN, &|| self.message_sign.cancel()),
            (CKF_MESSAGE_VERIFY, &|| self.message_verify.cancel()),
        ];
        for (_, cancel) in places.iter().filter(|(flag, _)| flags & flag != 0) {
            cancel();
        }
    }

    /// Ends the operations that require a login.
    pub fn end_login(&self) {
        self.sign.cancel_after_attempt();
        self.message_sign.cancel_after_attempt();
    }

    /// Explains why the state of the active operations cannot be saved: signatures are made in
    /// SignPath, and the digest crates do not expose their state (PKCS #11 3.2, section 5.6.6).
    ///
    /// # Errors
    /// Always: [`Kind::StateUnsaveable`], or [`Kind::NoStateToSave`] if no operation is active.
    pub fn operation_state(&self) -> Result<()> {
        if self.digest.is_active() || self.sign.is_active() || self.verify.is_active() {
            return Err(Error::new(Kind::StateUnsaveable, "operation state cannot be saved"));
        }
        Err(Error::new(Kind::NoStateToSave, "no digest, signature or verification is active"))
    }
}
