//! The operating system layer that the other crates of signpath-pkcs11 share: environment
//! variables, files, locks that survive a fork, resource shortages, descriptions of errors, escaping of untrusted text, and
//! protection of the application's threads.
//!
//! Besides the C ABI, only this crate contains unsafe code: [`fork`], [`guest`] and [`secure`] make
//! system calls for which there is no safe wrapper.

pub mod date;
pub mod environment;
pub mod escape;
pub mod few;
pub mod file;
#[allow(unsafe_code)]
pub mod fork;
#[allow(unsafe_code)]
pub mod guest;
pub mod lock;
pub mod os_error;
#[allow(unsafe_code)]
pub mod secure;
pub mod shortage;
pub mod text;
