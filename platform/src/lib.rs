//! The operating system layer that the other crates of signpath-pkcs11 share: environment
//! variables, files, locks that survive a fork, resource shortages, descriptions of errors, escaping of untrusted text, and
//! protection of the application's threads.
//!
//! Besides the C ABI, only this crate contains unsafe code: [`fork`], [`guest`] and [`secure`] make
//! system calls for which there is no safe wrapper.
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
//! let too_many_files = io::Error::from_raw_os_error(24);
//! let shortage = Shortage::of(&too_many_files).map(|shortage| shortage.resource);
//! assert_eq!(shortage, Some(Resource::Descriptors));
//! ```

pub mod date;
pub mod environment;
pub mod escape;
pub mod file;
#[allow(unsafe_code)]
pub mod fork;
#[allow(unsafe_code)]
pub mod guest;
pub mod lock;
pub mod os_error;
pub mod repeated_warnings;
#[allow(unsafe_code)]
pub mod secure;
pub mod shortage;
pub mod text;
