//! Protects the application's thread during a call, and restores it afterwards.

use std::marker::PhantomData;

/// Guards a call from the application. Windows has no signals, and no thread is cancelled.
pub struct Guest {
    _stays_in_its_thread: PhantomData<*const ()>,
}

impl Guest {
    /// Begins the call.
    pub fn enter() -> Self {
        Self { _stays_in_its_thread: PhantomData }
    }
}
