//! A process that has run out of something.

use pkcs11_test::harness::{Module, Rv};

use crate::Situation;
use crate::common::limit;

pub const SITUATIONS: &[Situation] = situations! { scene;
    "the process may open no more files": [scene.set("SIGNPATH_LOG_FILE_LEVEL", "none")] login_without_descriptors
        => CKR_FUNCTION_FAILED, "none": "the process has run out of file descriptors", "ulimit -n";
};

fn login_without_descriptors(module: &Module) -> Rv {
    let session = module.opened();
    limit(libc::RLIMIT_NOFILE, 0);
    session.login()
}
