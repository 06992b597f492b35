//! The operations of a session: small state machines, each in a slot of its own. Only
//! [`Signer::sign`] waits for anything, in [`verified_signature`].

mod data;
mod digest;
mod find;
mod form;
mod messages;
mod sign;
mod signature;
mod slot;
mod verify;

pub use data::Data;
pub use digest::Digest;
pub use find::Find;
pub use form::{Form, Functions, InParts};
pub use messages::{MessageKey, MessageSign, MessageVerify, Messages};
pub use sign::{Sign, Signer};
pub use signature::verified_signature;
pub use slot::{Operation, Slot, Taken};
pub use verify::{Verifier, Verify};
