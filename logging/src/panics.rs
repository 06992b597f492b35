//! Logs panics, instead of the standard library's message.

use std::panic::{self, PanicHookInfo};

use super::Level;

/// Logs panics of this library, and of no other, in one line. The line has the panic's location but
/// not its message, which may quote anything, such as a secret.
pub fn report_panics() {
    // A panicking thread cannot set the hook.
    if !std::thread::panicking() {
        panic::set_hook(Box::new(log_panic));
    }
}

fn log_panic(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
    super::write(
        Level::Fatal,
        format_args!(
            "a panic at {place} in signpath-pkcs11 {}; please report it",
            env!("CARGO_PKG_VERSION")
        ),
    );
}
