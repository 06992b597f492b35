//! Starts threads in the application's process.

use std::io;
use std::panic::resume_unwind;
use std::ptr;
use std::thread::{Builder, scope};

use windows_sys::Win32::System::LibraryLoader::{
    GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS, GET_MODULE_HANDLE_EX_FLAG_PIN, GetModuleHandleExW,
};

use super::succeeded;

/// Starts a thread. It may outlive its call, so this library stays loaded until the process ends.
///
/// # Errors
/// Those of the system.
pub fn spawn(name: &str, body: impl FnOnce() + Send + 'static) -> io::Result<()> {
    stay_loaded()?;
    Builder::new().name(name.to_owned()).spawn(body).map(drop)
}

/// Runs `body` in a thread with a stack of `size` bytes, and waits for it.
///
/// # Errors
/// Those of the system, if it cannot start the thread.
///
/// # Panics
/// If `body` does.
pub fn with_stack<R: Send>(
    size: usize,
    name: &str,
    body: impl FnOnce() -> R + Send,
) -> io::Result<R> {
    let thread = Builder::new().name(name.to_owned()).stack_size(size);
    scope(|scope| {
        let started = thread.spawn_scoped(scope, body)?;
        Ok(started.join().unwrap_or_else(|panic| resume_unwind(panic)))
    })
}

fn stay_loaded() -> io::Result<()> {
    let flags = GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | GET_MODULE_HANDLE_EX_FLAG_PIN;
    let address: *const u16 = (stay_loaded as fn() -> io::Result<()> as *const ()).cast();
    let mut module = ptr::null_mut();
    // SAFETY: the address is one in this library, and the other pointer is to a local variable.
    succeeded(unsafe { GetModuleHandleExW(flags, address, &mut module) })
}
