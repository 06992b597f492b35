//! PKCS #11 provider that signs with SignPath.
//!
//! The shared library shows a user's SignPath signing policies as certificate, public key and
//! private key objects of one token, and turns `C_Sign` into SignPath's fast signing requests.
//! The private keys never leave SignPath.
//!
//! A call comes in through [`ffi`], finds the [`module`] and its [`token`] and [`session`], and
//! from there an [`operation`] over the objects of the [`catalog`]. `C_FindObjects`, for instance, is
//! `ffi/objects.rs`, `token/objects.rs` for what is visible, `object/index.rs` for what matches, and
//! `operation/find.rs` for what is still to be handed over. Only [`signpath_client`] talks to the
//! network, and it knows nothing of PKCS #11. The settings come from [`signpath_config`], and what is said
//! goes through [`log`] to [`signpath_logging`]. Unsafe code is in [`ffi`], for the caller's memory, and in
//! [`signpath_platform`], for system calls, and nowhere else.

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
#![cfg_attr(test, allow(clippy::disallowed_methods))]

use std::alloc::System;

use zeroizing_alloc::ZeroAlloc;

/// All memory is wiped when it is given back. A secret passes through buffers that no type of ours
/// owns: those of the HTTP client, of TLS and of the JSON parser, and what a growing text leaves
/// behind.
#[global_allocator]
static ALLOCATOR: ZeroAlloc<System> = ZeroAlloc(System);

pub mod catalog;
pub mod constant_names;
pub mod error;
#[allow(non_snake_case)]
pub mod ffi;
pub mod mechanism;
pub mod module;
pub mod object;
pub mod operation;
pub mod session;
pub mod token;
