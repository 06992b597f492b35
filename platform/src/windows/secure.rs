//! Detects that this process has privileges that its caller lacks.

/// Windows has no set-user-ID programs: services and elevated programs get the environment of the
/// system and of their own user. A program that is privileged itself can start another with any
/// environment, and answers for it.
pub fn is_secure() -> bool {
    false
}
