//! The operations of a session: small state machines, each in its own place. The only one that
//! blocks is [`Signer::sign`], in [`SigningService::sign`].

mod data;
mod digest;
mod find;
mod messages;
mod parts;
mod place;
mod sign;
mod verify;

pub use data::Data;
pub use digest::Digest;
pub use find::Find;
pub use messages::{MessageKey, MessageSign, MessageVerify, Messages};
pub use parts::{Functions, InParts, Parts};
pub use place::{Operation, OperationPlace, Taken};
pub use sign::{Sign, Signer, SigningService};
pub use verify::{Verifier, Verify};
