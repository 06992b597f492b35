//! PKCS #11 provider that signs with SignPath.
//!
//! The shared library exposes a user's SignPath signing policies as certificate, public key and
//! private key objects of a single token, and turns `C_Sign` into SignPath's fast signing requests.
//! The private keys never leave SignPath.
//!
//! A program that signs and verifies, which the tests compile and run as C and as C++:
//!
//! ```c
#![doc = include_str!("../tests/header/sign.c")]
//! ```
//!
//! A call enters through [`ffi`], looks up the [`module`], its [`token`] and [`session`], and runs
//! an [`operation`] on the objects in the [`catalog`]. Only [`signpath_client`] uses the network,
//! and it knows nothing about PKCS #11. Settings come from [`signpath_config`]; log messages go
//! through [`log`] to [`signpath_logging`]. Unsafe code is confined to [`ffi`], for the caller's
//! memory, and [`signpath_platform`], for system calls.

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

/// Wipes all memory when it is freed. Secrets pass through buffers that our own types do not own:
/// those of the HTTP client, TLS and the JSON parser, and what a growing string leaves behind when
/// it is reallocated.
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
pub mod per_process;
pub mod session;
pub mod token;
