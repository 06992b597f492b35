//! Non-blocking TCP sockets, for a thread that waits for them itself.

pub use crate::system::errors::is_connecting;
pub use crate::system::socket::{
    ENDS_WAITS, Identity, abandon, end_waits, identity, limit_unacknowledged, send, send_vectored,
    tcp, wait,
};

/// What a socket is to be ready for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interest(u8);

impl Interest {
    /// Reading, or the end of the connection.
    pub const READ: Self = Self(1);
    /// Writing, or the end of connecting.
    pub const WRITE: Self = Self(2);

    /// Whether all of `other` is in it.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// As a number, for an atomic variable.
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// From [`Self::bits`].
    pub const fn from_bits(bits: u8) -> Self {
        Self(bits)
    }
}
