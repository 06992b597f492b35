//! Whether this process has privileges that its caller does not have.

use nix::libc::{AT_SECURE, getauxval};

/// Whether the program is set-user-ID or set-group-ID, or has file capabilities, so that the kernel
/// calls for secure execution (getauxval(3), `AT_SECURE`).
pub fn is_secure() -> bool {
    // SAFETY: it takes any value, has no preconditions, and only reads what the kernel left in this
    // process.
    unsafe { getauxval(AT_SECURE) != 0 }
}
