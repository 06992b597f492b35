//! Detects that this process has privileges that its caller lacks.

/// Whether the kernel requests secure execution, because the program is set-user-ID or set-group-ID
/// or has file capabilities (getauxval(3), `AT_SECURE`).
#[cfg(target_os = "linux")]
pub fn is_secure() -> bool {
    // SAFETY: it has no preconditions and only reads what the kernel passed to this process.
    unsafe { libc::getauxval(libc::AT_SECURE) != 0 }
}

/// Whether the program is or was set-user-ID or set-group-ID (issetugid(2)).
#[cfg(not(target_os = "linux"))]
pub fn is_secure() -> bool {
    // SAFETY: it has no preconditions.
    unsafe { libc::issetugid() != 0 }
}
