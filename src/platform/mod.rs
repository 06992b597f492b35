//! What the module asks of the operating system beyond files and sockets: system calls that no safe
//! library has. The only `unsafe` code outside the C ABI.

pub mod fork;
pub mod guest;
pub mod secure;
