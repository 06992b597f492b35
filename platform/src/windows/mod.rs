//! Windows.

#[allow(unsafe_code)]
pub mod access;
pub mod certificate_store;
#[allow(unsafe_code)]
pub mod child;
pub mod console;
pub mod errors;
#[allow(unsafe_code)]
pub mod file;
pub mod folders;
pub mod fork;
pub mod guest;
pub mod leftovers;
#[allow(unsafe_code)]
pub mod log_folder;
#[allow(unsafe_code)]
pub mod process;
pub mod program;
#[allow(unsafe_code)]
pub mod secrets;
pub mod secure;
#[allow(unsafe_code)]
pub mod socket;
#[allow(unsafe_code)]
pub mod system_proxy;
#[allow(unsafe_code)]
pub mod thread;

use std::ffi::OsStr;
use std::io;
use std::os::windows::ffi::OsStrExt;

use windows_sys::core::BOOL;

/// A text as Windows takes it: UTF-16, with a zero at the end.
fn wide(text: impl AsRef<OsStr>) -> Vec<u16> {
    text.as_ref().encode_wide().chain([0]).collect()
}

/// The text in a buffer, up to the first zero.
fn from_wide(buffer: &[u16]) -> String {
    let text = buffer.split(|unit| *unit == 0).next().unwrap_or_default();
    String::from_utf16_lossy(text)
}

/// Turns the result of most functions into that of Rust.
fn succeeded(result: BOOL) -> io::Result<()> {
    match result {
        0 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}
