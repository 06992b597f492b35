//! A process that has run out of something.

use cryptoki::context::Pkcs11;
use cryptoki::error::Error;
use cryptoki::session::UserType;
use cryptoki::types::AuthPin;

use crate::Situation;
use crate::common::slot;
use crate::scene::initialize;

pub const SITUATIONS: &[Situation] = situations! { scene;
    "the process may open no more files": [scene.set("SIGNPATH_LOG_FILE_LEVEL", "none")] login_without_descriptors
        => CKR_FUNCTION_FAILED, "none": "the process has run out of file descriptors", "ulimit -n";
};

fn login_without_descriptors(module: &Pkcs11) -> Result<(), Error> {
    initialize(module)?;
    let session = module.open_ro_session(slot(module))?;
    let none = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: the pointer is to a local of that type.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &none) }, 0);
    session.login(UserType::User, Some(&AuthPin::new("CONFIG".into())))
}
