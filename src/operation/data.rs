//! What a caller hands over to an operation, in one part or many.

use crate::crypto::{HashAlgorithm, Hasher};
use crate::error::{Error, Kind, Result};
use crate::mechanism::{Input, Mechanism, Signature};

/// The data of an operation, or what is left of it: hashed at once where it is a message.
pub struct Data {
    content: Content,
    is_multi_part: bool,
}

enum Content {
    Hashed(Hasher),
    Collected {
        bytes: Vec<u8>,
        /// The most bytes that can be right.
        limit: usize,
        mechanism: &'static Mechanism,
    },
}

impl Data {
    /// A message of which only the digest is wanted.
    pub fn hashed(hash: HashAlgorithm) -> Self {
        Self {
            content: Content::Hashed(hash.hasher()),
            is_multi_part: false,
        }
    }

    /// The input of a signature mechanism, at most `limit` bytes where it is not a message.
    pub fn of(mechanism: &'static Mechanism, signature: Signature, limit: usize) -> Self {
        match signature.input {
            Input::Message(hash) => Self::hashed(hash),
            _ => Self {
                content: Content::Collected {
                    bytes: Vec::new(),
                    limit,
                    mechanism,
                },
                is_multi_part: false,
            },
        }
    }

    /// Adds a part.
    ///
    /// # Errors
    /// [`Kind::DataLength`] when it becomes too much.
    pub fn add(&mut self, part: &[u8]) -> Result<()> {
        self.is_multi_part = true;
        self.extend(part)
    }

    /// Takes the only part, in a single-part function.
    ///
    /// # Errors
    /// [`Kind::OperationNotInitialized`] when there are parts already: the standard has these
    /// functions end no multi-part operation. [`Kind::DataLength`] when it is too much.
    pub fn set(&mut self, data: &[u8]) -> Result<()> {
        if self.is_multi_part {
            return Err(Error::new(
                Kind::OperationNotInitialized,
                "the operation was begun in parts, with a C_…Update function; C_…Final ends it",
            ));
        }
        self.extend(data)
    }

    fn extend(&mut self, part: &[u8]) -> Result<()> {
        match &mut self.content {
            Content::Hashed(hasher) => hasher.update(part),
            Content::Collected {
                bytes,
                limit,
                mechanism,
            } => {
                if part.len() > limit.saturating_sub(bytes.len()) {
                    return Err(Error::new(
                        Kind::DataLength,
                        format!(
                            "{}: the data has more than {limit} bytes; the mechanism signs a \
                             digest, not the message",
                            mechanism.name
                        ),
                    ));
                }
                bytes.extend_from_slice(part);
            }
        }
        Ok(())
    }

    /// All of it: the digest of a message, or the bytes themselves.
    pub fn finish(self) -> Vec<u8> {
        match self.content {
            Content::Hashed(hasher) => hasher.finish(),
            Content::Collected { bytes, .. } => bytes,
        }
    }
}
