//! Linux, macOS and other Unix systems.

pub mod certificate_store;
pub mod child;
pub mod console;
#[allow(unsafe_code)]
mod descriptor;
pub mod errors;
pub mod file;
pub mod folders;
#[allow(unsafe_code)]
pub mod fork;
#[allow(unsafe_code)]
pub mod guest;
#[allow(unsafe_code)]
pub mod leftovers;
pub mod log_folder;
mod mark;
pub mod process;
pub mod program;
pub mod secrets;
#[allow(unsafe_code)]
pub mod secure;
pub mod socket;
#[allow(unsafe_code)]
mod stack;
pub mod system_proxy;
pub mod thread;
