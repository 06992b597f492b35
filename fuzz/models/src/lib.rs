//! The parts of the module that threads share, as they stand in its sources, with shuttle's locks and atomics and a service that is a
//! function: `tests/` runs them in threads, and shuttle chooses which thread goes on at each lock.
//!
//! The sources find this crate under the names of those that they use.

extern crate self as once_cell;
extern crate self as signpath_client;
extern crate self as signpath_platform;

mod client;
pub mod error;
pub mod lock;
pub mod object;
pub mod race;

/// Those of the platform.
pub mod atomic {
    pub use shuttle::sync::atomic::{AtomicU32, AtomicU64, Ordering};
}

#[path = "../../../src/catalog/mod.rs"]
pub mod catalog;
#[path = "../../../platform/src/unix/mark.rs"]
pub mod mark;
#[path = "../../../src/per_process.rs"]
pub mod per_process;
#[path = "../../../src/operation/place.rs"]
pub mod place;
#[path = "../../../client/src/pool.rs"]
pub mod pool;

pub use client::*;
