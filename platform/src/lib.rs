//! What all crates of signpath-pkcs11 stand on: the environment and files, locks that survive a fork, what
//! a process can run out of, text from outside on its way to people, and being a good guest in the
//! application's process.
//!
//! This is the one place besides the C ABI that has unsafe code: [`fork`], [`guest`] and [`secure`]
//! make system calls that no safe library has.

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
#[allow(unsafe_code)]
pub mod secure;
pub mod shortage;
pub mod text;
