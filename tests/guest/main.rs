//! The module is a guest in the application's process: its signals, stacks, descriptors, forks and threads.

#[path = "../common/mod.rs"]
mod common;

mod descriptors;
mod forks;
mod signals;
mod stacks;
mod system;
mod threads;

use common::{load, log_in_and_sign, sign};
use cryptoki_sys::*;
use pkcs11_test::harness::Module;

/// Names the row of a table that a child runs.
const ROW: &str = "TEST_ROW";

/// In a child: the row that it runs.
fn row<T>(table: &[T]) -> &T {
    let number: usize = std::env::var(ROW).unwrap().parse().unwrap();
    &table[number]
}

fn initialized() -> Module {
    let module = load();
    assert_eq!(module.initialize(), CKR_OK);
    module
}
