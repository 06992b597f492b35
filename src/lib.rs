//! PKCS #11 provider that signs with SignPath.
//!
//! The shared library shows a user's SignPath signing policies as certificate, public key and
//! private key objects of one token, and turns `C_Sign` into SignPath's fast signing requests.
//! The private keys never leave SignPath.
//!
//! A call comes in through [`ffi`], finds the [`module`] and its [`token`] and [`session`], and
//! from there an [`operation`] over the objects of the [`catalog`]. Only [`signpath`] talks to the
//! network; [`config`], [`error`] and [`logging`] depend on nothing else here but [`escape`] and
//! [`environment`]. Unsafe code is in [`ffi`], for the caller's memory, and in [`platform`], for system
//! calls, and nowhere else.

#![deny(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    missing_docs,
    unsafe_code,
    unsafe_op_in_unsafe_fn
)]
#![cfg_attr(
    test,
    allow(
        clippy::disallowed_methods,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::unwrap_used
    )
)]

pub mod catalog;
pub mod config;
pub mod crypto;
pub mod environment;
pub mod error;
pub mod escape;
#[allow(non_snake_case)]
pub mod ffi;
pub mod input;
pub mod lock;
pub mod logging;
pub mod mechanism;
pub mod module;
pub mod names;
pub mod object;
pub mod operation;
#[allow(unsafe_code)]
pub mod platform;
pub mod policy_cache;
pub mod secret;
pub mod session;
pub mod shortage;
pub mod signpath;
pub mod token;
