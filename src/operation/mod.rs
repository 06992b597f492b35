//! The operations of a session: state machines without I/O.

mod find;
mod sign;

pub use find::Find;
pub use sign::Sign;
