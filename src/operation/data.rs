//! The data that a caller passes to an operation, in one part or many.

use super::Parts;
use crate::error::{Error, Kind, Result};
use crate::mechanism::{Input, Mechanism, Signature};
use signpath_crypto::{HashAlgorithm, Hasher};

/// The data of an operation. Messages are hashed as they arrive.
pub struct Data {
    content: Content,
    /// `None` until a function that takes data is called.
    pub(super) parts: Option<Parts>,
}

enum Content {
    Hashed(Hasher),
    Collected { bytes: Vec<u8>, limit: Limit, mechanism: &'static Mechanism },
}

/// How many bytes of unhashed data are used.
#[derive(Debug, Clone, Copy)]
pub enum Limit {
    /// At most this many; more are an error.
    AtMost(usize),
    /// The first ones; the rest is ignored.
    First(usize),
}

impl Data {
    /// Creates an empty buffer for a message that is hashed.
    pub fn hashed(hash: HashAlgorithm) -> Self {
        Self { content: Content::Hashed(hash.hasher()), parts: None }
    }

    /// Creates an empty buffer for the input of a signature mechanism. `limit` applies unless the
    /// input is a message.
    pub fn of(mechanism: &'static Mechanism, signature: Signature, limit: Limit) -> Self {
        match signature.input {
            Input::Message(hash) => Self::hashed(hash),
            _ => Self {
                content: Content::Collected { bytes: Vec::new(), limit, mechanism },
                parts: None,
            },
        }
    }

    /// Adds a part.
    ///
    /// # Errors
    /// [`Kind::DataLength`] if that is too much data, [`Kind::HostMemory`].
    pub fn add(&mut self, part: &[u8]) -> Result<()> {
        self.parts = Some(Parts::Multiple);
        self.extend(part)
    }

    /// Sets the data of a single-part operation.
    ///
    /// # Errors
    /// [`Kind::DataLength`] if that is too much data, [`Kind::HostMemory`].
    pub fn set(&mut self, data: &[u8]) -> Result<()> {
        self.parts = Some(Parts::Single);
        self.extend(data)
    }

    fn extend(&mut self, part: &[u8]) -> Result<()> {
        match &mut self.content {
            Content::Hashed(hasher) => hasher.update(part),
            Content::Collected { bytes, limit, mechanism } => {
                let (Limit::AtMost(length) | Limit::First(length)) = *limit;
                let room = length.saturating_sub(bytes.len());
                let counts = part.get(..room).unwrap_or(part);
                if counts.len() < part.len() && matches!(limit, Limit::AtMost(_)) {
                    return Err(Error::new(
                        Kind::DataLength,
                        format!(
                            "{}: more than {length} bytes of data; the mechanism takes a digest, \
                             not the message",
                            mechanism.name
                        ),
                    ));
                }
                bytes.try_reserve(counts.len())?;
                bytes.extend_from_slice(counts);
            }
        }
        Ok(())
    }

    /// The digest of a message, or the collected bytes.
    pub fn finish(self) -> Vec<u8> {
        match self.content {
            Content::Hashed(hasher) => hasher.finish(),
            Content::Collected { bytes, .. } => bytes,
        }
    }
}

#[cfg(test)]
mod tests {
    use cryptoki_sys::CKM_ECDSA;

    use super::*;

    fn collected(limit: Limit) -> Data {
        let (mechanism, signature) = Mechanism::for_verification(CKM_ECDSA).unwrap();
        Data::of(mechanism, signature, limit)
    }

    #[test]
    fn ignores_data_beyond_the_first_bytes() {
        let mut data = collected(Limit::First(5));
        for part in [&b"abc"[..], b"", b"defg", b"h"] {
            data.add(part).unwrap();
        }
        assert_eq!(data.finish(), b"abcde");
    }

    #[test]
    fn refuses_data_beyond_the_limit() {
        let mut data = collected(Limit::AtMost(5));
        data.add(b"abc").unwrap();
        data.add(b"de").unwrap();
        assert_eq!(data.add(b"f").unwrap_err().kind, Kind::DataLength);
    }
}
