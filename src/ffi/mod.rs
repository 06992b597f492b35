//! The C ABI: the functions of PKCS #11 3.2, and all access to the caller's memory.
//!
//! The contract of every function here is the standard's (PKCS #11 3.2, section 5): a pointer is
//! NULL or points to memory of the type and length that the other arguments say, which nobody
//! else changes during the call. NULL, lengths and sizes are checked; the rest is the caller's
//! promise, and what the SAFETY notes refer to as such.

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

/// The way in and out of every function: nothing of the call is left in its thread, no panic crosses
/// it, every error is said, and every call can be seen in a log.
fn call(
    function: &'static str,
    arguments: &[Argument],
    body: impl FnOnce() -> Result<()>,
) -> CK_RV {
    let _guest = Guest::enter();
    let call = Call {
        function,
        arguments,
    };
    contained(|| logged(&call, body))
}

/// A panic in what is said of a call, of its panics too.
fn contained(call: impl FnOnce() -> CK_RV) -> CK_RV {
    catch_unwind(AssertUnwindSafe(call)).unwrap_or(CKR_GENERAL_ERROR)
}

fn logged(call: &Call, body: impl FnOnce() -> Result<()>) -> CK_RV {
    let started = Instant::now();
    prepare();
    signpath_logging::begin_call();
    trace!("{call} begins");
    let result = catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|_| {
        Err(Error::new(
            Kind::Internal,
            "a defect of signpath-pkcs11; please report it with the lines before this one",
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

/// What comes before the first call of the process, which may come before C_Initialize.
fn prepare() {
    static DONE: AtomicBool = AtomicBool::new(false);
    if !DONE.swap(true, Ordering::Relaxed) {
        signpath_logging::report_panics();
        signpath_config::start_logging();
    }
}

/// The arguments of a function, for its log.
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

    /// Set where the test runs itself again, in a process whose stderr and panics are its own.
    const CHILD: &str = "SIGNPATH_TEST_PANIC";

    #[test]
    fn a_panic_outside_of_what_a_call_does_is_a_return_value_too() {
        assert_eq!(contained(|| panic!("in the log")), CKR_GENERAL_ERROR);
    }

    #[test]
    fn a_panic_is_a_return_value_and_says_where_it_was_but_not_its_message() {
        if std::env::var_os(CHILD).is_some() {
            let rv = call("C_Test", &[], || panic!("with the token s3cret"));
            std::process::exit(i32::try_from(rv).unwrap());
        }
        let name =
            "ffi::tests::a_panic_is_a_return_value_and_says_where_it_was_but_not_its_message";
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
        assert!(end.contains("C_Test: a defect of signpath-pkcs11"), "{end}");
        assert!(end.ends_with("[CKR_GENERAL_ERROR]"), "{end}");
    }
}
