//! Signals, limits and system calls.

use std::mem::zeroed;
use std::ptr;

/// The signals that are blocked in this thread.
pub fn blocked_signals() -> Vec<i32> {
    // SAFETY: a signal set may be all zeros, and the pointers are to one or NULL.
    unsafe {
        let mut set = zeroed();
        assert_eq!(libc::pthread_sigmask(libc::SIG_BLOCK, ptr::null(), &mut set), 0);
        members(&set)
    }
}

/// The signals that are pending for this thread or process.
pub fn pending_signals() -> Vec<i32> {
    // SAFETY: the same.
    unsafe {
        let mut set = zeroed();
        assert_eq!(libc::sigpending(&mut set), 0);
        members(&set)
    }
}

/// What happens at each signal: the handler and its flags.
pub fn dispositions() -> Vec<(usize, i32)> {
    let signals = 1..libc::SIGRTMAX();
    // SAFETY: the pointers are to an action or NULL.
    let action = |signal| unsafe {
        let mut action: libc::sigaction = zeroed();
        libc::sigaction(signal, ptr::null(), &mut action);
        (action.sa_sigaction, action.sa_flags)
    };
    signals.map(action).collect()
}

/// Blocks a signal in this thread.
pub fn block(signal: i32) {
    // SAFETY: the pointers are to a set or NULL.
    unsafe {
        let mut set = zeroed();
        libc::sigaddset(&mut set, signal);
        assert_eq!(libc::pthread_sigmask(libc::SIG_BLOCK, &set, ptr::null_mut()), 0);
    }
}

unsafe fn members(set: &libc::sigset_t) -> Vec<i32> {
    let signals = 1..libc::SIGRTMAX();
    // SAFETY: the caller gives an initialized set.
    signals.filter(|signal| unsafe { libc::sigismember(set, *signal) } == 1).collect()
}

/// Makes the kernel refuse MADV_WIPEONFORK in this process, as kernels before 4.14 do.
pub fn refuse_pages_that_a_fork_wipes() {
    let statement = |code: u32, k: u32| libc::sock_filter { code: code as u16, jt: 0, jf: 0, k };
    let unless_equal = |k: u32, skip: u8| libc::sock_filter {
        code: (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16,
        jt: 0,
        jf: skip,
        k,
    };
    // Offsets in struct seccomp_data: the number of the call, and the lower half of its third
    // argument, on machines that keep the lower half first.
    let load = |offset| statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, offset);
    let filter = [
        load(0),
        unless_equal(libc::SYS_madvise as u32, 3),
        load(32),
        unless_equal(libc::MADV_WIPEONFORK as u32, 1),
        statement(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ERRNO | libc::EINVAL as u32),
        statement(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ALLOW),
    ];
    let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_ptr().cast_mut() };
    // SAFETY: the program and its filter live until the kernel has copied them.
    unsafe {
        assert_eq!(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
        assert_eq!(libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &program), 0);
    }
}
