//! Detects that this process has privileges that its caller lacks.

/// Windows starts a privileged process with an environment of its own, never with the caller's.
pub fn is_secure() -> bool {
    false
}
