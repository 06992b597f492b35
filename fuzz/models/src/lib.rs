//! The operation place and the catalog of the module, as they stand in its sources, with shuttle's locks and a service that is a
//! function: `tests/` runs them in threads, and shuttle chooses which thread goes on at each lock.
//!
//! The modules find this crate under the names of those that they use: signpath_client and signpath_platform.

extern crate self as signpath_client;
extern crate self as signpath_platform;

mod client;
pub mod error;
pub mod lock;
pub mod object;

#[path = "../../../src/catalog/mod.rs"]
pub mod catalog;
#[path = "../../../src/operation/place.rs"]
pub mod place;

pub use client::*;
