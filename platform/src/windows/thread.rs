//! Starts threads in the application's process.

use std::io;
use std::ptr;
use std::thread::Builder;

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

/// Runs `body`. Stacks have a mebibyte on Windows, and a thread could not be waited for while a library is unloaded.
///
/// # Errors
/// None.
pub fn with_stack<R: Send>(
    _size: usize,
    _name: &str,
    body: impl FnOnce() -> R + Send,
) -> io::Result<R> {
    Ok(body())
}

fn stay_loaded() -> io::Result<()> {
    let flags = GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | GET_MODULE_HANDLE_EX_FLAG_PIN;
    let address: *const u16 = (stay_loaded as fn() -> io::Result<()> as *const ()).cast();
    let mut module = ptr::null_mut();
    // SAFETY: the address is one in this library, and the other pointer is to a local variable.
    succeeded(unsafe { GetModuleHandleExW(flags, address, &mut module) })
}
