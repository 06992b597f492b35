//! A PKCS #11 module as tests drive it: every function with every argument, and sessions whose calls take slices.
//!
//! ```no_run
//! # fn main() -> Result<(), pkcs11_test::harness::Rv> {
//! use cryptoki_sys::CKM_ECDSA;
//! use pkcs11_test::harness::Module;
//!
//! let module = Module::load("libsignpath_pkcs11.so");
//! let signature = module.logged_in()?.key("demo/p-256").sign(CKM_ECDSA, &[7; 32])?;
//! # Ok(())
//! # }
//! ```
//!
//! A library is loaded once in a process, so a test that needs one of its own runs in a child process. There,
//! [`Stage`] also tells which lines a call wrote to stderr and which requests came to the service.

mod module;
mod names;
mod session;
mod stage;
mod stderr;

pub use module::{
    Mechanism, Module, Output, Template, boolean, called, last_called, null, place, ulong,
};
pub use names::{Answer, Rv, mechanism_name, rv_name, state_name};
pub use session::{Key, Session, with};
pub use stage::{Seen, Stage, Stderr};
