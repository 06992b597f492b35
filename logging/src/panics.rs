//! What is said of a panic, in place of the standard library's words.

use std::panic::{self, PanicHookInfo};

use super::Level;

/// Has panics of this library, and of no other, said in one line. It tells where the defect is,
/// and not the message, which may quote anything: a secret, for instance.
pub fn report_panics() {
    // A thread that panics cannot set what panics do.
    if !std::thread::panicking() {
        panic::set_hook(Box::new(say));
    }
}

fn say(panic: &PanicHookInfo<'_>) {
    let place = panic
        .location()
        .map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
    super::write(
        Level::Fatal,
        format_args!(
            "a panic at {place} in signpath-pkcs11 {}",
            env!("CARGO_PKG_VERSION")
        ),
    );
}
