//! `once_cell::race`, where shuttle may change threads before each access.

use std::sync::OnceLock;

use shuttle::sync::atomic::{AtomicBool, Ordering};

pub struct OnceBox<T> {
    value: OnceLock<Box<T>>,
    access: AtomicBool,
}

impl<T> OnceBox<T> {
    pub const fn new() -> Self {
        Self { value: OnceLock::new(), access: AtomicBool::new(false) }
    }

    pub fn get(&self) -> Option<&T> {
        self.access.load(Ordering::SeqCst);
        self.value.get().map(|value| &**value)
    }

    /// Like that of once_cell: threads at once all make a value, and one of these stays.
    pub fn get_or_init(&self, make: impl FnOnce() -> Box<T>) -> &T {
        if let Some(value) = self.get() {
            return value;
        }
        let made = make();
        self.access.load(Ordering::SeqCst);
        self.value.get_or_init(|| made)
    }
}
