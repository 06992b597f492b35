//! Message-based processes: one key and mechanism for many messages, each with its own signature
//! (PKCS #11 3.2, sections 5.14 and 5.16).

use super::{Data, Operation, Signer, Verifier};
use crate::error::{Error, Kind, Result};

/// An initialized process. An error ends only the current message; the process stays active until
/// it is finished.
pub struct Messages<K> {
    /// Signs or verifies the messages.
    pub key: K,
    /// The current multi-part message.
    message: Option<Data>,
}

/// Message-based signing.
pub type MessageSign = Messages<Signer>;

/// Message-based verification.
pub type MessageVerify = Messages<Verifier>;

/// A key for signing or verifying messages.
pub trait MessageKey {
    /// Creates an empty buffer for a message.
    fn data(&self) -> Data;
}

impl MessageKey for Signer {
    fn data(&self) -> Data {
        self.data()
    }
}

impl MessageKey for Verifier {
    fn data(&self) -> Data {
        self.data()
    }
}

impl Operation for MessageSign {
    const WHAT: &'static str = "message-based signature";
    const INIT: &'static str = "C_MessageSignInit";
    const END: &'static str = "C_MessageSignFinal";
}

impl Operation for MessageVerify {
    const WHAT: &'static str = "message-based verification";
    const INIT: &'static str = "C_MessageVerifyInit";
    const END: &'static str = "C_MessageVerifyFinal";
}

impl<K: MessageKey> Messages<K> {
    /// A process without a current message.
    pub fn new(key: K) -> Self {
        Self { key, message: None }
    }

    /// Creates a buffer for a single-part message, which is not stored.
    ///
    /// # Errors
    /// [`Kind::OperationActive`] during a multi-part message.
    pub fn one_part(&self) -> Result<Data> {
        match self.message {
            None => Ok(self.key.data()),
            Some(_) => Err(Error::new(
                Kind::OperationActive,
                "a multi-part message is active; end it with its last part",
            )),
        }
    }

    /// Begins a multi-part message.
    ///
    /// # Errors
    /// [`Kind::OperationActive`] during another one.
    pub fn begin(&mut self) -> Result<()> {
        self.message = Some(self.one_part()?);
        Ok(())
    }

    /// Takes the multi-part message, which ends unless it is [put back](Self::keep).
    ///
    /// # Errors
    /// [`Kind::OperationNotInitialized`].
    pub fn take(&mut self) -> Result<Data> {
        self.message.take().ok_or_else(|| {
            Error::new(
                Kind::OperationNotInitialized,
                "no multi-part message is active; begin one with C_SignMessageBegin or \
                 C_VerifyMessageBegin",
            )
        })
    }

    /// Puts a multi-part message back.
    pub fn keep(&mut self, message: Data) {
        self.message = Some(message);
    }
}
