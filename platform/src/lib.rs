//! The operating system layer that the other crates of signpath-pkcs11 share: environment
//! variables, files, sockets, processes, locks that survive a fork, resource shortages, descriptions
//! of errors, escaping and limits of untrusted text, and protection of the application's threads.
//!
//! What differs between systems is in `unix/` and `windows/`, two modules with the same interface.
//! Unsafe code is only here, for system calls that have no safe wrapper, and in the module's C
//! functions.
//!
//! ```
//! use std::io;
//!
//! use signpath_platform::escape::escaped;
//! use signpath_platform::lock::Mutex;
//! use signpath_platform::shortage::{Resource, Shortage};
//!
//! // Text from outside cannot forge a second line.
//! assert_eq!(escaped("app\nerror: none"), "app\\nerror: none");
//!
//! // A panic does not poison the lock.
//! let requests = Mutex::new(0);
//! *requests.lock() += 1;
//! assert_eq!(*requests.lock(), 1);
//!
//! // What the process has run out of is not the network's fault.
//! let too_many_files = io::Error::from_raw_os_error(if cfg!(windows) { 4 } else { 24 });
//! let shortage = Shortage::of(&too_many_files).map(|shortage| shortage.resource);
//! assert_eq!(shortage, Some(Resource::Descriptors));
//! ```

pub mod date;
pub mod environment;
pub mod escape;
pub mod file;
pub mod json;
pub mod lock;
pub mod log_folder;
pub mod os_error;
pub mod repeated_warnings;
pub mod shortage;
pub mod socket;
#[cfg_attr(unix, path = "unix/mod.rs")]
#[cfg_attr(windows, path = "windows/mod.rs")]
mod system;
pub mod system_proxy;
pub mod text;

/// The atomic types of what `fuzz/models` tries in all orders of threads, with others in their place.
#[cfg(unix)]
mod atomic {
    pub use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
}

pub use system::{
    certificate_store, child, console, folders, fork, guest, leftovers, process, program, secrets,
    thread,
};
