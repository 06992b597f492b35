//! A forked child of a test's process.

/// Forks, runs `child` in the child, and waits for it to end well.
pub fn fork(child: impl FnOnce()) {
    // SAFETY: the child calls only the module, which is made for this, and exits without unwinding
    // into the test harness.
    match unsafe { libc::fork() } {
        0 => {
            super::end_if_hanging();
            let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(child));
            // SAFETY: ends the process at once.
            unsafe { libc::_exit(i32::from(result.is_err())) }
        }
        child => {
            let mut status = 0;
            // SAFETY: the pointer is to a local of that type.
            assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
            assert_eq!(status, 0, "the forked child failed");
        }
    }
}
