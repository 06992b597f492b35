//! Message-based processes: one key and mechanism for many messages, each with a signature of its
//! own (PKCS #11 3.2, sections 5.14 and 5.16).

use super::{Data, Operation, Signer, Verifier};
use crate::error::{Error, Kind, Result};

/// An initialized process. What goes wrong with a message ends that message; the process goes on
/// until it is finished.
pub struct Messages<K> {
    /// What signs or verifies each message.
    pub key: K,
    /// The message in parts.
    message: Option<Data>,
}

/// Message-based signing.
pub type MessageSign = Messages<Signer>;

/// Message-based verification.
pub type MessageVerify = Messages<Verifier>;

/// A key that messages are signed or verified with.
pub trait MessageKey {
    /// Room for what is signed.
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
    const WHAT: &'static str = "message-based signing";
    const INIT: &'static str = "C_MessageSignInit";
    const END: &'static str = "C_MessageSignFinal";
}

impl Operation for MessageVerify {
    const WHAT: &'static str = "message-based verification";
    const INIT: &'static str = "C_MessageVerifyInit";
    const END: &'static str = "C_MessageVerifyFinal";
}

impl<K: MessageKey> Messages<K> {
    /// A process without a message.
    pub fn new(key: K) -> Self {
        Self { key, message: None }
    }

    /// Room for a message in one part, which is not kept.
    ///
    /// # Errors
    /// [`Kind::OperationActive`] while there is a message in parts.
    pub fn one_part(&self) -> Result<Data> {
        match self.message {
            None => Ok(self.key.data()),
            Some(_) => Err(Error::new(
                Kind::OperationActive,
                "a message in parts is active; end it with the last part",
            )),
        }
    }

    /// Begins a message in parts.
    ///
    /// # Errors
    /// [`Kind::OperationActive`] while there is another one.
    pub fn begin(&mut self) -> Result<()> {
        self.message = Some(self.one_part()?);
        Ok(())
    }

    /// Takes the message in parts, which is over unless it is [kept](Self::keep).
    ///
    /// # Errors
    /// [`Kind::OperationNotInitialized`].
    pub fn take(&mut self) -> Result<Data> {
        self.message.take().ok_or_else(|| {
            Error::new(
                Kind::OperationNotInitialized,
                "no message in parts is active; begin it with the C_…MessageBegin function",
            )
        })
    }

    /// Goes on with a message in parts.
    pub fn keep(&mut self, message: Data) {
        self.message = Some(message);
    }
}
