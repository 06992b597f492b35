//! The C ABI: the functions of PKCS #11 3.2, and all access to the caller's memory.
//!
//! Each function has the standard's contract (PKCS #11 3.2, section 5): a pointer is NULL or points
//! to memory of the type and length given by the other arguments, and nobody else changes it during
//! the call. NULL, lengths and sizes are checked. The rest the caller guarantees; SAFETY comments
//! refer to this guarantee.

mod arguments;
mod digesting;
mod entry_point;
mod general;
#[allow(unsafe_code)]
mod input;
#[allow(unsafe_code)]
mod mechanism;
#[allow(unsafe_code)]
mod memory;
mod messages;
mod objects;
mod operations;
#[allow(unsafe_code)]
mod output;
mod random;
mod sessions;
mod signing;
mod slots;
#[allow(unsafe_code)]
mod tables;
#[allow(unsafe_code)]
mod template;
#[allow(unsafe_code)]
mod unsupported;
mod verifying;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use cryptoki_sys::{CK_RV, CKR_GENERAL_ERROR, CKR_OK};
use log::{debug, log, trace};
use signpath_platform::guest::Guest;

use self::arguments::{Argument, Call};
use self::entry_point::{checked, checked_argument, entry_point, functions};
use self::input::{In, Input, Opaque, Text};
use self::mechanism::MechanismArgument;
use self::memory::{CallerMemory, Memory};
use self::output::{List, Out, Room};
use self::template::Template;
use crate::error::{Error, Kind, Result};

pub use digesting::*;
pub use general::*;
pub use messages::*;
pub use objects::*;
pub use random::*;
pub use sessions::*;
pub use signing::*;
pub use slots::*;
pub use tables::{C_GetFunctionList, C_GetInterface, C_GetInterfaceList};
pub use unsupported::*;
pub use verifying::*;

/// Wraps every function: leaves nothing of the call in its thread, stops panics, and logs errors
/// and calls.
fn call(
    function: &'static str,
    arguments: &[Argument],
    body: impl FnOnce() -> Result<()>,
) -> CK_RV {
    let _guest = Guest::enter();
    let call = Call { function, arguments };
    contained(|| logged(&call, body))
}

/// Also catches panics in the logging of a call and of its panics.
fn contained(call: impl FnOnce() -> CK_RV) -> CK_RV {
    catch_unwind(AssertUnwindSafe(call)).unwrap_or(CKR_GENERAL_ERROR)
}

fn logged(call: &Call, body: impl FnOnce() -> Result<()>) -> CK_RV {
    let started = Instant::now();
    start_logging_once();
    signpath_logging::begin_call();
    trace!("{call} begins");
    let result = catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|_| {
        Err(Error::new(
            Kind::Internal,
            "a bug in signpath-pkcs11; please report it together with the lines above",
        ))
    });
    let (rv, name) = match result {
        Ok(()) => (CKR_OK, "CKR_OK"),
        Err(error) => {
            log!(error.kind.level(), "{}: {error}", call.function);
            (error.kind.rv(), error.kind.name())
        }
    };
    debug!("{call}: {name} in {:.1?}", started.elapsed());
    rv
}

/// Runs once per process, before the first call, which need not be C_Initialize.
fn start_logging_once() {
    static DONE: AtomicBool = AtomicBool::new(false);
    if !DONE.swap(true, Ordering::Relaxed) {
        signpath_logging::report_panics();
        signpath_config::start_logging();
    }
}

/// Collects the arguments of a function for logging.
macro_rules! argument_list {
    ($($argument:ident: $type:ty),*) => {
        [$($crate::ffi::arguments::Argument::new(
            stringify!($argument),
            stringify!($type),
            $argument,
        )),*]
    };
}
use argument_list;

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    /// Set when the test runs itself in a child process, to observe stderr and the panic.
    const CHILD: &str = "SIGNPATH_TEST_PANIC";

    #[test]
    fn returns_general_error_if_logging_a_call_panics() {
        assert_eq!(contained(|| panic!("in the log")), CKR_GENERAL_ERROR);
    }

    #[test]
    fn a_panic_is_logged_with_its_location_but_not_its_message() {
        if std::env::var_os(CHILD).is_some() {
            let rv = call("C_Test", &[], || panic!("with the token s3cret"));
            std::process::exit(i32::try_from(rv).unwrap());
        }
        let name = "ffi::tests::a_panic_is_logged_with_its_location_but_not_its_message";
        let output = Command::new(std::env::current_exe().unwrap())
            .args([name, "--exact", "--nocapture"])
            .env(CHILD, "1")
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(5), "CKR_GENERAL_ERROR");
        let stderr = String::from_utf8(output.stderr).unwrap();
        let lines: Vec<_> = stderr.lines().collect();
        let [place, end] = lines[..] else {
            panic!("{stderr}");
        };
        assert!(
            place.starts_with(concat!("signpath-pkcs11: fatal: a panic at ", file!())),
            "{place}"
        );
        assert!(end.contains("C_Test: a bug in signpath-pkcs11"), "{end}");
        assert!(end.ends_with("[CKR_GENERAL_ERROR]"), "{end}");
    }
}
