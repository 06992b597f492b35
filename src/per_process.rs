//! A value of each process, out of the reach of forked children.

use once_cell::race::OnceBox;

/// A forked child inherits its parent's memory, including locks held by the parent's threads and
/// sockets that still belong to the parent. The child must not touch them, not even to drop them.
/// Each process therefore appends its own generation to a list that is read without locking, and
/// leaves the earlier ones alone.
pub struct PerProcess<T> {
    first: OnceBox<Generation<T>>,
}

struct Generation<T> {
    number: u32,
    value: T,
    child: OnceBox<Generation<T>>,
}

impl<T: Default> PerProcess<T> {
    /// Without a value for any process.
    #[allow(clippy::new_without_default, reason = "only a static has one")]
    pub const fn new() -> Self {
        Self { first: OnceBox::new() }
    }

    /// The value of the process with this [generation](signpath_platform::fork::generation), which
    /// must be the newest.
    pub fn of(&self, number: u32) -> &T {
        let new = || Generation::new(number);
        let mut newest = self.first.get_or_init(new);
        while let Some(child) = newest.child.get() {
            newest = child;
        }
        if newest.number != number {
            newest = newest.child.get_or_init(new);
        }
        &newest.value
    }
}

impl<T: Default> Generation<T> {
    fn new(number: u32) -> Box<Self> {
        Box::new(Self { number, value: T::default(), child: OnceBox::new() })
    }
}
