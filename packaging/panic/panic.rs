//! A function that panics and catches it, as each function of the module would.

/// Returns 1 if the panic was caught.
#[unsafe(no_mangle)]
pub extern "C" fn catches_a_panic() -> i32 {
    let numbers: Vec<usize> = std::env::args().map(|argument| argument.len()).collect();
    let caught = std::panic::catch_unwind(|| numbers[numbers.len() + 1]);
    i32::from(caught.is_err())
}
