//! Forks the process of a test.

/// Forks, runs `child` in the child, and waits until it exits with status 0.
pub fn fork(child: impl FnOnce()) {
    fork_by(true, child);
}

/// The same with the C library's function, or with the system call that it uses.
pub fn fork_by(library: bool, child: impl FnOnce()) {
    // SAFETY: the child calls only the module, which is made for this, and exits without unwinding
    // into the test harness.
    let process = unsafe {
        match library {
            true => libc::fork(),
            false => libc::syscall(libc::SYS_clone, libc::SIGCHLD, 0, 0, 0, 0) as libc::pid_t,
        }
    };
    match process {
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
