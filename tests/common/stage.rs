//! A test whose process runs the service beside the module.

use pkcs11_test::Options;
use pkcs11_test::harness::{Module, Stage};

use super::{Run, in_child, module_path};

/// Runs a test in a process of its own, with a service of these options, and `more` in its environment.
pub fn on_stage(
    test: &str,
    options: Options,
    more: &[(&str, &str)],
    act: impl FnOnce(&Stage, &Module),
) -> Option<Run> {
    let child = || {
        let stage = Stage::new(options, more).unwrap();
        act(&stage, &Module::load(module_path()));
    };
    in_child(test, || ((), Vec::new()), child).map(|(_, run)| run)
}
