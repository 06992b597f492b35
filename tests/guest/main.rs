//! How the module lives in a process that is not its own: signals, stacks, descriptors, forks and
//! threads that end.

#[path = "../common/mod.rs"]
mod common;

mod descriptors;
mod forks;
mod signals;
mod stacks;
mod system;
mod threads;

use cryptoki_sys::*;
use pkcs11_test::harness::{Module, Session};

/// Names the row of a table that a child runs.
const ROW: &str = "TEST_ROW";

/// In a child: the row that it runs.
fn row<T>(table: &[T]) -> &T {
    let number: usize = std::env::var(ROW).unwrap().parse().unwrap();
    &table[number]
}

fn load() -> Module {
    Module::load(common::module_path())
}

fn initialized() -> Module {
    let module = load();
    assert_eq!(module.initialize(), CKR_OK);
    module
}

fn sign(session: Session) {
    let key = session.key("demo/p-256");
    key.sign(CKM_ECDSA, &[7; 32]).unwrap();
}

fn log_in_and_sign(module: &Module) -> Session<'_> {
    let session = module.logged_in().unwrap();
    sign(session);
    session
}
