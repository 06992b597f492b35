//! Windows does not fork processes.

/// A number that differs from those of all processes that this one was forked from.
pub fn generation() -> u32 {
    1
}
